"""What was acknowledged is there after kill -9 and after an orderly end. Holds for redis-server 7.0.15 as well, but for
the class about our own files."""
import os
import random
import re
import select
import shutil
import subprocess
import threading
import time
import unittest

import lib
import testserver as ts
from testserver import Closed, Conn, Err, pack


class Case(ts.ServerCase):
    WORDS = ("--appendonly", "yes")


def commands(r):
    """Random writes of all types, some of them in transactions and scripts."""
    k = lambda: "k%d" % r.randrange(40)
    v = lambda: r.choice(["", "x", str(r.randrange(10**6)), "long" * r.randrange(400), "\x00\xff"])
    n = lambda: str(r.randrange(-50, 50))
    one = [
        lambda: ("SET", k(), v()), lambda: ("SET", k(), v(), "PX", 10**8), lambda: ("APPEND", k(), v()),
        lambda: ("INCRBY", k(), n()), lambda: ("SETRANGE", k(), r.randrange(600), v()), lambda: ("SETBIT", k(), r.randrange(999), 1),
        lambda: ("DEL", k(), k()), lambda: ("UNLINK", k()), lambda: ("EXPIRE", k(), 10**6), lambda: ("PERSIST", k()),
        lambda: ("RENAME", k(), k()), lambda: ("COPY", k(), k(), "REPLACE"), lambda: ("MOVE", k(), 1),
        lambda: ("LPUSH", k(), v(), v(), v()), lambda: ("RPUSH", k(), v()), lambda: ("LPOP", k(), 2), lambda: ("LSET", k(), 0, v()),
        lambda: ("LREM", k(), 1, "x"), lambda: ("LINSERT", k(), "AFTER", "x", v()), lambda: ("LTRIM", k(), 1, -2),
        lambda: ("LMOVE", k(), k(), "LEFT", "RIGHT"),
        lambda: ("SADD", k(), v(), n(), n()), lambda: ("SREM", k(), n()), lambda: ("SPOP", k()), lambda: ("SMOVE", k(), k(), n()),
        lambda: ("SUNIONSTORE", k(), k(), k()), lambda: ("HSET", k(), v(), v(), n(), n()), lambda: ("HDEL", k(), n()),
        lambda: ("HINCRBY", k(), n(), n()), lambda: ("HINCRBYFLOAT", k(), n(), "0.5"),
        lambda: ("ZADD", k(), n(), v(), n(), n()), lambda: ("ZINCRBY", k(), n(), n()), lambda: ("ZPOPMIN", k()),
        lambda: ("ZREMRANGEBYSCORE", k(), -5, 5), lambda: ("ZUNIONSTORE", k(), 2, k(), k()), lambda: ("PFADD", k(), v(), n()),
        lambda: ("GEOADD", k(), r.randrange(-170, 170), r.randrange(-80, 80), v()), lambda: ("PFMERGE", k(), k()),
        lambda: ("XADD", k(), "*", v(), v()), lambda: ("XADD", k(), "MAXLEN", "~", 5, "*", "f", v()),
        lambda: ("XGROUP", "CREATE", k(), "g", "0", "MKSTREAM"), lambda: ("XREADGROUP", "GROUP", "g", "c", "STREAMS", k(), ">"),
        lambda: ("XDEL", k(), "0-1"), lambda: ("XTRIM", k(), "MAXLEN", 3), lambda: ("SORT", k(), "ALPHA", "STORE", k()),
        lambda: ("EVAL", "redis.call('set',KEYS[1],ARGV[1]) return redis.call('rpush',KEYS[2],ARGV[1])", 2, k(), k(), v()),
        lambda: ("BITOP", "XOR", k(), k(), k()), lambda: ("GETDEL", k()), lambda: ("GETEX", k(), "EX", 10**6),
    ]
    rare = [lambda: ("FLUSHDB",), lambda: ("SWAPDB", 0, 1), lambda: ("SELECT", r.randrange(3))]
    # A key of another type is only in the way of most commands.
    while True:
        if r.random() < 0.1:
            yield ("DEL", k(), k(), k())
        elif r.random() < 0.02:
            yield r.choice(rare)()
        elif r.random() < 0.1:
            yield ("MULTI",)
            for _ in range(r.randrange(5)):
                yield r.choice(one)()
            yield ("EXEC",)
        else:
            yield r.choice(one)()


