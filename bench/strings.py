"""The modes of bench/run about keys and strings: CPU, loops, memory, stalls, start."""

import time

import lib
from lib import (Client, CONNECTIONS, Failure, KEYS, Server, drive, judge,
                 load, longest_turn_ms, med, note, pump, resp, table, turn)
from lib import BATCH, NUMBER, STAMP

LOOPS_CONNECTIONS = 100
BIG = 5_000_000             # keys of --memory and --stall
EXPIRING = 1_000_000        # keys that expire in one second in --stall

LOOPS_LIMIT = 1.35          # CPU per operation, two loops / one loop
MEMORY_LIMIT = 0.85         # bytes per key / Valkey's
STALL_LIMIT_MS = 10.0
START_LIMIT_MS = 50.0
EMPTY_RSS_LIMIT_MB = 25.0   # 1 MB = 1,000,000 bytes
IDLE_SECONDS = 5.0
IDLE_LIMIT_PERCENT = 0.1    # of one core

K = "key:__rand_int__"      # the placeholder becomes 12 digits: 16 bytes
V16 = "x" * 16
V1K = "x" * 1024


class Workload:
    """cmd: what redis-benchmark sends; data: the data set it needs;
    runs: {pipeline: (operations, limit of CPU per operation / Valkey's)};
    dirty: the run alters the data set, so that it is loaded anew."""

    def __init__(self, name, data, cmd, runs, dirty=False, fixed=False):
        self.name, self.data, self.cmd = name, data, cmd
        self.runs, self.dirty, self.fixed = runs, dirty, fixed


def mset_args():
    out = ["MSET"]
    for _ in range(10):
        out += [K, V16]
    return out


WORKLOADS = [
    Workload("get16", "kv16", ["GET", K],
             {1: (300_000, .80), 16: (2_000_000, .42), 64: (3_000_000, .32)}),
    Workload("set16", "kv16", ["SET", K, V16],
             {1: (300_000, .80), 16: (1_500_000, .42), 64: (2_000_000, .32)}),
    Workload("mget10", "kv16", ["MGET"] + [K] * 10, {16: (400_000, .50)}),
    Workload("mset10", "kv16", mset_args(), {16: (300_000, .50)}),
    Workload("expire", "kv16", ["EXPIRE", K, "100000"],
             {16: (1_500_000, .50)}, dirty=True),
    # As many DELs as keys, at random: 1 - 1/e = 63.2 % of them find a key.
    # The number of operations is fixed, for the hit ratio depends on it.
    Workload("del", "kv16", ["DEL", K], {16: (KEYS, .50)},
             dirty=True, fixed=True),
    Workload("incr", "cnt", ["INCR", "cnt:__rand_int__"],
             {16: (2_000_000, .50)}),
    Workload("get1k", "kv1k", ["GET", K], {16: (1_200_000, .50)}),
    Workload("set1k", "kv1k", ["SET", K, V1K], {16: (1_000_000, .50)}),
]
DATA = {"kv16": (b"key:", V16.encode()),
        "kv1k": (b"key:", V1K.encode()),
        "cnt": (b"cnt:", b"100000")}


def loader(data):
    return lambda port: load(port, KEYS, *DATA[data])


