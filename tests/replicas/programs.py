"""Starts Redis, replicas of hallpass, and HAProxy with the file of docs/replicas in front of them."""

import os
import re
import socket
import subprocess
import time

import httpx
from processes import HALLPASS, PATIENCE, REPOSITORY, Program, free_port, until

REDIS_SERVER = os.environ.get("REDIS_SERVER", "redis-server")
FILES = REPOSITORY / "docs" / "replicas"


class Redis(Program):
    """A Redis without persistence, unless its options or its file say otherwise."""

    def __init__(self, folder, *options, tls=False, file=None, port=None):
        self.folder, self.options, self.tls, self.port = folder, options, tls, port or free_port()
        self.file = [file] if file else []
        self.launch()

    def launch(self):
        port = ["--port", "0", "--tls-port", str(self.port)] if self.tls else ["--port", str(self.port)]
        command = [REDIS_SERVER, *self.file, *port, "--bind", "127.0.0.1", "--save", "", *self.options]
        self.start(command, self.folder, {"PATH": os.environ["PATH"]})
        self.wait_for(self.port)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def command(self, *words):
        """The answer of Redis to one command: a text, a number, a list, or none. Binary words are sent as they are."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(encode(words))
            return read(connection.makefile("rb"))

    def keys(self, pattern="hallpass:*"):
        return sorted(self.command("KEYS", pattern))

    def revoked(self):
        return self.keys("hallpass:revoked:*")

    def used(self):
        """Its memory in bytes."""
        return int(re.search(r"used_memory:(\d+)", self.command("INFO", "memory"))[1])

    def calls(self, kind=r"\w+"):
        """How many commands of a kind it has done, those of scripts included."""
        found = re.findall(rf"cmdstat_{kind}:calls=(\d+)", self.command("INFO", "commandstats"))
        return sum(map(int, found))


def encode(words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def read(stream):
    kind, rest = (line := stream.readline())[:1], line[1:-2]
    if kind == b"-":
        raise RuntimeError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2].decode(errors="replace")
    if kind == b"*":
        return [read(stream) for _ in range(int(rest))]
    return rest.decode()


class Replica(Program):
    """One hallpass of several with the same roster and keys."""

    def __init__(self, name, folder, environment):
        self.name, self.port, self.metrics_port = name, free_port(), free_port()
        self.folder = folder / name
        self.environment = {"HALLPASS_METRICS_BIND": f"127.0.0.1:{self.metrics_port}"} | environment
        # A new connection for each request: a replica is killed in between.
        limits = httpx.Limits(max_keepalive_connections=0)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE, limits=limits)
        self.launch()

    def launch(self):
        self.start([HALLPASS, "serve", "--bind", f"127.0.0.1:{self.port}"], self.folder, self.environment)
        # The last thing that is opened.
        self.wait_for(self.metrics_port)

    def terminate(self):
        """Ends it by SIGTERM; it can be launched again."""
        super().stop()

    def stop(self):
        self.terminate()
        self.client.close()

    def restart(self):
        self.kill()
        self.launch()

    def resident(self):
        """Its memory in kB."""
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{self.process.pid}/status").read())[1])

    def login(self, key, **body):
        answer = self.client.post("/login", headers={"X-API-Key": key}, json=body or None)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def judge(self, token):
        """The status for a token: 200, 401 where it is revoked, or 503."""
        return self.client.get("/request", headers=bearer(token)).status_code

    def logout(self, token):
        return self.client.post("/logout", headers=bearer(token))

    def health(self):
        answer = self.client.get("/health/ready")
        assert answer.status_code == 200, answer.text
        return answer.json()["status"]

    def wait_until(self, status, seconds):
        """Waits for `ok` or `degraded`, at most so long; returns how long it took."""
        began = time.monotonic()
        until(f"{self.name} is {status}", lambda: self.health() == status, seconds)
        return time.monotonic() - began

    def metric(self, name):
        text = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics").text
        return float(re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)[1])


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def environment(roster, state):
    return {
        "HALLPASS_SECRET_KEY": "a secret of these tests, of 32 bytes and more",
        "HALLPASS_ISSUER": "http://replicas.test",
        "HALLPASS_ROSTER": str(roster),
        "HALLPASS_STATE": state,
        "HALLPASS_RATE_LIMIT": "off",
        "HALLPASS_COOKIE_SECURE": "off",
        "HALLPASS_TRUSTED_PROXIES": "127.0.0.1",
        "PATH": os.environ["PATH"],
    }


def run(folder, roster, state, *arguments, stdin=None, **settings):
    """Runs a command of hallpass to its end."""
    settings = environment(roster, state) | settings
    return subprocess.run([HALLPASS, *arguments], cwd=folder, env=settings, input=stdin, capture_output=True, text=True, timeout=PATIENCE)


class HAProxy(Program):
    """Spreads the requests over three replicas, as docs/replicas says; only ports are replaced."""

    def __init__(self, folder, replicas):
        self.port = free_port()
        ports = {"8000": self.port} | {str(8081 + place): replica.port for place, replica in enumerate(replicas)}
        folder.mkdir()
        recipe = (FILES / "haproxy.cfg").read_text()
        (folder / "haproxy.cfg").write_text(re.sub(r"\b(8000|808[123])\b", lambda port: str(ports[port[0]]), recipe))
        self.start(["haproxy", "-db", "-f", "haproxy.cfg"], folder)
        self.wait_for(self.port)
