"""Another Redis takes over, or one goes back to an older state, without a word to those who are connected."""

import signal
import time

from processes import until

READY, REFILLED = 15, 5


def test_a_primary_that_becomes_a_replica_is_left_for_the_new_one(stage, figure):
    former, new = stage.redis(), stage.redis(name="new")
    new.command("REPLICAOF", "127.0.0.1", former.port)
    way = stage.obstacle(former.port)
    replica = stage.replica("one", way.url)
    before, after = replica.login(stage.key), replica.login(stage.key)
    assert replica.logout(before).status_code == 200
    until("it is copied", lambda: len(new.revoked()) == 1)
    new.command("REPLICAOF", "NO", "ONE")
    former.command("REPLICAOF", "127.0.0.1", new.port)
    until("the former one refuses", lambda: replica.logout(after).status_code == 503)
    until("it follows the new one", lambda: "master_link_status:up" in former.command("INFO", "replication"))
    time.sleep(4)
    assert replica.health() == "degraded"
    # New connections lead to the new primary, and those to the former one stay.
    way.target = new.port
    ready = replica.wait_until("ok", READY)
    figure(f"replicas: a new primary is found {ready:.1f} s after new connections lead there, without a connection that breaks")
    assert replica.logout(replica.login(stage.key)).status_code == 200
    assert len(new.revoked()) == 3


def test_a_redis_that_goes_back_behind_a_living_connection_gets_back_what_it_lost(stage):
    redis = stage.redis()
    one, other = stage.replica("one", redis.url), stage.replica("other", redis.url)
    tokens = [one.login(stage.key) for _ in range(5)]
    for token in tokens:
        assert one.logout(token).status_code == 200
    until("the other knows", lambda: all(other.judge(token) == 401 for token in tokens))
    # As after a failover that a proxy hides, with a count that is behind what the replicas know.
    script = "redis.call('DEL', unpack(redis.call('KEYS', 'hallpass:revo*'))) redis.call('SET', KEYS[1], 7)"
    redis.command("EVAL", script, 1, "hallpass:revocations:count")
    until("all are back", lambda: len(redis.revoked()) == 5, REFILLED)


def test_the_key_uses_of_the_largest_rosters_are_read(stage):
    redis = stage.redis()
    script = """
        for i = 1, 250000 do redis.call('HSET', KEYS[1], string.format('%012d', i), '1700000000') end
        redis.call('HSET', KEYS[1], ARGV[1], '1800000000')
    """
    # The last that are read.
    key_id = stage.key.split("_")[1]
    redis.command("EVAL", script, 1, "hallpass:key-uses", key_id)
    replica = stage.replica("one", redis.url)
    admin = stage.run(redis.url, "key", "add", "admin", "--role", "admin", "--cost", "4").stdout.strip()
    replica.signal(signal.SIGHUP)
    until("the admin is known", lambda: replica.client.post("/login", headers={"X-API-Key": admin}).status_code == 200)
    token = replica.login(admin)

    def used():
        clients = replica.client.get("/clients", headers={"Authorization": f"Bearer {token}"}).json()
        return "2027-01-15T08:00:00Z" in str(clients)

    # A part every five seconds.
    until("the use is known", used, 60)
    deadline = time.monotonic() + 12
    while time.monotonic() < deadline:
        assert replica.health() == "ok"
        time.sleep(0.1)
