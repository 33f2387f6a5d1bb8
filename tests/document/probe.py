"""Runs Schemathesis against the live service, without a credential and with each kind of credential.

Usage: probe.py PROGRAM [RUN]...; PROGRAM is a built hallpass.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
TOKEN_OPERATION = "logout"


class Service:
    """A hallpass in its own folder, on a free port, with one administrator."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HALLPASS_SECRET_KEY": "the-document-tests-sign-with-this-secret",
            "HALLPASS_STATE": "memory",
            "HALLPASS_RATE_LIMIT": "off",
            "HALLPASS_WORKERS": "2",
            # actix-web logs each malformed header that it refuses.
            "HALLPASS_LOG": "warn,actix_http=off",
        }
        self.key = self.run("key", "add", "operator", "--role", "admin", "--scope", "invoices:read")
        self.process = self.start("serve", "--bind", "127.0.0.1:0")
        self.address = self.process.stdout.readline().split()[-1]

    def start(self, *arguments):
        return subprocess.Popen(
            [self.program, *arguments], cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE
        )

    def run(self, *arguments):
        process = self.start(*arguments)
        answer, _ = process.communicate()
        assert process.returncode == 0, arguments
        return answer.strip()

    def login(self):
        request = urllib.request.Request(f"{self.address}/login", method="POST", headers={"X-API-Key": self.key})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["access_token"]

    def headers(self, run):
        """The headers that a run adds to each request."""
        pair = base64.b64encode(f"operator:{self.key}".encode()).decode()
        return {
            "anonymous": lambda: [],
            "key": lambda: [f"X-API-Key: {self.key}"],
            "token": lambda: [f"Authorization: Bearer {self.login()}"],
            "basic": lambda: [f"Authorization: Basic {pair}"],
            "logout": lambda: [],
        }[run]()


def schemathesis(service, run):
    """One run. `POST /logout` revokes its token, so it has its own run with a new token for each request."""
    command = [str(pathlib.Path(sys.executable).parent / "schemathesis")]
    command += ["--config-file", str(HERE / "schemathesis.toml"), "run", f"{service.address}/openapi.json"]
    command += ["--include-operation-id" if run == "logout" else "--exclude-operation-id", TOKEN_OPERATION]
    for header in service.headers(run):
        command += ["-H", header]
    environment = {**os.environ, "HALLPASS_ADDRESS": service.address}
    if run == "key":
        # A valid key is enough, also beside an invalid credential: alternatives are OR.
        command += ["--exclude-checks", "ignored_auth"]
    if run == "logout":
        environment["HALLPASS_FRESH_TOKENS_FOR"] = service.key
    environment["SCHEMATHESIS_HOOKS"] = "hooks"
    environment["PYTHONPATH"] = str(HERE)
    return subprocess.run(command, cwd=service.folder, env=environment).returncode


def main():
    program, *runs = sys.argv[1:]
    failed = []
    for run in runs or ["anonymous", "key", "token", "basic", "logout"]:
        with tempfile.TemporaryDirectory() as folder:
            service = Service(str(pathlib.Path(program).resolve()), folder)
            started = time.monotonic()
            try:
                if schemathesis(service, run) != 0 or service.process.poll() is not None:
                    failed.append(run)
            finally:
                service.process.terminate()
                service.process.wait()
            print(f"-- schemathesis as {run}: {time.monotonic() - started:.0f} s", flush=True)
    if failed:
        sys.exit(f"schemathesis found failures as: {', '.join(failed)}")


if __name__ == "__main__":
    main()
