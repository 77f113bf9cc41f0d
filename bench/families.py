"""The modes of bench/run about collections, pub/sub and scripts: CPU, memory, stalls."""

import hashlib
import selectors
import socket
import threading
import time

import lib
from lib import (BATCH, CONNECTIONS, Client, Failure, KEYS, NUMBER, Server,
                 drive, judge, load, longest_turn_ms, med, note, pump, resp,
                 table, turn)

CPU_LIMIT = 0.65            # each workload's CPU per operation / Valkey's
CPU_MEDIAN_LIMIT = 0.50     # the median of them
MEMORY_LIMIT = 1.00         # each data set's resident bytes / Valkey's
MEMORY_MEDIAN_LIMIT = 0.90
STALL_LIMIT_MS = 10.0
PIPELINE = 16

V16 = b"x" * 16
SCRIPT = b"return {redis.call('get', KEYS[1]), redis.call('set', KEYS[1], ARGV[1])}"
SHA = hashlib.sha1(SCRIPT).hexdigest()
MILLION = 1_000_000


# --- Data --------------------------------------------------------------------

def feed(port, commands):
    """Send commands, pipelined; any reply but an error will do."""
    with Client(port) as c:
        waiting = 0
        for command in commands:
            c.sock.sendall(command)
            waiting += 1
            if waiting == 16:
                c.read()
                waiting -= 1
        for _ in range(waiting):
            c.read()


def one_big(command, key, item, per_element):
    """One value of a million elements, a thousand per command."""
    def loader(port):
        feed(port, (resp(command, key, *(part for i in range(n, n + BATCH)
                                         for part in item(i)))
                    for n in range(0, MILLION, BATCH)))
        with Client(port) as c:
            size = c(per_element, key)
        if size != MILLION:
            raise Failure(f"{size} elements after loading {key}")
    return loader


def many_small(command, prefix, parts, count, reply):
    """Many values alike: parts are what follows the key."""
    def loader(port):
        template = b"".join(resp(command, prefix + NUMBER + b"%03d" % i, *parts)
                            for i in range(BATCH))
        pump(port, template, count // BATCH, reply)
    return loader


def big_stream(port):
    feed(port, (b"".join(resp(b"XADD", b"mystream", b"*", b"field", V16)
                         for _ in range(1)) for _ in range(MILLION)))


def nothing(_):
    pass


def number(i):
    return b"element:%012d" % i


def pairs_of(n):
    return [p for i in range(n) for p in (b"field:%d" % i, b"value:%d" % i)]


LOADERS = {
    "nothing": nothing,
    "list": one_big(b"RPUSH", b"mylist", lambda i: (V16,), "LLEN"),
    "set": one_big(b"SADD", b"myset", lambda i: (number(i),), "SCARD"),
    "hash": one_big(b"HSET", b"myhash", lambda i: (number(i), V16), "HLEN"),
    "zset": one_big(b"ZADD", b"myzset",
                    lambda i: (b"%d" % (i * 7919 % MILLION), number(i)), "ZCARD"),
    "stream": big_stream,
    "kv16": lambda port: load(port, KEYS, b"key:", V16),
    "hashes20": many_small(b"HSET", b"h:", pairs_of(20), 10_000, b":20\r\n"),
    "hashes5": many_small(b"HSET", b"h:", pairs_of(5), MILLION, b":5\r\n"),
    "lists10": many_small(b"RPUSH", b"l:", [b"element:%d" % i for i in range(10)],
                          MILLION, b":10\r\n"),
    "sets10": many_small(b"SADD", b"s:", [b"element:%d" % i for i in range(10)],
                         MILLION, b":10\r\n"),
    "zsets100": many_small(b"ZADD", b"z:",
                           [p for i in range(100)
                            for p in (b"%d" % (i * 37), b"element:%d" % i)],
                           100_000, b":100\r\n"),
}


class Workload:
    """cmd: what redis-benchmark sends; data: what is loaded before; random:
    the range of __rand_int__; ops: operations; fresh: the run alters the data,
    so that it is loaded anew and the number of operations is fixed."""

    def __init__(self, name, data, cmd, ops, random=KEYS, fresh=False,
                 subscribers=0):
        self.name, self.data, self.cmd = name, data, cmd
        self.ops, self.random = ops, random
        self.fresh, self.subscribers = fresh, subscribers


R = "__rand_int__"
E = "element:" + R
TEXT = V16.decode()
WORKLOADS = [
    Workload("lpush", "nothing", ["LPUSH", "mylist", TEXT], MILLION, fresh=True),
    Workload("rpush", "nothing", ["RPUSH", "mylist", TEXT], MILLION, fresh=True),
    Workload("lpop", "list", ["LPOP", "mylist"], MILLION, fresh=True),
    Workload("sadd", "nothing", ["SADD", "myset", E], MILLION, fresh=True),
    Workload("spop", "set", ["SPOP", "myset"], MILLION, fresh=True),
    Workload("hset", "nothing", ["HSET", "myhash", E, TEXT], MILLION, fresh=True),
    Workload("hget", "hash", ["HGET", "myhash", E], MILLION),
    Workload("zadd", "nothing", ["ZADD", "myzset", R, E], MILLION, fresh=True),
    Workload("zscore", "zset", ["ZSCORE", "myzset", E], MILLION),
    Workload("zpopmin", "zset", ["ZPOPMIN", "myzset"], MILLION, fresh=True),
    Workload("xadd", "nothing", ["XADD", "mystream", "*", "field", TEXT], MILLION,
             fresh=True),
    Workload("lrange100", "list", ["LRANGE", "mylist", "0", "99"], 200_000),
    Workload("hgetall20", "hashes20", ["HGETALL", "h:" + R], 500_000, random=10_000),
    Workload("zrange100", "zset", ["ZRANGE", "myzset", "0", "99"], 200_000),
    Workload("publish1", "nothing", ["PUBLISH", "ch", TEXT], MILLION, subscribers=1),
    Workload("publish10", "nothing", ["PUBLISH", "ch", TEXT], 300_000, subscribers=10),
    Workload("evalsha", "kv16", ["EVALSHA", SHA, "1", "key:" + R, TEXT], 500_000),
]


class Subscribers:
    """Connections that subscribe to a channel and drop what they hear."""

    def __init__(self, port, count):
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", port), 10)
            s.sendall(resp(b"SUBSCRIBE", b"ch"))
            s.recv(4096)
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ)
            self.sockets.append(s)
        self.heard = 0
        self.over = False
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        room = bytearray(1 << 20)
        while not self.over:
            for key, _ in self.selector.select(0.05):
                n = key.fileobj.recv_into(room)
                if n == 0:
                    self.selector.unregister(key.fileobj)
                self.heard += n

    def close(self):
        time.sleep(0.3)
        self.over = True
        self.thread.join()
        for s in self.sockets:
            s.close()


