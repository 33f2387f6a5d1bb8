"""Bypasses of others, each sent through every proxy: what was a hole in another judge or proxy is none here.

The names are those of the advisories; the class of each is what its test says.
"""

import pytest
from readings import forbidden_readings
from test_headers import IDENTITY, NOBODY, READER, identity
from test_targets import READER as READERS_OPERATIONS
from wire import exchange, head, send


@pytest.fixture
def reader(login):
    return ("Authorization", f"Bearer {login('reader')}")


@pytest.fixture
def refused(proxy, backend):
    """Sends a request that must be refused and never reach the backend; gives the status."""

    def attempt(method, target, headers=(), body=b""):
        answer = exchange(proxy.port, head(method, target, headers) + body)
        assert not backend.take(), (method, target, headers)
        assert answer is None or answer.status in (400, 401, 403, 404, 405, 426, 501), (method, target, headers, answer)
        return answer and answer.status

    return attempt


# Header families that disagree.


def test_cve_2026_40575_oauth2_proxy_took_the_path_from_the_clients_x_forwarded_uri(refused, reader):
    for value in ["/public", "/public?x", "http://h/public"]:
        refused("GET", "/admin/stats", [("X-Forwarded-Uri", value)])
        refused("GET", "/admin/stats", [("X-Forwarded-Uri", value), reader])


def test_cve_2018_14773_symfony_took_the_path_from_x_original_url_and_x_rewrite_url(proxy, backend, refused, reader):
    for name in ["X-Original-URL", "X-Rewrite-URL"]:
        refused("GET", "/admin/stats", [reader, (name, "/public")])
        send(proxy.port, "GET", "/items/7", [reader, (name, "/admin/stats")])
        assert not [request for request in backend.take() if request.one(name)]


def test_cve_2026_35051_traefik_passed_on_x_forwarded_prefix(refused, reader):
    for value in ["/public", "/items", "/public/..", "/"]:
        refused("GET", "/admin/stats", [reader, ("X-Forwarded-Prefix", value)])
        refused("GET", "/stats", [reader, ("X-Forwarded-Prefix", "/admin")])


def test_ghsa_vhr5_ggp3_qq85_oathkeeper_believed_x_forwarded_proto_of_strangers(proxy, login, backend):
    """The origin of a page is compared with the scheme that the proxy saw, whatever the client says."""
    cookie, origin = ("Cookie", f"access_token={login('reader')}"), ("Origin", f"https://127.0.0.1:{proxy.port}")
    for lie in [("X-Forwarded-Proto", "https"), ("X-Forwarded-Scheme", "https"), ("Forwarded", f"proto=https;host=127.0.0.1:{proxy.port}"), ("X-Original-URL", f"https://127.0.0.1:{proxy.port}/profile")]:
        assert send(proxy.port, "POST", "/profile", [cookie, origin, lie], b"").status == 403, lie
        assert not backend.take()


# First or last of several headers.


def test_cve_2021_32777_envoy_sent_the_judge_the_last_of_several_headers(proxy, hallpass, login, backend):
    """With a credential twice the judge could check the one and the backend take the other."""
    key, other = ("X-API-Key", hallpass.keys["reader"]), ("X-API-Key", hallpass.keys["admin"])
    bearer, forged = ("Authorization", f"Bearer {login('reader')}"), ("Authorization", "Bearer forged.admin.token")
    for lines in [[key, other], [other, key], [key, key], [bearer, forged], [forged, bearer], [bearer, ("Authorization", "Basic eDp5")]]:
        answer = send(proxy.port, "GET", "/items", lines)
        assert answer.status in (400, 401, 403), lines
        assert not backend.take(), lines


def test_cve_2026_26308_envoy_compared_the_joined_values_of_a_header(proxy, hallpass, login, backend):
    key = hallpass.keys["reader"]
    token = f"Bearer {login('reader')}"
    for name, value in [("X-API-Key", f"{key},{key}"), ("X-API-Key", f"{key}, x"), ("Authorization", f"{token}, {token}"), ("Authorization", f"{token},Basic eDp5")]:
        assert send(proxy.port, "GET", "/items", [(name, value)]).status in (401, 403), value
        assert not backend.take()