def facts(c):
    """What a client can see of everything."""
    out = [c("DEBUG", "DIGEST")]
    for database in range(3):
        c("SELECT", database)
        for key in sorted(c("KEYS", "*")):
            at = c("PEXPIRETIME", key)
            out.append((database, key, c("TYPE", key), c("DEBUG", "DIGEST-VALUE", key), at))
    return out


class Restarts(Case):
    def run_random(self, policy, loops, seed, end):
        server = self.start("--appendfsync", policy, "--io-threads", str(loops))
        for round in range(3):
            c = self.conn(server)
            stream = commands(random.Random(seed * 100 + round))
            batch = [next(stream) for _ in range(1500)]
            for i in range(0, len(batch), 50):
                c.send(b"".join(pack(*words) for words in batch[i:i + 50]))
                for _ in batch[i:i + 50]:
                    c.reply()
            c("DISCARD")
            before = facts(c)
            self.assertGreater(len(before), 20)
            end(server)
            server.resume()
            self.assertEqual(facts(self.conn(server)), before)

    def test_kill_with_always(self):
        for seed in range(3):
            self.run_random("always", 1 + seed % 2, seed, lambda server: server.kill())

    def test_kill_after_a_second_with_everysec(self):
        def end(server):
            time.sleep(1.5)
            server.kill()
        self.run_random("everysec", 2, 7, end)

    def test_orderly_end(self):
        def end(server):
            server.proc.terminate()
            server.proc.wait(10)
        for policy in ("everysec", "no", "always"):
            self.run_random(policy, 2, 8, end)


class Load(Case):
    """Clients write while the server is killed; what they were told is compared with what it knows afterwards."""

    def write(self, port, i, told, stop):
        c = None
        try:
            c = Conn(type("At", (), {"port": port}))
            n = told[i] + 1
            while not stop.is_set():
                c.send(pack("MULTI") + pack("SET", "a:%d" % i, n) + pack("RPUSH", "b:%d" % i, n) + pack("EXEC"))
                for _ in range(3):
                    c.reply()
                if c.reply() is not None:
                    told[i] = n
                n += 1
        except (Closed, OSError):
            pass
        finally:
            if c:
                c.close()

    def rounds(self, policy, loops, count):
        server = self.start("--appendfsync", policy, "--io-threads", str(loops))
        told = [0] * 6
        r = random.Random(5)
        for _ in range(count):
            stop = threading.Event()
            threads = [threading.Thread(target=self.write, args=(server.port, i, told, stop)) for i in range(len(told))]
            for t in threads:
                t.start()
            time.sleep(r.uniform(0.02, 0.3))
            server.kill()
            stop.set()
            for t in threads:
                t.join()
            server.resume()
            c = Conn(server)
            for i, last in enumerate(told):
                value, elements = int(c("GET", "a:%d" % i) or 0), c("LRANGE", "b:%d" % i, 0, -1)
                # No half of a transaction, no hole.
                self.assertEqual([int(x) for x in elements], list(range(1, value + 1)))
                if policy == "always":
                    self.assertGreaterEqual(value, last)
                told[i] = value
            c.close()
        self.assertGreater(min(told), 0)

    def test_always(self):
        self.rounds("always", 1, 8)
        self.rounds("always", 2, 8)

    def test_everysec(self):
        self.rounds("everysec", 2, 8)


FIELDS = """
loading async_loading current_cow_peak current_cow_size current_cow_size_age current_fork_perc current_save_keys_processed
current_save_keys_total rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time rdb_last_bgsave_status
rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec rdb_saves rdb_last_cow_size rdb_last_load_keys_expired
rdb_last_load_keys_loaded aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled aof_last_rewrite_time_sec
aof_current_rewrite_time_sec aof_last_bgrewrite_status aof_rewrites aof_rewrites_consecutive_failures
aof_last_write_status aof_last_cow_size module_fork_in_progress module_fork_last_cow_size
""".split()
LOG_FIELDS = """
aof_current_size aof_base_size aof_pending_rewrite aof_buffer_length aof_pending_bio_fsync aof_delayed_fsync
""".split()


