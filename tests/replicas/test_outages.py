"""Redis is lost, silent, slow, out of memory, empty or hostile: what is known stays in force, and nothing waits for long."""

import signal
import time

import pytest
from processes import PATIENCE, until
from programs import bearer

DEGRADED, READY, REFILLED, GAP, REQUEST = 10, 15, 5, 5, 5


def within(seconds, call):
    """The answer, which must come in time."""
    began = time.monotonic()
    answer = call()
    assert time.monotonic() - began < seconds, f"it took {time.monotonic() - began:.1f} s"
    return answer


def unavailable(answer, has_oauth_shape=False):
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    if has_oauth_shape:
        assert answer.json()["error"] == "temporarily_unavailable", answer.text
        assert "code" not in answer.json()
    else:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "unavailable", answer.text


def state_lines(replica):
    return [line for line in replica.log.read_text().splitlines() if "HALLPASS_STATE" in line and " audit " not in line]


def test_an_outage_keeps_what_is_known_in_force_and_is_told_once(stage, figure):
    redis = stage.redis()
    way = stage.obstacle(redis.port)
    one, other = stage.replica("one", way.url), stage.replica("other", redis.url)
    gone, kept, later, missed = (one.login(stage.key) for _ in range(4))
    assert one.logout(gone).status_code == 200
    assert (one.metric("hallpass_state_up"), one.metric("hallpass_state_connected")) == (1, 1)
    until("it lags by no more than it waits for news", lambda: one.metric("hallpass_state_lag_seconds") < 2, 5)
    heard = one.metric("hallpass_state_last_success_timestamp_seconds")
    assert abs(heard - time.time()) < 5
    way.cut()
    lost = one.wait_until("degraded", DEGRADED)
    assert (one.judge(gone), one.judge(kept)) == (401, 200)
    unavailable(within(REQUEST, lambda: one.logout(later)))
    unavailable(within(REQUEST, lambda: one.client.post("/revoke", auth=("billing", stage.key), data={"token": kept})), True)
    assert (one.metric("hallpass_state_up"), one.metric("hallpass_state_connected")) == (0, 0)
    until("the lag grows", lambda: one.metric("hallpass_state_lag_seconds") > 2, 5)
    assert one.metric("hallpass_state_last_success_timestamp_seconds") < heard + 10
    assert abs(one.metric("hallpass_state_since_timestamp_seconds") - time.time()) < 15
    # The other one has a way to Redis of its own.
    assert other.health() == "ok"
    assert other.logout(missed).status_code == 200
    assert one.judge(missed) == 200
    way.mend()
    ready = one.wait_until("ok", READY)
    assert one.judge(missed) == 401, "it was applied before anything else"
    until("what was revoked meanwhile is revoked on the other", lambda: other.judge(later) == 401, REFILLED)
    assert (one.metric("hallpass_state_up"), one.metric("hallpass_state_connected")) == (1, 1)
    until("nothing is missed any more", lambda: one.metric("hallpass_state_lag_seconds") < 2, 5)
    lines = state_lines(one)
    assert len(lines) == 2, lines
    assert all(f"127.0.0.1:{way.port}" in line for line in lines)
    figure(f"replicas: degraded {lost:.1f} s after a cut, ready {ready:.1f} s after the mend")


def test_a_silent_redis_delays_no_request_for_long(stage, figure):
    redis = stage.redis()
    replica = stage.replica("one", redis.url)
    kept, token = replica.login(stage.key), replica.login(stage.key)
    redis.signal(signal.SIGSTOP)
    began = time.monotonic()
    unavailable(within(REQUEST, lambda: replica.logout(token)))
    waited = time.monotonic() - began
    lost = replica.wait_until("degraded", DEGRADED)
    within(1, lambda: replica.login(stage.key))
    assert within(1, lambda: replica.judge(kept)) == 200
    while time.monotonic() < began + 30:
        unavailable(within(REQUEST, lambda: replica.logout(replica.login(stage.key))))
        time.sleep(1)
    redis.signal(signal.SIGCONT)
    ready = replica.wait_until("ok", READY)
    assert replica.logout(kept).status_code == 200
    figure(f"replicas: Redis stopped for 30 s: a logout waits {waited:.1f} s, degraded after {lost + waited:.1f} s, ready {ready:.1f} s after it goes on")