def test_cve_2026_25748_authentik_let_a_malformed_cookie_pass_without_identity(proxy, login, backend):
    for cookie in ["access_token=", "access_token=x", "access_token=a.b.c", "access_token=\"", "access_token", "access_token=%00", "=;access_token=x", "access_token=x; access_token=y", "access_token=" + "A" * 4000]:
        assert send(proxy.port, "GET", "/profile", [("Cookie", cookie)]).status in (400, 401, 403), cookie
        assert not backend.take()
    good = f"access_token={login('reader')}"
    for cookie in [f"{good}; access_token=x", f"access_token=x; {good}"]:
        assert send(proxy.port, "GET", "/profile", [("Cookie", cookie)]).status in (400, 401, 403), cookie
        assert not backend.take()


# Aliases of headers.


def aliased(proxy, backend, reader, lines):
    send(proxy.port, "GET", "/items/7", [reader, *lines])
    for request in backend.take():
        assert identity(request) == READER, (lines, request)


def test_cve_2025_64484_oauth2_proxy_passed_on_x_forwarded_headers_with_underscores(refused, reader):
    for name in ["X_Forwarded_Uri", "X-Forwarded_Uri", "X_Forwarded_Method", "X_Original_URL", "x_original_uri", "X_Forwarded_For", "X_Forwarded_Host", "X_Forwarded_Proto"]:
        refused("GET", "/admin/stats", [reader, (name, "/public")])


def test_cve_2026_39858_traefik_gave_the_judge_underscored_forwarded_headers(proxy, login, backend):
    cookie, origin = ("Cookie", f"access_token={login('reader')}"), ("Origin", "https://trusted.example")
    lies = [("X_Forwarded_Proto", "https"), ("X_Forwarded_Host", "trusted.example")]
    assert send(proxy.port, "POST", "/profile", [cookie, origin, *lies], b"").status in (400, 403)
    assert not backend.take()


def test_cve_2026_54763_traefik_left_underscored_identity_headers(proxy, backend, reader):
    for name in IDENTITY:
        aliased(proxy, backend, reader, [(name.replace("-", "_"), "root")])
        aliased(proxy, backend, reader, [(name.replace("-", "."), "root")])


def test_cve_2026_33433_traefik_left_identity_headers_of_another_case(proxy, backend, reader):
    for name in IDENTITY:
        for spelling in [name.lower(), name.upper(), name.swapcase()]:
            aliased(proxy, backend, reader, [(spelling, "root")])


def test_ghsa_f59h_q822_g45g_caddy_deleted_only_the_exact_name_in_front_of_fastcgi(proxy, backend, reader):
    for name in IDENTITY:
        aliased(proxy, backend, reader, [(name, "root"), (name.replace("-", "_"), "root")])


# Empty identity.


def test_ghsa_7r4p_vjf4_gxv4_caddy_kept_the_clients_identity_where_the_judge_sent_none(proxy, backend):
    """Nobody has no identity, and the proxy must not take that for nothing to overwrite."""
    for path in ["/public", "/optional"]:
        for name in [*IDENTITY, "X-Hallpass-Token"]:
            assert send(proxy.port, "GET", path, [(name, "root")]).status == 200
            assert [identity(request) for request in backend.take()] == [NOBODY]


# Hop-by-hop headers.


@pytest.mark.parametrize("advisory", ["cve_2024_45410_traefik", "cve_2025_48865_fabio"])
def test_connection_removes_no_header_that_the_proxy_adds(advisory, proxy, backend, reader):
    names = [*IDENTITY, "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"]
    for name in names:
        for separator in ["close, ", "keep-alive,", ""]:
            send(proxy.port, "GET", "/items/7", [reader, ("Connection", separator + name)])
            for request in backend.take():
                assert identity(request) == READER, (name, request)
                assert request.one("X-Forwarded-Proto") == "http" and request.one("X-Forwarded-For"), (name, request)


# Paths that two readers read otherwise.


