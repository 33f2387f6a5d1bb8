"""Targets that somebody reads otherwise: what reaches the backend may be run by its caller, however it is read."""

from random import Random

import pytest
from readings import forbidden_readings
from wire import exchange, head

OPEN = ["/public", "/optional", "/items/7"]
SECRET = ["/admin/stats", "/items/special", "/undeclared"]
NOBODY = {("GET", "/public"), ("GET", "/optional")}
READER = NOBODY | {("GET", "/items"), ("GET", "/items/{id}"), ("GET", "/socket")}

UPWARDS = [
    "/..", "//..", "/./..", "/..;", "/..;a=b", "/.;/..", "/%2e%2e", "/%2E%2E", "/.%2e", "/%2e.", "/%252e%252e", "/%25252e%25252e",
    "%2f..", "%2f%2e%2e", "%2F%2e%2E", "%252f..", "\\..", "%5c..", "%5C%2e%2e", "%255c..", "/..%00", "/%00..", "/..\0", "/..\x01",
    "/..%09", "/..%0a", "/..%0d%0a", "/..%20", "/%c0%ae%c0%ae", "/%e0%80%ae%e0%80%ae", "%c0%af..", "/%u002e%u002e", "/\uff0e\uff0e",
    "/%ef%bc%8e%ef%bc%8e", "?/..", "#/..", "%23/..", "%3f/..", ";/..", "%3b/..", "/..%3b", "/...", "/....", "/.%00.", "/x/../..",
    ":80/..", "@/..", "/..%2", "/..%zz", "/..%",
]
AROUND = [
    "/{}", "//{}", "{}/", "{}//", "{}/.", "{}/..", "{}/%2e", "{}?", "{}?x=/public", "{}#", "{}#/public", "{}%23", "{}%23/public", "{}%3f",
    "{}%3F/../public", "{};", "{};x=y", "{};/../../public", "{}%3b", "{}%20", "{}%09", "{}%00", "{}%00/public", "{}%0a", "{}%0d%0aX-A:b",
    "{}.", "{}..", "{}.json", "{}%2f", "{}%5c", "{}\\", "{}~", "/.{}", "/..{}", "/x/..{}", "/%2e{}", "/;{}", "/;a=b{}", "\\{}", "/%5c{}",
    "/%2f{}", "http://h{}", "http://h:80{}", "HTTP://h{}", "https://h{}", "http://h/..{}", "http://h/public/..{}", "http://127.0.0.1{}", "http://127.0.0.1/public/..{}", "http://127.0.0.1?/..{}", "http://h\\{}", "//h{}",
    "http:{}", "http:/{}", "http://{}", "http://h?{}", "http://h#{}", "*{}", "h{}", "@h{}", "\t{}", "/public {}", "/public\t{}",
    "/public?{}", "/public?/..{}", "/public#{}", "/public HTTP/1.1\r\nX-Original-URL: {}\r\nX-A: b",
]


# Parts of targets, put together at random.
PARTS = [
    "/", "/", "/", "public", "items", "admin", "stats", "special", "7", "..", ".", "%2e", "%2E%2e", "%2f", "%5c", "\\", ";", ";a=b", "?", "#", "%23", "%3f", "%3b",
    "%25", "%2525", "%00", "\t", "%20", "%0a", "\x80", "%c0%af", "%", "http://127.0.0.1", "@", "Special", "%73pecial", "{", "|", "~", "&", "=",
]


def random_targets(count):
    random = Random(0)
    for _ in range(count):
        start = random.choice(["", *OPEN, "/items", "/items/"])
        yield start + "".join(random.choice(PARTS) for _ in range(random.randint(1, 8)))