# --- Modes -------------------------------------------------------------------

def measure(server, w):
    if w.fresh:
        server.data = None
    server.prepare(w.data, LOADERS[w.data])
    if w.name == "evalsha":
        with Client(server.port) as c:
            c("SCRIPT", "LOAD", SCRIPT)
    listening = Subscribers(server.port, w.subscribers)
    ops = w.ops if w.fresh else max(10_000, int(w.ops * lib.opts.scale))
    result = drive(server, w.cmd, ops, PIPELINE, CONNECTIONS,
                   {lib.opts.client_core}, w.random)
    listening.close()
    if w.subscribers:
        message = len(resp(b"message", b"ch", V16))
        if listening.heard != message * ops * w.subscribers:
            raise Failure(f"{server.name}: subscribers heard {listening.heard} bytes")
    if w.fresh:
        server.data = None
    return result


def mode_types(binaries):
    wanted = set(lib.opts.only.split(",")) if lib.opts.only else None
    results = {}
    servers = [Server(n, b, {lib.opts.server_core}) for n, b in binaries.items()]
    for w in WORKLOADS:
        if wanted is not None and w.name not in wanted:
            continue
        for r in range(lib.opts.rounds):
            for s in turn(servers, r):
                res = measure(s, w)
                results.setdefault((w.name, s.name), []).append(res)
                note(f"round {r + 1} {w.name} {s.name}: {res.ns:.0f} ns/op, {res.rate:.0f}/s")
    Server.stop_all()
    rows, ratios = [], []
    for w in WORKLOADS:
        base = results.get((w.name, "valkey"))
        for name in binaries:
            got = results.get((w.name, name))
            if not got:
                continue
            row = [w.name, name, f"{med(x.ns for x in got):.0f}",
                   f"{med(x.rate for x in got):,.0f}",
                   f"{100 * med(x.busy for x in got):.0f}%",
                   f"{med(x.p99 for x in got):.3f}", "-", "-", "-", "-"]
            if base and name != "valkey":
                cpu = [a.ns / b.ns for a, b in zip(got, base)]
                row[6:8] = [f"{med(cpu):.3f}", f"{min(cpu):.3f}-{max(cpu):.3f}"]
                if name == "martlet":
                    ratios.append(med(cpu))
                    row[8:] = [f"{CPU_LIMIT:.2f}", judge(f"{w.name} CPU", med(cpu), CPU_LIMIT)]
            rows.append(row)
    table(f"Collections, pub/sub, scripts: CPU per operation, pipeline {PIPELINE}, one core "
          f"(median of rounds: {lib.opts.rounds})",
          ["workload", "server", "ns/op", "ops/s", "busy", "p99 ms", "vs Valkey", "rounds",
           "limit", ""], rows)
    if len(ratios) > 2:
        print(f"median of the ratios: {med(ratios):.3f} "
              + judge("median CPU of collections", med(ratios), CPU_MEDIAN_LIMIT))


