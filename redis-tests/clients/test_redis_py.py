"""redis-py against the server: what an application does, through a client
library used as it comes. Every expectation holds for redis-server 7.0.15."""
import asyncio
import threading
import time
import unittest

import redis
import redis.asyncio

import testserver as ts


class Case(unittest.TestCase):
    protocol = 2
    words = ()

    @classmethod
    def setUpClass(cls):
        cls.server = ts.start(*cls.words)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def client(self, **kw):
        kw.setdefault("protocol", self.protocol)
        kw.setdefault("socket_timeout", 20)
        r = redis.Redis(port=self.server.port, **kw)
        self.addCleanup(r.close)
        return r

    def setUp(self):
        if not self.server.alive():
            self.fail("the server is gone")
        self.r = self.client()
        self.r.flushall()

    def error(self, part, f, *a, **kw):
        with self.assertRaises(redis.ResponseError) as e:
            f(*a, **kw)
        self.assertIn(part, str(e.exception))


class Strings(Case):
    def test_set_get(self):
        r = self.r
        self.assertTrue(r.set("k", "v"))
        self.assertEqual(r.get("k"), b"v")
        self.assertIsNone(r.get("none"))
        self.assertEqual(self.client(decode_responses=True).get("k"), "v")
        r.set("bin", bytes(range(256)))
        self.assertEqual(r.get("bin"), bytes(range(256)))
        r.set(b"\x00key\r\n", "")
        self.assertEqual(r.get(b"\x00key\r\n"), b"")

    def test_set_options(self):
        r = self.r
        self.assertTrue(r.set("k", 1, nx=True))
        self.assertIsNone(r.set("k", 2, nx=True))
        self.assertIsNone(r.set("none", 2, xx=True))
        self.assertTrue(r.set("k", 2, xx=True, ex=100))
        self.assertTrue(90 < r.ttl("k") <= 100)
        self.assertTrue(r.set("k", 3, keepttl=True))
        self.assertTrue(90 < r.ttl("k") <= 100)
        self.assertEqual(r.set("k", 4, get=True), b"3")
        self.assertEqual(r.ttl("k"), -1)
        self.assertTrue(r.set("k", 5, px=100000))
        self.assertTrue(99000 < r.pttl("k") <= 100000)
        at = int(time.time()) + 500
        self.assertTrue(r.set("k", 6, exat=at))
        self.assertEqual(r.expiretime("k"), at)
        self.assertTrue(r.set("k", 6, pxat=at * 1000 + 1))
        self.assertEqual(r.pexpiretime("k"), at * 1000 + 1)
        self.assertIsNone(r.set("new", 1, nx=True, get=True))
        self.error("invalid expire time in 'set' command", r.set, "k", 1, ex=0)
        self.error("syntax error", r.execute_command, "SET", "k", "v", "EX", "1", "PX", "1")
        self.error("syntax error", r.execute_command, "SET", "k", "v", "NX", "XX")
        self.error("not an integer", r.execute_command, "SET", "k", "v", "EX", "soon")

    def test_several(self):
        r = self.r
        self.assertTrue(r.mset({"a": 1, "b": 2}))
        self.assertEqual(r.mget("a", "none", "b"), [b"1", None, b"2"])
        self.assertFalse(r.msetnx({"b": 3, "c": 4}))
        self.assertTrue(r.msetnx({"c": 4, "d": 5}))
        self.error("wrong number of arguments for 'mset'", r.execute_command, "MSET", "a", "1", "b")

    def test_getters(self):
        r = self.r
        r.set("k", "v")
        self.assertEqual(r.getset("k", "w"), b"v")
        self.assertEqual(r.getex("k", ex=50), b"w")
        self.assertTrue(40 < r.ttl("k") <= 50)
        self.assertEqual(r.getex("k", persist=True), b"w")
        self.assertEqual(r.ttl("k"), -1)
        self.assertEqual(r.getdel("k"), b"w")
        self.assertIsNone(r.getdel("k"))
        self.assertTrue(r.setex("k", 10, "x"))
        self.assertTrue(r.psetex("k", 10000, "x"))
        self.assertTrue(r.setnx("n", 1))
        self.assertFalse(r.setnx("n", 1))

    def test_parts(self):
        r = self.r
        self.assertEqual(r.append("k", "Hello "), 6)
        self.assertEqual(r.append("k", "World"), 11)
        self.assertEqual(r.strlen("k"), 11)
        self.assertEqual(r.getrange("k", 0, 4), b"Hello")
        self.assertEqual(r.getrange("k", -5, -1), b"World")
        self.assertEqual(r.getrange("k", 5, 2), b"")
        self.assertEqual(r.substr("k", 0, 1), b"He")
        self.assertEqual(r.setrange("k", 6, "Redis"), 11)
        self.assertEqual(r.get("k"), b"Hello Redis")
        self.assertEqual(r.setrange("pad", 3, "x"), 4)
        self.assertEqual(r.get("pad"), b"\0\0\0x")
        self.error("string exceeds maximum allowed size", r.setrange, "k", 536870912, "x")
        self.error("offset is out of range", r.setrange, "k", -1, "x")

    def test_numbers(self):
        r = self.r
        self.assertEqual(r.incr("n"), 1)
        self.assertEqual(r.incrby("n", 41), 42)
        self.assertEqual(r.decr("n"), 41)
        self.assertEqual(r.decrby("n", 1), 40)
        self.assertEqual(r.incrbyfloat("n", 0.5), 40.5)
        self.assertEqual(r.get("n"), b"40.5")
        self.error("not an integer or out of range", r.incr, "n")
        r.set("n", 2 ** 63 - 1)
        self.error("increment or decrement would overflow", r.incr, "n")
        self.error("decrement would overflow", r.decrby, "n", -2 ** 63)
        r.set("s", "abc")
        self.error("not a valid float", r.incrbyfloat, "s", 1)
        r.set("f", "3.0e3")
        self.assertEqual(r.execute_command("INCRBYFLOAT", "f", "200"), 3200.0)

    def test_lcs(self):
        r = self.r
        r.mset({"a": "ohmytext", "b": "mynewtext"})
        self.assertEqual(r.lcs("a", "b"), b"mytext")
        self.assertEqual(r.lcs("a", "b", len=True), 6)
        got = r.lcs("a", "b", idx=True, minmatchlen=4, withmatchlen=True)
        got = got if isinstance(got, dict) else dict(zip(got[::2], got[1::2]))
        self.assertEqual(got, {b"matches": [[[4, 7], [5, 8], 4]], b"len": 6})

    def test_encodings(self):
        r = self.r
        for v, e in ((12, b"int"), (2 ** 63 - 1, b"int"), (2 ** 63, b"embstr"), ("a" * 44, b"embstr"), ("a" * 45, b"raw"), ("012", b"embstr")):
            r.set("k", v)
            self.assertEqual(r.object("encoding", "k"), e, v)
        r.append("k", "x")
        self.assertEqual(r.object("encoding", "k"), b"raw")


