"""The mode of bench/run about data larger than memory: GETs and overwriting, beside RocksDB's db_bench."""

import bisect
import itertools
import os
import random
import re
import resource
import select
import shutil
import socket
import subprocess
import tempfile
import time

import lib
from lib import Client, Failure, Server, child_setup, judge, note, resp, table
from persistence import written

UNIFORM_LIMIT = 1.3         # CPU per uniform GET / RocksDB's per readrandom
ZIPF_LIMIT = 0.7            # CPU per Zipfian GET / the same
SPACE_LIMIT = 1.3           # bytes on disk / bytes of the live records, compressed
MEMORY = 256 * 1024 * 1024  # maxmemory, and RocksDB's block cache
TIMES_MEMORY = 4
VALUE = 1000
RATIO = 0.5                 # what is left of a value by compression
READS = 1_000_000
OVERWRITES = 2              # times the number of keys
PIPELINE = 16
CONNECTIONS = 50
THETA = 0.99                # of the Zipfian distribution, as YCSB's


# --- The load generator ------------------------------------------------------

def key(i):
    return b"key:%012d" % i


class Values:
    """Values that compress by half, as db_bench's: random bytes, twice. The key's digits come first."""

    def __init__(self, seed=1):
        self.pool = random.Random(seed).randbytes(1 << 20)

    def of(self, i, version):
        size = int(VALUE * RATIO)
        at = (i * 7919 + version * 104729) % (len(self.pool) - size)
        half = self.pool[at:at + size]
        return (b"%012d" % i + half + half)[:VALUE]


def numbers(count, keys, zipf, seed):
    """Which keys are asked for. Zipf's most frequent ones are scattered over all."""
    r = random.Random(seed)
    if not zipf:
        return [r.randrange(keys) for _ in range(count)]
    weights = list(itertools.accumulate((i + 1) ** -THETA for i in range(keys)))
    total = weights[-1]
    places = list(range(keys))
    random.Random(seed + 1).shuffle(places)
    return [places[min(keys - 1, bisect.bisect(weights, r.random() * total))] for _ in range(count)]


def batches(wanted):
    for n in range(0, len(wanted) - PIPELINE + 1, PIPELINE):
        yield wanted[n:n + PIPELINE]


def drive(port, requests, reply_bytes, check):
    """Sends requests (prepared before), one at a time on each of many connections; each is answered by that many
    bytes, of which `check` looks at some."""
    poll = select.epoll()
    links = {}
    for _ in range(CONNECTIONS):
        s = socket.create_connection(("127.0.0.1", port), 60)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(s, select.EPOLLIN)
        links[s.fileno()] = [s, 0, None]
    feed = iter(requests)
    busy = 0

    def go_on(link):
        request = next(feed, None)
        if request is None:
            return 0
        link[1], link[2] = reply_bytes, request[1]
        link[0].sendall(request[0])
        return 1
    for link in links.values():
        busy += go_on(link)
    buffer = bytearray(reply_bytes)
    while busy:
        ready = poll.poll(30)
        if not ready:
            raise Failure("no reply for 30 s")
        for fd, _ in ready:
            link = links[fd]
            got = link[0].recv_into(buffer, link[1])
            if not got:
                raise Failure("the server closed the connection")
            if link[1] == reply_bytes:
                check(buffer, link[2])
            link[1] -= got
            if link[1] == 0:
                busy += go_on(link) - 1
    for link in links.values():
        link[0].close()


def reads(port, wanted):
    requests = [(b"".join(resp(b"GET", key(i)) for i in batch), b"$%d\r\n%012d" % (VALUE, batch[0]))
                for batch in batches(wanted)]

    def check(buffer, begin):
        if not buffer.startswith(begin):
            raise Failure("a wrong value: %r" % bytes(buffer[:60]))
    return requests, PIPELINE * (VALUE + len(b"$%d\r\n\r\n" % VALUE)), check


def writes(values, wanted, version):
    def check(buffer, _):
        if not buffer.startswith(b"+OK"):
            raise Failure("a refused write: %r" % bytes(buffer[:80]))
    return (((b"".join(resp(b"SET", key(i), values.of(i, version)) for i in batch), None) for batch in batches(wanted)),
            PIPELINE * 5, check)


# --- The two -----------------------------------------------------------------

class Figures:
    def __init__(self, name):
        self.name = name
        self.uniform = self.zipf = self.uniform_rate = self.zipf_rate = None
        self.write_amplification = self.log_amplification = self.space = None


