"""The mode of bench/run about a cluster of three: CPU of all its nodes per operation, beside one node's; and how many
acknowledged writes it takes, beside Valkey with two replicas and WAIT."""

import os
import socket
import time

import lib
from lib import (CONNECTIONS, Client, Failure, KEYS, Result, Server, drive, judge, load, med, note, resp, table, turn)
import larger

NODES = 3
PIPELINE = 16
VALUE = "x" * 16
KEY = "key:__rand_int__"
# A cluster client chooses slots by this, and so many keys in each: about a million in all.
SLOTTED = "key:{tag}:__rand_int__"
SLOTTED_KEYS = 61
# name: (what redis-benchmark sends, read quorum, operations, limit of the CPU of all nodes / one node's)
WORKLOADS = {
    "set": (["SET", KEY, VALUE], "quorum", 600_000, 6.0),
    "get": (["GET", KEY], "quorum", 1_000_000, 4.0),
    "get-one": (["GET", KEY], "one", 2_000_000, 1.2),
    "set-routed": (["SET", SLOTTED, VALUE], "quorum", 600_000, None),
    "get-routed": (["GET", SLOTTED], "quorum", 1_000_000, None),
}
RATE_LIMIT = 3.0            # acknowledged SETs per second / Valkey's with WAIT 1
RATE_OPERATIONS = 300_000


def mode_cluster(binaries):
    results = {}
    for kind in [k for k in KINDS if k.log in lib.opts.logs.split(",")]:
        measure(binaries["martlet"], kind, results)
        Server.stop_all()
    report(results)
    if "valkey" in binaries:
        rates(binaries)


class Kind:
    """How the servers log."""

    def __init__(self, log, *extra):
        self.log, self.extra = log, list(extra)


KINDS = [Kind("no"), Kind("everysec", "--appendonly", "yes", "--appendfsync", "everysec")]


# --- Servers -----------------------------------------------------------------

def is_free(port):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count):
    """Ports in a row that are free, and 10000 above them, too: nodes talk to each other there."""
    first = 20000 + os.getpid() * 10 % 2500
    for port in range(first, 22700, count):
        if all(is_free(port + i) and is_free(port + i + 10000) for i in range(count)):
            return range(port, port + count)
    raise Failure("no free ports for a cluster")


class Nodes:
    """A cluster, driven as if it were one server."""

    name = "cluster"

    def __init__(self, binary, extra=()):
        ports = free_ports(NODES)
        words = ["--cluster-enabled", "yes", "--cluster-name", "bench", "--cluster-seeds",
                 ",".join(f"127.0.0.1:{p}" for p in ports)] + list(extra)
        self.nodes = [Server(f"node {i}", binary, {lib.opts.server_core}, extra=words, place=lib.opts.place, port=p)
                      for i, p in enumerate(ports)]
        self.port = ports[0]
        self.wait_for(lambda c: b"cluster_state:ok" in c("CLUSTER", "INFO"), "the cluster is not founded")
        self.wait_for(lambda c: b"cluster_settled:1" in c("INFO", "cluster"), "the nodes are not settled")

    def wait_for(self, condition, complaint):
        end = time.monotonic() + 30
        for node in self.nodes:
            with Client(node.port) as c:
                while not condition(c):
                    if time.monotonic() > end:
                        raise Failure(complaint)
                    time.sleep(0.05)

    def cpu_ns(self):
        return sum(n.cpu_ns() for n in self.nodes)


# --- CPU ---------------------------------------------------------------------

def measure(binary, kind, results):
    wanted = lib.opts.only.split(",") if lib.opts.only else list(WORKLOADS)
    for name in wanted:
        if name not in WORKLOADS:
            raise Failure("no such workload of a cluster: " + name)
    for quorum in ("quorum", "one"):
        names = [name for name in wanted if WORKLOADS[name][1] == quorum]
        if not names:
            continue
        one = Server("one node", binary, {lib.opts.server_core}, extra=kind.extra, place=lib.opts.place)
        cluster = Nodes(binary, ["--cluster-read-quorum", quorum] + kind.extra)
        for s in one, cluster:
            load(s.port, KEYS, b"key:", VALUE.encode())
        for name in names:
            compare(kind, name, one, cluster, results)
        check(cluster)
        Server.stop_all()


def compare(kind, name, one, cluster, results):
    words, _, operations, _ = WORKLOADS[name]
    ops = max(10_000, int(operations * lib.opts.scale))
    routed = name.endswith("-routed")
    for r in range(lib.opts.rounds):
        for s in turn([one, cluster], r):
            calm(s)
            if routed and s is cluster:
                sent, keys = ["--cluster"] + words, SLOTTED_KEYS
            else:
                sent, keys = [KEY if word == SLOTTED else word for word in words], KEYS
            got = drive(s, sent, ops, PIPELINE, CONNECTIONS, {lib.opts.client_core}, random=keys)
            results.setdefault((kind.log, name, s.name), []).append(got)
            note(f"round {r + 1} log {kind.log} {name} {s.name}: {got.ns:.0f} ns/op, {got.rate:.0f}/s, "
                 f"busy {100 * got.busy:.0f}%")