def misread(proxy, backend, reader, targets):
    for target in targets:
        exchange(proxy.port, head("GET", target, [reader]))
        for request in backend.take():
            assert not forbidden_readings(request, READERS_OPERATIONS), (target, request)


def test_cve_2019_9901_envoy_did_not_resolve_dots(proxy, backend, reader):
    misread(proxy, backend, reader, ["/public/../admin/stats", "/items/../admin/stats", "/items/./special", "/items//special", "//admin/stats", "/items/7/../special"])


def test_cve_2021_29492_envoy_kept_escaped_slashes(proxy, backend, reader):
    misread(proxy, backend, reader, ["/admin%2Fstats", "/admin%2fstats", "/admin%5Cstats", "/items%2Fspecial", "/public/..%2Fadmin/stats", "/items/..%2F..%2Fadmin%2Fstats"])


def test_cve_2021_32779_envoy_took_a_fragment_for_path(proxy, backend, reader):
    misread(proxy, backend, reader, ["/items/special#", "/admin/stats#/public", "/items/special#x", "/items/special%23"])


def test_cve_2023_45539_haproxy_accepted_a_fragment_in_the_target(proxy, backend, reader):
    misread(proxy, backend, reader, ["/admin/stats#.png", "/public#/../admin/stats", "/items/special#.css"])


def test_cve_2026_41059_oauth2_proxy_matched_behind_the_fragment(refused, reader):
    for target in ["/admin/stats#/public", "/admin/stats%23/public", "/undeclared#/../public"]:
        assert refused("GET", target, [reader]) != 200


def test_cve_2025_54576_oauth2_proxy_matched_the_query_as_path(refused, reader):
    for target in ["/admin/stats?/public", "/admin/stats?x=/public", "/admin/stats?../../public", "/admin/stats?path=/items/7"]:
        assert refused("GET", target, [reader]) == 403


def test_cve_2021_32637_authelia_allowed_what_it_could_not_parse(refused):
    for target in ["/items/%", "/items/%zz", "/items/%2", "/%%%", "/items/\xff", "/items/[", "//", "/\\", "http://[::1/items", "/items/%c3%28", "https:///items", "/items:80:80", "/admin/stats%"]:
        assert refused("GET", target) != 200


def test_cve_2026_48020_traefik_stripped_a_prefix_before_it_resolved_dots(proxy, backend, reader):
    misread(proxy, backend, reader, ["/public/%2e%2e/admin/stats", "/public/..%2fadmin/stats", "/public/.%2e/admin/stats", "/public/%2e./items/special"])


def test_cve_2026_63177_malcolm_judged_the_raw_path_and_nginx_routed_the_clean_one(refused, reader):
    for target in ["/x/../admin/stats", "/public/../admin/stats", "/x/..//items/special", "/./admin/stats", "/x/%2e%2e/undeclared"]:
        assert refused("GET", target, [reader]) != 200


# Methods.


def test_cve_2010_0738_jboss_protected_only_the_methods_that_were_listed(refused, reader):
    for method in ["HEAD", "get", "Get", "GETT", "PROPFIND", "TRACE", "TRACK", "DEBUG", "PATCH", "ARBITRARY", "OPTIONS", "CONNECT", "QUERY", "PRI", "GET\t"]:
        assert refused(method, "/admin/stats", [reader]) != 200
        assert refused(method, "/undeclared", [reader]) != 200


def test_overridden_methods_run_nothing_else_than_what_was_judged(proxy, backend, refused, reader):
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override", "X-Forwarded-Method", "X-Original-Method"]:
        refused("DELETE", "/items/7", [reader, (name, "GET")])
        exchange(proxy.port, head("GET", "/items/7", [reader, (name, "DELETE")]))
        for request in backend.take():
            assert "DELETE" not in [value for _, value in request.headers], (name, request)


# Answers that are kept.


def test_cve_2021_32701_oathkeeper_cached_an_answer_for_another_scope(proxy, login, backend):
    scoped, reader = ("Authorization", f"Bearer {login('scoped')}"), ("Authorization", f"Bearer {login('reader')}")
    for _ in range(3):
        for path, header, status in [("/reports", scoped, 200), ("/reports", reader, 403), ("/items", reader, 200), ("/admin/stats", reader, 403), ("/reports", scoped, 200)]:
            assert send(proxy.port, "GET", path, [header]).status == status
        assert send(proxy.port, "GET", "/reports").status == 401
        assert len(backend.take()) == 3