def test_a_slow_redis_is_one_that_works_or_one_that_is_lost(stage):
    redis = stage.redis()
    way = stage.obstacle(redis.port)
    replica = stage.replica("one", way.url)
    way.delay = 0.3
    assert within(REQUEST, lambda: replica.logout(replica.login(stage.key))).status_code == 200
    way.delay = 6
    unavailable(within(REQUEST, lambda: replica.logout(replica.login(stage.key))))
    replica.wait_until("degraded", DEGRADED)
    way.delay = 0
    replica.wait_until("ok", READY)


def test_reset_connections_are_made_again_at_once(stage):
    redis = stage.redis()
    way = stage.obstacle(redis.port)
    one, other = stage.replica("one", way.url), stage.replica("other", redis.url)
    for _ in range(5):
        token = one.login(stage.key)
        way.reset()
        assert other.logout(token).status_code == 200
        until("it is refused on the one", lambda: one.judge(token) == 401, 2)
        one.wait_until("ok", READY)


@pytest.mark.parametrize("is_silent", [False, True], ids=["refused", "silent"])
def test_a_replica_that_starts_without_redis_takes_no_token_until_it_has_read(stage, is_silent):
    redis = stage.redis()
    way = stage.obstacle(redis.port)
    other = stage.replica("other", redis.url)
    revoked, kept = other.login(stage.key), other.login(stage.key)
    assert other.logout(revoked).status_code == 200
    way.is_silent, way.is_closed = is_silent, not is_silent
    replica = stage.replica("one", way.url)
    client, basic = replica.client, ("billing", stage.key)
    for token in (revoked, kept, "nonsense"):
        unavailable(within(REQUEST, lambda: client.get("/request", headers=bearer(token))))
        unavailable(client.get("/request", headers={"Cookie": f"access_token={token}"}))
        unavailable(client.get("/clients", headers=bearer(token)))
        unavailable(client.post("/logout", headers=bearer(token)))
        unavailable(client.post("/introspect", auth=basic, data={"token": token}), True)
        unavailable(client.post("/revoke", auth=basic, data={"token": token}), True)
        unavailable(client.get("/verify", headers=bearer(token) | {"X-Forwarded-Uri": "/", "X-Forwarded-Method": "GET"}))
    assert client.get("/request").status_code == 401, "no token was read"
    assert within(REQUEST, lambda: client.post("/login", headers={"X-API-Key": stage.key})).status_code == 200
    assert client.post("/token", auth=basic, data={"grant_type": "client_credentials"}).status_code == 200
    assert client.get("/request", headers={"X-API-Key": stage.key}).status_code == 200
    assert client.get("/verify", headers={"X-API-Key": stage.key, "X-Forwarded-Uri": "/", "X-Forwarded-Method": "GET"}).status_code == 200
    until("it is degraded", lambda: replica.health() == "degraded", DEGRADED)
    way.mend()
    replica.wait_until("ok", READY)
    assert (replica.judge(revoked), replica.judge(kept)) == (401, 200)


def test_a_redis_that_loads_is_waited_for(stage):
    redis = stage.redis()
    way = stage.obstacle(redis.port)
    way.answers = lambda: [b"-LOADING Redis is loading the dataset in memory\r\n"]
    replica = stage.replica("one", way.url)
    until("it is degraded", lambda: replica.health() == "degraded", DEGRADED)
    unavailable(replica.client.get("/request", headers=bearer("nonsense")))
    way.answers = None
    replica.wait_until("ok", READY)


@pytest.mark.parametrize(
    "answer",
    [b"$1000000000\r\n" + b"x" * 100_000, b"*1000000000\r\n", b"*1\r\n" * 1000, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 1000, b"-" + b"A" * 100_000 + b"\r\n", b":1\r\n"],
    ids=["long text", "long list", "deep list", "another protocol", "zeros", "long error", "a number"],
)
def test_hostile_answers_fill_no_memory_and_end_no_process(stage, answer):
    redis = stage.redis()
    way = stage.obstacle(redis.port)
    way.answers = lambda: (answer for _ in range(200))
    replica = stage.replica("one", way.url)
    until("it is degraded", lambda: replica.health() == "degraded", DEGRADED)
    time.sleep(1)
    assert replica.resident() < 150_000, f"{replica.resident()} kB"
    unavailable(replica.client.get("/request", headers=bearer("nonsense")))
    way.answers = None
    replica.wait_until("ok", READY)