def spellings(path):
    """The same path to somebody who decodes, folds or cleans it."""
    letters = path.replace("/", "")
    yield path.upper()
    yield path.title()
    yield "/" + path[1].upper() + path[2:]
    yield path[:-1] + path[-1].upper()
    yield path.replace(path[1], f"%{ord(path[1]):02x}", 1)
    yield path.replace(path[-1], f"%{ord(path[-1]):02X}")
    yield "/" + "".join(f"%{ord(letter):02x}" for letter in path[1:])
    yield "".join(f"%25{ord(letter):02x}" if letter in letters else letter for letter in path)
    yield path.replace(path[1], f"%25{ord(path[1]):02x}", 1)
    yield path.replace(path[1], f"%c1%{0x80 | ord(path[1]) & 0x3f:02x}", 1)
    yield path.replace(path[1], f"%u00{ord(path[1]):02x}", 1)
    yield path.replace(path[1], chr(ord(path[1]) + 0xFEE0), 1)
    yield path.replace("s", "\u017f")
    for slash in ["%2f", "%2F", "%252f", "\\", "%5c", "%255c", "//", "/./", "/%2e/", "/;/", "/;a/", ";/", ";a=b/", "/x/../", "%c0%af", "\u2215", "/%20/", "/%00/"]:
        yield "/" + path[1:].replace("/", slash)
        yield slash + path[1:]


def corpus():
    for secret in SECRET:
        for upwards in UPWARDS:
            for place in OPEN:
                yield place + upwards * place.count("/") + secret
                yield place + upwards + secret
        yield from (around.format(secret) for around in AROUND)
        yield from spellings(secret)
    yield from random_targets(500)
    for byte in [*range(0x21), 0x7F, 0x80, 0xA0, 0xAD, 0xC0, 0xFF]:
        for path in ["/public{}", "/public{}/../admin/stats", "/items/{}special", "/items/special{}", "/items/spe{}cial", "{}/items/special"]:
            yield path.format(chr(byte))


CORPUS = [target.encode("utf-8" if any(ord(letter) > 255 for letter in target) else "latin-1") for target in dict.fromkeys(corpus())]
# What everybody reads alike passes, byte by byte.
PLAIN = [
    "/public", "/public?", "/public?a=b&c=%2F..%2F%00", "/public?/../admin/stats", "/items/a.b", "/items/...", "/items/a%20b", "/items/%E2%82%AC",
    "/items/100%25", "/items/a:b,c@d!$&'()*+=~-_", "/items/a%40b", "/items/a%2Bb", "/items/" + "x" * 3000, "/items/7?q=%zz",
]


@pytest.mark.parametrize("caller", ["nobody", "reader"])
def test_what_reaches_the_backend_is_allowed_however_it_is_read(proxy, login, backend, table, caller):
    allowed, headers = (NOBODY, []) if caller == "nobody" else (READER, [("Authorization", f"Bearer {login('reader')}")])
    statuses, reached, wrong = {}, 0, []
    for target in CORPUS:
        answer = exchange(proxy.port, head("GET", target.decode("latin-1"), [*headers, ("Connection", "close")]))
        status = answer.status if answer else "closed"
        statuses[status] = statuses.get(status, 0) + 1
    for request in backend.settled():
        reached += 1
        wrong += [(request.target, path) for path in forbidden_readings(request, allowed)]
    told = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items(), key=str))
    table(f"{proxy.name}: {len(CORPUS)} targets of {caller}: {told}; {reached} reached the backend")
    assert not wrong, wrong[:20]
    assert len(CORPUS) > 1500


def test_plain_targets_arrive_as_they_were_sent(proxy, login, backend):
    for target in PLAIN:
        answer = exchange(proxy.port, head("GET", target, [("Authorization", f"Bearer {login('reader')}")]))
        assert (answer.status, [request.target for request in backend.take()]) == (200, [target])


def test_semicolons_in_a_query_are_judged_and_arrive_alike(proxy, login, backend):
    """Traefik makes `&` of them; the others keep them. Either way the judge reads what the backend gets."""
    answer = exchange(proxy.port, head("GET", "/public?a=b;c=d", []))
    arrived = "/public?a=b&c=d" if proxy.name == "traefik" else "/public?a=b;c=d"
    assert (answer.status, [request.target for request in backend.take()]) == (200, [arrived])
