"""What a server holds after a crash, against what each client was answered."""
import time

import model
from load import NAMES, TICKS, UNSURE, clock

SCRATCH = 14        # the database in which HyperLogLogs are made for comparison


def values(wire, database, names):
    """What these keys hold: {name: Value}."""
    wire("SELECT", database)
    kinds = wire.many([[b"TYPE", n] for n in names])
    ask = {b"string": lambda n: [b"GET", n], b"list": lambda n: [b"LRANGE", n, b"0", b"-1"], b"set": lambda n: [b"SMEMBERS", n],
           b"hash": lambda n: [b"HGETALL", n], b"zset": lambda n: [b"ZRANGE", n, b"0", b"-1", b"WITHSCORES"],
           b"stream": lambda n: [b"XINFO", b"STREAM", n, b"FULL", b"COUNT", b"0"]}
    there = [(n, k) for n, k in zip(names, kinds) if k != b"none"]
    got = wire.many([ask[k](n) for n, k in there])
    deadlines = wire.many([[b"PEXPIRETIME", n] for n, _ in there])
    out = {}
    for (n, kind), v, deadline in zip(there, got, deadlines):
        if v is None or deadline == -2:
            continue
        out[n] = model.Value(kind.decode(), READ[kind](v), None if deadline == -1 else (deadline, deadline))
    return out


def read_stream(reply):
    s = pairs(reply)
    out = model.stream()
    out["last"] = model.parse_id(s[b"last-generated-id"])
    out["added"] = s[b"entries-added"]
    out["entries"] = {model.parse_id(i): fields for i, fields in s[b"entries"]}
    if s[b"length"] != len(out["entries"]):
        raise AssertionError("a stream of length %d shows %d entries" % (s[b"length"], len(out["entries"])))
    for g in s[b"groups"]:
        g = pairs(g)
        pending = {model.parse_id(i): [consumer, count] for i, consumer, _, count in g[b"pending"]}
        owned = {model.parse_id(p[0]): c[b"name"] for c in map(pairs, g[b"consumers"]) for p in c[b"pending"]}
        if owned != {i: p[0] for i, p in pending.items()}:
            raise AssertionError("consumers and group disagree: %r %r" % (owned, pending))
        out["groups"][g[b"name"]] = [model.parse_id(g[b"last-delivered-id"]), pending]
    return out


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


READ = {b"string": lambda v: v, b"list": lambda v: v, b"set": set, b"hash": pairs, b"stream": read_stream,
        b"zset": lambda v: {m: int(s) for m, s in pairs(v).items()}}


class Held:
    """All keys of one client as the server has them now."""

    def __init__(self, wire, client):
        self.wire = wire
        self.begun = clock()
        self.data = {}
        self.sketches = {}
        for db in client.pair:
            wire("SELECT", db)
            names = self.names(db)
            strange = set(names) - set(NAMES)
            if strange or len(set(names)) != len(names):
                raise AssertionError("strange keys: %r" % (strange or names))
            self.data[db] = values(wire, db, NAMES)
            if set(names) != set(self.data[db]):
                raise AssertionError("KEYS has %r, GET and others %r" % (sorted(names), sorted(self.data[db])))
        self.data[TICKS] = values(wire, TICKS, [client.tick])
        self.ended = clock()

    def names(self, db):
        """All keys. DBSIZE agrees once those that have expired are removed, too."""
        for _ in range(200):
            names = self.wire("KEYS", "*")
            if self.wire("DBSIZE") == len(names):
                return names
            time.sleep(0.01)
        raise AssertionError("database %d: DBSIZE %r, KEYS %d" % (db, self.wire("DBSIZE"), len(names)))

    def get(self, db, key):
        return self.data[db].get(key)

    def differs(self, wanted, db, key):
        """Whether a model's key is another than the server's."""
        have = self.get(db, key)
        want = wanted.get(db, key)
        if want is not None and want.deadline:
            # Around its deadline a key may be there or not.
            if want.deadline[1] + UNSURE < self.begun or want.deadline[0] - UNSURE < self.ended and have is None:
                want = None
        if have is None or want is None:
            return have is not want
        if (have.deadline is None) != (want.deadline is None):
            return True
        # A command goes by the time at which its turn began, which may be before it was sent.
        if have.deadline and not want.deadline[0] - UNSURE <= have.deadline[0] <= want.deadline[1] + 1:
            return True
        if want.kind == "hll":
            return have.kind != "string" or have.content != self.sketch(want.content)
        return have.kind != want.kind or have.content != want.content

    def sketch(self, elements):
        """The bytes of a HyperLogLog of these."""
        if elements not in self.sketches:
            self.wire("SELECT", SCRATCH)
            self.wire("DEL", "sketch")
            self.wire("PFADD", "sketch", *elements)
            self.sketches[elements] = self.wire("GET", "sketch")
        return self.sketches[elements]


class Verdict:
    """lowest, highest: how many operations the server may have kept; None: no number fits.
    state: the model after them. partly: the next one, a flush, was begun."""

    def __init__(self):
        self.lowest = self.highest = None
        self.state = None
        self.partly = False
        self.nearest = None         # (differences, operations) where it was closest
        self.differences = []


def judge(client, held, end):
    """Goes through all that a client sent, and looks after which operations the server's keys are as they should be."""
    state = client.base.copy()
    verdict = Verdict()
    different = {(db, k) for db in state.data for k in set(state.data[db]) | set(held.data[db]) if held.differs(state, db, k)}
    note(verdict, 0, client, state, held, different)
    for i, op in enumerate(client.operations):
        touched = op.apply(state, end, held.get)
        for place in set(touched):
            (different.add if held.differs(state, *place) else different.discard)(place)
        note(verdict, i + 1, client, state, held, different)
    return verdict


def note(verdict, count, client, state, held, different):
    following = client.operations[count] if count < len(client.operations) else None
    flushing = following is not None and following.commands[0][0] == b"FLUSHDB"
    partly = bool(different) and flushing and all(
        db == following.database and held.get(db, k) is None for db, k in different)
    if not different or partly:
        if verdict.lowest is None:
            verdict.lowest = count
        verdict.highest = count
        verdict.partly = partly
        verdict.state = state.copy()
        if partly:
            for db, k in different:
                del verdict.state.data[db][k]
    elif verdict.nearest is None or len(different) <= verdict.nearest[0]:
        verdict.nearest = (len(different), count)
        verdict.differences = [(db, k, show(held.get(db, k)), show(state.get(db, k))) for db, k in sorted(different)[:4]]


def show(v):
    return "nothing" if v is None else "%s %.300r until %r" % (v.kind, v.content, v.deadline)
