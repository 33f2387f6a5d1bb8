"""What the backend is told: who sent a request comes from hallpass, and nothing that a client sends changes that."""

import pytest
from wire import exchange, head, header_family, send

IDENTITY = ["X-Hallpass-Subject", "X-Hallpass-Issuer", "X-Hallpass-Kind", "X-Hallpass-Client-Id", "X-Hallpass-Roles", "X-Hallpass-Scope"]
NOBODY = ["", "", "", "", "", ""]
READER = ["reader", "", "client", "reader", "reader", ""]
ALL = [*IDENTITY, "X-Hallpass-Token"]


def identity(request):
    """The identity that a backend is told, whatever it makes of the names of headers."""
    told = dict.fromkeys(map(header_family, IDENTITY), "")
    seen = []
    for name, value in request.headers:
        family = header_family(name)
        if family.startswith("x-hallpass"):
            assert name.lower() == family and family not in seen, request
            seen.append(family)
            told[family] = value
    assert list(told) == list(map(header_family, IDENTITY)), f"more than the judge says: {request}"
    return list(told.values())


def assert_never_arrives(proxy, backend, headers, expected, path="/public", body=b""):
    """Either the request is refused, or the backend is told what hallpass says."""
    answer = exchange(proxy.port, head("GET", path, headers) + body)
    received = backend.take()
    assert (answer is not None and answer.status == 200) == bool(received), (headers, answer)
    for request in received:
        assert identity(request) == expected, (headers, request)
    return answer


CALLERS = ["nobody", "reader"]


@pytest.fixture(params=CALLERS)
def caller(request, login):
    """Headers of a caller, and the identity that it has."""
    if request.param == "nobody":
        return [], NOBODY
    return [("Authorization", f"Bearer {login('reader')}")], READER


def test_the_backend_is_told_who_sent_a_request(proxy, hallpass, login, backend):
    for path, headers, expected in [
        ("/public", [], NOBODY),
        ("/optional", [], NOBODY),
        ("/optional", [("Authorization", f"Bearer {login('reader')}")], READER),
        ("/items", [("X-API-Key", hallpass.keys["reader"])], READER),
        ("/items", [("X-API-Key", hallpass.keys["admin"])], ["admin", "", "client", "admin", "admin writer", ""]),
        ("/reports", [("Authorization", f"Bearer {login('scoped')}")], ["scoped", "", "client", "scoped", "", "reports:read"]),
        ("/profile", [("Cookie", f"access_token={login('reader')}")], READER),
    ]:
        assert send(proxy.port, "GET", path, headers).status == 200
        assert [identity(request) for request in backend.take()] == [expected], path


def test_identity_headers_of_the_client_never_arrive(proxy, backend, caller):
    sent, expected = caller
    passed = 0
    for name in ALL:
        for spelling in [name, name.lower(), name.swapcase()]:
            for path in ["/optional", "/public"]:
                identity_of = expected if path == "/optional" else NOBODY
                for lines in [[(spelling, "root")], [(spelling, "root"), (name, "admin")], [(spelling, "")]]:
                    answer = assert_never_arrives(proxy, backend, [*lines, *sent], identity_of, path)
                    passed += answer is not None and answer.status == 200
    # They are taken out, so nobody is refused because of them.
    assert passed == len(ALL) * 3 * 2 * 3


def test_aliases_of_identity_headers_never_arrive(proxy, backend, caller):
    sent, expected = caller
    for name in ["X-Hallpass-Subject", "X-Hallpass-Client-Id", "X-Hallpass-Roles", "X-Hallpass-Token"]:
        for alias in [
            name.replace("-", "_"), name.replace("-", "."), name.replace("-", "_", 1), name.replace("-", ".", 1), name[:-2] + name[-2:].replace("-", "_"),
            "X-Hallpass_" + name[11:], "X_Hallpass-" + name[11:], "x.hallpass_" + name[11:], name + " ", name + "\t", " " + name, name + "\x0b", name + "\0",
            "HTTP_" + name.replace("-", "_"), name.replace("-", " "), name.replace("-", "--"), name.replace("-", "~"), name.replace("-", "+"),
            name.replace("-", "\xad"), name.replace("l", "\u217c", 1).encode().decode("latin-1"),
        ]:
            for lines in [[(alias, "root")], [(alias, "root"), (name, "root")], [(alias, "root"), (alias, "")]]:
                assert_never_arrives(proxy, backend, [*lines, *sent], expected, "/optional")


