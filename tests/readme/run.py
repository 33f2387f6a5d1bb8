"""Runs every command of the README, in order, as a reader would: one shell, a folder of its own.

Blocks that end in `serve` or `serve --dev` run until the next one begins. A line that ends in `# 401` must
print that as its last line. Differences from the README: the port is a free one, and `hp_...` is the key
that `serve --dev` printed.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_CLONE = ("cargo run", "cargo install", "./tests/run")
# What is running right now, which would run this again; and what takes minutes, since no test is timed.
NOT_RUN = ("./tests/run\n", "cargo bench\n")
PATIENCE = 900


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Reader:
    """Somebody who follows the README."""

    def __init__(self, folder):
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self.server = None
        self.key = None
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HALLPASS_")}
        environment |= {
            "HALLPASS_BIND": self.address,
            "CARGO_INSTALL_ROOT": str(folder / "installed"),
            "PATH": f"{folder / 'installed' / 'bin'}:{environment['PATH']}",
        }
        self.environment = environment
        self.state = folder / "state.sh"
        self.state.write_text("")
        (folder / "work").mkdir()

    def place(self, text):
        return REPOSITORY if text.startswith(IN_CLONE) else self.folder / "work"

    def follow(self, language, text):
        if text in NOT_RUN:
            return
        text = text.replace("127.0.0.1:8080", self.address)
        if language == "sh" and re.search(r"\bserve( --dev)?\n\Z", text):
            self.serve(text)
        elif language == "sh":
            self.shell(text.replace("hp_...", self.key or "hp_..."))
        elif language == "python":
            self.python(text)

    def shell(self, text):
        """Variables live on from block to block, through a file of `declare` lines."""
        for command in re.split(r"(?m)^(?=curl -s -o)", text):
            script = f'set -euo pipefail\n. "{self.state}"\n{command}\ndeclare -p | grep -E "^declare -(-|x) (API_KEY|TOKEN|NEW_KEY|KEY_ID)=" > "{self.state}" || true\n'
            done = subprocess.run(
                ["bash", "-c", script], cwd=self.place(text), env=self.environment, text=True,
                capture_output=True, timeout=PATIENCE,
            )
            print(f"$ {command.strip()}\n{done.stdout}", flush=True)
            if done.returncode != 0:
                sys.exit(f"exit code {done.returncode}\n{done.stderr}")
            expected = re.search(r"# (\d{3})$", command.strip())
            if expected and done.stdout.strip().splitlines()[-1] != expected[1]:
                sys.exit(f"expected {expected[1]}")
            if '"code":"' in done.stdout or '"error":"' in done.stdout:
                sys.exit("a command of the README was refused")

    def python(self, text):
        script = f'. "{self.state}"\nexec "{sys.executable}" -'
        done = subprocess.run(["bash", "-c", script], input=text, text=True, env=self.environment, timeout=60)
        if done.returncode != 0:
            sys.exit("the Python of the README failed")

    def serve(self, text):
        self.stop()
        log = open(self.folder / "log", "a")
        self.server = subprocess.Popen(
            ["bash", "-c", f"exec {text}"], cwd=self.place(text), env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=log,
        )
        print(f"$ {text.strip()}", flush=True)
        first = self.server.stdout.readline()
        scheme = "https" if "HALLPASS_TLS_CERT" in text else "http"
        if first != f"listening on {scheme}://{self.address}\n":
            sys.exit(f"serve said {first!r}\n{(self.folder / 'log').read_text()[-2000:]}")
        if "--dev" in text:
            self.key = self.server.stdout.readline().removeprefix("api key: ").strip()

    def stop(self):
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            if self.server.wait(timeout=30) != 0:
                sys.exit("serve did not end well")
            self.server.stdout.close()
            self.server = None


def main():
    blocks = BLOCK.findall((REPOSITORY / "README.md").read_text())
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(pathlib.Path(folder))
        try:
            for language, text in blocks:
                reader.follow(language, text)
            reader.stop()
        finally:
            if reader.server:
                reader.server.kill()
    run = sum(language in ("sh", "python") and text not in NOT_RUN for language, text in blocks)
    print(f"README: {run} blocks followed in {time.monotonic() - started:.0f} s")


main()
