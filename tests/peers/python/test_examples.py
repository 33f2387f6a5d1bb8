"""The examples of the manual accept a valid token and refuse an invalid one."""

import os
import pathlib
import subprocess
import sys

import httpx
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.parametrize("command", [[sys.executable, "verify.py"], ["node", "verify.mjs"]])
def test_example(serve, command):
    def run(server, issuer):
        answer = httpx.post(f"{server.url}/login", headers={"X-API-Key": server.key("billing")})
        token = answer.raise_for_status().json()["access_token"]
        environment = {"PATH": os.environ["PATH"], "ISSUER": issuer.url, "TOKEN": token}
        return subprocess.run(
            command, cwd=EXAMPLES, env=environment, text=True, capture_output=True, timeout=30
        )

    server, other = serve("EdDSA"), serve("ES256")
    good = run(server, server)
    assert (good.returncode, good.stdout) == (0, "billing\n"), good.stderr
    assert run(other, server).returncode != 0
