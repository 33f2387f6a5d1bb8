"""The policy file is what is enforced: whatever its `security` says, comes through nginx, and changes with it."""

import copy
import json

import pytest
import yaml
from processes import until
from programs import EXAMPLE, Hallpass, Proxy
from test_access import COLUMNS, ROWS, credentials
from wire import send

DOCUMENT = yaml.safe_load(EXAMPLE.read_text())
OPERATIONS = [(path, method) for path, item in DOCUMENT["paths"].items() for method in item]
BASIS = {(method, path): dict(zip(COLUMNS[1:], statuses)) for method, path, *statuses in ROWS}
CALLERS = ["nothing", "key", "token", "admin", "scoped", "basic", "cookie"]
# What each caller of the table gets.
PUBLIC = dict.fromkeys(CALLERS, "200")
BASIC = dict.fromkeys(CALLERS, "401") | {"basic": "200"}
NOBODYS_ROLE = dict.fromkeys(CALLERS, "401") | dict.fromkeys(["token", "admin", "scoped"], "403")


@pytest.fixture(scope="module")
def served(tmp_path_factory, backend):
    server = Hallpass(tmp_path_factory.mktemp("followed"))
    program = Proxy("nginx", tmp_path_factory.mktemp("nginx"), server.port, backend.port)
    yield server, program
    program.stop()
    server.stop()


def changes():
    """One operation after the other, first to what it is not, then to what nobody may do."""
    for path, method in OPERATIONS:
        is_public = DOCUMENT["paths"][path][method].get("security") == []
        yield path, method, *(([{"basic": []}], BASIC) if is_public else ([], PUBLIC))
        yield path, method, [{"bearer": ["nobody"]}], NOBODYS_ROLE


def test_each_change_of_a_security_changes_what_comes_through_nginx_and_nothing_else(served, backend):
    server, program = served
    tokens = {}

    def login(client):
        if client not in tokens:
            answer = send(server.port, "POST", "/login", [("X-API-Key", server.keys[client])])
            tokens[client] = json.loads(answer.body)["access_token"]
        return tokens[client]

    sent = credentials(server, login)

    def statuses(method, path):
        target = path.replace("{id}", "7")
        return {caller: str(send(program.port, method.upper(), target + sent[caller][0], sent[caller][1]).status) for caller in CALLERS}

    basis = {(path, method): {caller: BASIS[method.upper(), path.replace("{id}", "7")][caller] for caller in CALLERS} for path, method in OPERATIONS}
    for (path, method), expected in basis.items():
        assert statuses(method, path) == expected, (method, path)
    count = 0
    for path, method, security, expected in changes():
        document = copy.deepcopy(DOCUMENT)
        document["paths"][path][method]["security"] = security
        server.policy.write_text(yaml.safe_dump(document))
        server.reload()
        until(f"{method} {path} follows {security}", lambda: statuses(method, path) == expected)
        # Its neighbours in the table do not.
        others = [operation for operation in OPERATIONS if operation != (path, method)]
        for other in others[count % 3 :: 3]:
            assert statuses(other[1], other[0]) == basis[other], (path, method, other)
        count += 1
    assert count == 2 * len(OPERATIONS)


def test_a_broken_policy_changes_nothing(served):
    server, program = served
    server.policy.write_text(yaml.safe_dump(DOCUMENT))
    server.reload()
    until("the example is enforced", lambda: send(program.port, "GET", "/public").status == 200 and send(program.port, "GET", "/items").status == 401)
    for broken in ["", "openapi: 3.1.0\npaths: {", yaml.safe_dump(DOCUMENT).replace("apiKey: []", "missing: []")]:
        server.policy.write_text(broken)
        server.reload()
        until("the fault is told", lambda: json.loads(send(server.port, "GET", "/health/ready").body)["status"] == "degraded")
        assert send(program.port, "GET", "/public").status == 200
        assert send(program.port, "GET", "/items").status == 401
        server.policy.write_text(yaml.safe_dump(DOCUMENT))
        server.reload()
        until("the example is enforced", lambda: json.loads(send(server.port, "GET", "/health/ready").body)["status"] != "degraded")
