"""Gives every test real servers: `serve("EdDSA")` starts one that signs with that algorithm."""

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

    def __init__(self, stage, settings):
        self.stage = stage
        environment = {"HALLPASS_STATE": "memory"} | settings
        self.log = open(stage / "log", "a")
        self.process = subprocess.Popen(
            [HALLPASS, "serve", "--bind", "127.0.0.1:0"],
            cwd=stage, env=environment, text=True, stdout=subprocess.PIPE, stderr=self.log,
        )
        watchdog = threading.Timer(DEADLINE, self.process.kill)
        watchdog.start()
        first = self.process.stdout.readline()
        watchdog.cancel()
        if not first.startswith("listening on "):
            self.process.kill()
            raise RuntimeError(f"the first line is {first!r}: {(stage / 'log').read_text()[-2000:]}")
        self.url = first.removeprefix("listening on ").strip()

    def key(self, client):
        return (self.stage / f"{client}.key").read_text().strip()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(DEADLINE) == 0
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.log.close()


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    subprocess.run([PEERS / "stage", HALLPASS, folder], check=True, timeout=2 * DEADLINE)
    return folder


@pytest.fixture(scope="session")
def serve(stage):
    """Starts a server, or gives the one that has these settings already."""
    servers = {}

    def start(algorithm, **settings):
        if algorithm == "HS256":
            settings["HALLPASS_SECRET_KEY"] = "a secret of these tests, of 32 bytes and more"
        else:
            settings["HALLPASS_SIGNING_KEY"] = f"{algorithm}.pem"
        which = tuple(sorted(settings.items()))
        if which not in servers:
            servers[which] = Server(stage, settings)
        return servers[which]

    yield start
    for server in servers.values():
        server.stop()
