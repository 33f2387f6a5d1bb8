"""Three replicas, Redis and HAProxy as docs/operations.md sets them up; under load, callers see what it says and nothing else."""

import collections
import json
import os
import re
import shutil
import subprocess
import threading
import time
from http.client import HTTPConnection, HTTPException

from processes import HALLPASS, PATIENCE, REPOSITORY, free_port, until
from programs import FILES, HAProxy, Redis, Replica, bearer

OTHER_TOKEN_AFTER = 2
# What a caller may see besides an answer that is right, and how often at most: a kill breaks the requests that are open,
# a stop resets connections that are in the kernel's queue, and without Redis nothing can be revoked for all.
EXPLAINED = {
    "a replica is killed": {("login", "lost"): 6, ("logout", "lost"): 6},
    "a replica is stopped": {("login", "lost"): 2, ("logout", "lost"): 2},
    "Redis is killed": {("logout", 503): None, ("after logout", 200): 2},
    "a replica starts without Redis": {("logout", 503): None, ("login", "lost"): 2, ("logout", "lost"): 2},
    "Redis is back": {("logout", 503): None, ("after logout", 200): None},
}


class Site:
    """The folder that all replicas share, made by the commands of the manual."""

    def __init__(self, folder, redis_port):
        self.folder = folder
        folder.mkdir()
        for file in ("hallpass.env", "redis.conf"):
            (folder / file).write_text((FILES / file).read_text().replace("6379", str(redis_port)))
        manual = (REPOSITORY / "docs" / "operations.md").read_text()
        [commands] = re.findall(r"^```sh not run: [^\n]*\n(cp hallpass\.env .*?)^```$", manual, re.M | re.S)
        self.environment = {"PATH": f"{HALLPASS.parent}:{os.environ['PATH']}"}
        self.key = self.run("bash", "-euc", commands).splitlines()[-1]

    def run(self, *command):
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def rotate_signing_key(self):
        """Takes the next step; the wait before it is over, since that is what the times of the files say."""
        long_ago = time.time() - 3600
        for key in (self.folder / "keys").glob("*.pem"):
            os.utime(key, (long_ago, long_ago))
        return self.run("hallpass", "signing-key", "rotate")

    def replica(self, name, folder):
        """A replica in a folder of its own, with the same .env and the shared directories."""
        (folder / name).mkdir()
        shutil.copy(self.folder / ".env", folder / name)
        for shared in ("roster", "keys"):
            (folder / name / shared).symlink_to(self.folder / shared)
        return Replica(name, folder, self.environment)


class Caller:
    """Sends requests over a connection that it keeps, and tells the load what came back."""

    def __init__(self, load):
        self.load, self.connection = load, None

    def send(self, operation, method, path, headers):
        phase, began, answer = self.load.phase, time.monotonic(), {}
        self.connection = self.connection or HTTPConnection("127.0.0.1", self.load.port, timeout=PATIENCE)
        try:
            self.connection.request(method, path, headers=headers)
            response = self.connection.getresponse()
            status, body, is_over = response.status, response.read(), response.will_close
            # HAProxy says 502 for a replica that hung up.
            outcome = "lost" if status == 502 else status
            answer = json.loads(body) if status == 200 else {}
        except (OSError, HTTPException):
            outcome, is_over = "lost", True
        if is_over:
            self.connection.close()
            self.connection = None
        self.load.seen.append(({phase, self.load.phase}, operation, outcome, time.monotonic() - began))
        return outcome, answer

    def login(self):
        _, answer = self.send("login", "POST", "/login", {"X-API-Key": self.load.key})
        return answer.get("access_token")

    def check(self, token, operation="check"):
        return self.send(operation, "GET", "/request", bearer(token))[0]


