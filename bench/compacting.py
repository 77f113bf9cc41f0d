"""The mode of bench/run about stalls while rounds of saving, compaction and values that leave memory go on at once."""

import multiprocessing
import os
import random
import re
import time

import lib
from families import feed
from lib import Client, Failure, Server, judge, longest_turn_ms, note, resp, table

STALL_LIMIT_MS = 10.0
SECONDS = 600
MEMORY = 128 * 1024 * 1024   # maxmemory; the data are about four times as much
FLUSH = 32 * 1024 * 1024    # bytes of log between two rounds
WRITERS = 3
PIPELINE = 8
HOT = 200                   # keys that are asked for all the time, and so stay in memory
LOOK = 0.05                 # seconds between looks at INFO
FIELDS = 200_000            # of the large hash and the large sorted set

# How many keys of each type, and how many elements each has.
SHAPE = {"string": (100_000, 1), "hash": (10_000, 50), "list": (5_000, 100), "set": (10_000, 50), "zset": (10_000, 50),
         "stream": (5_000, 50)}


class Words:
    """Random commands. Values compress by half."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pool = self.random.randbytes(1 << 20)

    def value(self, size):
        at = self.random.randrange(len(self.pool) - size)
        return self.pool[at:at + size // 2] * 2

    def element(self, kind, i):
        return {"hash": lambda: [b"f%d" % i, self.value(200)], "list": lambda: [self.value(200)],
                "set": lambda: [b"member:%012d" % i], "zset": lambda: [i, b"member:%012d" % i]}[kind]()

    def fill(self):
        add = {"hash": "HSET", "list": "RPUSH", "set": "SADD", "zset": "ZADD"}
        for kind, (keys, elements) in SHAPE.items():
            for i in range(keys):
                key = f"{kind}:{i}"
                if kind == "string":
                    yield resp("SET", key, self.value(2000))
                elif kind == "stream":
                    yield resp("EVAL", "for i = 1, ARGV[1] do redis.call('xadd', KEYS[1], '*', 'f', ARGV[2]) end", 1, key,
                               elements, self.value(200))
                else:
                    yield resp(add[kind], key, *(w for n in range(elements) for w in self.element(kind, n)))
        for i in range(0, FIELDS, 1000):
            yield resp("HSET", "large:hash", *(w for n in range(i, i + 1000) for w in self.element("hash", n)))
            yield resp("ZADD", "large:zset", *(w for n in range(i, i + 1000) for w in self.element("zset", n)))
        for i in range(HOT):
            yield resp("SET", f"hot:{i}", self.value(200))

    def any(self):
        r = self.random
        kind = r.choice(list(SHAPE))
        keys, elements = SHAPE[kind]
        key, other = f"{kind}:{r.randrange(keys)}", f"{kind}:{r.randrange(keys)}"
        return resp(*r.choice(getattr(self, "on_" + kind)(key, other, r.randrange(elements), r.randrange(FIELDS))))

    def on_string(self, key, other, i, far):
        return [["SET", key, self.value(2000)], ["GET", key], ["APPEND", key, "x"], ["DEL", key],
                ["MSET", key, self.value(2000), other, self.value(500)],
                ["SET", f"short:{far % 20_000}", self.value(200), "PX", self.random.randrange(1000, 20_000)]]

    def on_hash(self, key, other, i, far):
        return [["HSET", key] + self.element("hash", i), ["HGET", key, f"f{i}"], ["HGETALL", key], ["HDEL", key, f"f{i}"],
                ["HSET", "large:hash"] + self.element("hash", far), ["HGET", "large:hash", f"f{far}"]]

    def on_list(self, key, other, i, far):
        return [["RPUSH", key, self.value(200)], ["LPOP", key], ["LRANGE", key, 0, 20], ["LTRIM", key, 0, SHAPE["list"][1]]]

    def on_set(self, key, other, i, far):
        member = self.element("set", i)
        return [["SADD", key] + member, ["SREM", key] + member, ["SMEMBERS", key], ["SINTER", key, other]]

    def on_zset(self, key, other, i, far):
        return [["ZADD", key] + self.element("zset", i), ["ZREM", key] + self.element("zset", i)[1:], ["ZRANGE", key, 0, 20],
                ["ZADD", "large:zset"] + self.element("zset", far)]

    def on_stream(self, key, other, i, far):
        return [["XADD", key, "MAXLEN", SHAPE["stream"][1], "*", "f", self.value(200)], ["XRANGE", key, "-", "+", "COUNT", 20]]


def write(port, seed, until):
    """A process that sends random commands; the exit status says whether all were answered without an error."""
    # The client that measures goes first.
    os.nice(10)
    words = Words(seed)
    with Client(port) as c:
        while time.time() < until:
            c.sock.sendall(b"".join(words.any() for _ in range(PIPELINE)))
            for _ in range(PIPELINE):
                c.read()


def tree(c):
    return {k: int(v) for k, v in re.findall(r"^tree_(\w+):(\d+)\r", c("INFO", "tree").decode(), re.M)}


def measure(c, until):
    """Milliseconds of GETs of values in memory: {whether a step of compaction was under way: [...]}."""
    times, since = {0: [], 1: []}, []
    before = tree(c)["compaction_in_progress"]
    look = time.time() + LOOK
    while time.time() < until:
        key = f"hot:{random.randrange(HOT)}"
        began = time.perf_counter()
        value = c("GET", key)
        since.append((time.perf_counter() - began) * 1000)
        if value is None:
            raise Failure("a value is gone")
        time.sleep(0.0005)
        if time.time() >= look:
            now = tree(c)["compaction_in_progress"]
            # Where it has begun or ended in between, nobody knows which belong where.
            if now == before:
                times[now] += since
            before, since, look = now, [], time.time() + LOOK
    return times


def mode_compaction_stall(binaries):
    if "martlet" not in binaries:
        return
    seconds = max(10, SECONDS * lib.opts.scale)
    s = Server("martlet", binaries["martlet"], {lib.opts.server_core}, place=lib.opts.place, extra=[
        "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory", str(MEMORY), "--flush-log-size", str(FLUSH),
        "--slowlog-log-slower-than", str(int(STALL_LIMIT_MS * 500)), "--latency-monitor-threshold", str(int(STALL_LIMIT_MS / 2))])
    feed(s.port, Words(1).fill())
    note("loaded")
    with Client(s.port) as c:
        before = tree(c)
        c("CONFIG", "RESETSTAT")
        c("SLOWLOG", "RESET")
        c("LATENCY", "RESET")
        until = time.time() + seconds
        writers = [multiprocessing.Process(target=write, args=(s.port, n + 2, until), daemon=True) for n in range(WRITERS)]
        for w in writers:
            w.start()
        times = measure(c, until)
        longest = longest_turn_ms(c)
        after = tree(c)
        note("slow commands: %r" % c("SLOWLOG", "GET", 5))
        note("slow events: %r" % c("LATENCY", "LATEST"))
        commands = re.search(rb"total_commands_processed:(\d+)", c("INFO", "stats"))[1]
    for w in writers:
        w.join(30)
        if w.exitcode != 0:
            raise Failure("a writer was refused something")
    s.stop()
    did = {k: after[k] - before[k] for k in ("rounds", "compactions", "compacted_bytes", "values_brought_back")}
    note(f"{int(commands):,} commands; {did}; {after['values_away']} values away at the end")
    if not did["rounds"] or not did["compactions"] or not did["values_brought_back"]:
        raise Failure("there was nothing to disturb anybody")
    report(seconds, times, longest)


def report(seconds, times, longest):
    rows = []
    for name, got in (("no compaction", sorted(times[0])), ("compaction under way", sorted(times[1]))):
        if got:
            rows.append([name, f"{len(got):,}"] + [f"{got[int(len(got) * q)]:.3f}" for q in (0.5, 0.99, 0.999)] + [f"{got[-1]:.2f}"])
    table(f"GETs of values in memory during {seconds:.0f} s of mixed load with four times as much data as memory",
          ["", "GETs", "p50 ms", "p99 ms", "p99.9 ms", "max ms"], rows)
    print(f"longest loop turn: {longest:.2f} ms, limit {STALL_LIMIT_MS:.0f} "
          + judge("longest turn with compaction (ms)", longest, STALL_LIMIT_MS, strict=True))
