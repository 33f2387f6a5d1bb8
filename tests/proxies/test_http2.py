"""HTTP/2, where the target, the method and names of headers are fields that may hold anything. Of the recipes as they are,
Traefik, Envoy and HAProxy speak it without TLS."""

import socket

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
from readings import forbidden_readings
from test_headers import IDENTITY, NOBODY, READER, identity
from test_targets import CORPUS, READER as READERS_OPERATIONS
from wire import connect

pytestmark = pytest.mark.parametrize("proxy", ["traefik", "envoy", "haproxy"], indirect=True)
# What is no HTTP/2 may never be answered. A request that arrives later is found with the next one.
IMPATIENCE = 0.2


class Connection:
    """A client that checks nothing of what it sends."""

    def __init__(self, port):
        self.socket = connect(port)
        config = h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False, validate_inbound_headers=False, header_encoding="latin-1"
        )
        self.state = h2.connection.H2Connection(config)
        self.state.initiate_connection()
        self.authority = f"127.0.0.1:{port}"

    def send(self, method, path, headers=(), body=None, trailers=(), pseudo=None):
        """The status; none where the stream or the connection is closed."""
        pseudo = [(":method", method), (":scheme", "http"), (":authority", self.authority), (":path", path)] if pseudo is None else pseudo
        stream = self.state.get_next_available_stream_id()
        try:
            self.state.send_headers(stream, [*pseudo, *headers], end_stream=body is None and not trailers)
            if body is not None:
                self.state.send_data(stream, body, end_stream=not trailers)
            if trailers:
                self.state.send_headers(stream, list(trailers), end_stream=True)
            self.socket.sendall(self.state.data_to_send())
            while True:
                received = self.socket.recv(65536)
                if not received:
                    return None
                for event in self.state.receive_data(received):
                    if isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream:
                        return int(dict(event.headers)[":status"])
                    if isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                        return None
                self.socket.sendall(self.state.data_to_send())
        except (OSError, h2.exceptions.ProtocolError):
            return None
        finally:
            self.close()

    def close(self):
        # A reset: nothing that is on its way is waited for.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


@pytest.fixture
def request_by(proxy, login):
    token = ("authorization", f"Bearer {login('reader')}")

    def send(method, path, headers=(), **more):
        connection = Connection(proxy.port)
        connection.socket.settimeout(IMPATIENCE)
        return connection.send(method, path, [token, *headers], **more)

    return send


@pytest.fixture(autouse=True)
def nothing_comes_later(backend):
    yield
    assert_allowed(backend.settled(), "later")


def assert_all_allowed(backend, what):
    assert_allowed(backend.take(), what)


def assert_allowed(received, what):
    for request in received:
        assert not forbidden_readings(request, READERS_OPERATIONS), (what, request)
        assert identity(request) == (NOBODY if request.target.startswith("/public") else READER), (what, request)


def test_requests_are_judged(proxy, backend, login):
    token = ("authorization", f"Bearer {login('reader')}")
    assert Connection(proxy.port).send("GET", "/items", [token]) == 200
    assert_all_allowed(backend, "/items")
    assert Connection(proxy.port).send("GET", "/admin/stats", [token]) == 403
    assert Connection(proxy.port).send("GET", "/items") == 401
    assert not backend.take()
    # A browser may send one line for each cookie (RFC 9113, section 8.2.3).
    cookies = [("cookie", "a=b"), ("cookie", f"access_token={login('reader')}"), ("cookie", "c=d")]
    assert Connection(proxy.port).send("GET", "/profile", cookies) == 200
    assert len(backend.take()) == 1
    assert Connection(proxy.port).send("POST", "/profile", [*cookies, ("origin", "https://evil.example")], body=b"") == 403
    assert not backend.take()


def test_targets_that_somebody_reads_otherwise(request_by, backend):
    odd = ["", "*", "admin/stats", " /admin/stats", "/public HTTP/1.1\r\nHost: h\r\n\r\nGET /admin/stats", "/items/special\r\n", "/items/special\0", "http://h/admin/stats", "?/admin/stats", "#/admin/stats"]
    for target in [*odd, *(target.decode("latin-1") for target in CORPUS[::12])]:
        request_by("GET", target)
        assert_all_allowed(backend, target)


def test_pseudo_headers_that_are_odd(proxy, request_by, backend):
    authority = (":authority", f"127.0.0.1:{proxy.port}")
    method, scheme, path, secret = (":method", "GET"), (":scheme", "http"), (":path", "/items/7"), (":path", "/admin/stats")
    for pseudo in [
        [method, scheme, authority, path, secret], [method, scheme, authority, secret, path], [method, (":method", "DELETE"), scheme, authority, path],
        [(":method", "GET /admin/stats HTTP/1.1\r\nX-A:"), scheme, authority, path], [(":method", "get"), scheme, authority, secret], [(":method", ""), scheme, authority, path],
        [method, (":scheme", "http://h/admin/stats?"), authority, path], [method, scheme, (":authority", "h/admin/stats?"), path], [method, scheme, (":authority", "h\r\nX-Hallpass-Subject: root"), path],
        [method, scheme, authority], [scheme, authority, path], [method, scheme, path], [method, scheme, authority, (":path", "/items/7"), (":other", "x")],
    ]:
        request_by("GET", "", pseudo=pseudo)
        assert_all_allowed(backend, pseudo)
    for late in [(":path", "/admin/stats"), (":method", "DELETE")]:
        request_by("GET", "/items/7", [late])
        assert_all_allowed(backend, late)
    for host in ["other", "127.0.0.1/admin"]:
        request_by("GET", "/items/7", [("host", host)])
        assert_all_allowed(backend, host)


def test_identity_headers_of_the_client_never_arrive(request_by, backend):
    for name in [IDENTITY[0], "X-Hallpass-Token"]:
        for spelling in [name.lower(), name, name.lower().replace("-", "_"), name.lower().replace("-", "."), name.lower() + ":", name.lower() + " ", "\r\n" + name.lower(), "x-a: b\r\n" + name.lower()]:
            request_by("GET", "/items/7", [(spelling, "root")])
            assert_all_allowed(backend, spelling)
        for lines in [[("x-a", f"b\r\n{name}: root")], [("x-a", f"b\n{name}: root")], [("x-a", f"b\0{name}: root")], [("connection", name.lower())], [("te", name.lower())], [("upgrade", "h2c"), ("connection", f"upgrade, {name}")]]:
            request_by("GET", "/items/7", lines)
            assert_all_allowed(backend, lines)


def test_lengths_that_lie_smuggle_nothing(request_by, backend):
    hidden = b"GET /admin/stats HTTP/1.1\r\nHost: h\r\n\r\n"
    for headers in [[("transfer-encoding", "chunked")], [("content-length", "0")], [("content-length", "1"), ("content-length", "2")], [("content-length", "+5")], []]:
        for body in [hidden, b"0\r\n\r\n" + hidden]:
            request_by("GET", "/items/7", headers, body=body)
            assert_all_allowed(backend, headers)
    request_by("GET", "/items/7", body=b"x", trailers=[("x-hallpass-subject", "root")])
    assert_all_allowed(backend, "trailers")