class Keys(Case):
    def test_basics(self):
        r = self.r
        r.mset({"a": 1, "b": 2, "c": 3})
        self.assertEqual(r.exists("a", "a", "none"), 2)
        self.assertEqual(r.delete("a", "none"), 1)
        self.assertEqual(r.unlink("b", "b"), 1)
        self.assertEqual(r.touch("c", "none"), 1)
        self.assertEqual(r.type("c"), b"string")
        self.assertEqual(r.type("none"), b"none")
        self.assertEqual(r.dbsize(), 1)
        self.assertEqual(r.randomkey(), b"c")
        self.assertEqual(r.keys("?"), [b"c"])
        r.flushdb()
        self.assertIsNone(r.randomkey())

    def test_patterns(self):
        r = self.r
        r.mset({k: 1 for k in ("hello", "hallo", "hxllo", "hllo", "heeeello", "h*llo", "h^llo")})
        for p, want in (("h?llo", 5), ("h*llo", 7), ("h[ae]llo", 2), ("h[^e]llo", 4), ("h[a-b]llo", 1), ("h\\*llo", 1), ("*", 7), ("x*", 0)):
            self.assertEqual(len(r.keys(p)), want, p)

    def test_rename_copy_move(self):
        r = self.r
        r.set("a", 1, ex=100)
        self.assertTrue(r.rename("a", "b"))
        self.assertTrue(r.ttl("b") > 90)
        r.set("c", 2)
        self.assertFalse(r.renamenx("b", "c"))
        self.assertTrue(r.renamenx("b", "d"))
        self.error("no such key", r.rename, "none", "x")
        self.assertTrue(r.copy("d", "e"))
        self.assertFalse(r.copy("c", "e"))
        self.assertTrue(r.copy("c", "e", replace=True))
        self.assertEqual(r.get("e"), b"2")
        self.assertTrue(r.copy("c", "c", destination_db=3))
        self.assertTrue(r.move("c", 4))
        self.assertEqual(self.client(db=3).get("c"), b"2")
        self.assertEqual(self.client(db=4).get("c"), b"2")
        self.assertFalse(r.move("none", 4))
        self.error("DB index is out of range", r.move, "d", 99)

    def test_expiry(self):
        r = self.r
        r.set("k", 1)
        self.assertEqual(r.ttl("k"), -1)
        self.assertEqual(r.ttl("none"), -2)
        self.assertEqual(r.pttl("none"), -2)
        self.assertTrue(r.expire("k", 100))
        self.assertFalse(r.expire("k", 200, nx=True))
        self.assertFalse(r.expire("k", 50, gt=True))
        self.assertTrue(r.expire("k", 50, lt=True))
        self.assertTrue(r.expire("k", 60, xx=True))
        self.assertTrue(r.persist("k"))
        self.assertFalse(r.persist("k"))
        self.assertFalse(r.expire("k", 1, gt=True))
        self.assertTrue(r.pexpire("k", 50))
        self.assertEqual(r.get("k"), b"1")
        time.sleep(0.08)
        self.assertIsNone(r.get("k"))
        self.assertEqual(r.exists("k"), 0)
        r.set("k", 1)
        at = int(time.time()) + 1000
        self.assertTrue(r.expireat("k", at))
        self.assertEqual(r.expiretime("k"), at)
        self.assertTrue(r.pexpireat("k", at * 1000 + 7))
        self.assertEqual(r.pexpiretime("k"), at * 1000 + 7)
        self.assertEqual(r.expiretime("none"), -2)
        self.assertTrue(r.expire("k", -1))
        self.assertEqual(r.exists("k"), 0)
        self.error("invalid expire time in 'expire' command", r.execute_command, "EXPIRE", r.set("k", 1) and "k", 2 ** 62)
        self.error("NX and XX, GT or LT options at the same time are not compatible", r.execute_command, "EXPIRE", "k", 1, "NX", "XX")

    def test_expired_keys_go_away_by_themselves(self):
        r = self.r
        p = r.pipeline(transaction=False)
        for i in range(1000):
            p.set("e:%d" % i, i, px=50)
        p.set("stay", 1)
        p.execute()
        ts.wait_until(lambda: r.dbsize() == 1, 10, "expired keys removed without being read")
        self.assertGreaterEqual(r.info("stats")["expired_keys"], 1000)

    def test_scan(self):
        r = self.r
        p = r.pipeline(transaction=False)
        for i in range(3000):
            p.set("key:%d" % i, i)
        p.execute()
        self.assertEqual(sorted(set(r.scan_iter(count=100))), sorted(b"key:%d" % i for i in range(3000)))
        self.assertEqual(len(set(r.scan_iter(match="key:12*"))), 111)
        self.assertEqual(len(set(r.scan_iter(_type="string", count=1000))), 3000)
        self.assertEqual(list(r.scan_iter(_type="hash", count=1000)), [])
        cursor, keys = r.scan(0, count=5000)
        self.assertEqual((cursor, len(set(keys))), (0, 3000))
        self.error("invalid cursor", r.execute_command, "SCAN", "x")
        self.error("syntax error", r.execute_command, "SCAN", "0", "COUNT", "0")

    def test_scan_while_it_changes(self):
        r = self.r
        r.mset({"stay:%d" % i: 1 for i in range(500)})
        seen, n, cursor = set(), 0, None
        while cursor != 0:
            cursor, keys = r.scan(cursor or 0, count=20)
            seen.update(keys)
            r.mset({"new:%d:%d" % (n, i): 1 for i in range(30)})
            r.delete(*("new:%d:%d" % (n - 1, i) for i in range(30)))
            n += 1
            self.assertLess(n, 5000)
        self.assertTrue(seen.issuperset({b"stay:%d" % i for i in range(500)}))

    def test_object(self):
        r = self.r
        r.set("k", "v")
        self.assertEqual(r.object("refcount", "k"), 1)
        self.assertEqual(r.object("idletime", "k"), 0)
        self.error("LFU maxmemory policy is not selected", r.object, "freq", "k")
        self.assertIsNone(r.object("encoding", "none"))
        self.assertTrue(r.execute_command("OBJECT", "HELP"))

    def test_databases(self):
        r = self.r
        r.set("k", "zero")
        self.client(db=5).set("k", "five")
        self.assertTrue(r.swapdb(0, 5))
        self.assertEqual(r.get("k"), b"five")
        self.error("DB index is out of range", r.execute_command, "SELECT", 99)
        self.client(db=5).flushdb()
        self.assertEqual(self.client(db=5).dbsize(), 0)
        self.assertEqual(r.dbsize(), 1)
        r.flushall(asynchronous=True)
        self.assertEqual(r.dbsize(), 0)

    def test_wait(self):
        self.assertEqual(self.r.wait(0, 10), 0)
        t = time.monotonic()
        self.assertEqual(self.r.wait(1, 100), 0)
        self.assertGreater(time.monotonic() - t, 0.09)


