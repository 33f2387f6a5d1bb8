"""What passes through a proxy passes whole, and what may not pass any more is refused at once."""

import concurrent.futures
import json
import pathlib
import signal

import pytest
from conftest import fresh_token
from processes import until
from programs import Hallpass, Proxy
from wire import Reader, connect, exchange, head, send

LARGE = 3 * 1024 * 1024
# Without hallpass, and what becomes of its 429.
GONE = {"nginx": 503, "ingress-nginx": 500, "caddy": 502, "traefik": 500, "envoy": 503, "haproxy": 503}
LIMITED = {"nginx": 503, "ingress-nginx": 500, "caddy": 429, "traefik": 429, "envoy": 429, "haproxy": 429}


def handshake(port, headers):
    """Asks for a web socket, and returns the status and what comes back for some bytes."""
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
    with connect(port) as connection:
        connection.sendall(head("GET", "/socket", [*upgrade, *headers], f"127.0.0.1:{port}"))
        reader = Reader(connection)
        answer = reader.message()
        if answer.status != 101:
            return answer.status, None
        connection.sendall(b"\x81\x05hello")
        return answer.status, reader.exactly(7)


def test_web_sockets(proxy, login, backend):
    token = ("Authorization", f"Bearer {login('reader')}")
    cookie = ("Cookie", f"access_token={login('reader')}")
    own, other = ("Origin", f"http://127.0.0.1:{proxy.port}"), ("Origin", "https://evil.example")
    for headers in [[token], [token, other], [cookie, own]]:
        assert handshake(proxy.port, headers) == (101, b"\x81\x05hello")
        assert [request.one("Upgrade").lower() for request in backend.take()] == ["websocket"]
    for headers, status in [([], 401), ([("Authorization", "Bearer a.b.c")], 401), ([cookie, other], 403), ([cookie, ("Sec-Fetch-Site", "cross-site")], 403)]:
        assert handshake(proxy.port, headers) == (status, None)
        assert not backend.take()


def test_cookies_of_other_sites_pages_change_nothing(proxy, login, backend):
    cookie = ("Cookie", f"access_token={login('reader')}")
    own, other = ("Origin", f"http://127.0.0.1:{proxy.port}"), ("Origin", "https://evil.example")
    for headers, status in [
        ([own], 200), ([], 200), ([("Sec-Fetch-Site", "same-origin"), own], 200), ([other], 403), ([("Origin", "null")], 403),
        ([("Sec-Fetch-Site", "cross-site"), own], 403), ([("X-Forwarded-Host", "evil.example"), other], 403),
        ([("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"), ("X-Original-URL", "https://evil.example/profile"), other], 403),
        ([("Origin", f"https://127.0.0.1:{proxy.port}"), ("X-Forwarded-Proto", "https")], 403),
    ]:
        answer = send(proxy.port, "POST", "/profile", [cookie, *headers], b"")
        assert (answer.status, len(backend.take())) == (status, int(status == 200)), headers


def test_bodies_arrive_whole(proxy, login, backend):
    token = ("Authorization", f"Bearer {login('admin')}")
    large = bytes(range(256)) * (LARGE // 256)
    for body in [b"", b"x", b"0\r\n\r\nGET /admin/stats HTTP/1.1\r\nHost: h\r\n\r\n", large]:
        assert send(proxy.port, "POST", "/items", [token], body).status == 200
        assert [request.body for request in backend.take()] == [body]
        chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(body[at : at + 65000]), body[at : at + 65000]) for at in range(0, len(body), 65000))
        request = head("POST", "/items", [token, ("Transfer-Encoding", "chunked")]) + chunks + b"0\r\n\r\n"
        assert exchange(proxy.port, request).status == 200
        assert [request.body for request in backend.take()] == [body]


def test_a_client_that_expects_100_continue_is_served(proxy, login, backend):
    with connect(proxy.port) as connection:
        reader = Reader(connection)
        connection.sendall(head("POST", "/items", [("Authorization", f"Bearer {login('admin')}"), ("Expect", "100-continue"), ("Content-Length", "5")]))
        assert reader.message().status == 100
        connection.sendall(b"hello")
        # Caddy passes on the backend's 100 as well.
        while (answer := reader.message()).status == 100:
            pass
        assert answer.status == 200
    assert [request.body for request in backend.take()] == [b"hello"]


def test_bodies_of_refused_requests_go_nowhere(proxy, backend):
    inner = head("GET", "/public")
    for body in [inner, b"x" * 100_000]:
        for request in [
            head("POST", "/items", [("Content-Length", str(len(body)))]) + body,
            head("POST", "/items", [("Transfer-Encoding", "chunked")]) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        ]:
            assert exchange(proxy.port, request).status == 401
            assert not backend.take()