def mode_cpu(binaries):
    wanted = set(lib.opts.only.split(",")) if lib.opts.only else None
    unknown = (wanted or set()) - {w.name for w in WORKLOADS}
    if unknown:
        raise Failure("no such workload: " + ", ".join(sorted(unknown)))
    pipelines = ({int(p) for p in lib.opts.pipelines.split(",")}
                 if lib.opts.pipelines else None)
    groups = {}
    for w in WORKLOADS:
        if wanted is None or w.name in wanted:
            for p in w.runs:
                if pipelines is None or p in pipelines:
                    groups.setdefault(w.data, []).append((w, p))
    results = {}                        # (workload, pipeline, server) → list
    for data, runs in groups.items():
        servers = [Server(n, b, {lib.opts.server_core})
                   for n, b in binaries.items()]
        for r in range(lib.opts.rounds):
            for w, p in runs:
                for s in turn(servers, r):
                    s.prepare(data, loader(data))
                    ops = w.runs[p][0]
                    if not w.fixed:
                        ops = max(10_000, int(ops * lib.opts.scale))
                    res = drive(s, w.cmd, ops, p, CONNECTIONS,
                                {lib.opts.client_core})
                    with Client(s.port) as c:
                        left = c("DBSIZE")
                    hoped = KEYS / 2.718281828 if w.name == "del" else KEYS
                    if abs(left - hoped) > 0.01 * hoped * (w.name == "del"):
                        raise Failure(f"{s.name}: {left} keys after {w.name}")
                    if w.dirty:
                        s.data = None
                    results.setdefault((w.name, p, s.name), []).append(res)
                    note(f"round {r + 1} {w.name} P{p} {s.name}: "
                         f"{res.ns:.0f} ns/op, {res.rate:.0f}/s")
        Server.stop_all()

    rows, ratios = [], []
    for w in (w for w in WORKLOADS):
        for p, (_, limit) in w.runs.items():
            base = results.get((w.name, p, "valkey"))
            for name in binaries:
                got = results.get((w.name, p, name))
                if not got:
                    continue
                rows.append([w.name, p, name,
                             f"{med(x.ns for x in got):.0f}",
                             f"{med(x.rate for x in got):,.0f}",
                             f"{100 * med(x.busy for x in got):.0f}%",
                             f"{med(x.p50 for x in got):.3f}",
                             f"{med(x.p99 for x in got):.3f}",
                             f"{med(x.p999 for x in got):.3f}"])
                if not base or name == "valkey":
                    continue
                cpu = [a.ns / b.ns for a, b in zip(got, base)]
                rate = med(a.rate / b.rate for a, b in zip(got, base))
                p99 = med(a.p99 / b.p99 for a, b in zip(got, base))
                row = [w.name, p, name, f"{med(cpu):.3f}",
                       f"{min(cpu):.3f}-{max(cpu):.3f}",
                       f"{rate:.2f}", f"{p99:.2f}", "-", "-"]
                if name == "martlet":
                    row[-2:] = [f"{limit:.2f}", judge(
                        f"{w.name} P{p} CPU", med(cpu), limit)]
                ratios.append(row)
    table(f"CPU per operation, throughput and latency "
          f"(one core, median of rounds: {lib.opts.rounds})",
          ["workload", "P", "server", "ns/op", "ops/s", "busy", "p50 ms",
           "p99 ms", "p99.9 ms"], rows)
    if ratios:
        table("Relative to Valkey (median of the rounds' ratios)",
              ["workload", "P", "server", "CPU/op", "rounds", "ops/s", "p99",
               "CPU limit", ""], ratios)


def mode_loops(binaries):
    if "martlet" not in binaries:
        return
    both = {lib.opts.server_core, lib.opts.client_core}
    servers = [Server("martlet", binaries["martlet"], both, n) for n in (1, 2)]
    got = {}
    for r in range(lib.opts.rounds):
        for w in WORKLOADS:
            if w.name not in ("get16", "set16"):
                continue
            for n, s in turn(list(zip((1, 2), servers)), r):
                s.prepare(w.data, loader(w.data))
                ops = max(10_000, int(w.runs[16][0] * lib.opts.scale))
                res = drive(s, w.cmd, ops, 16, LOOPS_CONNECTIONS, both)
                got.setdefault((w.name, n), []).append(res)
                note(f"round {r + 1} {w.name} {n} loops: {res.ns:.0f} ns/op")
    Server.stop_all()
    rows = []
    for name in ("get16", "set16"):
        one, two = got[name, 1], got[name, 2]
        ratio = med(b.ns / a.ns for a, b in zip(one, two))
        rows.append([name, f"{med(x.ns for x in one):.0f}",
                     f"{med(x.ns for x in two):.0f}",
                     f"{med(x.rate for x in one):,.0f}",
                     f"{med(x.rate for x in two):,.0f}",
                     f"{ratio:.3f}", f"{LOOPS_LIMIT:.2f}",
                     judge(f"{name} two loops CPU", ratio, LOOPS_LIMIT)])
    table(f"Two loops and one, pipeline 16, {LOOPS_CONNECTIONS} connections "
          "(servers and client share both cores)",
          ["workload", "1: ns/op", "2: ns/op", "1: ops/s", "2: ops/s",
           "CPU ratio", "limit", ""], rows)


def mode_memory(binaries):
    count = BIG // 10 if lib.opts.quick else BIG
    per = {}
    rows = []
    for name, binary in binaries.items():
        s = Server(name, binary, {lib.opts.server_core})
        empty = s.settled_rss()
        began = time.monotonic()
        load(s.port, count, b"key:", b"v" * 32)
        took = time.monotonic() - began
        full = s.settled_rss()
        s.stop()
        per[name] = (full - empty) / count
        rows.append([name, f"{empty / 1e6:.1f}", f"{full / 1e6:.1f}",
                     f"{per[name]:.1f}", f"{took:.1f}"])
        note(f"memory {name}: {per[name]:.1f} bytes per key")
    for row in rows:
        name = row[0]
        if "valkey" not in per:
            row += ["-", "-", "-"]
            continue
        ratio = per[name] / per["valkey"]
        row += [f"{ratio:.3f}", "-", "-"]
        if name == "martlet":
            row[-2:] = [f"{MEMORY_LIMIT:.2f}",
                        judge("memory", ratio, MEMORY_LIMIT)]
    table(f"Resident memory, {count:,} keys of 16 bytes, values of 32 bytes",
          ["server", "empty MB", "full MB", "bytes/key", "load s",
           "vs Valkey", "limit", ""], rows)