def info(c, section):
    lines = c("INFO", section).decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


class Info(Case):
    def test_fields_in_order(self):
        c = self.conn(self.start())
        ts.wait_until(lambda: info(c, "persistence")["aof_rewrite_in_progress"] == "0")
        self.assertEqual(list(info(c, "persistence")), FIELDS + LOG_FIELDS)
        self.assertEqual(c("CONFIG", "SET", "appendonly", "no"), "OK")
        self.assertEqual(list(info(c, "persistence")), FIELDS)

    def test_a_rewrite(self):
        c = self.conn(self.start("--appendfsync", "always"))
        for _ in range(20):
            for i in range(50):
                c("SET", "k%d" % i, "v" * 200)
        before = info(c, "persistence")
        self.assertEqual((before["aof_enabled"], before["aof_last_write_status"]), ("1", "ok"))
        self.assertGreater(int(before["aof_current_size"]), 200_000)
        c("BGREWRITEAOF")
        ts.wait_until(lambda: int(info(c, "persistence")["aof_rewrites"]) > int(before["aof_rewrites"])
                      and info(c, "persistence")["aof_rewrite_in_progress"] == "0")
        after = info(c, "persistence")
        self.assertEqual((after["aof_last_bgrewrite_status"], after["aof_rewrites_consecutive_failures"]), ("ok", "0"))
        self.assertNotEqual(after["aof_last_rewrite_time_sec"], "-1")
        self.assertEqual(after["aof_current_rewrite_time_sec"], "-1")
        self.assertGreater(int(after["aof_base_size"]), 0)


class Switching(Case):
    def test_off_and_on_again(self):
        server = self.start("--appendfsync", "always")
        c = self.conn(server)
        c("SET", "before", "1")
        self.assertEqual(c("CONFIG", "SET", "appendonly", "no"), "OK")
        c("SET", "between", "2")
        rewrites = int(info(c, "persistence").get("aof_rewrites", 0))
        self.assertEqual(c("CONFIG", "SET", "appendonly", "yes"), "OK")
        # What was there before is safe once it has been written anew.
        ts.wait_until(lambda: int(info(c, "persistence")["aof_rewrites"]) > rewrites
                      and info(c, "persistence")["aof_rewrite_in_progress"] == "0")
        c("SET", "after", "3")
        server.kill()
        server.resume()
        self.assertEqual(self.conn(server)("MGET", "before", "between", "after"), [b"1", b"2", b"3"])


class Backup(Case):
    """Our own: a copy of the data directory by hard links, while clients write."""

    def setUp(self):
        if ts.REFERENCE:
            self.skipTest("about Martlet's own files")

    def write(self, port, told, stop):
        c = Conn(type("At", (), {"port": port}))
        while not stop.is_set():
            n = told[0] + 1
            c.send(pack("MULTI") + pack("SET", "a", n) + pack("RPUSH", "b", n) + pack("EXEC"))
            for _ in range(4):
                c.reply()
            told[0] = n
        c.close()

    def test_a_copy_under_load(self):
        server = self.start("--appendfsync", "everysec", "--io-threads", "2")
        c, told, stop = self.conn(server), [0], threading.Event()
        for i in range(500):
            c("SET", "k%d" % i, "v" * 300)
        thread = threading.Thread(target=self.write, args=(server.port, told, stop))
        thread.start()
        copies = []
        try:
            for i in range(4):
                c("SET", "before", i)
                c("SAVE" if i % 2 else "PING")
                acknowledged = told[0]
                self.assertEqual(c("BACKUP", "copy-%d" % i), "OK")
                copies.append((acknowledged, told[0]))
        finally:
            stop.set()
            thread.join()
        self.assertRegex(c("BACKUP", "copy-0"), "^ERR .*File exists")
        server.kill()
        for i, (least, most) in enumerate(copies):
            server.extra = ["--appendonly", "yes", "--appenddirname", "copy-%d" % i]
            server.resume()
            c = self.conn(server)
            self.assertEqual(c("GET", "before"), str(i).encode())
            self.assertEqual(c("DBSIZE"), 503 if int(c("EXISTS", "a")) else 501)
            # All that was acknowledged before, nothing from after, no half of a transaction.
            value = int(c("GET", "a") or 0)
            self.assertLessEqual(least, value)
            self.assertLessEqual(value, most + 1)
            self.assertEqual([int(x) for x in c("LRANGE", "b", 0, -1)], list(range(1, value + 1)))
            server.kill()


