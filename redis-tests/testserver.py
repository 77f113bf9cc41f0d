"""The server the protocol and client tests talk to, and a raw connection to it.

  MARTLET_REFERENCE=1       redis-server 7.0.15
  MARTLET_SERVER_CMD='...'  a command line with {port} and {dir}
  neither                   the release build
"""
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib  # noqa: E402

REFERENCE = os.environ.get("MARTLET_REFERENCE") == "1"


def template():
    if REFERENCE:
        return lib.reference_template()
    return os.environ.get("MARTLET_SERVER_CMD") or lib.default_template()


def start(*extra):
    return lib.Server(template(), extra=extra).start()


class Closed(Exception):
    pass


class Err(str):
    """An error reply."""


class Conn:
    """A raw connection: bytes out, bytes or parsed replies in."""

    def __init__(self, server, timeout=20):
        self.sock = socket.create_connection(("127.0.0.1", server.port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        try:
            d = self.sock.recv(1 << 18)
        except ConnectionResetError:
            d = b""
        if not d:
            raise Closed()
        self.buf += d

    def line(self):
        while True:
            i = self.buf.find(b"\r\n")
            if i >= 0:
                out = bytes(self.buf[:i])
                del self.buf[:i + 2]
                return out
            self.more()

    def take(self, n):
        while len(self.buf) < n:
            self.more()
        out = bytes(self.buf[:n])
        del self.buf[:n]
        return out

    def reply(self):
        """A reply as (kind, value) for everything but the plain RESP2 types."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Err(rest.decode("latin1"))
        if kind == b":":
            return int(rest)
        if kind in (b"$", b"="):
            n = int(rest)
            return None if n < 0 else self.take(n + 2)[:-2]
        if kind in (b"*", b">", b"~"):
            n = int(rest)
            return None if n < 0 else [self.reply() for _ in range(n)]
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        if kind == b"(":
            return int(rest)
        if kind == b"%":
            return {freeze(self.reply()): self.reply() for _ in range(int(rest))}
        raise AssertionError("not a reply: %r" % line[:100])

    def __call__(self, *words):
        self.send(pack(*words))
        return self.reply()

    def rest(self, wait=10):
        """What comes until the server closes, and whether it did within that time."""
        self.sock.settimeout(wait)
        out = bytes(self.buf)
        try:
            while True:
                d = self.sock.recv(1 << 18)
                if not d:
                    return out, True
                out += d
        except ConnectionResetError:
            return out, True
        except socket.timeout:
            return out, False


def freeze(x):
    return tuple(x) if isinstance(x, list) else x


def pack(*words):
    out = [b"*%d\r\n" % len(words)]
    for w in words:
        if not isinstance(w, (bytes, bytearray)):
            w = str(w).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(w), w))
    return b"".join(out)


def wait_until(check, limit=10, what="condition"):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.02)
    raise AssertionError("%s: not within %s s" % (what, limit))


class ServerCase(unittest.TestCase):
    """Tests with servers and connections of their own, which end with each test."""

    # What every server is told first.
    WORDS = ()

    def start(self, *words, command=None):
        """command: the command line, in place of template()."""
        server = lib.Server(command or template(), extra=self.WORDS + words).start()
        self.addCleanup(server.stop)
        return server

    def conn(self, server):
        c = Conn(server)
        self.addCleanup(c.close)
        return c
