"""The mode of bench/run about a start with data: how long until everything can be read again."""

import os
import re
import time

import lib
from lib import BATCH, Client, Failure, Server, judge, load, med, note, table, turn

LIMIT = 0.50                # time from the process's start until all can be read / Valkey's
KEYS = 5_000_000
VALUE = b"v" * 32
LOOKS = 100                 # values that are looked at after a start
# What the log is when the server stops: every change since the beginning, or what is left after BGREWRITEAOF.
FORMS = ["log alone", "rewritten"]


def rewrite(server, limit=300):
    """BGREWRITEAOF, and waits for its end."""
    with Client(server.port) as c:
        c("BGREWRITEAOF")
        end = time.monotonic() + limit
        while time.monotonic() < end:
            told = c("INFO", "persistence")
            if not re.search(rb"aof_rewrite_(in_progress|scheduled):1", told):
                if b"aof_last_bgrewrite_status:ok" not in told:
                    break
                return
            time.sleep(0.1)
    raise Failure(f"{server.name} did not rewrite its log")


def cpu_ms(server):
    """CPU that the process has used, by threads that have ended, too."""
    with open(f"/proc/{server.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def reopen(server, keys):
    """Stops a server in good order and starts it again; milliseconds until it has shown that all is there, and of CPU
    meanwhile."""
    server.end()
    server.spawn()
    with Client(server.port) as c:
        if c("DBSIZE") != keys:
            raise Failure(f"{server.name} has {c('DBSIZE')} keys of {keys}")
        took = (time.monotonic() - server.begun) * 1000, cpu_ms(server)
        for n in range(LOOKS):
            if c("GET", b"key:%012d" % (n * keys // LOOKS)) != VALUE:
                raise Failure(f"{server.name} has lost a value")
    return took


def bytes_of(server):
    """Bytes of a server's data directory."""
    return sum(os.path.getsize(os.path.join(d, n)) for d, _, names in os.walk(server.dir) for n in names)


def mode_reopening(binaries):
    keys = max(BATCH, int(KEYS * lib.opts.scale) // BATCH * BATCH)
    servers = [Server(n, b, {lib.opts.server_core}, place=lib.opts.place, patience=300, extra=[
        "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"]) for n, b in binaries.items()]
    for s in servers:
        load(s.port, keys, b"key:", VALUE)
    times, sizes = {}, {}
    for form in FORMS:
        for s in servers:
            if form == "rewritten":
                rewrite(s)
            # The first start brings all files to the system's cache.
            reopen(s, keys)
            sizes[form, s.name] = bytes_of(s)
        for r in range(lib.opts.rounds):
            for s in turn(servers, r):
                times.setdefault((form, s.name), []).append(reopen(s, keys))
                note(f"round {r + 1} {form} {s.name}: {times[form, s.name][-1][0]:.0f} ms")
    report(binaries, keys, times, sizes)


def report(binaries, keys, times, sizes):
    rows = []
    for form in FORMS:
        base = times.get((form, "valkey"))
        for name in binaries:
            got = times[form, name]
            row = [form, name, f"{med(t for t, _ in got):.0f}", f"{med(cpu for _, cpu in got):.0f}",
                   f"{sizes[form, name] / 1e6:.0f}", "-", "-", "-", "-"]
            if base and name != "valkey":
                ratios = [a / b for (a, _), (b, _) in zip(got, base)]
                row[5:7] = [f"{med(ratios):.3f}", f"{min(ratios):.3f}-{max(ratios):.3f}"]
                if name == "martlet":
                    row[7:] = [f"{LIMIT:.2f}", judge(f"reopening, {form}", med(ratios), LIMIT)]
            rows.append(row)
    table(f"From a process's start until {keys:,} keys of 16 bytes with values of {len(VALUE)} are there, one core "
          f"(median of rounds: {lib.opts.rounds})",
          ["log", "server", "ms", "CPU ms", "MB", "vs Valkey", "rounds", "limit", ""], rows)
