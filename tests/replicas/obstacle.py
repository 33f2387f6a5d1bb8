"""A TCP proxy on the way to Redis that delays, drops, resets and refuses."""

import socket
import struct
import threading
import time


class Obstacle:
    """Passes everything on, until it is told otherwise."""

    def __init__(self, target):
        self.target, self.delay, self.is_silent, self.is_closed = target, 0.0, False, False
        self.answers = None
        self.connections = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.is_closed:
                reset(client)
                continue
            if self.answers is not None:
                threading.Thread(target=self.answer, args=(client, self.answers), daemon=True).start()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
                server.settimeout(None)
            except OSError:
                reset(client)
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections.append((client, server))
            for source, sink in [(client, server), (server, client)]:
                threading.Thread(target=self.pass_on, args=(source, sink), daemon=True).start()

    def answer(self, client, answers):
        """In the place of Redis."""
        try:
            while client.recv(65536):
                for part in answers():
                    client.sendall(part)
        except OSError:
            pass
        client.close()

    def pass_on(self, source, sink):
        try:
            while data := source.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                # What is swallowed once is not sent later: the stream would not be whole.
                while self.is_silent:
                    time.sleep(0.02)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def reset(self):
        """Resets all connections; new ones are passed on."""
        with self.lock:
            connections, self.connections = self.connections, []
        for pair in connections:
            for end in pair:
                reset(end)

    def cut(self):
        """From now on nothing comes through."""
        self.is_closed = True
        self.reset()

    def mend(self):
        self.is_closed = self.is_silent = False

    def close(self):
        self.cut()
        self.is_silent = False
        self.listener.close()


def reset(connection):
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