@pytest.mark.parametrize("loss", ["FLUSHALL", "part", "restart", "old copy"])
def test_lost_data_comes_back_from_any_living_replica(stage, loss, figure):
    redis = stage.redis()
    one, other = stage.replica("one", redis.url), stage.replica("other", redis.url)
    tokens = [one.login(stage.key) for _ in range(40)]
    for index, token in enumerate(tokens):
        assert (one, other)[index % 2].logout(token).status_code == 200
        if index == 19 and loss == "old copy":
            redis.command("CONFIG", "SET", "save", "")
            redis.command("SAVE")
    until("all are there", lambda: len(redis.revoked()) == 40, REFILLED)
    until("both know all", lambda: all(replica.judge(token) == 401 for replica in (one, other) for token in tokens))
    other.kill()
    if loss == "FLUSHALL":
        redis.command("FLUSHALL")
    elif loss == "part":
        redis.command("DEL", *redis.revoked()[:15])
        redis.command("CLIENT", "KILL", "TYPE", "normal")
    else:
        redis.kill()
        redis.launch()
    began = time.monotonic()
    until("all are back", lambda: len(redis.revoked()) == 40, REFILLED if loss in ("FLUSHALL", "part") else READY)
    figure(f"replicas: {loss}: the set is whole again after {time.monotonic() - began:.1f} s")
    other.launch()
    assert all(other.judge(token) == 401 for token in tokens)


MANY = 100_000


def test_a_large_set_is_read_at_a_start_and_put_back_within_seconds(stage, figure):
    redis = stage.redis()
    empty = stage.replica("empty", redis.url)
    before, used = empty.resident(), redis.used()
    script = """
        for i = 1, ARGV[1] do
          redis.call('SET', string.format('hallpass:revoked:%022d', i), ARGV[2], 'PX', 3600000)
        end
        redis.call('INCR', 'hallpass:revocations:count')
        return 0"""
    redis.command("EVAL", script, 0, MANY, int(time.time()) + 3600)
    until("it knows all", lambda: empty.metric("hallpass_revocations") == MANY)
    figure(f"replicas: {MANY} revocations: {(redis.used() - used) / MANY:.0f} bytes of Redis each, {(empty.resident() - before) * 1024 / MANY:.0f} of a replica")
    began = time.monotonic()
    other = stage.replica("other", redis.url)
    until("it knows all", lambda: other.metric("hallpass_revocations") == MANY)
    started = time.monotonic() - began
    redis.command("FLUSHALL")
    began = time.monotonic()
    # How long that takes is printed: nearly all of it is work, in a build without optimisation.
    until("all are back", lambda: redis.command("DBSIZE") >= MANY)
    refilled = time.monotonic() - began
    for replica in (empty, other):
        replica.wait_until("ok", PATIENCE)
    figure(f"replicas: {MANY} revocations: a start takes {started:.1f} s, two replicas put them back {refilled:.1f} s after FLUSHALL")
    token = empty.login(stage.key)
    assert empty.logout(token).status_code == 200
    until("the other refuses it", lambda: other.judge(token) == 401)


def test_a_last_entry_of_the_stream_that_is_too_large_is_passed(stage):
    redis = stage.redis()
    one = stage.replica("one", redis.url)
    gone, kept = one.login(stage.key), one.login(stage.key)
    assert one.logout(gone).status_code == 200
    redis.command("SET", "hallpass:revoked:" + "x" * 12_000_000, "1")
    redis.command("SET", "hallpass:revoked:long", "x" * 12_000_000)
    redis.command("XADD", "hallpass:revocations", "*", "junk", "x" * 12_000_000)
    other = stage.replica("other", redis.url)
    for replica in (one, other):
        until("it has passed them", lambda: replica.metric("hallpass_state_unknown_entries_total") >= 2)
        replica.wait_until("ok", READY)
        assert (replica.judge(gone), replica.judge(kept)) == (401, 200)
    assert one.logout(kept).status_code == 200
    until("the other refuses it", lambda: other.judge(kept) == 401, GAP)


@pytest.mark.parametrize("cut", ["XTRIM", "DEL", "lost count"])
def test_a_gap_in_the_stream_is_noticed_on_a_living_connection(stage, cut):
    redis = stage.redis()
    one, other = stage.replica("one", redis.url), stage.replica("other", redis.url)
    for replica in (one, other):
        replica.logout(replica.login(stage.key))
    tokens = [one.login(stage.key) for _ in range(5)]
    other.signal(signal.SIGSTOP)
    for token in tokens:
        assert one.logout(token).status_code == 200
    if cut == "XTRIM":
        redis.command("XTRIM", "hallpass:revocations", "MAXLEN", 0)
    elif cut == "DEL":
        redis.command("DEL", "hallpass:revocations")
    else:
        redis.command("DEL", "hallpass:revocations", "hallpass:revocations:count")
    other.signal(signal.SIGCONT)
    until("the other refuses all", lambda: all(other.judge(token) == 401 for token in tokens), GAP)
    # Written by nobody that a stream tells of.
    token = one.login(stage.key)
    identifier = decoded(token)["jti"]
    redis.command("SET", f"hallpass:revoked:{identifier}", int(time.time()) + 1000, "PX", 1_000_000)
    redis.command("INCR", "hallpass:revocations:count")
    for replica in (one, other):
        until("the gap is noticed", lambda: replica.judge(token) == 401, GAP)


