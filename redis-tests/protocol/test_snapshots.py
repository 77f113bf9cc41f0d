"""SAVE, BGSAVE and what is read at the start: Redis' own RDB file, both ways between the two servers."""
import os
import random
import shutil
import signal
import struct
import threading
import time
import unittest

import lib
import testserver as ts
from test_persistence import commands, facts
from testserver import Closed, Conn, Err, pack

LIBRARY = "#!lua name=lib%d\nredis.register_function('f%d', function(keys, args) return %d end)"


class Case(ts.ServerCase):
    def fill(self, c, seed, count=1500):
        """Random values of all types in three databases, some with deadlines, and functions."""
        stream = commands(random.Random(seed))
        batch = [next(stream) for _ in range(count)]
        for i in range(0, len(batch), 50):
            c.send(b"".join(pack(*words) for words in batch[i:i + 50]))
            for _ in batch[i:i + 50]:
                c.reply()
        c("DISCARD")
        c("SELECT", 0)
        c("HSET", "wide", *range(3000))
        c("SADD", "many", *("member:%d" % i for i in range(700)))
        c("ZADD", "scores", *(x for i in range(300) for x in (i / 7, "m%d" % i)))
        c("RPUSH", "elements", *("element %d" % i for i in range(5000)), "y" * 20000)
        for i in range(500):
            c("XADD", "events", "%d-1" % (i + 1), "field", i)
        c("XGROUP", "CREATE", "events", "group", 0)
        c("XREADGROUP", "GROUP", "group", "me", "COUNT", 20, "STREAMS", "events", ">")
        c("SET", "compressible", "abc" * 5000, "EX", 10000)
        for i in range(2):
            c("FUNCTION", "LOAD", "REPLACE", LIBRARY % (i, i, i))

    def all_facts(self, c):
        return facts(c) + sorted(map(repr, c("FUNCTION", "LIST", "WITHCODE"))) + [
            c("SELECT", 0), c("XINFO", "STREAM", "events"), c("XPENDING", "events", "group")]

    def info(self, c, field):
        for line in c("INFO", "persistence").decode().splitlines():
            if line.startswith(field + ":"):
                return line.split(":", 1)[1]

    def until(self, what, limit=10):
        end = time.monotonic() + limit
        while not what():
            self.assertLess(time.monotonic(), end, "this has not come about")
            time.sleep(0.02)

    def wait_for_child(self, c):
        self.until(lambda: self.info(c, "rdb_bgsave_in_progress") == "0")

    def dump(self, server):
        return os.path.join(server.dir, "dump.rdb")

    def settle(self, server):
        self.until(lambda: self.info(self.conn(server), "loading") == "0")


