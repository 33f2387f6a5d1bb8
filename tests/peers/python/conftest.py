"""Starts servers for the tests: `serve("EdDSA")` starts one that signs with that algorithm."""

import pathlib
import signal
import subprocess
import threading

import pytest

PEERS = pathlib.Path(__file__).resolve().parents[1]
HALLPASS = PEERS.parents[1] / "target" / "debug" / "hallpass"
DEADLINE = 30


class Server:
    """A running `hallpass serve` on a free port."""

    def __init__(self, folder, settings):
        self.folder = folder
        environment = {"HALLPASS_STATE": "memory"} | settings
        self.log = open(folder / "log", "a")
        self.process = subprocess.Popen(
            [HALLPASS, "serve", "--bind", "127.0.0.1:0"],
            cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=self.log,
        )
        watchdog = threading.Timer(DEADLINE, self.process.kill)
        watchdog.start()
        first = self.process.stdout.readline()
        watchdog.cancel()
        if not first.startswith("listening on "):
            self.process.kill()
            raise RuntimeError(f"the first line is {first!r}: {(folder / 'log').read_text()[-2000:]}")
        self.url = first.removeprefix("listening on ").strip()

    def key(self, client):
        return (self.folder / f"{client}.key").read_text().strip()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(DEADLINE) == 0
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.log.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("server")
    subprocess.run([PEERS / "setup", HALLPASS, path], check=True, timeout=2 * DEADLINE)
    return path


@pytest.fixture(scope="session")
def serve(folder):
    """Starts a server, or returns a running one with the same settings."""
    servers = {}

    def start(algorithm, **settings):
        if algorithm == "HS256":
            settings["HALLPASS_SECRET_KEY"] = "a secret of these tests, of 32 bytes and more"
        else:
            settings["HALLPASS_SIGNING_KEY"] = f"{algorithm}.pem"
        which = tuple(sorted(settings.items()))
        if which not in servers:
            servers[which] = Server(folder, settings)
        return servers[which]

    yield start
    for server in servers.values():
        server.stop()
