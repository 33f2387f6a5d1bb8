"""Failed attempts are counted together, and the last use of a key is known everywhere."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
from processes import until

LIMIT = 6
PASSWORD = "correct horse battery staple"


@pytest.fixture
def users(stage):
    """Users with the same password."""
    for name in ("alice", "bob"):
        made = stage.run("memory", "user", "add", name, "--role", "admin", stdin=PASSWORD + "\n")
        assert made.returncode == 0, made.stderr
    return stage


def replicas(stage, state, count=3, limit=f"{LIMIT}/h"):
    return [stage.replica(f"replica-{index}", state, HALLPASS_RATE_LIMIT=limit) for index in range(count)]


def attempt(replica, name, password, address="192.0.2.1"):
    form = {"grant_type": "password", "username": name, "password": password}
    return replica.client.post("/token", data=form, headers={"X-Forwarded-For": address})


def test_failures_at_all_replicas_count_together_for_an_address(users):
    redis = users.redis()
    three = replicas(users, redis.url)
    for index in range(LIMIT):
        # Of other names, whose own limit is not reached.
        assert attempt(three[index % 3], f"nobody-{index}", "wrong").status_code == 400
    for replica in three:
        answer = attempt(replica, "alice", PASSWORD)
        assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0, answer.text
        assert attempt(replica, "alice", PASSWORD, "192.0.2.2").status_code == 200


def test_failures_at_all_replicas_count_together_for_a_name(users):
    redis = users.redis()
    three = replicas(users, redis.url)
    for index in range(LIMIT):
        assert attempt(three[index % 3], "alice", "wrong", f"192.0.2.{index}").status_code == 400
    for replica in three:
        assert attempt(replica, "alice", PASSWORD, "192.0.2.99").status_code == 429
        assert attempt(replica, "bob", PASSWORD, "192.0.2.99").status_code == 200


def test_a_limited_address_is_limited_for_a_new_key_at_another_replica_too(users):
    redis = users.redis()
    one, other = replicas(users, redis.url, 2)
    assert one.client.post("/login", headers={"X-API-Key": users.key, "X-Forwarded-For": "192.0.2.1"}).status_code == 200
    for index in range(LIMIT):
        assert attempt(one, f"nobody-{index}", "wrong").status_code == 400
    key = {"X-API-Key": users.key, "X-Forwarded-For": "192.0.2.1"}
    assert other.client.post("/login", headers=key).status_code == 429
    assert one.client.post("/login", headers=key).status_code == 200, "it was proven there before"


def test_success_is_given_back(users):
    redis = users.redis()
    three = replicas(users, redis.url)
    for index in range(3 * LIMIT):
        # Every replica hashes the right password once; later it is known there.
        assert attempt(three[index % 3], "alice", PASSWORD).status_code == 200
    until("nothing is owed", lambda: not redis.keys("hallpass:failed:*"), 2)


def test_what_is_owed_expires_by_itself(users):
    redis = users.redis()
    [replica] = replicas(users, redis.url, 1, "4/s")
    assert attempt(replica, "nobody", "wrong").status_code == 400
    until("nothing is owed", lambda: not redis.keys("hallpass:failed:*"), 2)


def test_a_malformed_or_unknown_key_costs_no_round_trip(users):
    redis = users.redis()
    [replica] = replicas(users, redis.url, 1)
    evals = lambda: redis.calls("eval")
    time.sleep(0.5)
    before = evals()
    for key in ["nonsense", "hp_" + "0" * 61] * (LIMIT // 2):
        assert replica.client.post("/login", headers={"X-API-Key": key}).status_code == 401
    assert replica.client.post("/login", headers={"X-API-Key": "nonsense"}).status_code == 429, "counted locally"
    assert evals() == before


def test_one_round_trip_counts_an_attempt(users):
    redis = users.redis()
    [replica] = replicas(users, redis.url, 1)
    evals = lambda: redis.calls("eval")
    before = evals()
    for index in range(3):
        assert attempt(replica, f"nobody-{index}", "wrong").status_code == 400
    assert evals() == before + 3


def test_a_new_key_counts_as_an_attempt_until_it_is_proven(users):
    redis = users.redis()
    one, other = replicas(users, redis.url, 2)
    key = {"X-API-Key": users.key, "X-Forwarded-For": "192.0.2.1"}
    login = lambda replica: replica.client.post("/login", headers=key).status_code
    before = redis.calls("eval")
    for _ in range(2 * LIMIT):
        assert (login(one), login(other)) == (200, 200)
    until("nothing is owed", lambda: not redis.keys("hallpass:failed:*"), 2)
    assert redis.calls("eval") == before + 4, "one that counts and one that gives back at each replica"
    # The roster has the key with the hash of another one.
    assert users.run("memory", "key", "add", "other", "--cost", "4").returncode == 0
    roster = users.roster.read_text()
    hashes = re.findall(r'hash = "(.*)"', roster)
    assert len(hashes) == 2
    users.roster.write_text(roster.replace(hashes[0], hashes[1]))
    three = users.replica("three", redis.url, HALLPASS_RATE_LIMIT=f"{LIMIT}/h")
    statuses = [login(three) for _ in range(LIMIT)]
    assert statuses == [401] * LIMIT
    assert attempt(other, "alice", PASSWORD).status_code == 429, "counted for all replicas"


@pytest.mark.parametrize("delay", [0, 0.05, 0.4])
def test_many_new_keys_of_one_address_are_right_however_slow_redis_is(users, delay):
    keys = [users.run("memory", "key", "add", f"client-{index}", "--cost", "4").stdout.strip() for index in range(4 * LIMIT)]
    redis = users.redis()
    way = users.obstacle(redis.port)
    [replica] = replicas(users, way.url, 1)
    way.delay = delay
    login = lambda key, address: replica.client.post("/login", headers={"X-API-Key": key, "X-Forwarded-For": address}).status_code
    with ThreadPoolExecutor(len(keys)) as pool:
        many = [pool.submit(login, key, "192.0.2.1") for key in keys]
        until("some of them are in", lambda: sum(one.done() for one in many) >= 2)
        began = time.monotonic()
        assert login(users.key, "192.0.2.2") == 200
        assert attempt(replica, "alice", PASSWORD, "192.0.2.3").status_code == 200
        assert time.monotonic() - began < 4, "no thread that hashes waits for Redis"
        assert [one.result() for one in many] == [200] * len(keys)
    way.delay = 0
    until("nothing is owed", lambda: not redis.keys("hallpass:failed:*"), 5)


def test_without_redis_each_replica_counts_alone(users):
    redis = users.redis()
    way = users.obstacle(redis.port)
    one, other = replicas(users, way.url, 2)
    way.cut()
    one.wait_until("degraded", 10)
    for index in range(LIMIT):
        assert attempt(one, f"nobody-{index}", "wrong").status_code == 400
    assert attempt(one, "alice", PASSWORD).status_code == 429
    assert attempt(other, "alice", PASSWORD).status_code == 200


def test_a_silent_redis_delays_a_login_by_a_second_or_so(users):
    redis = users.redis()
    way = users.obstacle(redis.port)
    [replica] = replicas(users, way.url, 1)
    way.is_silent = True
    began = time.monotonic()
    assert attempt(replica, "alice", PASSWORD).status_code == 200
    assert time.monotonic() - began < 5


def last_used(replica, token, key_id):
    clients = replica.client.get("/clients", headers={"Authorization": f"Bearer {token}"}).json()["clients"]
    [key] = [key for client in clients for key in client["keys"] if key["id"] == key_id]
    return key.get("last_used")


def test_the_last_use_of_a_key_is_known_at_all_replicas_within_a_minute(users):
    redis = users.redis()
    one, other = replicas(users, redis.url, 2, "off")
    admin = attempt(other, "alice", PASSWORD).json()["access_token"]
    key_id = users.key[3:15]
    assert last_used(other, admin, key_id) is None
    before = datetime.now(timezone.utc).replace(microsecond=0)
    for _ in range(50):
        one.login(users.key)
    shown = until("it is shown elsewhere", lambda: last_used(other, admin, key_id), 60)
    assert abs((datetime.fromisoformat(shown) - before).total_seconds()) < 60
    written = redis.command("INFO", "commandstats")
    [hset] = [line for line in written.splitlines() if line.startswith("cmdstat_hset:")]
    assert hset.startswith("cmdstat_hset:calls=1,"), hset
    one.restart()
    assert until("a restart knows it", lambda: last_used(one, admin, key_id), 5)