MEMORY_SETS = ["hashes5", "lists10", "sets10", "zsets100", "hash", "list", "set", "zset", "stream"]


def mode_types_memory(binaries):
    rows, ratios = [], []
    for data in MEMORY_SETS:
        per = {}
        for name, binary in binaries.items():
            s = Server(name, binary, {lib.opts.server_core})
            empty = s.settled_rss()
            LOADERS[data](s.port)
            per[name] = s.settled_rss() - empty
            s.stop()
            note(f"memory {data} {name}: {per[name] / 1e6:.1f} MB")
        for name, used in per.items():
            row = [data, name, f"{used / 1e6:.1f}", "-", "-", "-"]
            if "valkey" in per and name != "valkey":
                row[3] = f"{used / per['valkey']:.3f}"
                if name == "martlet":
                    ratios.append(used / per["valkey"])
                    row[4:] = [f"{MEMORY_LIMIT:.2f}",
                               judge(f"memory of {data}", ratios[-1], MEMORY_LIMIT)]
            rows.append(row)
    table("Resident memory of collections", ["data", "server", "MB", "vs Valkey", "limit", ""], rows)
    if ratios:
        print(f"median of the ratios: {med(ratios):.3f} "
              + judge("median memory of collections", med(ratios), MEMORY_MEDIAN_LIMIT))


BIG_KEYS = {"list": "mylist", "set": "myset", "hash": "myhash", "zset": "myzset", "stream": "mystream"}


def wait_until_gone(c, key):
    end = time.monotonic() + 10
    while c("EXISTS", key) and time.monotonic() < end:
        time.sleep(0.001)


OPERATIONS = {
    "DEL": lambda c, key: c("DEL", key),
    "UNLINK": lambda c, key: c("UNLINK", key),
    "expiry": lambda c, key: (c("PEXPIRE", key, 20), time.sleep(0.3), wait_until_gone(c, key)),
    "RENAME": lambda c, key: c("RENAME", key, "another"),
    "COPY": lambda c, key: c("COPY", key, "another"),
    "COPY, change both": lambda c, key: (c("COPY", key, "another"), change(c, key), change(c, "another")),
}


def change(c, key):
    """Change one element of a value of any type."""
    kind = c("TYPE", key)
    return c(*{b"list": ("RPUSH", key, "y"), b"set": ("SADD", key, "y"), b"hash": ("HSET", key, "y", "y"),
               b"zset": ("ZADD", key, 1, "y"), b"stream": ("XADD", key, "*", "y", "y")}[kind])


def mode_types_stall(binaries):
    if "martlet" not in binaries:
        return
    rows = []
    s = Server("martlet", binaries["martlet"], {lib.opts.server_core})
    for data, key in BIG_KEYS.items():
        for name, operation in OPERATIONS.items():
            with Client(s.port) as c:
                c("FLUSHALL")
                LOADERS[data](s.port)
                time.sleep(0.2)
                c("CONFIG", "RESETSTAT")
                operation(c, key)
                time.sleep(0.2)
                longest = longest_turn_ms(c)
            rows.append([f"{name} of a {data}", f"{longest:.2f}", f"< {STALL_LIMIT_MS:.0f}",
                         judge(f"turn of {name} of a {data} (ms)", longest, STALL_LIMIT_MS, strict=True)])
            note(" ".join(rows[-1]))
    rows += busy_rows(s)
    s.stop()
    table("Longest loop turn (ms) with values of a million elements, and while a script loops",
          ["what", "ms", "limit", ""], rows)


def busy_rows(s):
    """A script past its time limit: how soon another client is told, and the longest turn meanwhile."""
    limit = 0.2
    with Client(s.port) as c:
        c("CONFIG", "SET", "busy-reply-threshold", int(limit * 1000))
    with Client(s.port) as looping, Client(s.port) as other:
        other("PING")
        other("CONFIG", "RESETSTAT")
        looping.sock.sendall(resp("EVAL", "while true do end", 0))
        time.sleep(limit + 0.05)
        slowest = 0.0
        for _ in range(200):
            began = time.perf_counter()
            try:
                other("PING")
                raise Failure("PING was answered while a script loops")
            except Failure as e:
                if "BUSY" not in str(e):
                    raise
            slowest = max(slowest, (time.perf_counter() - began) * 1000)
            time.sleep(0.002)
        other("SCRIPT", "KILL")
        try:
            looping.read()
        except Failure:
            pass
    return [["BUSY reply while a script loops", f"{slowest:.2f}", f"< {STALL_LIMIT_MS:.0f}",
             judge("BUSY reply (ms)", slowest, STALL_LIMIT_MS, strict=True)]]