class Load:
    """Callers that log in, ask, log out and ask again, and callers that keep a token for a while."""

    RIGHT = {("login", 200), ("check", 200), ("logout", 200), ("after logout", 401)}

    def __init__(self, port, key):
        self.port, self.key, self.phase = port, key, "all is well"
        self.seen, self.revoked, self.is_over = [], [], False
        self.threads = [threading.Thread(target=self.work, args=(work,)) for work in 4 * [self.come_and_go] + 2 * [self.stay]]
        [thread.start() for thread in self.threads]

    def work(self, work):
        caller = Caller(self)
        while not self.is_over:
            if token := caller.login():
                work(caller, token)

    def come_and_go(self, caller, token):
        for _ in range(6):
            caller.check(token)
            time.sleep(0.02)
        outcome, _ = caller.send("logout", "POST", "/logout", bearer(token))
        if outcome == 200:
            self.revoked.append(token)
            # A revocation counts on all replicas within a second.
            time.sleep(1)
            caller.check(token, "after logout")

    def stay(self, caller, token):
        end = time.monotonic() + OTHER_TOKEN_AFTER
        while time.monotonic() < end and not self.is_over:
            caller.check(token)
            time.sleep(0.02)

    def stop(self):
        self.is_over = True
        [thread.join() for thread in self.threads]

    def unexpected(self):
        """What nothing explains: the phases in which it was sent and answered, the operation and the outcome."""
        counts = collections.Counter((frozenset(phases), operation, outcome) for phases, operation, outcome, _ in self.seen)
        found = {}
        for (phases, operation, outcome), count in counts.items():
            explained = [EXPLAINED.get(phase, {}) for phase in phases]
            limits = [limit[operation, outcome] for limit in explained if (operation, outcome) in limit]
            is_explained = any(limit is None or count <= limit for limit in limits)
            if (operation, outcome) not in self.RIGHT and not is_explained:
                found[tuple(phases), operation, outcome] = count
        return found

    def figures(self):
        phases = dict.fromkeys(phase for seen in self.seen for phase in seen[0])
        for phase in phases:
            seen = [one for one in self.seen if phase in one[0]]
            counts = collections.Counter(f"{operation} {outcome}" for _, operation, outcome, _ in seen)
            longest = max(took for *_, took in seen)
            yield f"replicas: {phase}: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) + f"; longest wait {longest:.2f} s"


def test_three_replicas_under_load_with_keys_rotated_and_a_replica_and_redis_killed_show_nothing_unexpected(tmp_path, stage, figure):
    redis_port = free_port()
    site = Site(tmp_path / "site", redis_port)
    redis = stage.keep(Redis(tmp_path / "redis", file=site.folder / "redis.conf", port=redis_port))
    site.run("hallpass", "check")
    one, two, three = replicas = [stage.keep(site.replica(name, tmp_path)) for name in ("one", "two", "three")]
    proxy = stage.keep(HAProxy(tmp_path / "haproxy", replicas))
    load = stage.keep(Load(proxy.port, site.key))
    time.sleep(1)

    def key_ids(replica):
        return sorted(key["kid"] for key in replica.client.get("/.well-known/jwks.json").json()["keys"])

    def until_all(what, condition):
        until(what, lambda: all(condition(replica) for replica in replicas))

    def told(replica, state):
        """How often HAProxy has seen that replica go up or down."""
        return proxy.log.read_text().count(f"replicas/{replica.name} is {state}")

    def start_again(replica):
        until(f"HAProxy misses {replica.name}", lambda: told(replica, "DOWN") > told(replica, "UP"))
        replica.launch()
        until(f"HAProxy sees {replica.name} again", lambda: told(replica, "UP") == told(replica, "DOWN"))

    load.phase = "an API key is rotated"
    old = site.key[3:15]
    new_key = site.run("hallpass", "key", "rotate", "billing", "--overlap", "1h")
    time.sleep(2)
    load.key = new_key
    time.sleep(OTHER_TOKEN_AFTER + 1)
    site.run("hallpass", "key", "revoke", old)
    until_all("the old key is refused", lambda replica: replica.client.get("/request", headers={"X-API-Key": site.key}).status_code == 401)

    load.phase = "the signing key is rotated"
    [former] = key_ids(one)
    site.rotate_signing_key()
    until_all("the next key is published", lambda replica: len(key_ids(replica)) == 2)
    site.rotate_signing_key()
    time.sleep(2)
    signs = one.login(new_key)
    assert {replica.judge(signs) for replica in replicas} == {200}
    time.sleep(OTHER_TOKEN_AFTER)
    site.rotate_signing_key()
    until_all("the former key is withdrawn", lambda replica: len(key_ids(replica)) == 1)
    assert key_ids(one) != [former]
    load.revoked.clear()
    kept = one.login(new_key)

    load.phase = "a replica is killed"
    two.kill()
    start_again(two)

    load.phase = "a replica is stopped"
    three.terminate()
    start_again(three)

    load.phase = "Redis is killed"
    redis.kill()
    until_all("all are degraded", lambda replica: replica.health() == "degraded")
    load.phase = "a replica starts without Redis"
    one.terminate()
    start_again(one)
    assert one.judge(kept) == 503

    load.phase = "Redis is back"
    redis.launch()
    until_all("all are ready", lambda replica: replica.health() == "ok")
    time.sleep(1)
    load.phase = "all is well again"
    time.sleep(2)
    load.stop()
    [figure(line) for line in load.figures()]
    assert load.unexpected() == {}
    accepted = [replica.name for replica in replicas for token in load.revoked if replica.judge(token) != 401]
    assert not accepted, "a revocation that was answered with 200 is lost"
    assert {replica.judge(kept) for replica in replicas} == {200}