def decoded(token):
    import base64
    import json

    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_paused_replica_catches_up(stage):
    redis = stage.redis()
    one, other = stage.replica("one", redis.url), stage.replica("other", redis.url)
    token = one.login(stage.key)
    other.signal(signal.SIGSTOP)
    assert one.logout(token).status_code == 200
    time.sleep(8)
    other.signal(signal.SIGCONT)
    until("it is refused", lambda: other.judge(token) == 401, GAP)
    other.wait_until("ok", READY)


def test_the_stream_is_trimmed(stage):
    redis = stage.redis()
    replica = stage.replica("one", redis.url)
    for _ in range(11):
        script = "for i = 1, 1000 do redis.call('XADD', KEYS[1], '*', 'a', 'b') end"
        redis.command("EVAL", script, 1, "hallpass:revocations")
    assert replica.logout(replica.login(stage.key)).status_code == 200
    assert redis.command("XLEN", "hallpass:revocations") < 10_200


@pytest.mark.parametrize("fsync", ["always", "everysec"])
def test_an_answered_logout_survives_kill_9_of_redis_with_persistence(stage, fsync):
    redis = stage.redis("--appendonly", "yes", "--appendfsync", fsync)
    replica = stage.replica("one", redis.url)
    tokens = [replica.login(stage.key) for _ in range(50)]
    for token in tokens:
        assert replica.logout(token).status_code == 200
    if fsync == "everysec":
        time.sleep(2.5)
    redis.kill()
    replica.kill()
    redis.launch()
    replica.launch()
    replica.wait_until("ok", READY)
    assert all(replica.judge(token) == 401 for token in tokens)


WRITES = {
    "OOM": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "READONLY": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "NOREPLICAS": (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")),
    "NOPERM": (("ACL", "SETUSER", "default", "-@write", "-@scripting"), ("ACL", "SETUSER", "default", "+@all")),
}


@pytest.mark.parametrize("error", WRITES)
def test_an_error_that_redis_answers_to_a_write_is_a_503(stage, error):
    redis = stage.redis("--maxmemory-policy", "noeviction", "--replica-serve-stale-data", "yes")
    one, other = stage.replica("one", redis.url), stage.replica("other", redis.url)
    kept, token = one.login(stage.key), one.login(stage.key)
    broken, mended = WRITES[error]
    redis.command(*broken)
    unavailable(within(REQUEST, lambda: one.logout(token)))
    unavailable(within(REQUEST, lambda: one.client.post("/revoke", auth=("billing", stage.key), data={"token": token})), True)
    assert one.judge(token) == 401, "it may be revoked all the same"
    assert one.judge(kept) == 200
    one.wait_until("degraded", DEGRADED)
    redis.command(*mended)
    one.wait_until("ok", READY)
    until("the other refuses it too", lambda: other.judge(token) == 401, REFILLED)


def test_credentials_that_are_refused_later_degrade_and_stop_nothing(stage):
    redis = stage.redis()
    redis.command("ACL", "SETUSER", "hp", "on", ">first", "~hallpass:*", "+@all")
    replica = stage.replica("one", redis.url.replace("://", "://hp:first@"))
    gone, kept = replica.login(stage.key), replica.login(stage.key)
    assert replica.logout(gone).status_code == 200
    redis.command("ACL", "SETUSER", "hp", "resetpass", ">second")
    redis.command("ACL", "DELUSER", "hp")
    replica.wait_until("degraded", DEGRADED)
    assert (replica.judge(gone), replica.judge(kept)) == (401, 200)
    unavailable(within(REQUEST, lambda: replica.logout(kept)))
    redis.command("ACL", "SETUSER", "hp", "on", ">first", "~hallpass:*", "+@all")
    replica.wait_until("ok", READY)
    log = replica.log.read_text()
    assert "WRONGPASS" in log and "first" not in log and "second" not in log


def test_stopping_waits_for_no_redis(stage):
    redis = stage.redis()
    replica = stage.replica("one", redis.url)
    redis.signal(signal.SIGSTOP)
    began = time.monotonic()
    replica.signal(signal.SIGTERM)
    assert replica.process.wait(20) == 0
    assert time.monotonic() - began < 8