class Slowing(Case):
    """Our own: whoever writes while compaction is behind waits, nobody else."""

    def setUp(self):
        if ts.REFERENCE:
            self.skipTest("about Martlet's own tree")

    def test_writers_wait_and_readers_do_not(self):
        # Two runs where one is allowed, and no reason to compact them: the longest delay, 100 ms, for good.
        server = self.start("--appendfsync", "no", "--io-threads", "1", "--write-slowdown-runs", "1")
        writer, reader = self.conn(server), self.conn(server)
        for i in range(2):
            writer("SET", "k", i)
            self.assertEqual(writer("SAVE"), "OK")
        self.assertEqual(info(reader, "tree")["tree_write_delay_ms"], "100")
        began, answers = time.monotonic(), 0
        for i in range(5):
            # The reply comes at once; what is sent next waits.
            self.assertEqual(writer("SET", "k", i), "OK")
            writer.send(pack("GET", "k"))
            while not select.select([writer.sock], [], [], 0)[0]:
                self.assertEqual(reader("GET", "k"), str(i).encode())
                answers += 1
            self.assertEqual(writer.reply(), str(i).encode())
        self.assertGreater(answers, 0)
        self.assertGreater(time.monotonic() - began, 0.49)
        self.assertEqual(info(reader, "tree")["tree_slowed_turns"], "5")
        self.assertEqual(reader("CONFIG", "SET", "write-slowdown-runs", "0"), "OK")
        for i in range(200):
            writer("SET", "k", i)
        self.assertEqual(info(reader, "tree")["tree_slowed_turns"], "5")


class Files(Case):
    """Our own: what is wrong with a directory is one clear line, and nothing is changed."""

    def setUp(self):
        if ts.REFERENCE:
            self.skipTest("about Martlet's own files")

    def refuses(self, server, text):
        with self.assertRaises(lib.ServerError) as caught:
            server.resume(limit=10)
        self.assertIn(text, str(caught.exception))

    def log(self, server):
        folder = os.path.join(server.dir, "appendonlydir")
        return os.path.join(folder, sorted(n for n in os.listdir(folder) if n.startswith("log-"))[0])

    def filled(self):
        server = self.start("--appendfsync", "always")
        c = self.conn(server)
        for i in range(50):
            c("SET", "k%d" % i, "v" * 100)
        server.kill()
        return server

    def test_a_second_process(self):
        server = self.start()
        other = subprocess.run(
            server.argv()[:1] + ["--port", "0", "--dir", server.dir, "--appendonly", "yes"],
            capture_output=True, text=True, timeout=20)
        self.assertEqual(other.returncode, 1)
        self.assertIn("in use by another process", other.stderr)
        self.assertEqual(Conn(server)("PING"), "PONG")

    def test_a_flipped_bit(self):
        server = self.filled()
        with open(self.log(server), "r+b") as f:
            f.seek(300)
            byte = f.read(1)[0]
            f.seek(300)
            f.write(bytes([byte ^ 4]))
        self.refuses(server, "is damaged at byte")
        with open(self.log(server), "r+b") as f:
            f.seek(300)
            f.write(bytes([byte]))
        server.resume()
        self.assertEqual(Conn(server)("DBSIZE"), 50)

    def test_a_torn_end_costs_the_end(self):
        server = self.filled()
        size = os.path.getsize(self.log(server))
        os.truncate(self.log(server), size - 1)
        server.resume()
        self.assertEqual(Conn(server)("DBSIZE"), 49)

    def test_fewer_databases(self):
        server = self.start("--appendfsync", "always")
        c = self.conn(server)
        c("SELECT", 9)
        c("SET", "k", "v")
        server.kill()
        server.extra += ["--databases", "4"]
        self.refuses(server, "database 9")