class Bits(Case):
    def test_bits(self):
        r = self.r
        self.assertEqual(r.setbit("k", 7, 1), 0)
        self.assertEqual(r.setbit("k", 7, 0), 1)
        self.assertEqual(r.getbit("k", 100), 0)
        r.set("k", "foobar")
        self.assertEqual(r.bitcount("k"), 26)
        self.assertEqual(r.bitcount("k", 1, 1), 6)
        self.assertEqual(r.bitcount("k", 5, 30, "BIT"), 17)
        r.set("k", b"\xff\xf0\x00")
        self.assertEqual(r.bitpos("k", 0), 12)
        self.assertEqual(r.bitpos("k", 1, 2), -1)
        self.assertEqual(r.bitpos("k", 0, 7, 15, "BIT"), 12)
        self.assertEqual(r.bitpos("none", 0), 0)
        self.assertEqual(r.bitpos("none", 1), -1)
        self.error("bit is not an integer or out of range", r.execute_command, "SETBIT", "k", 1, 2)
        self.error("bit offset is not an integer or out of range", r.setbit, "k", 2 ** 32, 1)

    def test_bitop(self):
        r = self.r
        r.mset({"a": b"\xff\x0f", "b": b"\x0f"})
        self.assertEqual(r.bitop("AND", "d", "a", "b"), 2)
        self.assertEqual(r.get("d"), b"\x0f\x00")
        r.bitop("OR", "d", "a", "b")
        self.assertEqual(r.get("d"), b"\xff\x0f")
        r.bitop("XOR", "d", "a", "b")
        self.assertEqual(r.get("d"), b"\xf0\x0f")
        r.bitop("NOT", "d", "a")
        self.assertEqual(r.get("d"), b"\x00\xf0")
        self.assertEqual(r.bitop("AND", "d", "none1", "none2"), 0)
        self.assertEqual(r.exists("d"), 0)
        self.error("BITOP NOT must be called with a single source key", r.bitop, "NOT", "d", "a", "b")

    def test_bitfield(self):
        r = self.r
        b = r.bitfield("k", default_overflow="WRAP")
        self.assertEqual(b.set("u8", 0, 255).get("u8", 0).incrby("u8", 0, 2).execute(), [0, 255, 1])
        self.assertEqual(r.bitfield("k").set("u8", "#1", 7).get("i8", 8).execute(), [0, 7])
        self.assertEqual(r.bitfield("k").overflow("SAT").incrby("u8", 0, 300).execute(), [255])
        self.assertEqual(r.bitfield("k").overflow("FAIL").incrby("u8", 0, 1).execute(), [None])
        self.assertEqual(r.bitfield_ro("k", "u8", 0, [("u4", 0)]), [255, 15])
        self.error("Invalid bitfield type", r.execute_command, "BITFIELD", "k", "GET", "u64", 0)
        self.error("BITFIELD_RO only supports the GET subcommand", r.execute_command, "BITFIELD_RO", "k", "SET", "u8", 0, 1)


