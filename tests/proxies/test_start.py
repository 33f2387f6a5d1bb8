"""The ten minutes of docs/forward-auth.md, as somebody follows them in a fresh folder."""

import os
import re
import subprocess

import pytest
from programs import BIN, HALLPASS, PATIENCE, RECIPES, REPOSITORY, Program, free_port

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
            (folder / "service.py").write_text(text)
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
    explained, told = [text for text in printed if text]
    assert [line.split() for line in explained.splitlines()[1:]] == [
        ["GET", "/items", "OAuth2PasswordBearer", "items:read"],
        ["DELETE", "/items/{name}", "OAuth2PasswordBearer", "items:write"],
        ["GET", "/health", "public"],
    ]
    assert told == '{"status":"ok"}{"items":["lamp"],"for":"shop"}401\n403\n'
    for answer in ['{"status":"ok"}', '{"items":["lamp"],"for":"shop"}', "`401`", "`403`"]:
        assert answer in PAGE
