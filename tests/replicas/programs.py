"""Starts Redis, replicas of hallpass, and HAProxy in front of them."""

import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time

import httpx

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
HALLPASS = REPOSITORY / "target" / "debug" / "hallpass"
PATIENCE = 30


# Below those that the system gives to connections, which would take one between two starts of a program.
PORTS = iter(random.sample(range(20_000, 32_000), 5_000))


def free_port():
    """A port that nothing listens on, and that is given once."""
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def until(what, condition, seconds=PATIENCE):
    """Waits until the condition holds, and returns what it gives."""
    deadline = time.monotonic() + seconds
    while True:
        if result := condition():
            return result
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Program:
    """A process that is ended with its test."""

    def start(self, command, folder, environment=None):
        folder.mkdir(exist_ok=True)
        self.log = folder / "log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def wait_for(self, port):
        def ready():
            assert self.process.poll() is None, f"it ended: {self.log.read_text()[-3000:]}"
            return is_listening(port)

        until(f"port {port}", ready)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self):
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()


class Redis(Program):
    """A Redis without persistence, unless its options say otherwise."""

    def __init__(self, folder, *options, tls=False):
        self.folder, self.options, self.tls, self.port = folder, options, tls, free_port()
        self.launch()

    def launch(self):
        port = ["--port", "0", "--tls-port", str(self.port)] if self.tls else ["--port", str(self.port)]
        self.start(["redis-server", *port, "--bind", "127.0.0.1", "--save", "", *self.options], self.folder, {"PATH": os.environ["PATH"]})
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
    """One hallpass of several with the same roster and secret."""

    def __init__(self, name, folder, roster, state, **settings):
        self.name, self.port, self.metrics_port = name, free_port(), free_port()
        self.folder = folder / name
        self.environment = environment(roster, state) | {"HALLPASS_METRICS_BIND": f"127.0.0.1:{self.metrics_port}"} | settings
        # A new connection for each request: a replica is killed in between.
        limits = httpx.Limits(max_keepalive_connections=0)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE, limits=limits)
        self.launch()

    def launch(self):
        self.start([HALLPASS, "serve", "--bind", f"127.0.0.1:{self.port}"], self.folder, self.environment)
        # The last thing that is opened.
        self.wait_for(self.metrics_port)

    def stop(self):
        super().stop()
        self.client.close()

    def restart(self):
        self.kill()
        self.launch()

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


HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend callers
  bind 127.0.0.1:{port}
  default_backend replicas
backend replicas
  balance roundrobin
{servers}
"""


class HAProxy(Program):
    """Spreads the requests over the replicas."""

    def __init__(self, folder, replicas):
        self.port = free_port()
        servers = "\n".join(f"  server {replica.name} 127.0.0.1:{replica.port}" for replica in replicas)
        folder.mkdir()
        (folder / "haproxy.cfg").write_text(HAPROXY.format(port=self.port, servers=servers))
        self.start(["haproxy", "-db", "-f", "haproxy.cfg"], folder)
        self.wait_for(self.port)