class Transactions(Case):
    def test_pipeline(self):
        p = self.r.pipeline()
        p.set("a", 1).incr("a").get("a").incr("b")
        self.assertEqual(p.execute(), [True, 2, b"2", 1])
        p = self.r.pipeline(transaction=False)
        for i in range(10000):
            p.incr("n")
        self.assertEqual(p.execute(), list(range(1, 10001)))

    def test_errors_inside(self):
        p = self.r.pipeline()
        p.set("s", "x").incr("s").set("after", 1)
        got = p.execute(raise_on_error=False)
        self.assertIsInstance(got[1], redis.ResponseError)
        self.assertEqual(self.r.get("after"), b"1")

    def test_errors_while_queueing(self):
        r = self.r
        c = r.connection_pool.get_connection("_")
        try:
            def go(*a):
                c.send_command(*a)
                try:
                    return c.read_response()
                except redis.ResponseError as e:
                    return e
            self.assertEqual(go("MULTI"), b"OK")
            self.assertIn("MULTI calls can not be nested", str(go("MULTI")))
            self.assertIn("WATCH inside MULTI is not allowed", str(go("WATCH", "x")))
            self.assertEqual(go("SET", "x", 1), b"QUEUED")
            self.assertIsInstance(go("NOSUCH"), redis.ResponseError)
            self.assertIsInstance(go("EXEC"), redis.exceptions.ExecAbortError)
            self.assertIn("EXEC without MULTI", str(go("EXEC")))
            self.assertIn("DISCARD without MULTI", str(go("DISCARD")))
            go("MULTI")
            go("SET", "x", 1)
            self.assertEqual(go("DISCARD"), b"OK")
            self.assertIsNone(go("GET", "x"))
        finally:
            r.connection_pool.release(c)

    def test_watch(self):
        r = self.r
        for change in (lambda: r.set("w", 2), lambda: r.delete("w"), lambda: r.expire("w", 100), lambda: r.flushdb(),
                       lambda: r.append("w", "x"), lambda: r.rename("w", "v"), lambda: r.swapdb(0, 1)):
            r.flushall()
            r.set("w", 1)
            with r.pipeline() as p:
                p.watch("w")
                change()
                p.multi()
                p.set("done", 1)
                with self.assertRaises(redis.WatchError):
                    p.execute()
        r.flushall()
        with r.pipeline() as p:
            p.watch("w", "v")
            r.set("other", 1)
            p.multi()
            p.set("done", 1)
            self.assertEqual(p.execute(), [True])
        with r.pipeline() as p:
            p.watch("done")
            r.set("done", 2)
            p.unwatch()
            p.multi()
            p.get("done")
            self.assertEqual(p.execute(), [b"2"])

    def test_watched_key_expires(self):
        r = self.r
        r.set("w", 1, px=60)
        with r.pipeline() as p:
            p.watch("w")
            time.sleep(0.1)
            p.multi()
            p.ping()
            with self.assertRaises(redis.WatchError):
                p.execute()

    def test_many_clients_count_together(self):
        """Optimistic locking: nothing is lost, whatever the server does in parallel."""
        def plain(n):
            r = self.client()
            for _ in range(n):
                r.incr("plain")

        def locked(n):
            r = self.client()
            for _ in range(n):
                while True:
                    with r.pipeline() as p:
                        try:
                            p.watch("locked")
                            v = int(p.get("locked") or 0)
                            p.multi()
                            p.set("locked", v + 1)
                            p.execute()
                            break
                        except redis.WatchError:
                            pass

        def pair(n):
            r = self.client()
            for i in range(n):
                p = r.pipeline()
                p.incr("left").incr("right").mget("left", "right")
                a, b, (c, d) = p.execute()
                if not (a == b == int(c) == int(d)):
                    broken.append((a, b, c, d))
        broken = []
        th = [threading.Thread(target=f, args=(n,)) for f, n in ((plain, 500), (locked, 50), (pair, 300)) for _ in range(6)]
        for t in th:
            t.start()
        for t in th:
            t.join()
        self.assertEqual(broken, [])
        self.assertEqual(self.r.mget("plain", "locked", "left", "right"), [b"3000", b"300", b"1800", b"1800"])

    def test_transaction_helper(self):
        self.r.set("k", 10)

        def double(p):
            v = int(p.get("k"))
            p.multi()
            p.set("k", v * 2)
        self.assertEqual(self.r.transaction(double, "k"), [True])
        self.assertEqual(self.r.get("k"), b"20")


