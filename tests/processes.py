"""Programs that tests start and end, the ports that they listen on, and waiting."""

import pathlib
import random
import signal
import socket
import subprocess
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
HALLPASS = REPOSITORY / "target" / "debug" / "hallpass"
PATIENCE = 30

# Below those that the system gives to connections, which would take one between two starts of a program.
PORTS = iter(random.sample(range(10_000, 32_000), 5_000))


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
    """A process that is ended with its last user."""

    def __init__(self, command, folder, environment=None):
        self.start(command, folder, environment)

    def start(self, command, folder, environment=None):
        folder.mkdir(exist_ok=True)
        self.log = folder / "log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def assert_running(self):
        assert self.process.poll() is None, f"it ended: {self.log.read_text()[-3000:]}"

    def wait_for(self, port):
        def ready():
            self.assert_running()
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