def test_requests_on_one_connection_are_judged_one_by_one(proxy, login, backend):
    token = [("Authorization", f"Bearer {login('reader')}")]
    steps = [("/items", token, 200), ("/items", [], 401), ("/admin/stats", token, 403), ("/public", [], 200), ("/items", token, 200), ("/items", [], 401)]
    for at_once in [False, True]:
        backend.take()
        with connect(proxy.port) as connection:
            reader, statuses = Reader(connection), []
            if at_once:
                connection.sendall(b"".join(head("GET", path, headers) for path, headers, _ in steps))
            for path, headers, _ in steps:
                if not at_once:
                    connection.sendall(head("GET", path, headers))
                statuses.append(reader.message().status)
        assert statuses == [status for _, _, status in steps]
        assert [request.target for request in backend.take()] == ["/items", "/public", "/items"]


def test_refusals_reach_the_client(proxy, login, backend):
    missing = send(proxy.port, "GET", "/items")
    assert missing.status == 401
    challenges = missing.all("WWW-Authenticate")
    assert challenges[0].startswith("Bearer"), challenges
    forged = send(proxy.port, "GET", "/items", [("Authorization", "Bearer a.b.c")])
    assert forged.status == 401 and 'error="invalid_token"' in forged.all("WWW-Authenticate")[0]
    lacking = send(proxy.port, "GET", "/reports", [("Authorization", f"Bearer {login('reader')}")])
    assert lacking.status == 403
    if proxy.name.endswith("nginx"):
        # auth_request keeps the status and the first challenge of a 401, and no body.
        assert "html" in missing.one("Content-Type")
    else:
        assert len(challenges) == 2, challenges
        assert 'error="insufficient_scope"' in lacking.all("WWW-Authenticate")[0]
        for answer, code in [(missing, "missing_credentials"), (forged, "invalid_token"), (lacking, "insufficient_scope")]:
            assert answer.one("Content-Type") == "application/problem+json"
            assert json.loads(answer.body)["code"] == code
            assert answer.one("Cache-Control") == "no-store"
    for answer in [missing, forged, lacking]:
        assert not [name for name, _ in answer.headers if name.lower().startswith("x-hallpass")]
    assert not backend.take()


def test_preflights_reach_the_backend_for_operations_that_there_are(proxy, backend):
    origin = ("Origin", "https://app.example")
    for path, method, status in [("/items", "POST", 200), ("/admin/stats", "GET", 200), ("/admin/stats", "DELETE", 403), ("/unknown", "GET", 403), ("/items/Special", "GET", 403)]:
        answer = send(proxy.port, "OPTIONS", path, [origin, ("Access-Control-Request-Method", method)])
        assert (answer.status, [request.method for request in backend.take()]) == (status, ["OPTIONS"] * (status == 200)), path
    for headers in [[origin], [("Access-Control-Request-Method", "POST")]]:
        assert send(proxy.port, "OPTIONS", "/items", headers).status == 403
        assert not backend.take()


def test_requests_without_a_host_are_judged_or_refused(proxy, login, backend):
    token = ("Authorization", f"Bearer {login('reader')}")
    answer = exchange(proxy.port, head("GET", "/items", [token], host=None, version="1.0"))
    assert answer.status == (426 if proxy.name == "envoy" else 200)
    backend.take()
    for path in ["/items", "/admin/stats"]:
        assert exchange(proxy.port, head("GET", path, [token] * (path != "/items"), host=None, version="1.0")).status in (401, 403, 426)
        assert not backend.take()


def test_the_client_is_not_told_who_it_is(proxy, login):
    """The answer of the judge goes to the backend, and that of the backend to the client."""
    answer = send(proxy.port, "GET", "/items", [("Authorization", f"Bearer {login('reader')}")])
    assert answer.body == b"ok" and answer.one("X-Backend") == "yes"
    assert not [name for name, _ in answer.headers if name.lower().startswith("x-hallpass")]


def test_a_logout_is_seen_at_once(proxy, hallpass, backend):
    for _ in range(5):
        token = ("Authorization", f"Bearer {fresh_token(hallpass, 'reader')}")
        assert [send(proxy.port, "GET", "/items", [token]).status for _ in range(3)] == [200] * 3
        assert send(hallpass.port, "POST", "/logout", [token]).status == 200
        backend.take()
        assert send(proxy.port, "GET", "/items", [token]).status == 401
        assert not backend.take()


