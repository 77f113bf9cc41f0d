"""MIGRATE between this server and redis-server 7.0.15, both ways; and to peers that do not answer."""
import shutil
import socket
import threading
import time
import unittest

import lib
import testserver as ts


class Migrate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("redis-server"):
            raise unittest.SkipTest("needs redis-server 7.0.15 beside the server under test")
        cls.ours = ts.start()
        cls.theirs = lib.Server(lib.reference_template()).start()

    @classmethod
    def tearDownClass(cls):
        cls.ours.stop()
        cls.theirs.stop()

    def setUp(self):
        self.us, self.redis = ts.Conn(self.ours, 30), ts.Conn(self.theirs, 30)
        for c in (self.us, self.redis):
            self.addCleanup(c.close)
            c("FLUSHALL")
            c("CONFIG", "SET", "requirepass", "")

    def move(self, key, *options, db=0, timeout=5000):
        return self.us("MIGRATE", "127.0.0.1", self.theirs.port, key, db, timeout, *options)

    def test_moves_a_key(self):
        self.us("HSET", "k", "f", "v", "g", "1")
        self.us("PEXPIRE", "k", 100000)
        self.assertEqual(self.move("k", db=3), "OK")
        self.assertEqual(self.us("EXISTS", "k"), 0)
        self.redis("SELECT", 3)
        self.assertEqual(self.redis("HGETALL", "k"), [b"f", b"v", b"g", b"1"])
        self.assertTrue(90000 < self.redis("PTTL", "k") <= 100000)

    def test_from_redis(self):
        self.redis("SADD", "k", *range(100), "x")
        self.assertEqual(self.redis("MIGRATE", "127.0.0.1", self.ours.port, "k", 2, 5000), "OK")
        self.assertEqual(self.redis("EXISTS", "k"), 0)
        self.us("SELECT", 2)
        self.assertEqual(self.us("SCARD", "k"), 101)

    def test_nothing_to_move(self):
        self.assertEqual(self.move("none"), "NOKEY")
        self.assertEqual(self.move("", "KEYS", "a", "b"), "NOKEY")

    def test_copy_and_replace(self):
        self.us("SET", "k", "new")
        self.redis("SET", "k", "old")
        self.assertEqual(self.move("k"), "ERR Target instance replied with error: BUSYKEY Target key name already exists.")
        self.assertEqual(self.us("GET", "k"), b"new")
        self.assertEqual(self.move("k", "COPY", "REPLACE"), "OK")
        self.assertEqual(self.us("GET", "k"), b"new")
        self.assertEqual(self.redis("GET", "k"), b"new")
        self.assertEqual(self.move("k", "replace"), "OK")
        self.assertIsNone(self.us("GET", "k"))

    def test_many_keys(self):
        for i in range(100):
            self.us("SET", "k%d" % i, "v%d" % i)
        self.redis("SET", "k5", "old")
        reply = self.move("", "KEYS", *["k%d" % i for i in range(0, 200)])
        self.assertTrue(reply.startswith("ERR Target instance replied with error: BUSYKEY"), reply)
        self.assertEqual(self.us("KEYS", "*"), [b"k5"])
        self.assertEqual(self.redis("DBSIZE"), 100)
        self.assertEqual(self.redis("GET", "k99"), b"v99")

    def test_a_large_value(self):
        self.us("SET", "k", b"abc" * 5000000)
        self.assertEqual(self.move("k"), "OK")
        self.assertEqual(self.redis("STRLEN", "k"), 15000000)

    def test_passwords(self):
        self.us("SET", "k", "v")
        self.redis("CONFIG", "SET", "requirepass", "secret")
        self.addCleanup(lambda: self.redis("CONFIG", "SET", "requirepass", ""))
        self.assertIn("NOAUTH", self.move("k"))
        self.assertIn("WRONGPASS", self.move("k", "AUTH", "wrong"))
        self.assertEqual(self.us("GET", "k"), b"v")
        self.assertEqual(self.move("k", "AUTH", "secret"), "OK")
        self.us("SET", "k2", "v")
        self.assertEqual(self.move("k2", "COPY", "AUTH2", "default", "secret"), "OK")
        self.us("CONFIG", "SET", "slowlog-log-slower-than", 0)
        self.move("k2", "REPLACE", "AUTH2", "default", "secret")
        self.us("CONFIG", "SET", "slowlog-log-slower-than", 10000)
        shown = [e[3] for e in self.us("SLOWLOG", "GET", 10) if e[3][0].upper() == b"MIGRATE"][0]
        self.assertEqual(shown[6:], [b"REPLACE", b"AUTH2", b"(redacted)", b"(redacted)"])

    def test_words_that_are_wrong(self):
        self.assertEqual(self.us("MIGRATE", "h", 1, "k", 0, "x"), "ERR value is not an integer or out of range")
        self.assertEqual(self.move("k", "BAD"), "ERR syntax error")
        self.assertEqual(self.move("k", "AUTH"), "ERR syntax error")
        self.assertEqual(self.move("k", "KEYS", "a"), "ERR When using MIGRATE KEYS option, the key argument must be "
                                                       "set to the empty string")

    def test_nobody_there(self):
        self.us("SET", "k", "v")
        reply = self.us("MIGRATE", "127.0.0.1", lib.free_port(), "k", 0, 1000)
        self.assertEqual(reply, "IOERR error or timeout connecting to the client")
        self.assertEqual(self.us("GET", "k"), b"v")

    def test_a_peer_that_does_not_answer(self):
        """The client waits; others do not, and may change the key meanwhile."""
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen()
            self.us("SET", "k", "v")
            start = time.monotonic()
            self.us.send(ts.pack("MIGRATE", "127.0.0.1", deaf.getsockname()[1], "k", 0, 1500) + ts.pack("PING"))
            with ts.Conn(self.ours) as other:
                for i in range(100):
                    at = time.monotonic()
                    other("SET", "k", i)
                    self.assertLess(time.monotonic() - at, 0.5)
            self.assertEqual(self.us.reply(), "IOERR error or timeout reading to target instance")
            self.assertTrue(1.4 < time.monotonic() - start < 5)
            self.assertEqual(self.us.reply(), "PONG")
            self.assertEqual(self.us("GET", "k"), b"99")

    def test_a_key_that_changes_on_the_way_is_sent_again(self):
        stop = threading.Event()
        top = [0]

        def count():
            with ts.Conn(self.ours) as other:
                while not stop.is_set():
                    top[0] = other("INCR", "k")
                    time.sleep(0.002)
        self.us("SET", "k", 0)
        thread = threading.Thread(target=count)
        thread.start()
        moved = 0
        for _ in range(50):
            reply = self.move("k", "REPLACE")
            if reply == "OK":
                # What counts on begins at one again, or has not yet: nothing that was counted is lost.
                moved += int(self.redis("GETDEL", "k") or 0)
        stop.set()
        thread.join()
        left = int(self.us("GET", "k") or 0)
        self.assertGreater(moved, 0)
        self.total(moved + left)

    def total(self, sum_of_all):
        """Every INCR has been counted exactly once: the statistics know how many there were."""
        info = self.us("INFO", "commandstats").decode()
        line = next(x for x in info.split("\r\n") if x.startswith("cmdstat_incr:"))
        self.assertEqual(sum_of_all, int(line.split("calls=")[1].split(",")[0]))

    def test_clients_that_go_away(self):
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen()
            self.us("SET", "k", "v")
            for _ in range(20):
                with ts.Conn(self.ours) as gone:
                    gone.send(ts.pack("MIGRATE", "127.0.0.1", deaf.getsockname()[1], "k", 0, 300))
                    time.sleep(0.01)
            time.sleep(0.6)
        self.assertEqual(self.us("GET", "k"), b"v")

    def test_in_a_transaction(self):
        if ts.REFERENCE:
            self.skipTest("Redis stops meanwhile")
        self.us("SET", "k", "v")
        self.us("MULTI")
        self.move("k")
        self.assertIn("MIGRATE waits for another server", self.us("EXEC")[0])


if __name__ == "__main__":
    unittest.main()
