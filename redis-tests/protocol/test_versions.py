"""VGET, VSET, VDEL, VCLOCK over sockets, in RESP2 and RESP3, and what a killed server remembers of versions. Only for our own
server: Redis has no such commands. What must come back follows from docs/protocol.md."""
import time
import unittest

import testserver as ts
from testserver import Err


@unittest.skipIf(ts.REFERENCE, "redis-server has no versions")
class Versions(ts.ServerCase):
    def siblings(self, c, key, *values):
        for value in values:
            c("VSET", key, value)
            time.sleep(0.002)  # The latest wins; of one millisecond the later one does, too.

    def test_walk(self):
        server = self.start()
        for protocol in (2, 3):
            with self.subTest(protocol=protocol):
                a, b = self.conn(server), self.conn(server)
                for c in (a, b):
                    c("HELLO", protocol)
                key = "cart%d" % protocol
                empty, values = a("VGET", key)
                self.assertEqual(values, [])
                a("VSET", key, "milk", "CONTEXT", empty)
                seen, values = a("VGET", key)
                self.assertEqual(values, [b"milk"])
                # Two who have seen the same.
                first = a("VSET", key, "milk,eggs", "CONTEXT", seen)
                time.sleep(0.002)
                b("VSET", key, "milk,bread", "CONTEXT", seen)
                both, values = b("VGET", key)
                self.assertEqual(values, [b"milk,bread", b"milk,eggs"])
                self.assertEqual(a("GET", key), b"milk,bread")
                self.assertEqual(len(a("VCLOCK", key)), 2)
                # Who has seen one of them supersedes that one.
                a("VSET", key, "eggs", "CONTEXT", first)
                self.assertEqual(sorted(a("VGET", key)[1]), [b"eggs", b"milk,bread"])
                a("VDEL", key, "CONTEXT", both)
                self.assertEqual(a("VGET", key)[1], [b"eggs"])
                end = b("VDEL", key)
                self.assertEqual((b("VGET", key)[1], b("EXISTS", key)), ([], 0))
                b("VSET", key, "new", "CONTEXT", end)
                self.assertEqual(b("VGET", key)[1], [b"new"])
                self.assertEqual(str(a("VSET", "other", "x", "CONTEXT", seen)),
                                 "BADCONTEXT the context belongs to another cluster or key")
                self.assertIsInstance(a("VSET", key, "x", "CONTEXT", seen[:-3]), Err)
                self.assertEqual(a("VGET", key)[1], [b"new"])

    def test_killed(self):
        server = self.start("--appendonly", "yes", "--appendfsync", "always")
        for saves in (False, True):
            with self.subTest(saves=saves):
                c = self.conn(server)
                self.siblings(c, "k", "a", "b", "c")
                context, values = c("VGET", "k")
                self.assertEqual(values[:3], [b"c", b"b", b"a"])
                if saves:
                    self.assertEqual(c("SAVE"), "OK")
                server.kill()
                server.resume()
                c = self.conn(server)
                self.assertEqual(c("VGET", "k")[1], values)
                # Written by another actor: the context from before does not cover it.
                time.sleep(0.002)
                c("VSET", "k", "later")
                c("VSET", "k", "merged", "CONTEXT", context)
                self.assertEqual(sorted(c("VGET", "k")[1]), [b"later", b"merged"])

    def test_snapshots(self):
        server = self.start("--save", "")
        c = self.conn(server)
        self.siblings(c, "k", "a", "b")
        c("SET", "plain", "x")
        self.assertEqual(c("SAVE"), "OK")
        server.kill()
        server.resume()
        c = self.conn(server)
        self.assertEqual(c("VGET", "k")[1], [b"b", b"a"])
        self.assertEqual((c("GET", "k"), c("GET", "plain"), c("DBSIZE")), (b"b", b"x", 2))
        self.assertEqual(c("DEBUG", "RELOAD"), "OK")
        self.assertEqual(c("VGET", "k")[1], [b"b", b"a"])