def mode_stall(binaries):
    scale = 10 if lib.opts.quick else 1
    count, dying = BIG // scale, EXPIRING // scale
    rows = []
    for name, binary in binaries.items():
        s = Server(name, binary, {lib.opts.server_core})
        with Client(s.port) as c:
            def turn_now():
                return longest_turn_ms(c) if name == "martlet" else None
            c("CONFIG", "RESETSTAT")
            load(s.port, count, b"key:", b"v" * 32)
            inserted = turn_now()
            # Chunk i of 1000 keys expires at one instant; the instants are
            # spread evenly over one second.
            for margin in (8, 30, 90):
                start = int(time.time() * 1000) + margin * 1000
                step = 1000 * BATCH / dying
                template = b"".join(
                    resp(b"PEXPIREAT", b"key:" + NUMBER + b"%03d" % i, STAMP)
                    for i in range(BATCH))
                pump(s.port, template, dying // BATCH, b":1\r\n",
                     stamp=lambda i: start + int(i * step))
                if time.time() * 1000 < start - 300:
                    break
            else:
                raise Failure("the keys could not be given times in time")
            while time.time() * 1000 < start - 200:
                time.sleep(0.01)
            worst, left, gone = 0.0, count, None
            looked = 0.0
            while time.time() * 1000 < start + 30_000:
                began = time.perf_counter()
                c("PING")
                worst = max(worst, (time.perf_counter() - began) * 1000)
                time.sleep(0.0005)
                if time.time() - looked > 0.05:
                    looked = time.time()
                    left = c("DBSIZE")
                    if left == count - dying:
                        gone = time.time() - (start + 1000) / 1000
                        break
            overall = turn_now()
        s.stop()
        show = lambda v: "-" if v is None else f"{v:.2f}"
        row = [name, show(inserted), show(overall), f"{worst:.2f}",
               f"{gone:.2f}" if gone is not None else f"{left} left", "-", "-"]
        if name == "martlet":
            row[-2:] = [f"< {STALL_LIMIT_MS:.0f}",
                        judge("longest loop turn (ms)", overall,
                              STALL_LIMIT_MS, strict=True)]
        rows.append(row)
        note("stall " + " ".join(row[:5]))
    table(f"Longest loop turn: {count:,} keys inserted, then {dying:,} of "
          "them expire in one second",
          ["server", "inserting ms", "overall ms", "worst PING ms",
           "removed after s", "limit", ""], rows)


def mode_startup(binaries):
    rows = []
    for name, binary in binaries.items():
        times = []
        for _ in range(5):
            s = Server(name, binary, {lib.opts.server_core})
            times.append(s.start_ms)
            if len(times) < 5:
                s.stop()
        time.sleep(1)
        rss = s.rss() / 1e6
        before, began = s.cpu_ns(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        used = s.cpu_ns() - before
        percent = used / 1e7 / (time.monotonic() - began)
        s.stop()
        row = [name, f"{med(times):.1f}", f"{max(times):.1f}", f"{rss:.1f}",
               f"{used / 1e6:.3f}", f"{percent:.4f}%", "-"]
        if name == "martlet":
            verdicts = [
                judge("start to first PONG (ms)", med(times), START_LIMIT_MS),
                judge("empty RSS (MB)", rss, EMPTY_RSS_LIMIT_MB),
                judge("idle CPU (%)", percent, IDLE_LIMIT_PERCENT)]
            row[-1] = "ok" if set(verdicts) == {"ok"} else "OVER"
        rows.append(row)
        note("startup " + " ".join(row))
    table(f"Empty server (limits: {START_LIMIT_MS:.0f} ms to the first PONG, "
          f"{EMPTY_RSS_LIMIT_MB:.0f} MB, {IDLE_LIMIT_PERCENT} % of a core "
          "idle)",
          ["server", "PONG ms", "worst", "RSS MB",
           f"CPU ms in {IDLE_SECONDS:.0f} s", "of a core", ""], rows)


