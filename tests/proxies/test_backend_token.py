"""`HALLPASS_VERIFY_TOKEN`: an API key in at the proxy, a token out to the backend."""

import base64
import json

import pytest
from processes import until
from programs import Hallpass, Proxy
from wire import send


@pytest.fixture(scope="session")
def issuing(tmp_path_factory):
    server = Hallpass(tmp_path_factory.mktemp("issuing"), HALLPASS_VERIFY_TOKEN="on")
    yield server
    server.stop()


@pytest.fixture
def asking(proxy, issuing, tmp_path, backend):
    program = Proxy(proxy.name, tmp_path, issuing.port, backend.port)
    backend.take()
    yield program
    program.stop()


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_the_backend_gets_a_token_of_hallpass_and_never_the_clients(asking, issuing, backend):
    key = ("X-API-Key", issuing.keys["reader"])
    spoofed = ("X-Hallpass-Token", "a.b.c")
    for lines in [[key], [key, spoofed], [spoofed, key]]:
        assert send(asking.port, "GET", "/items", lines).status == 200
        (request,) = backend.take()
        token = request.one("X-Hallpass-Token")
        assert (claims(token)["sub"], claims(token)["roles"]) == ("reader", ["reader"])
        active = send(issuing.port, "POST", "/introspect", [key, ("Content-Type", "application/x-www-form-urlencoded")], f"token={token}".encode())
        assert json.loads(active.body)["active"] is True
    for lines in [[], [spoofed]]:
        assert send(asking.port, "GET", "/public", lines).status == 200
        (request,) = backend.take()
        assert request.one("X-Hallpass-Token") in (None, "")


def test_a_long_identity_arrives(asking, issuing, backend):
    """As many roles as a token holds: proxies have small buffers for heads."""
    client = f"wide-{asking.name}"
    roles = [f"role-{number:02}-{'x' * 32}" for number in range(90)]
    key = issuing.run("key", "add", client, "--cost", "4", *(part for role in roles for part in ("--role", role)))
    issuing.reload()
    until("the roster is read", lambda: send(asking.port, "GET", "/items", [("X-API-Key", key)]).status == 200)
    (*_, request) = backend.take()
    assert request.one("X-Hallpass-Roles").split() == roles
    assert claims(request.one("X-Hallpass-Token"))["roles"] == roles
    # The token that the client sends is as long.
    token = json.loads(send(issuing.port, "POST", "/login", [("X-API-Key", key)]).body)["access_token"]
    assert send(asking.port, "GET", "/items", [("Authorization", f"Bearer {token}")]).status == 200
    (request,) = backend.take()
    assert request.one("X-Hallpass-Roles").split() == roles