def test_cve_2026_24513_ingress_nginx_let_an_error_page_answer_for_the_judge(proxy, backend):
    """Whatever `X-Code` or `Accept` says, a refusal stays a refusal."""
    for headers in [[], [("X-Code", "200")], [("X-Format", "text/html")], [("Accept", "text/html")]]:
        assert send(proxy.port, "GET", "/items", headers).status == 401
        assert send(proxy.port, "GET", "/undeclared", headers).status == 403
        assert not backend.take()


# Ways around the judge.


def test_cve_2026_34457_oauth2_proxy_answered_health_checks_before_it_judged(refused):
    for agent in ["GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", "Consul Health Check", "hallpass"]:
        for path in ["/items", "/ping", "/health/live", "/health/ready", "/verify", "/_hallpass", "/openapi.json", "/login"]:
            assert refused("GET", path, [("User-Agent", agent)]) != 200


def test_cve_2024_47070_authentik_failed_open_on_an_address_that_it_could_not_parse(refused):
    for value in ["a", "", ",", "1.2.3.4.5", "::ffff:127.0.0.1%x", "unknown", "127.0.0.1", "_hidden", "\"", "127.0.0.1:99999"]:
        for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP"]:
            assert refused("GET", "/items", [(name, f"for={value}" if name == "Forwarded" else value)]) in (400, 401, 403)


def test_cve_2023_25725_haproxy_dropped_the_headers_behind_an_empty_name(proxy, backend, reader):
    for request in [
        f"GET /items/7 HTTP/1.1\r\nHost: h\r\n: x\r\n{reader[0]}: {reader[1]}\r\nX-Hallpass-Subject: root\r\n\r\n",
        f"GET /items/7 HTTP/1.1\r\nHost: h\r\n{reader[0]}: {reader[1]}\r\n: x\r\nX-Hallpass-Subject: root\r\n\r\n",
        f"GET /items/7 HTTP/1.1\r\nHost: h\r\n{reader[0]}: {reader[1]}\r\nX-A: b\r\n X-Hallpass-Subject: root\r\n\r\n",
        f"GET /items/7 HTTP/1.1\r\nHost: h\r\n{reader[0]}: {reader[1]}\r\nX-A: b\rX-Hallpass-Subject: root\r\n\r\n",
        f"GET /items/7 HTTP/1.1\r\nHost: h\r\n{reader[0]}: {reader[1]}\r\nX-A: b\nX-Hallpass-Subject: root\r\n\r\n",
    ]:
        exchange(proxy.port, request.encode())
    for received in backend.settled():
        assert identity(received) == READER, received
        assert not any("\r" in value or "\n" in value for _, value in received.headers), received


def test_cve_2021_40346_haproxy_was_smuggled_a_request_by_a_header_of_300_bytes(proxy, backend, reader):
    """Two lengths, or a length in a name that overflows: no second request without a judgement of its own."""
    hidden = "GET /admin/stats HTTP/1.1\r\nHost: h\r\n\r\n"
    for lines in [
        [("Content-Length0" + "a" * 255, ""), ("Content-Length", str(len(hidden)))],
        [("Content-Length", "0"), ("Content-Length", str(len(hidden)))],
        [("Content-Length", str(len(hidden))), ("Transfer-Encoding", "chunked")],
        [("Content-Length", str(len(hidden))), ("Transfer-Encoding", "\x0bchunked")],
        [("Content-Length", f"+{len(hidden)}")],
        [("Transfer-Encoding", "chunked, identity")],
        [("Transfer-Encoding", "xchunked"), ("Content-Length", str(len(hidden)))],
    ]:
        for method, path in [("GET", "/items/7"), ("GET", "/public")]:
            exchange(proxy.port, head(method, path, [reader, *lines]) + hidden.encode())
    received = backend.settled()
    assert not [request for request in received if request.target not in ("/items/7", "/public")]