class Connections(Case):
    def test_names_and_ids(self):
        r = self.client(client_name="me", single_connection_client=True)
        self.assertIn(r.client_getname(), ("me", b"me"))
        self.assertTrue(r.client_setname("you"))
        info = r.client_info()
        self.assertEqual(info["name"], "you")
        self.assertEqual(int(info["id"]), r.client_id())
        self.assertEqual(info["cmd"], "client|info")
        self.assertEqual(info["user"], "default")
        self.assertEqual(int(info["resp"]), self.protocol)
        for f in ("addr", "laddr", "fd", "age", "idle", "flags", "db", "sub", "psub", "ssub", "multi", "qbuf", "qbuf-free",
                  "argv-mem", "multi-mem", "rbs", "rbp", "obl", "oll", "omem", "tot-mem", "events", "redir"):
            self.assertIn(f, info)
        self.error("Client names cannot contain spaces", r.client_setname, "a b")
        self.assertIn("you", [c["name"] for c in self.r.client_list()])
        self.assertEqual([c["name"] for c in self.r.client_list(client_id=[str(r.client_id())])], ["you"])
        self.assertEqual(self.r.client_list(_type="pubsub"), [])

    def test_kill(self):
        a = self.client(single_connection_client=True)
        i = a.client_id()
        self.assertEqual(self.r.client_kill_filter(_id=i), 1)
        self.assertNotIn(str(i), [c["id"] for c in self.r.client_list()])
        self.assertEqual(self.r.client_kill_filter(_id=i), 0)
        self.error("No such client", self.r.client_kill, "1.2.3.4:5")
        b = self.client(single_connection_client=True)
        b.client_setname("b")
        addr = [c["addr"] for c in self.r.client_list() if c["name"] == "b"][0]
        self.assertTrue(self.r.client_kill(addr))

    def test_pause(self):
        other = self.client()
        other.ping()
        self.assertTrue(self.r.client_pause(300))
        t = time.monotonic()
        other.get("x")
        self.assertGreater(time.monotonic() - t, 0.2)
        self.assertTrue(self.r.client_pause(5000, all=False))
        t = time.monotonic()
        other.get("x")
        self.assertLess(time.monotonic() - t, 1)
        th = threading.Timer(0.2, lambda: self.client().client_unpause())
        th.start()
        other.set("x", 1)
        th.join()
        took = time.monotonic() - t
        self.assertTrue(0.15 < took < 3, took)

    def test_unblock(self):
        self.assertEqual(self.r.client_unblock(self.r.client_id()), 0)
        other = self.client(single_connection_client=True)
        i = other.client_id()
        got = []
        th = threading.Thread(target=lambda: got.append(other.wait(1, 0)))
        th.start()
        ts.wait_until(lambda: self.r.info("clients")["blocked_clients"] == 1, 5, "a blocked client")
        self.assertEqual(self.r.client_unblock(i), 1)
        th.join(10)
        self.assertEqual(got, [0])

    def test_small_ones(self):
        r = self.r
        self.assertTrue(r.ping())
        self.assertEqual(r.echo("hi"), b"hi")
        self.assertIn(r.execute_command("CLIENT NO-EVICT", "ON"), (True, b"OK"))
        self.assertTrue(r.client_trackinginfo())
        self.error("syntax error", r.execute_command, "CLIENT", "NO-EVICT", "MAYBE")
        self.assertIn(r.execute_command("RESET"), ("RESET", b"RESET"))

    def test_pool(self):
        pool = redis.ConnectionPool(port=self.server.port, max_connections=20, protocol=self.protocol)
        r = redis.Redis(connection_pool=pool)

        def work(i):
            for j in range(100):
                r.set("p:%d:%d" % (i, j), j)
                if r.get("p:%d:%d" % (i, j)) != str(j).encode():
                    bad.append((i, j))
        bad = []
        th = [threading.Thread(target=work, args=(i,)) for i in range(15)]
        for t in th:
            t.start()
        for t in th:
            t.join()
        self.assertEqual((bad, r.dbsize()), ([], 1500))
        pool.disconnect()

    def test_url(self):
        r = redis.Redis.from_url("redis://127.0.0.1:%d/7?protocol=%d" % (self.server.port, self.protocol))
        r.set("k", 1)
        self.assertEqual(self.client(db=7).get("k"), b"1")
        r.close()

    def test_monitor_free_reconnect(self):
        r = self.client(single_connection_client=True)
        r.ping()
        self.r.client_kill_filter(_id=r.client_id())
        try:
            r.ping()
        except redis.ConnectionError:
            pass
        self.assertTrue(r.ping())