def calm(s):
    """Waits until a server has done what follows a load: flushed, put its memory onto large pages, compared clocks."""
    time.sleep(0.5)
    for _ in range(40):
        before = s.cpu_ns()
        time.sleep(0.25)
        if s.cpu_ns() - before < 0.04 * 250e6:
            return
    note(f"{s.name} has not come to rest in 10 s")


def check(cluster):
    with Client(cluster.port) as c:
        if c("GET", "key:%012d" % 1) != VALUE.encode():
            raise Failure("the cluster has lost a value")
        figures = c("INFO", "cluster").decode()
    for line in figures.splitlines():
        if line.startswith(("cluster_quorum_failures:", "cluster_peer_requests_refused:")) and not line.endswith(":0"):
            raise Failure(line)


def report(results):
    rows = []
    for (log, name, server), got in results.items():
        if server != Nodes.name:
            continue
        base = results[log, name, "one node"]
        ratios = [a.ns / b.ns for a, b in zip(got, base)]
        row = [name, log, f"{med(x.ns for x in base):.0f}", f"{med(x.ns for x in got):.0f}",
               f"{med(x.rate for x in got):,.0f}", f"{100 * med(x.busy for x in got):.0f}%",
               f"{med(ratios):.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}", "-", "-"]
        limit = WORKLOADS[name][3]
        if limit is not None:
            row[8:] = [f"{limit:.1f}", judge(f"{name}, log {log}: CPU of all nodes", med(ratios), limit)]
        rows.append(row)
    table(f"Three nodes, N=3 W=2, pipeline {PIPELINE}: CPU of all nodes per operation / one node's "
          f"(median of rounds: {lib.opts.rounds})",
          ["workload", "log", "one node ns/op", "all nodes ns/op", "ops/s", "busy", "ratio", "rounds", "limit", ""],
          rows)


# --- Acknowledged writes per second ------------------------------------------

class Replicated:
    """A Valkey server with two replicas."""

    name = "valkey"

    def __init__(self, binary):
        self.nodes = [Server("valkey", binary, {lib.opts.server_core}, place=lib.opts.place) for _ in range(NODES)]
        self.port = self.nodes[0].port
        for n in self.nodes[1:]:
            with Client(n.port) as c:
                c("REPLICAOF", "127.0.0.1", self.port)
        end = time.monotonic() + 30
        with Client(self.port) as c:
            while c("INFO", "replication").count(b"state=online") < NODES - 1:
                if time.monotonic() > end:
                    raise Failure("Valkey's replicas do not come")
                time.sleep(0.1)

    def cpu_ns(self):
        return sum(n.cpu_ns() for n in self.nodes)


def requests(operations, waits):
    """SETs of random keys, PIPELINE of them at a time, each followed by WAIT 1 or not, and how many bytes answer
    them. Of each answer the beginning is checked."""
    numbers = larger.numbers(operations, KEYS, False, 5)
    wait = resp("WAIT", 1, 0) if waits else b""
    prepared = [(b"".join(resp("SET", larger.key(i), VALUE) + wait for i in batch), None)
                for batch in larger.batches(numbers)]

    def check(buffer, _):
        # WAIT's reply may come later than this. Without a time limit it is never 0.
        if not buffer.startswith(b"+OK\r\n"):
            raise Failure("not acknowledged: %r" % bytes(buffer[:60]))
    return prepared, PIPELINE * (9 if waits else 5), check


def rates(binaries):
    systems = [Nodes(binaries["martlet"]), Replicated(binaries["valkey"])]
    for s in systems:
        load(s.port, KEYS, b"key:", VALUE.encode())
    ops = max(10_000, int(RATE_OPERATIONS * lib.opts.scale))
    got = {s.name: [] for s in systems}
    for r in range(lib.opts.rounds):
        for s in turn(systems, r):
            time.sleep(0.5)
            work = requests(ops, waits=s.name == "valkey")
            before, began = s.cpu_ns(), time.monotonic()
            larger.drive(s.port, *work)
            wall = time.monotonic() - began
            used = s.cpu_ns() - before
            got[s.name].append(Result(used / ops, ops / wall, used / 1e9 / wall, 0, 0, 0))
            note(f"round {r + 1} {s.name}: {ops / wall:.0f} acknowledged SETs/s, {used / ops:.0f} ns/op")
    ratios = [a.rate / b.rate for a, b in zip(*got.values())]
    rows = [[name, f"{med(x.rate for x in xs):,.0f}", f"{med(x.ns for x in xs):.0f}",
             f"{100 * med(x.busy for x in xs):.0f}%"] for name, xs in got.items()]
    table(f"Acknowledged SETs per second, three servers on one core, pipeline {PIPELINE}: a cluster with W=2, "
          "Valkey with two replicas and WAIT 1 after each SET",
          ["servers", "ops/s", "ns/op", "busy"], rows)
    print(f"ratio {med(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}), at least {RATE_LIMIT:.1f}: "
          + judge("Valkey's rate / the cluster's", 1 / med(ratios), 1 / RATE_LIMIT))