def test_hop_by_hop_tricks_do_not_remove_the_identity(proxy, backend, caller):
    sent, expected = caller
    for name in [*ALL, "Authorization", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Original-URI", "Cookie", "Host"]:
        for value in [name, f"close, {name}", f"keep-alive,{name.lower()}", f"upgrade, {name}", f"\t{name}", f",{name},"]:
            for lines in [[("Connection", value)], [("Connection", "keep-alive"), ("Connection", value), (name, "root")], [("Proxy-Connection", value), ("TE", value)]]:
                lines = [line for line in lines if line[0] not in ("Host", "Authorization")]
                for request in exchange_and_take(proxy, backend, [*sent, *lines]):
                    # Who asks the backend to forget its credential is nobody; anything else is as the judge says.
                    assert identity(request) in ([expected, NOBODY] if "auth" in value.lower() else [expected]), (lines, request)
                    for line in request.all("Connection"):
                        assert "hallpass" not in line.lower(), (lines, request)


def exchange_and_take(proxy, backend, headers):
    exchange(proxy.port, head("GET", "/optional", headers))
    return backend.take()


def test_trailers_never_become_headers(proxy, backend, login):
    for name in [*ALL, "X_Hallpass_Subject"]:
        for declared in [[], [("Trailer", name)]]:
            headers = [("Authorization", f"Bearer {login('admin')}"), ("Transfer-Encoding", "chunked"), *declared]
            answer = exchange(proxy.port, head("POST", "/items", headers) + f"2\r\nok\r\n0\r\n{name}: root\r\n\r\n".encode())
            received = backend.take()
            assert (answer.status, len(received)) == (200, 1), answer
            for request in received:
                assert identity(request) == ["admin", "", "client", "admin", "admin writer", ""], request
                assert request.body == b"ok"
                # HAProxy passes them on as trailers; from 3.2 on the recipe takes them out.
                assert not request.trailers or proxy.name == "haproxy", request


# Headers by which proxies, judges and frameworks learn or change path and method.
PATHS = ["X-Forwarded-Uri", "X-Original-URI", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Envoy-Original-Path", "X-Auth-Request-Redirect", "X-Forwarded-Url", "Request-Uri"]
METHODS = ["X-Forwarded-Method", "X-Original-Method", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]
# Those that frameworks obey.
OBEYED = {"x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri", "x-http-method-override", "x-http-method", "x-method-override", "x-forwarded-method", "x-original-method"}


def aliases(names):
    for name in names:
        yield from (name, name.lower(), name.replace("-", "_"), name.replace("-", "."))


def test_headers_of_the_client_do_not_change_what_is_judged(proxy, backend, login):
    token = ("Authorization", f"Bearer {login('reader')}")
    for name in aliases(PATHS):
        for value in ["/public", "http://127.0.0.1/public", ""]:
            for lines in [[(name, value)], [(name, value), (name, "/admin/stats")]]:
                answer = send(proxy.port, "GET", "/admin/stats", [token, *lines])
                assert (answer is None or answer.status in (400, 403)) and not backend.take(), (lines, answer)
    for name in aliases(METHODS):
        for value in ["GET", "OPTIONS", ""]:
            for lines in [[(name, value)], [(name, value), (name, "DELETE")]]:
                answer = send(proxy.port, "DELETE", "/items/7", [token, *lines])
                assert (answer is None or answer.status in (400, 403)) and not backend.take(), (lines, answer)


def test_headers_of_the_client_do_not_tell_the_backend_something_else(proxy, backend, login):
    token = ("Authorization", f"Bearer {login('reader')}")
    for name in aliases(PATHS + METHODS):
        value = "DELETE" if name.lower().endswith(("method", "override")) else "/admin/stats"
        for value in [value, value.lower() + " "]:
            for lines in [[(name, value)], [(name, "GET"), (name, value)], [(name, "/items/7"), (name, value)]]:
                send(proxy.port, "GET", "/items/7", [token, *lines])
                for request in backend.take():
                    for header, said in request.headers:
                        if header_family(header) in OBEYED:
                            assert said in ("GET", "/items/7"), (lines, request)


def test_other_names_for_the_query_of_verify_demand_nothing_less(proxy, backend, login):
    """The client's query is not that of /verify: it neither demands nor allows."""
    token = ("Authorization", f"Bearer {login('reader')}")
    for query in ["?role=reader", "?role=nobody", "?scope=none", "?role="]:
        assert send(proxy.port, "GET", "/items" + query, [token]).status == 200
        assert send(proxy.port, "GET", "/admin/stats" + query, [token]).status == 403
        assert [request.target for request in backend.take()] == ["/items" + query]
