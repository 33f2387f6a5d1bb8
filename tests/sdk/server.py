"""The server under test, in its own folder, on a free port, with two clients."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "target" / "debug" / "hallpass"


@contextlib.contextmanager
def server(**settings):
    """The environment of a scenario: the address, the key of a reader and the key of an administrator."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HALLPASS")}
        environment |= {"HALLPASS_SECRET_KEY": "0123456789abcdef" * 2, "HALLPASS_STATE": "memory"} | settings

        def add(client, role):
            command = [PROGRAM, "key", "add", client, "--role", role]
            done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=True)
            return done.stdout.strip()

        keys = {"READER_KEY": add("reader", "reader"), "ADMIN_KEY": add("operator", "admin")}
        with open(f"{folder}/log", "w+") as log:
            process = subprocess.Popen(
                [PROGRAM, "serve", "--bind", "127.0.0.1:0"],
                cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=log,
            )
            try:
                first = process.stdout.readline()
                if not first.startswith("listening on "):
                    log.seek(0)
                    raise SystemExit(f"serve printed {first!r}\n{log.read()}")
                yield {"HALLPASS": first.removeprefix("listening on ").strip(), **keys}
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=30) == 0, "serve failed"
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