def test_a_revoked_key_is_refused_with_its_tokens(proxy, hallpass, backend):
    client = f"leaver-{proxy.name}"
    key = hallpass.run("key", "add", client, "--cost", "4")
    hallpass.reload()
    header = ("X-API-Key", key)
    until("the roster is read", lambda: send(proxy.port, "GET", "/items", [header]).status == 200)
    login = send(hallpass.port, "POST", "/login", [header])
    token = ("Authorization", f"Bearer {json.loads(login.body)['access_token']}")
    assert send(proxy.port, "GET", "/items", [token]).status == 200
    hallpass.run("key", "revoke", key[3:15])
    hallpass.reload()
    until("the roster is read", lambda: send(proxy.port, "GET", "/items", [header]).status == 401)
    backend.take()
    assert send(proxy.port, "GET", "/items", [token]).status == 401
    assert not backend.take()


@pytest.fixture
def own(request, proxy, tmp_path, backend):
    """Starts the same proxy with a hallpass of its own."""
    (tmp_path / "hallpass").mkdir()
    (tmp_path / "proxy").mkdir()
    programs = []

    def start(change=None, **settings):
        server = Hallpass(tmp_path / "hallpass", **settings)
        programs.append(server)
        program = Proxy(proxy.name, tmp_path / "proxy", server.port, backend.port, change)
        programs.append(program)
        return server, program

    yield start
    for program in programs:
        program.stop()


def test_without_hallpass_everything_is_refused_until_it_is_back(own, proxy, backend):
    server, program = own()
    key = ("X-API-Key", server.keys["reader"])
    assert send(program.port, "GET", "/items", [key]).status == 200
    backend.take()
    server.kill()
    for path in ["/items", "/public"]:
        assert send(program.port, "GET", path, [key]).status == GONE[proxy.name]
        assert not backend.take()
    server.launch()
    until("it is asked again", lambda: send(program.port, "GET", "/items", [key]).status == 200)


PATIENT = {
    "nginx": ("proxy_read_timeout 10s;", "proxy_read_timeout 1s;"),
    "caddy": ("response_header_timeout 10s", "response_header_timeout 1s"),
    "envoy": ("timeout: 10s", "timeout: 1s"),
    "haproxy": ("milliseconds = 10000", "milliseconds = 1000"),
}


@pytest.mark.parametrize("proxy", list(PATIENT), indirect=True)
def test_a_hallpass_that_hangs_is_waited_for_only_so_long(own, proxy, backend):
    server, program = own(PATIENT[proxy.name])
    backend.take()
    server.process.send_signal(signal.SIGSTOP)
    try:
        stat = pathlib.Path(f"/proc/{server.process.pid}/stat")
        until("it is stopped", lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T")
        assert send(program.port, "GET", "/public").status in (502, 503, 504)
        assert not backend.take()
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_identities_are_not_mixed_up_at_the_same_time(proxy, hallpass, login, backend):
    callers = [
        ([("X-API-Key", hallpass.keys["reader"])], "reader"), ([("X-API-Key", hallpass.keys["admin"])], "admin"),
        ([("Authorization", f"Bearer {login('scoped')}")], "scoped"), ([("Authorization", f"Bearer {login('reader')}")], "reader"),
    ]
    wanted = {lines[0][1]: subject for lines, subject in callers}

    def ask(number):
        lines, _ = callers[number % len(callers)]
        with connect(proxy.port) as connection:
            reader = Reader(connection)
            for turn in range(10):
                path = "/items" if turn % 3 else "/public"
                connection.sendall(head("GET", path, lines))
                assert reader.message().status == 200

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(24)))
    received = backend.take()
    assert len(received) == 240
    for request in received:
        sent = request.one("X-API-Key") or request.one("Authorization")
        assert (request.one("X-Hallpass-Subject") or "") == ("" if request.target == "/public" else wanted[sent]), request


def test_guesses_are_counted_for_the_client_and_not_for_the_proxy(own, proxy, backend):
    server, program = own(HALLPASS_RATE_LIMIT="2/h")
    backend.take()
    bad = server.keys["reader"][:-1] + "-"
    # Envoy tells an address of its own in place of one of the loopback network.
    guesser, other = "127.0.0.9", "127.0.0.8"
    lies = [[], [("X-Forwarded-For", "198.51.100.7")], [("Forwarded", "for=198.51.100.8")], [("X-Real-IP", "198.51.100.9"), ("True-Client-IP", "198.51.100.9")],
            [("X-Forwarded-For", "198.51.100.10"), ("X-Forwarded-For", "a")], [("X_Forwarded_For", "198.51.100.11")]]
    statuses = [send(program.port, "GET", "/items", [("X-API-Key", bad), *lie], source=guesser).status for lie in lies]
    assert statuses[:2] == [401, 401] and set(statuses[2:5]) == {LIMITED[proxy.name]}, statuses
    assert not backend.take()
    if proxy.name != "envoy":
        assert send(program.port, "GET", "/items", [("X-API-Key", bad)], source=other).status == 401
