"""The ten minutes of docs/forward-auth.md, as somebody follows them in a fresh folder."""

import json
import os
import re
import subprocess

import pytest
from processes import HALLPASS, PATIENCE, REPOSITORY, Program, free_port
from programs import BIN, RECIPES, Hallpass, Proxy
from wire import send

PAGE = (REPOSITORY / "docs" / "forward-auth.md").read_text()
BLOCKS = re.findall(r"^```(sh|python) not run: \./tests/run proxies runs it\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SERVERS = {"uvicorn": "3000", "hallpass": "8080", "nginx": "8000"}


@pytest.fixture
def follow(tmp_path):
    """Runs a block of the page; one whose last command is a server runs on."""
    ports = {port: str(free_port()) for port in SERVERS.values()}
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "hallpass").symlink_to(HALLPASS)
    folder = tmp_path / "fresh"
    folder.mkdir()
    environment = {"PATH": f"{bin}:{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path), "HALLPASS_BIND": f"127.0.0.1:{ports['8080']}"}
    running = []

    def with_ports(text):
        return re.sub(r"\b(8000|8080|3000)\b", lambda port: ports[port[0]], text)

    def run(language, text):
        text = with_ports(text)
        if language == "python":
            with open(folder / "service.py", "a") as service:
                service.write(text)
            return ""
        *before, last = text.strip().splitlines()
        server = last.split()[0]
        if server in SERVERS and (server != "hallpass" or last == "hallpass serve"):
            if server == "nginx":
                (folder / "nginx.conf").write_text(with_ports((RECIPES / "nginx.conf").read_text()))
            program = Program(["bash", "-euc", "\n".join([*before, f"exec {last}"])], folder, environment)
            running.append(program)
            program.wait_for(int(ports[SERVERS[server]]))
            return ""
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield run
    for program in reversed(running):
        program.stop()


def test_a_fastapi_service_is_protected_by_the_file_that_it_makes(follow):
    printed = [follow(language, text) for language, text in BLOCKS]
    explained, told, joined = [text for text in printed if text]
    assert [line.split() for line in explained.splitlines()[1:]] == [
        ["GET", "/items", "OAuth2PasswordBearer", "items:read"],
        ["DELETE", "/items/{name}", "OAuth2PasswordBearer", "items:write"],
        ["GET", "/health", "public"],
    ]
    assert told == '{"status":"ok"}{"items":["lamp"],"for":"shop"}401\n403\n'
    assert "OAuth2PasswordBearer + APIKeyHeader" in joined and "needs one of" not in joined
    for answer in ['{"status":"ok"}', '{"items":["lamp"],"for":"shop"}', "`401`", "`403`"]:
        assert answer in PAGE


def test_clients_log_in_through_the_proxy_and_do_not_reach_verify(tmp_path, backend):
    for name in ["hallpass", "nginx"]:
        (tmp_path / name).mkdir()
    (locations,) = re.findall(r"^```nginx\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    hallpass = Hallpass(tmp_path / "hallpass", HALLPASS_ISSUER="https://example.com/auth")
    first = "        location / {"
    nginx = Proxy("nginx", tmp_path / "nginx", hallpass.port, backend.port, (first, locations + first))
    try:
        answer = send(nginx.port, "POST", "/auth/login", [("X-API-Key", hallpass.keys["reader"])])
        token = ("Authorization", f"Bearer {json.loads(answer.body)['access_token']}")
        assert send(nginx.port, "GET", "/items/7", [token]).status == 200
        asked = [token, ("X-Original-URI", "/items/7"), ("X-Original-Method", "GET")]
        for target in ["/auth/verify", "/auth/verify/", "/auth/%76erify", "/auth//verify", "/auth/x/../verify", "/auth/verify%2Fitems"]:
            answer = send(nginx.port, "GET", target, asked)
            assert (answer.status, b"nginx" in answer.body) == (404, True), target
    finally:
        nginx.stop()
        hallpass.stop()