class RoundTrips(Case):
    def test_save_and_kill(self):
        for loops in (() if ts.REFERENCE else (("--io-threads", "1"), ("--io-threads", "2"))) or ((),):
            server = self.start(*loops)
            c = self.conn(server)
            self.fill(c, 1)
            for command in ("SAVE", "BGSAVE"):
                self.fill(c, 2)
                before = self.all_facts(c)
                self.assertGreater(len(before), 40)
                self.assertIn(c(command), ("OK", "Background saving started"))
                self.wait_for_child(c)
                self.assertEqual(self.info(c, "rdb_last_bgsave_status"), "ok")
                self.assertEqual(self.info(c, "rdb_changes_since_last_save"), "0")
                server.kill()
                server.resume()
                c = self.conn(server)
                self.assertEqual(self.all_facts(c), before)

    def between(self, writer, reader):
        first = self.start(command=writer)
        c = self.conn(first)
        self.fill(c, 3)
        self.assertEqual(c("SAVE"), "OK")
        before = self.all_facts(c)
        second = self.start(command=reader)
        second.kill()
        shutil.copy(self.dump(first), self.dump(second))
        second.resume()
        self.assertEqual(self.all_facts(self.conn(second)), before)

    def test_redis_reads_ours(self):
        if ts.REFERENCE:
            self.skipTest("it is the reference")
        self.between(ts.template(), lib.reference_template())

    def test_ours_reads_redis(self):
        if ts.REFERENCE:
            self.skipTest("it is the reference")
        self.between(lib.reference_template(), ts.template())

    def test_expired_keys_stay_away(self):
        server = self.start()
        c = self.conn(server)
        c("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        c("SET", "short", 1, "PX", 60)
        c("SET", "long", 1, "EX", 1000)
        c("SET", "stays", 1)
        c("SAVE")
        server.kill()
        time.sleep(0.1)
        server.resume()
        c = self.conn(server)
        self.assertEqual(sorted(c("KEYS", "*")), [b"long", b"stays"])
        self.assertEqual(self.info(c, "rdb_last_load_keys_expired"), "1")
        self.assertEqual(self.info(c, "rdb_last_load_keys_loaded"), "2")

    def test_use_of_keys(self):
        server = self.start("--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru")
        c = self.conn(server)
        c("SET", "k", 1)
        payload = c("DUMP", "k")
        c("RESTORE", "idle", 0, payload, "IDLETIME", 1000)
        c("SAVE")
        server.kill()
        server.resume()
        c = self.conn(server)
        self.assertIn(c("OBJECT", "IDLETIME", "idle"), range(1000, 1010))
        c("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
        c("RESTORE", "often", 0, payload, "FREQ", 200)
        c("SAVE")
        server.kill()
        server.extra[-1] = "allkeys-lfu"
        server.resume()
        self.assertEqual(self.conn(server)("OBJECT", "FREQ", "often"), 200)

    def test_one_moment(self):
        """Transactions over two keys go on while the file is written."""
        server = self.start()
        stop = threading.Event()

        def write(i):
            c = Conn(server)
            while not stop.is_set():
                c.send(pack("MULTI") + pack("INCR", "a%d" % i) + pack("INCR", "b%d" % i) + pack("EXEC"))
                for _ in range(4):
                    c.reply()
            c.close()

        c = self.conn(server)
        c("DEBUG", "POPULATE", 20000)
        threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for _ in range(4):
            time.sleep(0.1)
            self.assertEqual(c("BGSAVE"), "Background saving started")
            self.wait_for_child(c)
        stop.set()
        for t in threads:
            t.join()
        server.kill()
        server.resume()
        c = self.conn(server)
        for i in range(4):
            self.assertEqual(c("GET", "a%d" % i), c("GET", "b%d" % i))
            self.assertGreater(int(c("GET", "a%d" % i)), 10)


class Rules(Case):
    def test_save_points(self):
        server = self.start("--save", "1 2")
        c = self.conn(server)
        started = int(self.info(c, "rdb_last_save_time"))
        c("SET", "a", 1)
        time.sleep(2.5)
        self.assertFalse(os.path.exists(self.dump(server)))
        c("SET", "b", 1)
        c.close()
        self.until(lambda: os.path.exists(self.dump(server)))
        c = self.conn(server)
        self.wait_for_child(c)
        self.assertGreater(c("LASTSAVE"), started)
        self.assertEqual(self.info(c, "rdb_saves"), "1")
        self.assertEqual(self.info(c, "rdb_changes_since_last_save"), "0")

    def test_the_end_saves(self):
        server = self.start("--save", "900 1")
        c = self.conn(server)
        for how in ("terminate", "SHUTDOWN", "SHUTDOWN SAVE"):
            c("SET", "k", how)
            if how == "terminate":
                server.proc.terminate()
            else:
                c.send(pack(*how.split()))
            server.proc.wait(10)
            server.resume()
            c = self.conn(server)
            self.assertEqual(c("GET", "k"), how.encode())
        c("SET", "k", "lost")
        c.send(pack("SHUTDOWN", "NOSAVE"))
        server.proc.wait(10)
        server.resume()
        self.assertEqual(self.conn(server)("GET", "k"), b"SHUTDOWN SAVE")

    def test_writes_until_the_end_are_saved(self):
        server = self.start("--save", "900 1")
        told = [0] * 4

        def write(i):
            c = Conn(server)
            try:
                while True:
                    told[i] = c("INCR", "k%d" % i)
            except (Closed, OSError):
                c.close()

        threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        time.sleep(0.3)
        server.proc.terminate()
        server.proc.wait(10)
        for t in threads:
            t.join()
        server.resume()
        c = self.conn(server)
        for i in range(4):
            self.assertGreaterEqual(int(c("GET", "k%d" % i)), told[i])

    def test_flushall_empties_the_file(self):
        server = self.start("--save", "900 1")
        c = self.conn(server)
        c("SET", "k", 1)
        c("SAVE")
        size = os.path.getsize(self.dump(server))
        self.assertEqual(c("FLUSHALL"), "OK")
        self.assertLess(os.path.getsize(self.dump(server)), size)
        server.kill()
        server.resume()
        self.assertEqual(self.conn(server)("DBSIZE"), 0)

    def test_what_cannot_be_saved(self):
        server = self.start("--save", "900 1")
        c = self.conn(server)
        c("SET", "k", 1)
        folder = os.path.join(server.dir, "gone")
        os.mkdir(folder)
        c("CONFIG", "SET", "dir", folder)
        os.rmdir(folder)
        self.assertEqual(c("SAVE"), Err("ERR"))
        self.assertEqual(c("SHUTDOWN"), Err("ERR Errors trying to SHUTDOWN. Check logs."))
        self.assertEqual(c("SET", "k", 2), "OK")
        self.assertEqual(c("BGSAVE"), "Background saving started")
        self.until(lambda: self.info(c, "rdb_last_bgsave_status") == "err")
        refusal = Err(
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands "
            "that may modify the data set are disabled, because this instance is configured to report errors during "
            "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
            "details about the RDB error.")
        self.assertEqual(c("SET", "k", 3), refusal)
        self.assertEqual(c("PING"), refusal)
        self.assertEqual(c("EVAL", "return redis.call('get','k')", 0), b"2")
        self.assertEqual(c("EVAL", "return redis.call('set','k',3)", 0)[:44], refusal[:44])
        self.assertEqual(c("GET", "k"), b"2")
        server.proc.terminate()
        time.sleep(0.3)
        self.assertTrue(server.alive())
        c("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        self.assertEqual(c("SET", "k", 3), "OK")
        c("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
        c("CONFIG", "SET", "dir", server.dir)
        self.assertEqual(c("BGSAVE"), "Background saving started")
        self.until(lambda: self.info(c, "rdb_last_bgsave_status") == "ok")
        self.assertEqual(c("SET", "k", 4), "OK")

    def test_texts(self):
        server = self.start()
        c = self.conn(server)
        self.assertEqual(c("BGSAVE", "x"), Err("ERR syntax error"))
        self.assertEqual(c("BGSAVE", "SCHEDULE", "x"), Err("ERR syntax error"))
        self.assertEqual(c("BGREWRITEAOF"), "Background append only file rewriting started")
        self.until(lambda: self.info(c, "aof_rewrite_in_progress") == "0")
        c("MULTI")
        self.assertEqual(c("SAVE"), Err("ERR Command not allowed inside a transaction"))
        c("DISCARD")
        c("MULTI")
        c("BGSAVE")
        self.assertEqual(c("EXEC"), ["Background saving scheduled"])
        self.until(lambda: self.info(c, "rdb_saves") == "1")
        self.wait_for_child(c)
        c("SET", "k", 1)
        c("CONFIG", "SET", "rdb-key-save-delay", 10000000)
        self.assertEqual(c("BGSAVE"), "Background saving started")
        self.assertEqual(self.info(c, "rdb_bgsave_in_progress"), "1")
        for words in (("BGSAVE",), ("SAVE",), ("BGSAVE", "SCHEDULE")):
            self.assertEqual(c(*words), Err("ERR Background save already in progress"))
        # FLUSHALL has no use for what is being written.
        c("FLUSHALL")
        self.wait_for_child(c)
        self.assertEqual(self.info(c, "rdb_last_bgsave_status"), "ok")
        self.assertEqual([n for n in os.listdir(server.dir) if n.startswith("temp-")], [])
        self.assertEqual(c("SHUTDOWN", "ABORT"), Err("ERR No shutdown in progress."))
        self.assertEqual(c("SHUTDOWN", "SAVE", "NOSAVE"), Err("ERR syntax error"))
        self.assertEqual(c("DEBUG", "RELOAD", "x"), Err("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."))

    def test_a_child_that_is_killed(self):
        server = self.start("--save", "900 1")
        c = self.conn(server)
        c("SET", "k", 1)
        c("CONFIG", "SET", "rdb-key-save-delay", 10000000)
        for number, status in ((signal.SIGUSR1, "ok"), (signal.SIGKILL, "err")):
            self.assertEqual(c("BGSAVE"), "Background saving started")
            with open("/proc/%d/task/%d/children" % (server.proc.pid, server.proc.pid)) as f:
                children = f.read().split()
            for task in os.listdir("/proc/%d/task" % server.proc.pid):
                with open("/proc/%d/task/%s/children" % (server.proc.pid, task)) as f:
                    children += f.read().split()
            os.kill(int(children[-1]), number)
            self.wait_for_child(c)
            self.assertEqual(self.info(c, "rdb_last_bgsave_status"), status)
        self.assertRegex(c("SET", "k", 2), "^MISCONF")

    def test_reload(self):
        server = self.start()
        c = self.conn(server)
        self.fill(c, 4)
        before = self.all_facts(c)
        self.assertEqual(c("DEBUG", "RELOAD"), "OK")
        self.assertEqual(self.all_facts(c), before)
        c("SELECT", 0)
        c("DEL", "wide")
        c("SET", "new", 1)
        self.assertEqual(c("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE"), "OK")
        self.assertEqual((c("EXISTS", "wide"), c("GET", "new")), (1, b"1"))
        self.assertEqual(c("DEBUG", "RELOAD", "NOSAVE"), "OK")
        self.assertEqual(self.all_facts(c), before)


class Loading(Case):
    def test_clients_are_told(self):
        server = self.start()
        c = self.conn(server)
        c("DEBUG", "POPULATE", 3000, "key", 2000)
        c("SAVE")
        server.kill()
        server.extra += ["--key-load-delay", "300", "--loading-process-events-interval-bytes", "1024"]
        server.resume(loading=True)
        c = self.conn(server)
        told = Err("LOADING Redis is loading the dataset in memory")
        for words in (("GET", "key:1"), ("PING",), ("SET", "x", 1), ("DBSIZE",), ("EVAL", "return 1", 0), ("SAVE",)):
            self.assertEqual(c(*words), told)
        self.assertEqual(self.info(c, "loading"), "1")
        self.assertGreater(int(self.info(c, "loading_total_bytes")), 3000)
        self.assertLess(float(self.info(c, "loading_loaded_perc")), 100)
        self.assertEqual(c("CONFIG", "GET", "port")[0], b"port")
        c("MULTI")
        self.assertEqual(c("GET", "key:1"), told)
        self.assertEqual(c("EXEC"), Err("EXECABORT Transaction discarded because of previous errors."))
        self.until(lambda: self.info(c, "loading") == "0")
        self.until(lambda: c("PING") == "PONG")
        self.assertEqual(c("DBSIZE"), 3000)
        self.assertEqual(self.info(c, "rdb_last_load_keys_loaded"), "3000")
        self.assertEqual(c("SET", "x", 1), "OK")

    def test_the_end_comes_while_loading(self):
        server = self.start("--save", "900 1")
        c = self.conn(server)
        c("DEBUG", "POPULATE", 3000)
        c("SAVE")
        size = os.path.getsize(self.dump(server))
        server.kill()
        server.extra += ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"]
        server.resume(loading=True)
        server.proc.terminate()
        server.proc.wait(10)
        self.assertEqual(os.path.getsize(self.dump(server)), size)


class Damage(Case):
    """Our own: a file that is not whole is one clear line."""

    def setUp(self):
        if ts.REFERENCE:
            self.skipTest("about Martlet's own messages")

    def refuses(self, server, text):
        with open(os.path.join(server.dir, "output"), "wb"):
            pass
        with self.assertRaises(lib.ServerError):
            server.resume(limit=10)
        lines = [line for line in server.output().splitlines() if "martlet-server: " in line]
        self.assertEqual(len(lines), 1, server.output())
        self.assertRegex(lines[0], "cannot start from .*dump.rdb: " + text)
        self.assertEqual(server.proc.wait(10), 1)

    def test_damage(self):
        server = self.start()
        c = self.conn(server)
        self.fill(c, 5, 300)
        c("SAVE")
        server.kill()
        with open(self.dump(server), "rb") as f:
            good = f.read()
        def put(data):
            with open(self.dump(server), "wb") as f:
                f.write(data)
        r = random.Random(6)
        for _ in range(12):
            at = r.randrange(9, len(good) - 8)
            put(good[:at] + bytes([good[at] ^ 1 << r.randrange(8)]) + good[at + 1:])
            self.refuses(server, "it (is damaged|ends too early|has data of kind|has keys in database|has a key|has a)|a library")
        for at in (20, 5000, len(good) - 8, len(good) - 1):
            put(good[:at])
            self.refuses(server, "it ends too early, in the record at byte")
        for data, text in (
            (b"", "this is no RDB file"), (b"REDIS", "this is no RDB file"), (b"hello, world", "this is no RDB file"),
            (b"REDIS0011" + good[9:], "it has version 11 of the RDB format, which is newer than 10"),
            (b"REDIS0010\xf7\x00\x00\xff" + bytes(8), "it has data of kind 247"),
            (b"REDIS0010\xfe\x40\xc8\xff" + bytes(8), "it has keys in database 200, but `databases` is 16"),
            (b"REDIS0010\x00\x01a\x01b\x00\x01a\x01b\xff" + bytes(8), "it has a key of database 0 that is there already: a"),
            (b"REDIS0010\xf5\x05hello\xff" + bytes(8), "a library of functions does not load: "),
        ):
            put(data)
            self.refuses(server, text)
        put(good)
        server.resume()
        self.assertEqual(self.conn(server)("EXISTS", "wide"), 1)

    def test_old_versions(self):
        """What servers before Redis 5 wrote: no checksum, deadlines in seconds, scores as text."""
        server = self.start()
        server.kill()
        later = int(time.time()) + 1000
        data = (b"REDIS0003\xfe\x00\x00\x01a\x01b\xfd" + struct.pack("<i", later) + b"\x00\x01t\x01v\xfd"
                + struct.pack("<i", 1000) + b"\x00\x01g\x01v\x01\x01l\x02\x01x\xc0\x07\x03\x01z\x01\x01m\x032.5\xfe\x02\x00\x01c\x01d\xff")
        with open(self.dump(server), "wb") as f:
            f.write(data)
        server.resume()
        c = self.conn(server)
        self.assertEqual(sorted(c("KEYS", "*")), [b"a", b"l", b"t", b"z"])
        self.assertEqual(c("EXPIRETIME", "t"), later)
        self.assertEqual(c("LRANGE", "l", 0, -1), [b"x", b"7"])
        self.assertEqual(c("ZSCORE", "z", "m"), b"2.5")
        c("SELECT", 2)
        self.assertEqual(c("GET", "c"), b"d")
