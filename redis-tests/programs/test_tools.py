"""redis-cli in its modes, on a terminal too, and redis-benchmark, as they come with Redis 7.0.15."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

from programs import Case

BENCHMARKS = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET",
              "SPOP", "ZADD", "ZPOPMIN", "LPUSH", "LRANGE_100", "LRANGE_300", "LRANGE_500", "LRANGE_600", "MSET"]


class RedisCli(Case):
    def cli(self, *words, given=None, code=0):
        argv = ["redis-cli", "-p", str(self.server.port), *words]
        p = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=40)
        self.assertEqual((p.returncode, p.stderr), (code, ""), p.stdout)
        return p.stdout

    def fill(self):
        with self.r.pipeline(transaction=False) as p:
            for n in range(300):
                p.set("key:%d" % n, n)
            p.rpush("list", *range(50))
            p.hset("hash", mapping={"f%d" % n: n for n in range(40)})
            p.zadd("zset", {"m%d" % n: n for n in range(30)})
            p.sadd("set", *range(20))
            p.xadd("stream", {"f": "v"})
            p.set("large", "x" * 5000)
            p.execute()

    def test_one_command(self):
        self.assertEqual(self.cli("set", "k", "v"), "OK\n")
        self.assertEqual(self.cli("--no-raw", "get", "k"), '"v"\n')
        self.assertEqual(self.cli("-x", "set", "k", given="from\nstdin"), "OK\n")
        self.assertEqual(self.cli("get", "k"), "from\nstdin\n")
        self.assertEqual(self.cli("-X", "V", "set", "k", "V", given="tagged"), "OK\n")
        self.assertEqual(self.cli("-r", "3", "-i", "0.01", "incr", "n"), "1\n2\n3\n")
        self.assertEqual(self.cli("-n", "5", "dbsize"), "0\n")
        self.cli("rpush", "l", "a", "b c")
        self.assertEqual(self.cli("--csv", "lrange", "l", "0", "-1"), '"a","b c"\n')
        self.assertEqual(self.cli("--no-raw", "lrange", "l", "0", "-1"), '1) "a"\n2) "b c"\n')
        self.cli("hset", "h", "f", "1", "g", "2")
        self.assertEqual(json.loads(self.cli("--json", "hgetall", "h")), {"f": "1", "g": "2"})
        self.assertEqual(self.cli("-3", "--no-raw", "hgetall", "h"), '1# "f" => "1"\n2# "g" => "2"\n')
        self.assertEqual(json.loads(self.cli("--json", "command", "info", "get"))[0][0], "get")
        p = subprocess.run(["redis-cli", "-p", str(self.server.port), "-e", "incr", "l"], capture_output=True,
                           text=True)
        self.assertEqual((p.returncode, p.stderr[:9]), (1, "WRONGTYPE"))
        self.assertEqual(self.cli("-u", self.url, "echo", "hi"), "hi\n")

    def test_scan(self):
        self.fill()
        self.assertEqual(len(set(self.cli("--scan").split())), 306)
        self.assertEqual(len(set(self.cli("--scan", "--pattern", "key:1*").split())), 111)

    def test_looks_for_large_keys(self):
        self.fill()
        told = self.cli("--bigkeys")
        for line in ('Biggest   list found \'"list"\' has 50 items', 'Biggest   hash found \'"hash"\' has 40 fields',
                     'Biggest    set found \'"set"\' has 20 members', 'Biggest   zset found \'"zset"\' has 30 members',
                     'Biggest string found \'"large"\' has 5000 bytes',
                     'Biggest stream found \'"stream"\' has 1 entries',
                     "Sampled 306 keys in the keyspace!"):
            self.assertIn(line, told)
        self.assertIn('Biggest string found \'"large"\' has', self.cli("--memkeys"))

    def test_looks_for_hot_keys(self):
        self.r.config_set("maxmemory-policy", "allkeys-lfu")
        self.addCleanup(self.r.config_set, "maxmemory-policy", "noeviction")
        self.fill()
        for _ in range(2000):
            self.r.get("key:7")
        self.assertRegex(self.cli("--hotkeys"), r'hot key found with counter: \d+\s+keyname: "key:7"')

    def test_statistics(self):
        self.fill()
        p = self.start("redis-cli", "-p", str(self.server.port), "--stat", "-i", "0.02")
        self.until(lambda: len(re.findall(r"(?m)^306 +\d", p.output())) >= 4, 20, "lines", [p])
        self.assertRegex(self.cli("--latency", "-i", "0.5"), r"^[\d.]+ [\d.]+ [\d.]+ \d+\n")

    def test_pipe(self):
        lines = "".join("*3\r\n$3\r\nSET\r\n$%d\r\npiped:%d\r\n$1\r\nv\r\n" % (len("piped:%d" % n), n)
                        for n in range(50000))
        self.assertIn("errors: 0, replies: 50000", self.cli("--pipe", given=lines))
        self.assertEqual(self.r.dbsize(), 50000)
        told = subprocess.run(["redis-cli", "-p", str(self.server.port), "--pipe"], input="SET a b\r\nINCR a\r\n",
                              capture_output=True, text=True, timeout=40)
        self.assertIn("errors: 1, replies: 2", told.stdout)

    def test_eval(self):
        path = os.path.join(self.server.dir, "script.lua")
        with open(path, "w") as f:
            f.write("return {KEYS[1], ARGV[1], redis.call('PING')}")
        self.assertEqual(self.cli("--eval", path, "k", ",", "v"), "k\nv\nPONG\n")

    def test_lines_from_a_file(self):
        lines = ("HELLO 3", "HSET h f 1", "HGETALL h", "MULTI", "INCR n", "EXEC", "nonsense", "ZADD z 1.5 m", "ZSCORE z m")
        told = self.cli(given="\n".join(lines) + "\n")
        for line in ("version 7.0.15", "proto 3", "f 1", "QUEUED", "ERR unknown command 'nonsense'", "1.5"):
            self.assertIn(line, told)

    def test_a_terminal(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "dumb"
            os.environ["REDISCLI_HISTFILE"] = "/dev/null"
            os.execvp("redis-cli", ["redis-cli", "-p", str(self.server.port)])

        def say(line, wanted):
            os.write(fd, line.encode() + b"\n")
            self.hear(fd, wanted)

        try:
            self.hear(fd, r"127.0.0.1:\d+> ")
            say("HELLO 3", r'3# "proto" => \(integer\) 3')
            say("SET k v", "OK")
            say("SELECT 3", r":\d+\[3\]> ")
            say("MULTI", r"\[3\]\(TX\)> ")
            say("SET k w", "QUEUED")
            say("EXEC", "1\\) OK")
            say("CLIENT TRACKING on", "OK")
            say("GET k", '"w"')
            self.client(db=3).set("k", "x")
            say("PING", r'-> invalidate: ')
            say("SUBSCRIBE news", r'1\) "subscribe"')
            self.r.publish("news", "hello")
            self.hear(fd, '3\\) "hello"')
            os.write(fd, b"\x03")
            self.hear(fd, "> ")
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(fd)

    def hear(self, fd, wanted, limit=20):
        text, end = "", time.monotonic() + limit
        while time.monotonic() < end:
            if select.select([fd], [], [], 0.1)[0]:
                text += os.read(fd, 65536).decode("utf8", "replace")
            if re.search(wanted, text):
                return
        self.fail("%r not in %r" % (wanted, text[-1000:]))

    def test_monitor_and_messages(self):
        m = self.start("redis-cli", "-p", str(self.server.port), "monitor")
        s = self.start("redis-cli", "-p", str(self.server.port), "psubscribe", "n*")
        self.until(lambda: "OK" in m.output() and self.r.pubsub_numpat() == 1, 20, "both", [m, s])
        self.cli("-n", "2", "set", "a key", 'a "value"')
        self.cli("publish", "news", "hello")
        self.until(lambda: re.search(r'\d+\.\d{6} \[2 127.0.0.1:\d+\] "set" "a key" "a \\"value\\""\n', m.output()),
                   20, "the line", [m])
        self.until(lambda: s.output().endswith("pmessage\nn*\nnews\nhello\n"), 20, "the message", [s])


class RedisBenchmark(Case):
    def benchmark(self, *words):
        p = subprocess.run(["redis-benchmark", "-p", str(self.server.port), *words], capture_output=True, text=True,
                           timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
        self.assertNotIn("rror", p.stdout + p.stderr)
        return p.stdout

    def test_everything(self):
        for words in ((), ("-P", "16"), ("-P", "16", "--threads", "2"), ("-3", "-r", "1000", "-d", "100")):
            with self.subTest(words=words):
                told = self.benchmark("-n", "1000", "-c", "50", "--csv", *words)
                lines = [line.split(",") for line in told.splitlines()[1:]]
                names = [line[0].strip('"') for line in lines]
                self.assertEqual([re.split(r"[ (]", n)[0] for n in names], BENCHMARKS)
                self.assertTrue(all(float(line[1].strip('"')) > 0 for line in lines))
        self.assertEqual(self.r.info("commandstats")["cmdstat_mset"]["failed_calls"], 0)

    def test_one_command(self):
        self.benchmark("-q", "-n", "2000", "-c", "20", "-P", "4", "-r", "100", "hset", "h:__rand_int__", "f", "v")
        self.assertEqual(self.r.dbsize(), 100)
        self.benchmark("-q", "-n", "500", "-k", "0", "-t", "ping,set,lpush")
        self.benchmark("-q", "-n", "1000", "--enable-tracking", "-t", "set,get")
        self.benchmark("-q", "-n", "500", "eval", "return redis.call('incr', KEYS[1])", "1", "counted")
        self.assertEqual(self.r.get("counted"), b"500")