class Faults(Case):
    """The real binary under strace: in which order it calls, and what it does when the disk refuses."""

    def setUp(self):
        if ts.REFERENCE:
            self.skipTest("about Martlet's own calls")
        if not shutil.which("strace"):
            self.skipTest("needs strace")

    def traced(self, *words):
        exe, rest = ts.template().split(" ", 1)
        server = lib.Server("strace -f -qq -o {dir}/trace %s %s %s" % (" ".join(words), exe, rest), extra=(
            "--appendonly", "yes", "--appendfsync", "always", "--io-threads", "1")).start()
        self.addCleanup(server.stop)
        return server

    def test_no_reply_before_its_sync(self):
        server = self.traced("-e", "trace=pwrite64,fdatasync,sendto")
        clients = [self.conn(server) for _ in range(5)]
        for i in range(40):
            for c in clients:
                c.send(pack("SET", "k", i) + pack("GET", "k") + pack("RPUSH", "l", i))
            for c in clients:
                self.assertEqual(c.reply(), "OK")
                self.assertEqual(c.reply(), str(i).encode())
                c.reply()
        with open(os.path.join(server.dir, "trace")) as f:
            calls = re.findall(r"(pwrite64|fdatasync|sendto)(\(| resumed)[^\n]*= (\d+)$", f.read(), re.M)
        written = sent = 0
        for name, _, result in calls:
            if name == "pwrite64":
                written += 1
            elif name == "fdatasync":
                written = 0
            else:
                sent += 1
                # What was written before this reply left has been synced; another turn's may be under way.
                self.assertLessEqual(written, 1)
        self.assertGreater(sent, 40)

    def test_a_sync_that_fails_stops_writes_for_good(self):
        server = self.traced("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=6")
        told, c = 0, None
        for i in range(1, 20):
            try:
                c = c or self.conn(server)
                if c("SET", "k", i) == "OK":
                    told = i
            except Closed:
                break
        self.assertLess(told, 10)
        c = self.conn(server)
        self.assertEqual(c("SET", "k", "x"), Err("MISCONF Errors writing to the AOF file: Input/output error"))
        self.assertRegex(c("PING"), "^MISCONF")
        self.assertRegex(c("EVAL", "return redis.call('set', 'k', 'x')", 0), "^MISCONF")
        self.assertEqual(c("MULTI"), "OK")
        self.assertRegex(c("SET", "k", "x"), "^MISCONF")
        c("DISCARD")
        self.assertGreaterEqual(int(c("GET", "k")), told)
        self.assertIn(b"aof_last_write_status:err", c("INFO", "persistence"))

    def test_a_full_disk_heals(self):
        # Some writes are refused, then there is room again.
        server = self.traced("-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC:when=8..14")
        first, second, held, refused = self.conn(server), self.conn(server), [], 0
        for i in range(20):
            first.send(pack("RPUSH", "l", i))
            held.append(b"%d" % i)
            length = len(held)
            while not select.select([first.sock], [], [], 0.4)[0]:
                # The first waits for the disk; who comes later is told, and reading goes on.
                reply = second("RPUSH", "l", "x")
                if reply == length + 1:
                    # There is room again, just now.
                    held.append(b"x")
                    break
                self.assertEqual(reply, Err("MISCONF Errors writing to the AOF file: No space left on device"))
                self.assertEqual(second("LLEN", "l"), length)
                refused += 1
            self.assertEqual(first.reply(), length)
        self.assertGreater(refused, 0)
        self.assertEqual(second("RPUSH", "l", "last"), len(held) + 1)
        server.kill()
        server.template = ts.template()
        server.resume()
        self.assertEqual(Conn(server)("LRANGE", "l", 0, -1), held + [b"last"])
