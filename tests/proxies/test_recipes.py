"""The lines of the recipes that matter: without one of them, what it prevents happens. So the other tests can fail."""

import pytest
from programs import Hallpass, Proxy
from readings import forbidden_readings
from test_headers import READER, identity
from test_targets import READER as READERS_OPERATIONS
from wire import exchange, head, send


def spoofed(proxy, backend, token, name="X-Hallpass-Subject"):
    send(proxy.port, "GET", "/items/7", [token, (name, "root")])
    return any("root" in [value for _, value in request.headers] for request in backend.take())


def spoofed_by_a_dot(proxy, backend, token):
    return spoofed(proxy, backend, token, "X.Hallpass.Subject")


def told_another_path(proxy, backend, token):
    send(proxy.port, "GET", "/items/7", [token, ("X-Original-URL", "/admin/stats")])
    return any(request.one("X-Original-URL") == "/admin/stats" for request in backend.take())


def misjudged(proxy, backend, token):
    exchange(proxy.port, head("GET", "/items/7", [token]))
    return any(forbidden_readings(request, READERS_OPERATIONS) for request in backend.take())


def anonymous_by_hop_by_hop(proxy, backend, token):
    send(proxy.port, "GET", "/items/7", [token, ("Connection", "close, X-Hallpass-Subject")])
    return any(identity(request) != READER or "Hallpass" in str(request.all("Connection")) for request in backend.take())


def demanded_by_the_client(proxy, backend, token):
    return send(proxy.port, "GET", "/items?role=nobody", [token]).status == 403


def sent_a_whole_url(proxy, backend, token):
    exchange(proxy.port, head("GET", "http://127.0.0.1/items/7", [token]))
    return any(request.target.startswith("http:") for request in backend.take())


def counted_for_another_address(proxy, backend, token):
    """The client's own `Forwarded` stands beside the proxy's header, or what it says of itself is passed on."""
    send(proxy.port, "GET", "/items/7", [token, ("Forwarded", "for=198.51.100.1")])
    return any(request.one("Forwarded") for request in backend.take())


LINES = [
    ("nginx", 'proxy_set_header X-Hallpass-Subject $hallpass_subject;', "", spoofed),
    ("nginx", "proxy_pass http://backend;", "rewrite ^/items/7$ /admin/stats break; proxy_pass http://backend;", misjudged),
    ("nginx", 'proxy_set_header X-Original-URI "";\n        proxy_set_header X-Original-URL "";', "", told_another_path),
    ("nginx", 'proxy_set_header Forwarded "";\n        proxy_set_header X-Forwarded-For', "proxy_set_header X-Forwarded-For", counted_for_another_address),
    ("ingress-nginx", "X-Hallpass-Subject,", "", spoofed),
    ("ingress-nginx", '  X-Original-URL: ""\n', "", told_another_path),
    ("caddy", "respond @hop_by_hop 400", "", anonymous_by_hop_by_hop),
    ("caddy", "uri /verify?", "uri /verify", demanded_by_the_client),
    ("caddy", "request_header -Forwarded", "", counted_for_another_address),
    ("traefik", "        authResponseHeaders:", "        authRequestHeaders: [Authorization, X-Original-URL]\n        authResponseHeaders:", spoofed_by_a_dot),
    ("traefik", "          - X-Hallpass-Subject\n", "", spoofed),
    ("traefik", '          Forwarded: ""\n', "", counted_for_another_address),
    ("envoy", 'safe_regex: { regex: ".*" }', "exact: authorization", spoofed_by_a_dot),
    ("envoy", "                - remove: forwarded\n", "", counted_for_another_address),
    ("haproxy", "http-request set-uri %[pathq]", "", sent_a_whole_url),
    ("haproxy", "http-request deny deny_status 400 if", "#", anonymous_by_hop_by_hop),
    ("haproxy", "http-request del-header forwarded", "", counted_for_another_address),
]


@pytest.mark.parametrize("name, line, instead, happens", LINES, ids=[f"{name}-{happens.__name__}" for name, _, _, happens in LINES])
def test_each_line_that_matters_prevents_something(name, line, instead, happens, tmp_path, hallpass, login, backend):
    token = ("Authorization", f"Bearer {login('reader')}")
    program = Proxy(name, tmp_path, hallpass.port, backend.port, (line, instead))
    try:
        assert happens(program, backend, token)
    finally:
        program.stop()


@pytest.mark.parametrize("happens", sorted({happens for *_, happens in LINES}, key=lambda happens: happens.__name__))
def test_with_all_lines_nothing_of_that_happens(happens, proxy, login, backend):
    assert not happens(proxy, backend, ("Authorization", f"Bearer {login('reader')}"))


def test_an_envoy_that_allows_on_failure_lets_everything_pass(tmp_path, backend):
    (tmp_path / "hallpass").mkdir()
    (tmp_path / "envoy").mkdir()
    server = Hallpass(tmp_path / "hallpass")
    program = Proxy("envoy", tmp_path / "envoy", server.port, backend.port, ("failure_mode_allow: false", "failure_mode_allow: true"))
    try:
        server.kill()
        assert send(program.port, "GET", "/admin/stats").status == 200
    finally:
        program.stop()
