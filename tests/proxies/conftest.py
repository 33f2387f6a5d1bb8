"""A hallpass, a backend that keeps what it receives, and each proxy in turn between them."""

import json

import pytest
from programs import PROXIES, Hallpass, Proxy
from wire import Backend, send


@pytest.fixture(scope="session")
def backend():
    return Backend()


@pytest.fixture(scope="session")
def hallpass(tmp_path_factory):
    server = Hallpass(tmp_path_factory.mktemp("hallpass"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def login(hallpass):
    """A token of a client; the same one each time."""
    tokens = {}

    def of(client):
        if client not in tokens:
            tokens[client] = fresh_token(hallpass, client)
        return tokens[client]

    return of


def fresh_token(hallpass, client):
    answer = send(hallpass.port, "POST", "/login", [("X-API-Key", hallpass.keys[client])])
    assert answer.status == 200, answer
    return json.loads(answer.body)["access_token"]


@pytest.fixture(scope="session", params=list(PROXIES))
def proxy(request, tmp_path_factory, hallpass, backend):
    program = Proxy(request.param, tmp_path_factory.mktemp(request.param), hallpass.port, backend.port)
    yield program
    program.stop()


@pytest.fixture(autouse=True)
def nothing_received(backend):
    backend.take()


TABLES = pytest.StashKey()


@pytest.fixture
def table(request):
    """Prints lines at the end of the run."""
    return request.config.stash.setdefault(TABLES, []).append


def pytest_terminal_summary(terminalreporter, config):
    for lines in config.stash.get(TABLES, []):
        terminalreporter.write_line(lines)
