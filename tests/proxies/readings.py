"""How backends may read a target. Whichever way they do, it must be an operation that the caller may run."""

import re
from urllib.parse import unquote

import yaml
from programs import EXAMPLE

OPERATIONS = {
    (method.upper(), path)
    for path, item in yaml.safe_load(EXAMPLE.read_text())["paths"].items()
    for method in item
}


def without_dots(path):
    """RFC 3986, section 5.2.4, and `..` above the root is dropped."""
    kept = []
    segments = path.split("/")
    for at, segment in enumerate(segments):
        if segment == "..":
            del kept[-1:]
        if segment in (".", "..") and at == len(segments) - 1:
            kept.append("")
        elif segment not in (".", ".."):
            kept.append(segment)
    path = "/".join(kept)
    return path if path.startswith("/") else "/" + path


# What frameworks and servers do with a path, each in some order.
STEPS = [
    lambda path: unquote(path, "latin-1"),
    lambda path: unquote(path, "utf-8", "ignore"),
    without_dots,
    lambda path: re.sub(r"/+", "/", path),
    lambda path: re.sub(r";[^/]*", "", path),
    lambda path: path.split(";")[0],
    lambda path: path.split("#")[0],
    lambda path: path.split("?")[0],
    lambda path: path.split("\0")[0],
    lambda path: path.replace("\\", "/"),
    lambda path: path.lower(),
]


def readings(target):
    """All paths that some backend may make of a target."""
    path = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", "", target).split("?")[0]
    found, fresh = {path}, {path}
    while fresh:
        fresh = {step(path) for path in fresh for step in STEPS} - found
        found |= fresh
    return found


def operation(method, path):
    """The operation of the example that a request meets; none where it has none."""
    method = "GET" if method == "HEAD" else method
    if (method, path) in OPERATIONS:
        return method, path
    if re.fullmatch(r"/items/[^/]+", path) and "/items/" + path.split("/")[2] not in {path for _, path in OPERATIONS}:
        return method, "/items/{id}"
    return None


def forbidden_readings(request, allowed):
    """How the backend may read a request so that it is an operation that is not among the allowed ones."""
    return [path for path in sorted(readings(request.target)) if operation(request.method, path) not in allowed]