def rocksdb(keys):
    """CPU per operation from getrusage: a long run's less a short one's, so that opening does not count."""
    program = shutil.which("db_bench")
    if not program:
        raise Failure("no db_bench: install Debian's rocksdb-tools")
    place = tempfile.mkdtemp(prefix="bench-", dir=lib.opts.place)
    words = [program, "--db=" + place, f"--num={keys}", "--key_size=16", f"--value_size={VALUE}",
             "--compression_type=lz4", f"--compression_ratio={RATIO}", "--bloom_bits=10", f"--cache_size={MEMORY}",
             "--threads=1"]

    def run(*more):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(words + list(more), capture_output=True, text=True, timeout=1800,
                              preexec_fn=child_setup({lib.opts.server_core, lib.opts.client_core}))
        if done.returncode:
            raise Failure("db_bench: " + done.stderr[-400:])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    f = Figures("RocksDB")
    try:
        out, _ = run("--benchmarks=filluniquerandom,waitforcompaction" + ",overwrite" * OVERWRITES
                     + ",waitforcompaction,stats")
        compacted = float(re.search(r"^Cumulative compaction: ([\d.]+) GB write", out, re.M)[1])
        logged = float(re.search(r"^Cumulative WAL: .*written: ([\d.]+) GB", out, re.M)[1])
        raw = keys * (1 + OVERWRITES) * (16 + VALUE) / 2 ** 30
        f.write_amplification, f.log_amplification = compacted / raw, (compacted + logged) / raw
        f.space = sum(os.path.getsize(os.path.join(place, n)) for n in os.listdir(place) if n.endswith(".sst"))
        times = []
        for _ in range(lib.opts.rounds):
            few = max(10_000, int(READS * lib.opts.scale)) // 5
            more = ["--use_existing_db=1", "--disable_auto_compactions=1", "--benchmarks=readrandom"]
            _, low = run(*more, f"--reads={few}")
            out, high = run(*more, f"--reads={few * 6}")
            times.append((high - low) / (5 * few) * 1e9)
            rate = float(re.search(r"^readrandom .* (\d+) ops/sec", out, re.M)[1])
            note(f"db_bench readrandom: {times[-1]:.0f} ns/op")
        f.uniform, f.uniform_rate = lib.med(times), rate
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return f


def martlet(binary, keys):
    f = Figures("Martlet")
    s = Server("martlet", binary, {lib.opts.server_core}, place=lib.opts.place, extra=[
        "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory", str(MEMORY), "--maxmemory-policy", "noeviction"])
    with Client(s.port) as c:
        if not c("INFO", "tree"):
            note("this server keeps nothing on disk but its log: RocksDB is measured alone")
            s.stop()
            return None
    values = Values()
    order = list(range(keys))
    random.Random(2).shuffle(order)
    drive(s.port, *writes(values, order, 0))
    note("loaded")
    for n in range(OVERWRITES):
        drive(s.port, *writes(values, numbers(keys, keys, False, n + 3), n + 1))
    settle(s)
    raw = keys * (1 + OVERWRITES) * (16 + VALUE)
    f.log_amplification = written(s) / raw
    with Client(s.port) as c:
        show = c("INFO", "tree").decode(errors="replace")
    note(show)
    f.space = tables_bytes(s.dir)
    count = max(10_000, int(READS * lib.opts.scale))
    for name, zipf in (("uniform", False), ("zipf", True)):
        wanted = numbers(count, keys, zipf, 9)
        prepared, reply_bytes, check = reads(s.port, wanted)
        # What is asked for most has come to memory before.
        drive(s.port, prepared[:len(prepared) // 4], reply_bytes, check)
        times = []
        for _ in range(lib.opts.rounds):
            before, began = s.cpu_ns(), time.monotonic()
            drive(s.port, prepared, reply_bytes, check)
            times.append((s.cpu_ns() - before) / (len(prepared) * PIPELINE))
            rate = len(prepared) * PIPELINE / (time.monotonic() - began)
            note(f"martlet {name}: {times[-1]:.0f} ns/op, {rate:.0f}/s")
        setattr(f, name, lib.med(times))
        setattr(f, name + "_rate", rate)
    s.stop()
    return f


def tables_bytes(path):
    """Bytes of the directory's files except the log's segments."""
    total = 0
    for folder, _, names in os.walk(path):
        total += sum(os.path.getsize(os.path.join(folder, n)) for n in names if not n.startswith("log"))
    return total


def settle(server, limit=300):
    """Until a server has nothing to do by itself any more."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before = server.cpu_ns()
        time.sleep(2)
        if server.cpu_ns() - before < 20_000_000:
            return
    note("warning: the server is still at work")


def mode_larger(binaries):
    memory = MEMORY
    keys = int(TIMES_MEMORY * memory / (16 + VALUE))
    rocks = rocksdb(keys)
    ours = martlet(binaries["martlet"], keys) if "martlet" in binaries else None
    # A record compressed, without what tables add.
    live = keys * (16 + VALUE * RATIO)
    rows = []
    for f in (rocks, ours):
        if f is None:
            continue

        def show(v, form):
            return "-" if v is None else format(v, form)
        rows.append([f.name, show(f.uniform, ".0f"), show(f.uniform_rate, ",.0f"), show(f.zipf, ".0f"),
                     show(f.zipf_rate, ",.0f"), show(f.write_amplification, ".2f"), show(f.log_amplification, ".2f"),
                     f"{f.space / live:.2f}"])
    table(f"{keys:,} keys with values of {VALUE} bytes (compressible to {RATIO}), memory for a quarter "
          f"(median of rounds: {lib.opts.rounds})",
          ["", "uniform ns/op", "ops/s", "Zipf ns/op", "ops/s", "written/raw", "with the log", "disk/live"], rows)
    if ours is None:
        return
    for what, ratio, limit in (
            ("uniform GET CPU / readrandom", ours.uniform / rocks.uniform, UNIFORM_LIMIT),
            ("Zipfian GET CPU / readrandom", ours.zipf / rocks.uniform, ZIPF_LIMIT),
            ("write amplification / RocksDB's", ours.log_amplification / rocks.log_amplification, 1.0),
            ("space amplification", ours.space / live, SPACE_LIMIT)):
        print(f"{what}: {ratio:.2f}, limit {limit:.2f} {judge(what, ratio, limit)}")