class Administration(Case):
    def test_config(self):
        r = self.r
        self.assertEqual(r.config_get("maxmemory")["maxmemory"], "0")
        self.assertTrue(r.config_set("maxmemory", "100mb"))
        self.assertEqual(r.config_get("maxmemory")["maxmemory"], str(100 << 20))
        r.config_set("maxmemory", 0)
        both = r.config_get("timeout", "databases")
        self.assertEqual(both, {"timeout": "0", "databases": "16"})
        self.assertGreaterEqual(set(r.config_get("slowlog*")), {"slowlog-log-slower-than", "slowlog-max-len"})
        self.error("Unknown option or number of arguments for CONFIG SET - 'nosuch'", r.config_set, "nosuch", 1)
        self.error("CONFIG SET failed", r.config_set, "timeout", "x")
        self.assertTrue(r.config_resetstat())

    def test_info(self):
        r = self.r
        r.set("k", 1, ex=100)
        i = r.info()
        self.assertEqual(i["redis_version"], "7.0.15")
        self.assertEqual(i["role"], "master")
        self.assertEqual(i["tcp_port"], self.server.port)
        self.assertEqual(i["db0"]["keys"], 1)
        self.assertEqual(i["db0"]["expires"], 1)
        self.assertGreater(i["used_memory"], 10000)
        self.assertEqual(i["redis_mode"], "standalone")
        for f in ("uptime_in_seconds", "process_id", "run_id", "connected_clients", "maxclients", "used_memory_human",
                  "used_memory_peak", "maxmemory_policy", "mem_fragmentation_ratio", "total_connections_received",
                  "total_commands_processed", "instantaneous_ops_per_sec", "total_net_input_bytes", "keyspace_hits",
                  "keyspace_misses", "evicted_keys", "expired_keys", "loading", "rdb_last_save_time", "connected_slaves",
                  "used_cpu_sys", "cluster_enabled", "blocked_clients", "lazyfree_pending_objects"):
            self.assertIn(f, i)
        self.assertNotIn("used_memory", r.info("server"))
        r.config_resetstat()
        r.get("k")
        r.get("none")
        i = r.info("stats")
        self.assertEqual((i["keyspace_hits"], i["keyspace_misses"]), (1, 1))
        self.assertEqual(r.info("commandstats")["cmdstat_get"]["calls"], 2)
        self.assertIn("errorstat_ERR", (self._err(), r.info("errorstats"))[1])
        self.assertIn("latency_percentiles_usec_get", r.info("latencystats"))
        self.assertIn("cmdstat_get", r.info("everything"))

    def _err(self):
        self.error("unknown command", self.r.execute_command, "NOSUCH")

    def test_slowlog(self):
        r = self.r
        before = r.config_get("slowlog-log-slower-than")["slowlog-log-slower-than"]
        r.config_set("slowlog-log-slower-than", 0)
        r.slowlog_reset()
        r.set("slow", "x" * 200)
        got = [e for e in r.slowlog_get(10) if e["command"].startswith(b"SET")]
        self.assertEqual(len(got), 1)
        self.assertIn(b"... (72 more bytes)", got[0]["command"])
        self.assertGreater(r.slowlog_len(), 0)
        r.config_set("slowlog-log-slower-than", before)
        r.slowlog_reset()
        self.assertEqual((r.slowlog_len(), r.slowlog_get()), (0, []))

    def test_latency(self):
        r = self.r
        r.config_set("latency-monitor-threshold", 20)
        r.execute_command("DEBUG", "SLEEP", "0.05")
        latest = r.latency_latest()
        self.assertEqual(latest[0][0], b"command")
        self.assertGreaterEqual(latest[0][2], 45)
        self.assertEqual(len(r.latency_history("command")), 1)
        self.assertEqual(r.latency_reset(), 1)
        r.config_set("latency-monitor-threshold", 0)
        self.assertTrue(r.execute_command("LATENCY", "HISTOGRAM"))

    def test_command(self):
        r = self.r
        self.assertGreater(r.command_count(), 50)
        c = r.command()
        self.assertEqual(c["get"]["arity"], 2)
        self.assertIn("readonly", c["get"]["flags"])
        self.assertEqual((c["set"]["first_key_pos"], c["set"]["last_key_pos"], c["set"]["step_count"]), (1, 1, 1))
        self.assertEqual([k if isinstance(k, bytes) else k.encode() for k in r.command_getkeys("MSET", "a", "1", "b", "2")], [b"a", b"b"])
        self.assertIn(b"get", [x.lower() if isinstance(x, bytes) else x.encode() for x in r.command_list()])
        self.assertTrue(r.execute_command("COMMAND DOCS", "get"))

    def test_memory_time_and_so_on(self):
        r = self.r
        r.set("k", "x" * 1000)
        self.assertTrue(1000 < r.memory_usage("k") < 2000)
        self.assertIsNone(r.memory_usage("none"))
        self.assertIn("peak.allocated", r.memory_stats())
        t = r.time()
        self.assertLess(abs(t[0] - time.time()), 5)
        self.assertEqual(r.role()[0], b"master")
        self.assertIn("7.0.15", str(r.lolwut()))
        r.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        r.set("e", 1, px=1)
        time.sleep(0.3)
        self.assertEqual(r.dbsize(), 2)
        self.assertIsNone(r.get("e"))
        self.assertEqual(r.dbsize(), 1)
        r.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", 1)
        self.assertIn("encoding:raw", str(r.execute_command("DEBUG", "OBJECT", "k")))


