"""HTTP/1.1 by hand: what is sent goes out byte by byte, and what was received is kept byte by byte."""

import base64
import hashlib
import re
import socket
import threading
import time
from dataclasses import dataclass, field

PATIENCE = 10
# How long nothing comes after the last request.
QUIET = 0.3


@dataclass
class Message:
    """A request or a response as it was received."""

    start: bytes
    headers: list = field(default_factory=list)
    body: bytes = b""
    trailers: list = field(default_factory=list)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} is there twice: {values}"
        return values[0] if values else None

    @property
    def method(self):
        return self.start.split(b" ")[0].decode("latin-1")

    @property
    def target(self):
        return self.start.split(b" ", 1)[1].rsplit(b" ", 1)[0].decode("latin-1")

    @property
    def status(self):
        return int(self.start.split(b" ")[1])


def pair(line):
    name, _, value = line.decode("latin-1").partition(":")
    return name, value.strip()


class Reader:
    """Reads messages from a socket."""

    def __init__(self, connection):
        self.connection = connection
        self.rest = b""

    def more(self):
        received = self.connection.recv(65536)
        self.rest += received
        return bool(received)

    def until(self, mark):
        while mark not in self.rest:
            if not self.more():
                return None
        found, self.rest = self.rest.split(mark, 1)
        return found

    def line(self):
        found = self.until(b"\r\n")
        if found is None:
            raise ConnectionError("the body is cut off")
        return found

    def exactly(self, count):
        while len(self.rest) < count:
            if not self.more():
                raise ConnectionError("the body is cut off")
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    def message(self, has_body=True, on_head=lambda message: None):
        """The next message, or none if the connection is closed before it. `on_head` is called before the body is read."""
        head = self.until(b"\r\n\r\n")
        if head is None:
            return None
        start, *lines = head.split(b"\r\n")
        message = Message(start, [pair(line) for line in lines])
        is_response = start.startswith(b"HTTP/")
        if is_response and message.status < 200 or not has_body:
            return message
        on_head(message)
        if any("chunked" in value.lower() for value in message.all("Transfer-Encoding")):
            while (size := int(self.line().split(b";")[0], 16)) > 0:
                message.body += self.exactly(size)
                self.exactly(2)
            while line := self.line():
                message.trailers.append(pair(line))
        elif lengths := message.all("Content-Length"):
            message.body = self.exactly(int(lengths[0]))
        elif is_response and message.status not in (204, 304):
            while self.more():
                pass
            message.body, self.rest = self.rest, b""
        return message


def connect(port, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0))


def exchange(port, request, source="127.0.0.1"):
    """Sends bytes, and returns the response; none where the connection was closed without one."""
    with connect(port, source) as connection:
        try:
            connection.sendall(request)
            return Reader(connection).message(has_body=not request.startswith(b"HEAD "))
        except (ConnectionError, TimeoutError):
            return None


def head(method, target, headers=(), host="127.0.0.1", version="1.1"):
    """The head of a request. Nothing is checked or escaped."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def send(port, method, target, headers=(), body=None, source="127.0.0.1"):
    """Sends a request, and returns the response."""
    headers = list(headers)
    if body is not None:
        headers.append(("Content-Length", str(len(body))))
    return exchange(port, head(method, target, headers, f"127.0.0.1:{port}") + (body or b""), source)


class Backend:
    """A service that answers 200 to everything, and keeps what it received."""

    def __init__(self):
        self.received = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        def on_head(request):
            # Kept before its body is there: that a request came at all counts.
            self.received.append(request)
            if request.one("Expect"):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

        reader = Reader(connection)
        try:
            while request := reader.message(on_head=on_head):
                if request.one("Upgrade"):
                    return self.echo(connection, reader, request.one("Sec-WebSocket-Key"))
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Backend: yes\r\nContent-Length: 2\r\n\r\n" + (b"" if request.method == "HEAD" else b"ok"))
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def echo(self, connection, reader, key):
        """A web socket (RFC 6455, section 4.2.2) that sends back whatever it gets."""
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        while reader.rest or reader.more():
            connection.sendall(reader.rest)
            reader.rest = b""

    def take(self):
        """What was received since the last call."""
        received, self.received = self.received, []
        return received

    def settled(self):
        """The same, after the last request has come: for clients that do not wait for all answers."""
        count = None
        while count != len(self.received):
            count = len(self.received)
            time.sleep(QUIET)
        return self.take()


def header_family(name):
    """The name by which some backends know a header: WSGI and PHP make `_` of everything else."""
    return re.sub(r"[^a-z0-9]", "-", name.lower())
