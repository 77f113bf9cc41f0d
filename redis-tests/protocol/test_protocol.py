"""The wire, byte by byte: raw sockets, no client library. Every expected value
here is what redis-server 7.0.15 answers."""
import hashlib
import os
import random
import re
import shlex
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import lib
import testserver as ts
from testserver import Closed, Conn, Err, pack


class Case(unittest.TestCase):
    """One server per class."""
    words = ()

    @classmethod
    def setUpClass(cls):
        cls.server = ts.start(*cls.words)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        if not self.server.alive():
            self.fail("the server is gone: exit code %s" % self.server.proc.poll())

    def conn(self, **kw):
        c = Conn(self.server, **kw)
        self.addCleanup(c.close)
        return c

    def assertAlive(self):
        with Conn(self.server) as c:
            c.send(b"PING\r\n")
            self.assertEqual(c.line(), b"+PONG")

    def refused(self, data, text):
        """The server answers with exactly this, and closes."""
        c = self.conn()
        c.send(data)
        out, closed = c.rest()
        self.assertEqual(out, text)
        self.assertTrue(closed, "not closed after %r" % data[:40])

    def answered(self, data, text):
        """The server answers with exactly this, and goes on."""
        c = self.conn()
        c.send(data)
        self.assertEqual(c.take(len(text)), text)
        c.send(b"*2\r\n$4\r\nECHO\r\n$3\r\nend\r\n")
        self.assertEqual(c.line() + c.line(), b"$3end")


MULTIBULK = b"-ERR Protocol error: invalid multibulk length\r\n"
BULK = b"-ERR Protocol error: invalid bulk length\r\n"
QUOTES = b"-ERR Protocol error: unbalanced quotes in request\r\n"