class Password(Case):
    words = ("--requirepass", "secret")

    def client(self, **kw):
        kw.setdefault("password", "secret")
        return super().client(**kw)

    def test_auth(self):
        self.assertTrue(self.r.ping())
        self.assertTrue(self.client(username="default").ping())
        with self.assertRaises(redis.AuthenticationError):
            self.client(password="wrong").ping()
        with self.assertRaises(redis.AuthenticationError):
            self.client(password=None).ping()


def resp3(cls):
    return type(cls.__name__ + "Resp3", (cls,), {"protocol": 3})


StringsResp3, KeysResp3, BitsResp3 = resp3(Strings), resp3(Keys), resp3(Bits)
TransactionsResp3, ConnectionsResp3, AdministrationResp3 = resp3(Transactions), resp3(Connections), resp3(Administration)
PasswordResp3 = resp3(Password)


class Asyncio(Case):
    def run_async(self, f):
        async def go():
            r = redis.asyncio.Redis(port=self.server.port, protocol=self.protocol, socket_timeout=20,
                                    max_connections=500)
            try:
                await asyncio.wait_for(f(r), 60)
            finally:
                await r.aclose()
        asyncio.run(go())

    def test_basics(self):
        async def f(r):
            self.assertTrue(await r.set("k", "v", ex=50))
            self.assertEqual(await r.get("k"), b"v")
            self.assertTrue(await r.ttl("k") > 40)
            self.assertEqual([k async for k in r.scan_iter("k*")], [b"k"])
            self.assertEqual((await r.info("server"))["redis_version"], "7.0.15")
        self.run_async(f)

    def test_gather(self):
        async def f(r):
            await asyncio.gather(*(r.set("k:%d" % i, i) for i in range(300)))
            got = await asyncio.gather(*(r.get("k:%d" % i) for i in range(300)))
            self.assertEqual(got, [str(i).encode() for i in range(300)])
            self.assertEqual(sorted(await asyncio.gather(*(r.incr("n") for _ in range(200)))), list(range(1, 201)))
        self.run_async(f)

    def test_pipeline_and_watch(self):
        async def f(r):
            async with r.pipeline(transaction=True) as p:
                self.assertEqual(await p.set("a", 1).incr("a").execute(), [True, 2])
            async with r.pipeline() as p:
                await p.watch("a")
                await r.set("a", 5)
                p.multi()
                p.incr("a")
                with self.assertRaises(redis.WatchError):
                    await p.execute()
            async with r.pipeline(transaction=False) as p:
                for _ in range(5000):
                    p.incr("n")
                self.assertEqual(await p.execute(), list(range(1, 5001)))
        self.run_async(f)


AsyncioResp3 = resp3(Asyncio)

if __name__ == "__main__":
    unittest.main()
