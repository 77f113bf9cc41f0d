"""The mode of bench/run about the log: CPU per SET with everysec and always, beside what the disk can do."""

import os
import re
import tempfile
import time

import lib
from lib import (CONNECTIONS, Client, Failure, KEYS, Server, drive, judge, load, med, note, table, turn)

# CPU per operation / Valkey's, of all threads.
LIMITS = {"everysec": 0.40, "always": 0.50}
VALUE = "x" * 64
PIPELINE = 16
OPERATIONS = {"everysec": 1_500_000, "always": 500_000}
SYNC_ROUNDS = 200


def written(server):
    """Bytes that a server has sent to the disk so far."""
    with open(f"/proc/{server.pid}/io") as f:
        return int(re.search(r"^write_bytes: (\d+)", f.read(), re.M)[1])


def sync_times(place):
    """Milliseconds that fdatasync takes behind 64 KB at the end of a file."""
    path = tempfile.mkdtemp(prefix="bench-", dir=place)
    name = os.path.join(path, "file")
    data = os.urandom(65536)
    times = []
    try:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT)
        for _ in range(SYNC_ROUNDS):
            os.write(fd, data)
            began = time.perf_counter()
            os.fdatasync(fd)
            times.append((time.perf_counter() - began) * 1000)
        os.close(fd)
    finally:
        os.unlink(name)
        os.rmdir(path)
    return sorted(times)


def extra(policy):
    return ["--appendonly", "yes", "--appendfsync", policy, "--auto-aof-rewrite-percentage", "0"]


def mode_persistence(binaries):
    place = lib.opts.place
    wanted = lib.opts.only.split(",") if lib.opts.only else list(OPERATIONS)
    results = {}
    for policy, operations in OPERATIONS.items():
        if policy not in wanted:
            continue
        servers = [Server(n, b, {lib.opts.server_core}, extra=extra(policy), place=place)
                   for n, b in binaries.items()]
        for s in servers:
            load(s.port, KEYS, b"key:", VALUE.encode())
        ops = max(10_000, int(operations * lib.opts.scale))
        for r in range(lib.opts.rounds):
            for s in turn(servers, r):
                # What a load before left to be written must not count here.
                time.sleep(1.2)
                before = written(s)
                res = drive(s, ["SET", "key:__rand_int__", VALUE], ops, PIPELINE, CONNECTIONS,
                            {lib.opts.client_core})
                res.written = (written(s) - before) / ops
                results.setdefault((policy, s.name), []).append(res)
                note(f"round {r + 1} {policy} {s.name}: {res.ns:.0f} ns/op, {res.rate:.0f}/s")
        for s in servers:
            check(s)
        Server.stop_all()
    syncs = sync_times(place)
    report(binaries, results)
    print(f"fdatasync behind 64 KB, by itself: p50 {syncs[len(syncs) // 2]:.2f} ms, "
          f"p99 {syncs[len(syncs) * 99 // 100]:.2f} ms")


def check(server):
    with Client(server.port) as c:
        if c("DBSIZE") != KEYS:
            raise Failure(f"{server.name} has lost keys")
        if re.search(rb"aof_enabled:1\r", c("INFO", "persistence")) is None:
            raise Failure(f"{server.name} does not log")


def report(binaries, results):
    rows = []
    for policy, limit in LIMITS.items():
        base = results.get((policy, "valkey"))
        for name in binaries:
            got = results.get((policy, name))
            if not got:
                continue
            row = [policy, name, f"{med(x.ns for x in got):.0f}", f"{med(x.rate for x in got):,.0f}",
                   f"{100 * med(x.busy for x in got):.0f}%", f"{med(x.p50 for x in got):.3f}",
                   f"{med(x.p99 for x in got):.3f}",
                   f"{med(x.written for x in got):.0f}", "-", "-", "-", "-"]
            if base and name != "valkey":
                cpu = [a.ns / b.ns for a, b in zip(got, base)]
                row[8:10] = [f"{med(cpu):.3f}", f"{min(cpu):.3f}-{max(cpu):.3f}"]
                if name == "martlet":
                    row[10:] = [f"{limit:.2f}", judge(f"SET with {policy} CPU", med(cpu), limit)]
            rows.append(row)
    table(f"SET of 64 bytes with appendonly yes, pipeline {PIPELINE}, one core, CPU of all threads "
          f"(median of rounds: {lib.opts.rounds})",
          ["appendfsync", "server", "ns/op", "ops/s", "busy", "p50 ms", "p99 ms", "disk B/op",
           "vs Valkey", "rounds", "limit", ""], rows)