class Malformed(Case):
    def test_multibulk_length(self):
        for n in (b"abc", b"3000000000", b"2147483648", b"1024 ", b" 1", b"+1", b"01", b"99999999999999999999"):
            with self.subTest(n):
                self.refused(b"*" + n + b"\r\n", MULTIBULK)

    def test_multibulk_length_none_or_negative_is_no_command(self):
        for n in (b"0", b"-1", b"-10", b"-9223372036854775808"):
            with self.subTest(n):
                self.answered(b"*" + n + b"\r\nPING\r\n", b"+PONG\r\n")

    def test_largest_multibulk_length_waits(self):
        c = self.conn()
        c.send(b"*2147483647\r\n")
        self.assertEqual(c.rest(0.3), (b"", False))
        self.assertAlive()

    def test_bulk_length(self):
        for n in (b"abc", b"-1", b"-10", b"536870913", b"2000000000", b"+4", b"04", b" 4", b"4 ", b""):
            with self.subTest(n):
                self.refused(b"*1\r\n$" + n + b"\r\n", BULK)
                self.refused(b"*2\r\n$4\r\nECHO\r\n$" + n + b"\r\n", BULK)

    def test_largest_bulk_length_waits(self):
        c = self.conn()
        c.send(b"*1\r\n$536870912\r\n")
        self.assertEqual(c.rest(0.3), (b"", False))
        self.assertAlive()

    def test_bulk_limit_follows_configuration(self):
        c = self.conn()
        self.assertEqual(c("CONFIG", "SET", "proto-max-bulk-len", "2mb"), "OK")
        try:
            self.refused(b"*1\r\n$2097153\r\n", BULK)
        finally:
            self.assertEqual(c("CONFIG", "SET", "proto-max-bulk-len", "512mb"), "OK")

    def test_no_dollar(self):
        self.refused(b"*1\r\nfoo\r\n", b"-ERR Protocol error: expected '$', got 'f'\r\n")
        self.refused(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", b"-ERR Protocol error: expected '$', got 'f'\r\n")
        self.refused(b"*1\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n")

    def test_replies_before_the_error_are_sent(self):
        self.refused(pack("PING") + pack("ECHO", "x") + b"*1\r\nfoo\r\n" + pack("PING"),
                     b"+PONG\r\n$1\r\nx\r\n-ERR Protocol error: expected '$', got 'f'\r\n")

    def test_commands_before_the_error_have_run(self):
        self.refused(pack("SET", "before", "1") + b"*abc\r\n" + pack("SET", "after", "1"), b"+OK\r\n" + MULTIBULK)
        self.assertEqual(self.conn()("EXISTS", "before", "after"), 1)

    def test_too_long_lines(self):
        self.refused(b"x" * 70000, b"-ERR Protocol error: too big inline request\r\n")
        self.refused(b"*" + b"1" * 70000, b"-ERR Protocol error: too big mbulk count string\r\n")
        self.refused(b"*1\r\n$" + b"1" * 70000, b"-ERR Protocol error: too big bulk count string\r\n")

    def test_bytes_after_a_bulk_are_not_looked_at(self):
        self.answered(b"*1\r\n$4\r\nPINGxxPING\r\n", b"+PONG\r\n+PONG\r\n")

    def test_unknown_commands(self):
        self.answered(b"FOO a b c\r\n", b"-ERR unknown command 'FOO', with args beginning with: 'a' 'b' 'c' \r\n")
        self.answered(b"*1\r\n$6\r\nFO\r\nO\n\r\n", b"-ERR unknown command 'FO  O ', with args beginning with: \r\n")
        self.answered(b"*1\r\n$0\r\n\r\n", b"-ERR unknown command '', with args beginning with: \r\n")
        self.answered(pack("FOO", "x" * 200),
                      b"-ERR unknown command 'FOO', with args beginning with: '" + b"x" * 128 + b"' \r\n")
        self.answered(pack("F" * 200), b"-ERR unknown command '" + b"F" * 128 + b"', with args beginning with: \r\n")
        self.answered(b"GET\r\n", b"-ERR wrong number of arguments for 'get' command\r\n")
        self.answered(b"CLIENT FOO\r\n", b"-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n")
        self.answered(b"CLIENT\r\n", b"-ERR wrong number of arguments for 'client' command\r\n")
        self.answered(b"CONFIG GET\r\n", b"-ERR wrong number of arguments for 'config|get' command\r\n")

    def test_other_protocols_are_closed_at_once(self):
        for d in (b"POST / HTTP/1.1\r\n", b"post /\r\n", b"Host: example\r\nPING\r\n", b"host: example\r\n",
                  b"GET / HTTP/1.1\r\nHost: example\r\n\r\nPING\r\n"):
            with self.subTest(d):
                out, closed = b"", True
                c = self.conn()
                c.send(d)
                out, closed = c.rest()
                self.assertTrue(closed)
                self.assertNotIn(b"PONG", out)
        self.assertAlive()

    def test_random_bytes(self):
        rnd = random.Random(7)
        alphabet = [b"*", b"$", b"\r\n", b"\n", b"3", b"-1", b"SET", b"PING", b"\x00", b"\xff", b'"', b"'", b"\\x", b" ", b"0"]
        for _ in range(300):
            c = Conn(self.server)
            try:
                c.send(b"".join(rnd.choice(alphabet) for _ in range(rnd.randrange(1, 60))))
                c.sock.shutdown(socket.SHUT_WR)
                self.assertTrue(c.rest()[1])
            except OSError:
                pass
            finally:
                c.close()
        self.assertAlive()


class Inline(Case):
    def test_quotes(self):
        for d, text in ((b'ECHO "a\\x41\\n\\t\\"b"\r\n', b'aA\n\t"b'), (b"ECHO 'a\\'b\\n'\r\n", b"a'b\\n"),
                        (b'ECHO ""\r\n', b""), (b"ECHO ''\r\n", b""), (b'ECHO "\\r\\b\\a\\q\\\\"\r\n', b"\r\b\aq\\"),
                        (b'ECHO "\\x00\\xfF\\xg"\r\n', b"\x00\xffxg"), (b'"ECHO" "two words"\r\n', b"two words"),
                        (b"  echo   x  \r\n", b"x"), (b"ECHO\tx\r\n", b"x"), (b"ECHO x\n", b"x")):
            with self.subTest(d):
                self.answered(d, b"$%d\r\n%s\r\n" % (len(text), text))

    def test_unbalanced(self):
        for d in (b'SET "a b\r\n', b"SET 'a\r\n", b'SET "a"b c\r\n', b"SET 'a'b c\r\n", b'SET """k""" v\r\n', b'"\r\n', b'ECHO "\\\r\n'):
            with self.subTest(d):
                self.refused(d, QUOTES)

    def test_empty(self):
        for d in (b"\r\n", b"\n", b"\r\n\r\n\n", b"   \r\n", b"*0\r\n\r\n*-1\r\n"):
            with self.subTest(d):
                self.answered(d + b"PING\r\n", b"+PONG\r\n")

    def test_mixed_with_multibulk(self):
        self.answered(b"PING\r\n" + pack("ECHO", "a") + b"ECHO b\n" + pack("PING"),
                      b"+PONG\r\n$1\r\na\r\n$1\r\nb\r\n+PONG\r\n")


class Split(Case):
    REQUEST = (pack("SET", "k", "some\r\nvalue") + b"GET k\r\n" + b"\r\n" + pack("MULTI") + pack("INCR", "n") +
               b'ECHO "a b"\r\n' + pack("EXEC") + pack("DEL", "n", "k") + b"*0\r\n" + pack("PING"))
    REPLY = (b"+OK\r\n$11\r\nsome\r\nvalue\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n$3\r\na b\r\n:2\r\n+PONG\r\n")

    def test_two_pieces_at_every_byte(self):
        c = self.conn()
        for i in range(1, len(self.REQUEST)):
            c.send(self.REQUEST[:i])
            time.sleep(0.002)
            c.send(self.REQUEST[i:])
            self.assertEqual(c.take(len(self.REPLY)), self.REPLY, "cut at %d" % i)

    def test_byte_by_byte(self):
        c = self.conn()
        for i in range(len(self.REQUEST)):
            c.send(self.REQUEST[i:i + 1])
            time.sleep(0.001)
        self.assertEqual(c.take(len(self.REPLY)), self.REPLY)

    def test_two_clients_in_turn(self):
        # Half a request of one must not end up in the other's.
        a, b = self.conn(), self.conn()
        x, y = pack("ECHO", "a" * 40000), pack("ECHO", "b" * 40000)
        for cut in (1, 5, 20, 16384, 20000, 32768, 39999, len(x) - 1):
            a.send(x[:cut])
            time.sleep(0.005)
            b.send(y[:cut])
            time.sleep(0.005)
            b.send(y[cut:])
            self.assertEqual(b.reply(), b"b" * 40000)
            a.send(x[cut:])
            self.assertEqual(a.reply(), b"a" * 40000)

    def test_sizes_around_buffer_limits(self):
        c = self.conn()
        for n in (16383, 16384, 16385, 32767, 32768, 32769, 65535, 65536, 65537, 1 << 20):
            for extra in range(-20, 21, 5):
                v = b"v" * (n + extra)
                c.send(pack("SET", "k", v) + pack("GET", "k") + pack("PING"))
                self.assertEqual(c.reply(), "OK")
                self.assertEqual(c.reply(), v)
                self.assertEqual(c.reply(), "PONG")


class Pipelines(Case):
    def test_hundred_thousand_and_a_neighbour(self):
        """A pipeline of 100,000 commands is answered in order, while another
        client goes on being served."""
        n = 100000
        c = self.conn(timeout=60)
        data = pack("INCR", "counter") * n
        times, stop = [], threading.Event()

        def neighbour():
            with Conn(self.server) as o:
                while not stop.is_set():
                    t = time.perf_counter()
                    o("PING")
                    times.append(time.perf_counter() - t)
                    time.sleep(0.0005)

        th = threading.Thread(target=neighbour)
        th.start()
        try:
            writer = threading.Thread(target=c.send, args=(data,))
            writer.start()
            want = b"".join(b":%d\r\n" % i for i in range(1, n + 1))
            got = c.take(len(want))
            writer.join()
        finally:
            stop.set()
            th.join()
        self.assertEqual(hashlib.sha1(got).hexdigest(), hashlib.sha1(want).hexdigest())
        times.sort()
        p99 = times[int(len(times) * 0.99)]
        self.assertLess(p99, 0.25, "p99 of the other client: %.1f ms" % (p99 * 1000))

    def test_replies_of_all_sizes_stay_in_order(self):
        rnd = random.Random(3)
        c = self.conn(timeout=60)
        sizes = [rnd.choice((0, 1, 10, 1000, 16000, 16384, 70000, 300000)) for _ in range(400)]
        data = b"".join(pack("ECHO", bytes([65 + i % 26]) * n) for i, n in enumerate(sizes))
        writer = threading.Thread(target=c.send, args=(data,))
        writer.start()
        for i, n in enumerate(sizes):
            self.assertEqual(c.reply(), bytes([65 + i % 26]) * n)
        writer.join()

    def test_slow_reader_does_not_hold_up_others(self):
        c = self.conn(timeout=60)
        self.assertEqual(c("SET", "big", b"x" * (1 << 20)), "OK")
        c.send(pack("GET", "big") * 30)
        with Conn(self.server) as o:
            for _ in range(50):
                t = time.perf_counter()
                self.assertEqual(o("PING"), "PONG")
                self.assertLess(time.perf_counter() - t, 0.5)
        for _ in range(30):
            self.assertEqual(len(c.reply()), 1 << 20)

    def test_quit(self):
        self.refused(b"PING\r\nQUIT\r\nPING\r\n", b"+PONG\r\n+OK\r\n")
        self.refused(pack("SET", "q", "1") + pack("QUIT", "now") + pack("SET", "q", "2"), b"+OK\r\n+OK\r\n")
        self.assertEqual(self.conn()("GET", "q"), b"1")
        self.refused(pack("ECHO", "x" * 500000) + b"QUIT\r\n", b"$500000\r\n" + b"x" * 500000 + b"\r\n+OK\r\n")

    def test_half_close(self):
        c = self.conn()
        c.send(b"PING\r\n" + pack("ECHO", "y" * 1000) + b"PIN")
        c.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(c.rest(), (b"+PONG\r\n$1000\r\n" + b"y" * 1000 + b"\r\n", True))

    def test_connections_torn_off(self):
        with Conn(self.server) as o:
            before = len(o("CLIENT", "LIST").splitlines())
            for i in range(200):
                c = Conn(self.server)
                c.send((pack("SET", "torn", "x" * 1000) * 5)[:17 * i + 3])
                c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                c.close()
            ts.wait_until(lambda: len(o("CLIENT", "LIST").splitlines()) <= before, 10, "clients gone from CLIENT LIST")

    def test_many_connections(self):
        cs = [Conn(self.server) for _ in range(500)]
        try:
            for i, c in enumerate(cs):
                c.send(pack("ECHO", i))
            for i, c in enumerate(cs):
                self.assertEqual(c.reply(), str(i).encode())
        finally:
            for c in cs:
                c.close()


class Hello(Case):
    def fields(self, proto, head):
        return (head + rb"\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n\$6\r\n7\.0\.15\r\n\$5\r\nproto\r\n:" + proto +
                rb"\r\n\$2\r\nid\r\n:\d+\r\n\$4\r\nmode\r\n\$10\r\nstandalone\r\n\$4\r\nrole\r\n\$6\r\nmaster\r\n"
                rb"\$7\r\nmodules\r\n\*0\r\n\+PONG\r\n$")

    def shape(self, cmd, proto, head):
        c = self.conn()
        c.send(cmd + b"\r\nPING\r\nQUIT\r\n")
        out, closed = c.rest()
        self.assertTrue(out.endswith(b"+OK\r\n"))
        self.assertRegex(out[:-5], self.fields(proto, head))

    def test_shapes(self):
        self.shape(b"HELLO", b"2", rb"^\*14\r\n")
        self.shape(b"HELLO 2", b"2", rb"^\*14\r\n")
        self.shape(b"HELLO 3", b"3", rb"^%7\r\n")
        self.shape(b"HELLO 3 SETNAME me AUTH default any", b"3", rb"^%7\r\n")

    def test_errors(self):
        for d, e in ((b"HELLO 4", b"-NOPROTO unsupported protocol version"), (b"HELLO 1", b"-NOPROTO unsupported protocol version"),
                     (b"HELLO x", b"-ERR Protocol version is not an integer or out of range"),
                     (b"HELLO 3 SETNAME", b"-ERR Syntax error in HELLO option 'SETNAME'"),
                     (b"HELLO 3 FOO", b"-ERR Syntax error in HELLO option 'FOO'"),
                     (b"HELLO 3 AUTH a b", b"-WRONGPASS invalid username-password pair or user is disabled."),
                     (b'HELLO 3 SETNAME "a b"', b"-ERR Client names cannot contain spaces, newlines or special characters.")):
            with self.subTest(d):
                self.answered(d + b"\r\n", e + b"\r\n")

    def test_name_and_version_are_kept(self):
        c = self.conn()
        c("HELLO", "3", "SETNAME", "me")
        self.assertEqual(c("CLIENT", "GETNAME"), b"me")
        self.assertIn(b" name=me ", c("CLIENT", "INFO"))
        self.assertIn(b" resp=3", c("CLIENT", "INFO"))
        c("HELLO")
        self.assertIn(b" resp=3", c("CLIENT", "INFO"))
        c("HELLO", "2")
        self.assertIn(b" resp=2", c("CLIENT", "INFO"))

    def raw(self, version, *cmd):
        c = self.conn()
        c("HELLO", version)
        c.send(pack(*cmd) + pack("QUIT"))
        out = c.rest()[0]
        self.assertTrue(out.endswith(b"+OK\r\n"), out)
        return out[:-5]

    def test_debug_protocol(self):
        for what, two, three in (
                ("string", b"$11\r\nHello World\r\n", b"$11\r\nHello World\r\n"),
                ("integer", b":12345\r\n", b":12345\r\n"),
                ("double", b"$5\r\n3.141\r\n", b",3.141\r\n"),
                ("null", b"$-1\r\n", b"_\r\n"),
                ("array", b"*3\r\n:0\r\n:1\r\n:2\r\n", b"*3\r\n:0\r\n:1\r\n:2\r\n"),
                ("set", b"*3\r\n:0\r\n:1\r\n:2\r\n", b"~3\r\n:0\r\n:1\r\n:2\r\n"),
                ("map", b"*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n", b"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"),
                ("true", b":1\r\n", b"#t\r\n"), ("false", b":0\r\n", b"#f\r\n"),
                ("bignum", b"$37\r\n1234567999999999999999999999999999999\r\n", b"(1234567999999999999999999999999999999\r\n"),
                ("verbatim", b"$25\r\nThis is a verbatim\nstring\r\n", b"=29\r\ntxt:This is a verbatim\nstring\r\n"),
                ("attrib", b"$39\r\nSome real reply following the attribute\r\n",
                 b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n"),
                ("push", b"-ERR RESP2 is not supported by this command\r\n",
                 b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n")):
            with self.subTest(what):
                self.assertEqual(self.raw(2, "DEBUG", "PROTOCOL", what), two)
                self.assertEqual(self.raw(3, "DEBUG", "PROTOCOL", what), three)

    def test_shapes_of_ordinary_replies(self):
        with Conn(self.server) as c:
            c("FLUSHALL")
            c("SET", "k", "v")
        for cmd, two, three in (
                (("GET", "none"), b"$-1\r\n", b"_\r\n"),
                (("MGET", "none", "k"), b"*2\r\n$-1\r\n$1\r\nv\r\n", b"*2\r\n_\r\n$1\r\nv\r\n"),
                (("SET", "k", "w", "NX"), b"$-1\r\n", b"_\r\n"),
                (("CONFIG", "GET", "maxmemory-policy"), b"*2\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n",
                 b"%1\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n"),
                (("CONFIG", "GET", "no-such"), b"*0\r\n", b"%0\r\n"),
                (("INCRBYFLOAT", "f", "0"), b"$1\r\n0\r\n", b"$1\r\n0\r\n"),
                (("MEMORY", "USAGE", "none"), b"$-1\r\n", b"_\r\n"),
                (("OBJECT", "ENCODING", "none"), b"$-1\r\n", b"_\r\n"),
                (("CLIENT", "GETNAME"), b"$-1\r\n", b"_\r\n"),
                (("BITFIELD", "b", "OVERFLOW", "FAIL", "INCRBY", "u1", "0", "2"), b"*1\r\n$-1\r\n", b"*1\r\n_\r\n"),
                (("KEYS", "none*"), b"*0\r\n", b"*0\r\n"),
                (("SCAN", "0", "MATCH", "none*"), b"*2\r\n$1\r\n0\r\n*0\r\n", b"*2\r\n$1\r\n0\r\n*0\r\n"),
                (("CLIENT", "TRACKINGINFO"),
                 b"*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n",
                 b"%3\r\n$5\r\nflags\r\n~1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n"),
                (("LCS", "k", "k", "IDX"), b"*4\r\n$7\r\nmatches\r\n*1\r\n*2\r\n*2\r\n:0\r\n:0\r\n*2\r\n:0\r\n:0\r\n$3\r\nlen\r\n:1\r\n",
                 b"%2\r\n$7\r\nmatches\r\n*1\r\n*2\r\n*2\r\n:0\r\n:0\r\n*2\r\n:0\r\n:0\r\n$3\r\nlen\r\n:1\r\n"),
                (("ROLE",), b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
                (("COMMAND", "INFO", "no-such"), b"*1\r\n$-1\r\n", b"*1\r\n_\r\n"),
                (("COMMAND", "COUNT", "x"), b"-ERR wrong number of arguments for 'command|count' command\r\n", None)):
            with self.subTest(cmd):
                self.assertEqual(self.raw(2, *cmd), two)
                self.assertEqual(self.raw(3, *cmd), three or two)

    def test_text_replies_are_verbatim_in_resp3(self):
        for cmd in (("INFO", "server"), ("CLIENT", "LIST"), ("CLIENT", "INFO"), ("LOLWUT",), ("LATENCY", "DOCTOR")):
            with self.subTest(cmd):
                self.assertTrue(self.raw(2, *cmd).startswith(b"$"))
                self.assertRegex(self.raw(3, *cmd), rb"^=\d+\r\ntxt:")

    def test_exec_given_up(self):
        for version, want in ((2, b"*-1\r\n"), (3, b"_\r\n")):
            c = self.conn()
            c("HELLO", version)
            for cmd in (("WATCH", "w"), ("SET", "w", "x"), ("MULTI",), ("PING",)):
                c(*cmd)
            c.send(pack("EXEC"))
            self.assertEqual(c.line() + b"\r\n", want)

    def test_reset(self):
        c = self.conn()
        c("HELLO", "3")
        c("SELECT", "3")
        c("CLIENT", "SETNAME", "x")
        c("MULTI")
        c.send(pack("RESET"))
        self.assertEqual(c.line(), b"+RESET")
        info = c("CLIENT", "INFO")
        for part in (b" resp=2", b" db=0 ", b" name= ", b" multi=-1 "):
            self.assertIn(part, info)

    def test_client_reply(self):
        self.answered(b"CLIENT REPLY OFF\r\nPING\r\nFOO\r\nCLIENT REPLY ON\r\nPING\r\n", b"+OK\r\n+PONG\r\n")
        self.answered(b"CLIENT REPLY SKIP\r\nPING\r\nECHO a\r\n", b"$1\r\na\r\n")
        self.answered(b"CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\n", b"+PONG\r\n")
        self.answered(b"CLIENT REPLY FOO\r\n", b"-ERR syntax error\r\n")


class Password(Case):
    words = ("--requirepass", "pw")

    def test_limits_before_auth(self):
        self.refused(b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n")
        self.refused(b"*100\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n")
        self.refused(b"*1\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n")
        for d in (b"*10\r\n", b"*1\r\n$16384\r\n"):
            c = self.conn()
            c.send(d)
            self.assertEqual(c.rest(0.2), (b"", False))
        c = self.conn()
        c("AUTH", "pw")
        self.assertEqual(c("DEL", *range(100)), 0)
        self.assertEqual(c("ECHO", "x" * 100000), b"x" * 100000)

    def test_before_auth(self):
        noauth = b"-NOAUTH Authentication required.\r\n"
        for d, text in ((b"GET a\r\n", noauth), (b"PING\r\n", noauth), (b"MULTI\r\n", noauth), (b"COMMAND\r\n", noauth),
                        (b"FOO\r\n", b"-ERR unknown command 'FOO', with args beginning with: \r\n"),
                        (b"GET\r\n", b"-ERR wrong number of arguments for 'get' command\r\n"), (b"RESET\r\n", b"+RESET\r\n"),
                        (b"AUTH no\r\n", b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
                        (b"AUTH a b c\r\n", b"-ERR syntax error\r\n"),
                        (b"HELLO 3\r\n", b"-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
                         b"AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at "
                         b"the same time\r\n")):
            with self.subTest(d):
                c = self.conn()
                c.send(d + b"QUIT\r\n")
                self.assertEqual(c.rest(), (text + b"+OK\r\n", True))

    def test_auth(self):
        for d in (b"AUTH pw\r\nPING\r\n", b"AUTH default pw\r\nPING\r\n"):
            self.answered(d, b"+OK\r\n+PONG\r\n")
        c = self.conn()
        c.send(pack("HELLO", "3", "AUTH", "default", "pw"))
        self.assertEqual(c.reply()[b"proto"], 3)
        c.send(pack("RESET") + pack("PING"))
        self.assertEqual(c.line(), b"+RESET")
        self.assertEqual(c.line(), b"-NOAUTH Authentication required.")

    def test_output_is_limited_before_auth(self):
        """A client that has not authenticated and does not read is dropped
        after a few megabytes."""
        c = self.conn()
        c.sock.settimeout(5)
        sent, data = 0, pack("SET", "x", "5") * 1000
        try:
            while sent < 200 << 20:
                sent += c.sock.send(data)
        except socket.timeout:
            self.fail("the server stopped reading instead of closing, after %d bytes" % sent)
        except OSError:
            pass
        self.assertLess(sent, 150 << 20)

    def test_binary_password(self):
        c = self.conn()
        c("AUTH", "pw")
        self.assertEqual(c("CONFIG", "SET", "requirepass", b"abc\x00def"), "OK")
        try:
            with Conn(self.server) as o:
                self.assertTrue(o("AUTH", "abc").startswith("WRONGPASS"))
                self.assertEqual(o("AUTH", b"abc\x00def"), "OK")
        finally:
            c("CONFIG", "SET", "requirepass", "pw")

    def test_no_password(self):
        c = self.conn()
        c("AUTH", "pw")
        self.assertEqual(c("CONFIG", "SET", "requirepass", ""), "OK")
        try:
            with Conn(self.server) as o:
                self.assertEqual(o("AUTH", "x"), "ERR AUTH <password> called without any password configured for the default "
                                 "user. Are you sure your configuration is correct?")
        finally:
            c("CONFIG", "SET", "requirepass", "pw")


class Limits(Case):
    def test_output_buffer_limit(self):
        o = self.conn()
        o("SET", "big", b"x" * 100000)
        self.assertEqual(o("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 0 0"), "OK")
        try:
            c = self.conn()
            c("CLIENT", "SETNAME", "glutton")
            try:
                c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                c.send(pack("GET", "big") * 400)
            except OSError:
                pass
            ts.wait_until(lambda: b"name=glutton" not in o("CLIENT", "LIST"), 10, "the client was dropped")
            with self.assertRaises((Closed, OSError)):
                for _ in range(400):
                    c.reply()
        finally:
            o("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")

    def test_soft_output_buffer_limit(self):
        o = self.conn()
        o("SET", "big", b"x" * 100000)
        self.assertEqual(o("CONFIG", "SET", "client-output-buffer-limit", "normal 0 100kb 1"), "OK")
        try:
            c = self.conn()
            c("CLIENT", "SETNAME", "slow")
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            t = time.monotonic()
            c.send(pack("GET", "big") * 200)
            ts.wait_until(lambda: b"name=slow" not in o("CLIENT", "LIST"), 10, "the client was dropped")
            self.assertGreater(time.monotonic() - t, 0.7)
        finally:
            o("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")

    def test_buffer_limit_configuration(self):
        c = self.conn()
        name = "client-output-buffer-limit"
        self.assertEqual(c("CONFIG", "SET", name, "normal 1mb 2mb 60 replica 3mb 4mb 70 pubsub 5mb 6mb 80"), "OK")
        self.assertEqual(c("CONFIG", "GET", name),
                         [name.encode(), b"normal 1048576 2097152 60 slave 3145728 4194304 70 pubsub 5242880 6291456 80"])
        for bad, part in (("wrong number", "Wrong number of arguments"), ("nobody 1mb 1mb 1", "Invalid client class"),
                          ("master 1mb 1mb 1", "Invalid client class"), ("normal 1mbs 1mb 1", "Error in hard"),
                          ("replica 1mb 1mbs 1", "Error in hard, soft or soft_seconds"), ("pubsub 1mb 1mb 1s", "soft_seconds")):
            with self.subTest(bad):
                r = c("CONFIG", "SET", name, bad)
                self.assertIsInstance(r, Err)
                self.assertIn(part, r)
        self.assertEqual(c("CONFIG", "SET", name, "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"), "OK")

    def test_query_buffer_limit(self):
        o = self.conn()
        self.assertEqual(o("CONFIG", "SET", "client-query-buffer-limit", "1mb"), "OK")
        try:
            for head in (b"*2\r\n$4\r\nECHO\r\n$400000000\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$3000000\r\n"):
                c = self.conn()
                try:
                    c.send(head + b"z" * 2500000)
                    out, closed = c.rest()
                except OSError:
                    out, closed = b"", True
                self.assertEqual((out, closed), (b"", True))
            self.assertEqual(o("PING"), "PONG")
        finally:
            o("CONFIG", "SET", "client-query-buffer-limit", "1gb")

    def test_too_many_clients(self):
        o = self.conn()
        self.assertEqual(o("CONFIG", "SET", "maxclients", "5"), "OK")
        try:
            held = []
            for _ in range(4):
                held.append(self.conn())
                self.assertEqual(held[-1]("PING"), "PONG")
            c = self.conn()
            self.assertEqual(c.rest(), (b"-ERR max number of clients reached\r\n", True))
            held[0].close()
            ts.wait_until(lambda: len(o("CLIENT", "LIST").splitlines()) == 4, 5, "a client gone")
            self.assertEqual(self.conn()("PING"), "PONG")
        finally:
            o("CONFIG", "SET", "maxclients", "10000")

    def test_idle_clients(self):
        o = self.conn()
        c = self.conn()
        c("PING")
        self.assertEqual(o("CONFIG", "SET", "timeout", "1"), "OK")
        end = time.monotonic() + 8
        c.sock.setblocking(False)
        while time.monotonic() < end:
            o("PING")
            try:
                self.assertEqual(c.sock.recv(10), b"")
                break
            except BlockingIOError:
                time.sleep(0.1)
        else:
            self.fail("an idle client was not closed")
        o("CONFIG", "SET", "timeout", "0")

    def test_large_values(self):
        n = 100 << 20
        block = bytes(range(256)) * 4096
        c = self.conn(timeout=60)
        c.send(b"*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%d\r\n" % n)
        for _ in range(n // len(block)):
            c.send(block)
        c.send(b"\r\n")
        self.assertEqual(c.reply(), "OK")
        self.assertEqual(c("STRLEN", "large"), n)
        self.assertEqual(c("GETRANGE", "large", n - 300, -1), block[-300:])
        c.send(pack("GET", "large") + pack("PING"))
        self.assertEqual(c.line(), b"$%d" % n)
        want, got, left = hashlib.sha1(), hashlib.sha1(), n
        for _ in range(n // len(block)):
            want.update(block)
        got.update(c.buf[:n])
        left -= len(c.buf[:n])
        del c.buf[:n]
        while left:
            d = c.sock.recv(min(left, 1 << 20))
            self.assertTrue(d)
            got.update(d)
            left -= len(d)
        self.assertEqual(c.take(2), b"\r\n")
        self.assertEqual(got.hexdigest(), want.hexdigest())
        self.assertEqual(c.reply(), "PONG")
        self.assertEqual(c("DEL", "large"), 1)

    def test_many_arguments(self):
        c = self.conn(timeout=60)
        n = 100000
        self.assertEqual(c("MSET", *(x for i in range(n) for x in ("a:%d" % i, i))), "OK")
        self.assertEqual(c("MGET", *("a:%d" % i for i in range(n))), [str(i).encode() for i in range(n)])
        self.assertEqual(c("DEL", *("a:%d" % i for i in range(n))), n)


class Port(unittest.TestCase):
    @unittest.skipIf(ts.REFERENCE, "Martlet's own: Redis does not listen at all with --port 0")
    def test_port_zero_prints_the_port(self):
        d = tempfile.mkdtemp(prefix="martlet-port-")
        argv = [w.replace("{port}", "0").replace("{dir}", d) for w in shlex.split(ts.template())]
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             cwd=d, start_new_session=True)
        found = threading.Event()
        ports = []

        def read():
            for line in p.stdout:
                m = re.search(rb"port\D{0,12}(\d+)|127\.0\.0\.1:(\d+)", line)
                if m and int(m.group(1) or m.group(2)) and not ports:
                    ports.append(int(m.group(1) or m.group(2)))
                    found.set()
        threading.Thread(target=read, daemon=True).start()
        try:
            self.assertTrue(found.wait(10), "no port in the output")
            self.assertTrue(lib.answers(ports[0]))
        finally:
            lib.end_group(p)
            p.stdout.close()
            subprocess.run(["rm", "-rf", d])


class Code(ts.ServerCase):
    @unittest.skipIf(ts.REFERENCE, "Martlet's own")
    @unittest.skipIf(tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (5, 14), "needs MADV_POPULATE_READ")
    def test_all_code_is_mapped_at_the_start(self):
        c = self.conn(self.start())
        pid = int(re.search(rb"process_id:(\d+)", c("INFO", "server")).group(1))
        program = os.readlink("/proc/%d/exe" % pid)
        sizes, code = {}, False
        for line in open("/proc/%d/smaps" % pid):
            words = line.split()
            if not words[0].endswith(":"):
                code = words[-1] == program and "x" in words[1]
            elif code and words[0] in ("Size:", "Rss:"):
                sizes[words[0]] = sizes.get(words[0], 0) + int(words[1])
        self.assertGreater(sizes["Size:"], 0)
        self.assertEqual(sizes["Rss:"], sizes["Size:"])


if __name__ == "__main__":
    unittest.main()
