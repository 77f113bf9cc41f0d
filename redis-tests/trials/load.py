"""A client that changes keys of its own at random, and remembers what it sent, when, and what was answered."""
import random
import socket
import threading
import time

import model

NAMES = [b"k%d" % i for i in range(24)]
TICKS = 15          # the database of the counters that only go up, one a client
FAR = 10 ** 9       # milliseconds: a deadline that no trial lives to see
UNSURE = 100        # milliseconds by which the server's idea of now may differ from ours

# Runs any commands: for each, how many words, then the words.
SCRIPT = b"""local i = 1
while i <= #ARGV do
  local n = tonumber(ARGV[i])
  redis.call(unpack(ARGV, i + 1, i + n))
  i = i + n + 1
end
return 'done'"""


def clock():
    return time.time() * 1000


class Gone(Exception):
    pass


class Error(str):
    pass


class Wire:
    """A connection: commands out, replies in. To a port of this machine, or to a Unix socket's path."""

    def __init__(self, place, timeout=60):
        if isinstance(place, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(place)
        else:
            self.sock = socket.create_connection(("127.0.0.1", place), timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.database = 0

    def close(self):
        self.file.close()
        self.sock.close()

    @staticmethod
    def pack(words):
        return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone()

    def read(self):
        try:
            line = self.file.readline()
        except TimeoutError:
            raise Gone("no answer for %d s" % self.sock.gettimeout())
        except OSError:
            raise Gone()
        if not line.endswith(b"\r\n"):
            raise Gone()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            n = int(rest)
            if n < 0:
                return None
            data = self.file.read(n + 2)
            if len(data) < n + 2:
                raise Gone()
            return data[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        return Error(rest.decode("latin1")) if kind == b"-" else rest

    def __call__(self, *words):
        self.send(self.pack([w if isinstance(w, bytes) else str(w).encode() for w in words]))
        return self.read()

    def many(self, commands):
        self.send(b"".join(self.pack(c) for c in commands))
        return [self.read() for _ in commands]


class Operation:
    """Commands that take effect together or not at all. how: plain, multi, script."""
    __slots__ = ("database", "how", "commands", "sent", "answered", "replies")

    def __init__(self, database, how, commands):
        self.database, self.how, self.commands = database, how, commands
        self.sent = self.answered = None
        self.replies = None

    def wire(self):
        if self.how == "plain":
            return Wire.pack(self.commands[0]), 1
        if self.how == "multi":
            out = b"".join(Wire.pack(c) for c in [[b"MULTI"]] + self.commands + [[b"EXEC"]])
            return out, len(self.commands) + 2
        keys = sorted({w for c in self.commands for w in c[1:] if w in NAMES})
        words = [b"EVAL", SCRIPT, b"%d" % len(keys)] + keys
        for c in self.commands:
            words += [b"%d" % len(c)] + c
        return Wire.pack(words), 1

    def adopt(self, replies):
        last = replies[-1]
        if isinstance(last, Error) or self.how == "multi" and last is None:
            raise AssertionError("%r answered %r" % (self, last))
        self.replies = {"plain": replies, "multi": last, "script": [None] * len(self.commands)}[self.how]
        for r in self.replies:
            if isinstance(r, Error):
                raise AssertionError("%r answered %r" % (self, r))

    def apply(self, to, end, held=None):
        """Has a model go through it; answers which keys may have changed. end: when it was over at the latest."""
        touched = to.purge(self.sent - UNSURE)
        for i, c in enumerate(self.commands):
            reply = self.replies[i] if self.replies else None
            touched += to.run(self.database, c, self.sent, self.answered or end, reply, held)
        return touched

    def __repr__(self):
        return "%s in %d: %s" % (self.how, self.database, "; ".join(b" ".join(c).decode("latin1")[:120] for c in self.commands))


class Client(threading.Thread):
    """One connection's load. Databases 2i and 2i + 1 are its own, and a counter in TICKS."""

    def __init__(self, number, seed):
        super().__init__(daemon=True)
        self.number = number
        self.random = random.Random(seed)
        self.pair = (2 * number, 2 * number + 1)
        self.base = model.Model(self.pair + (TICKS,))
        self.tick = b"tick%d" % number
        self.port = 0
        self.operations = []
        self.trouble = None

    def next_round(self, port):
        """A thread runs once: the next round's goes on with what this one knows."""
        other = Client(self.number, self.random.random())
        other.base, other.port = self.base, port
        return other

    def run(self):
        self.state = self.base.copy()
        try:
            wire = Wire(self.port)
            while True:
                self.batch(wire)
        except (Gone, OSError):
            pass
        except Exception as e:  # noqa: BLE001 - shown by the main thread
            self.trouble = e

    def batch(self, wire):
        """Several commands at once, up to one whose effect its reply tells."""
        batch, data = [], []
        for _ in range(self.random.choice((1, 1, 2, 4, 8, 16))):
            op = self.operation()
            op.sent = clock()
            batch.append(op)
            extra = 0
            if op.database != wire.database:
                data.append(Wire.pack([b"SELECT", b"%d" % op.database]))
                wire.database, extra = op.database, 1
            bytes_, count = op.wire()
            data.append(bytes_)
            op.replies = (extra, count)
            if self.depends(op):
                break
            op_replies, op.replies = op.replies, None
            op.apply(self.state, op.sent)
            op.replies = op_replies
        shapes = [op.replies for op in batch]
        for op in batch:
            op.replies = None
        self.operations += batch
        wire.send(b"".join(data))
        for op, (extra, count) in zip(batch, shapes):
            for _ in range(extra):
                wire.read()
            replies = [wire.read() for _ in range(count)]
            op.adopt(replies)
            op.answered = clock()
        if self.depends(batch[-1]):
            batch[-1].apply(self.state, clock())

    @staticmethod
    def depends(op):
        return any(c[0] == b"SPOP" or c[0] == b"XADD" and b"*" in c[1:5] or c[0] == b"PEXPIRE" or b"PX" in c[3:4]
                   for c in op.commands)

    # ------------------------------------------------------- what to send

    def operation(self):
        r = self.random
        dice = r.random()
        if dice < 0.04:
            return Operation(TICKS, "plain", [[b"INCRBY", self.tick, b"1"]])
        db = r.choice(self.pair)
        self.state.purge(clock() - UNSURE)
        if dice < 0.045:
            return Operation(db, "plain", [[b"FLUSHDB"] + r.choice(([], [b"ASYNC"]))])
        if dice < 0.055:
            return Operation(db, "plain", [[b"SWAPDB", b"%d" % self.pair[0], b"%d" % self.pair[1]]])
        if dice < 0.30:
            how = r.choice(("multi", "script"))
            return Operation(db, how, self.several(db, how))
        return Operation(db, "plain", [self.command(db, self.state)])

    def several(self, db, how):
        """Commands that are prepared on a copy, since each goes by what the ones before have done."""
        scratch = model.Model(())
        scratch.data = {d: dict(keys) for d, keys in self.state.data.items()}
        out, copied = [], set()
        for _ in range(self.random.randint(2, 5)):
            while True:
                c = self.command(db, scratch)
                chancy = c[0] in (b"SPOP", b"PEXPIRE") or c[0] == b"XADD" and b"*" in c[1:5] or b"PX" in c[3:4]
                if not chancy:
                    break
            for w in c[1:]:
                for d in self.pair:
                    v = scratch.data[d].get(w)
                    if v is not None and (d, w) not in copied:
                        scratch.data[d][w] = model.copy.deepcopy(v)
                        copied.add((d, w))
            out.append(c)
            scratch.run(db, c, 0, 0)
        if how == "multi" and self.random.random() < 0.3:
            k = self.pick(db, scratch, "set")
            if k is not None:
                out.append([b"SPOP", k, b"1"])
        return out

    def command(self, db, state):
        """What fits the keys that are there; too many of them may be about to expire."""
        for _ in range(200):
            words = getattr(self, "make_" + self.random.choice(KINDS))(db, state)
            if words is not None and all(self.usable(db, w, state) for w in words[1:]):
                return words
        return [b"DEL", b"nothing"]

    def usable(self, db, name, state):
        """Not a key that is about to expire: nobody could say whether the command met it."""
        if name not in NAMES:
            return True
        limit = clock() + FAR / 2
        return not any(v is not None and v.deadline and v.deadline[0] < limit
                       for v in (state.get(d, name) for d in self.pair))

    def pick(self, db, state, kind=None, absent=False):
        """A key of a kind, or one that is not there."""
        names = [k for k in self.random.sample(NAMES, 8)
                 if (v := state.get(db, k)) is not None and v.kind == kind or v is None and absent]
        return names[0] if names else None

    def any_key(self):
        return self.random.choice(NAMES)

    def text(self):
        r = self.random
        n = r.choice((1, 3, 8, 20, 64, 64, 200, 1000, 5000))
        return b"%06d" % r.randrange(10 ** 6) + bytes([r.randrange(97, 123)]) * n

    def short(self):
        return b"e%d" % self.random.randrange(60)

    def shorts(self):
        return [self.short() for _ in range(self.random.choice((1, 2, 5, 30)))]

    def make_string(self, db, state):
        r = self.random
        k = self.any_key()
        v = state.get(db, k)
        if v is not None and v.kind == "string" and r.random() < 0.5:
            # SETBIT can make 00 of 10, which is no integer.
            if v.content.isdigit() and len(v.content) < 15 and v.content == b"%d" % int(v.content):
                return [b"INCRBY", k, b"%d" % r.randrange(1, 1000)]
            if len(v.content) < 20000:
                return r.choice(([b"APPEND", k, self.text()], [b"SETRANGE", k, b"%d" % r.randrange(300), self.short()],
                                 [b"SETBIT", k, b"%d" % r.randrange(4000), b"%d" % r.randrange(2)]))
        dice = r.random()
        if dice < 0.1:
            return [b"MSET"] + [w for name in r.sample(NAMES, 3) for w in (name, self.text())]
        if dice < 0.2:
            return [b"SET", k, b"%d" % r.randrange(1000)]
        if dice < 0.3:
            return [b"SET", k, self.text(), b"PX", b"%d" % r.choice((30, 200, FAR, FAR, FAR, FAR))]
        if dice < 0.35:
            return [b"SET", k, self.text(), b"KEEPTTL"]
        return [b"SET", k, self.text()]

    def make_hll(self, db, state):
        k = self.pick(db, state, "hll", absent=True)
        return [b"PFADD", k] + self.shorts() if k is not None and len(state.content(db, k, ())) < 400 else None

    def make_list(self, db, state):
        r = self.random
        k = self.pick(db, state, "list", absent=True)
        if k is None:
            return None
        items = state.content(db, k, [])
        if len(items) < 3 or len(items) < 400 and r.random() < 0.4:
            return [r.choice((b"RPUSH", b"LPUSH")), k] + self.shorts()
        other = self.pick(db, state, "list", absent=True) or k
        return r.choice((
            [r.choice((b"LPOP", b"RPOP")), k, b"%d" % r.choice((1, 1, 3, 100))],
            [b"LSET", k, b"%d" % r.randrange(len(items)), self.text()[:70]],
            [b"LINSERT", k, r.choice((b"BEFORE", b"AFTER")), r.choice(items), self.short()],
            [b"LREM", k, b"%d" % r.randrange(1, 3), r.choice(items)],
            [b"LTRIM", k, b"%d" % r.randrange(3), b"%d" % r.randrange(300)],
            [b"LMOVE", k, other, r.choice((b"LEFT", b"RIGHT")), r.choice((b"LEFT", b"RIGHT"))]))

    def make_set(self, db, state):
        r = self.random
        k = self.pick(db, state, "set", absent=True)
        if k is None:
            return None
        items = sorted(state.content(db, k, set()))
        if len(items) < 3 or r.random() < 0.4:
            few = [b"%d" % r.randrange(200) for _ in range(5)]
            return [b"SADD", k] + r.choice((self.shorts(), few))
        other = self.pick(db, state, "set", absent=True) or k
        return r.choice((
            [b"SREM", k] + r.sample(items, 2), [b"SPOP", k, b"%d" % r.choice((1, 3))],
            [b"SMOVE", k, other, r.choice(items)],
            [b"SUNIONSTORE", self.any_key(), k, other], [b"SDIFFSTORE", self.any_key(), k, other]))

    def make_hash(self, db, state):
        r = self.random
        k = self.pick(db, state, "hash", absent=True)
        if k is None:
            return None
        fields = list(state.content(db, k, {}))
        if len(fields) < 3 or r.random() < 0.5:
            return [b"HSET", k] + [w for f in self.shorts() for w in (f, self.text()[:80])]
        return r.choice(([b"HDEL", k] + r.sample(fields, 2), [b"HINCRBY", k, b"n%d" % r.randrange(9), b"%d" % r.randrange(-99, 99)]))

    def make_zset(self, db, state):
        r = self.random
        k = self.pick(db, state, "zset", absent=True)
        if k is None:
            return None
        members = list(state.content(db, k, {}))
        if len(members) < 3 or r.random() < 0.4:
            return [b"ZADD", k] + [w for m in self.shorts() for w in (b"%d" % r.randrange(100), m)]
        return r.choice((
            [b"ZINCRBY", k, b"%d" % r.randrange(-50, 50), self.short()], [b"ZREM", k] + r.sample(members, 2),
            [r.choice((b"ZPOPMIN", b"ZPOPMAX")), k, b"%d" % r.choice((1, 3))],
            [b"ZREMRANGEBYSCORE", k, b"%d" % r.randrange(50), b"%d" % r.randrange(60)],
            [b"ZRANGESTORE", self.any_key(), k, b"%d" % r.randrange(3), b"%d" % r.randrange(50)]))

    def make_stream(self, db, state):
        r = self.random
        k = self.pick(db, state, "stream", absent=True)
        if k is None:
            return None
        s = state.content(db, k, None)
        if s is None or len(s["entries"]) < 3 or r.random() < 0.5:
            last = s["last"] if s else (0, 0)
            name = b"*" if r.random() < 0.2 else model.show_id((last[0] + r.randrange(2), last[1] + 1))
            limit = [b"MAXLEN", b"%d" % r.randrange(20, 200)] if r.random() < 0.2 else []
            return [b"XADD", k] + limit + [name] + [w for f in self.shorts()[:3] for w in (f, self.text()[:50])]
        return self.change_stream(k, s)

    def change_stream(self, k, s):
        r = self.random
        ids = [model.show_id(i) for i in s["entries"]]
        if not s["groups"] or r.random() < 0.1:
            return r.choice(([b"XGROUP", b"CREATE", k, b"g%d" % r.randrange(10 ** 6), b"0"], [b"XDEL", k, r.choice(ids)],
                             [b"XTRIM", k, b"MAXLEN", b"%d" % r.randrange(len(ids))]))
        g = r.choice(list(s["groups"]))
        pending = [model.show_id(i) for i in s["groups"][g][1]]
        if not pending or r.random() < 0.4:
            if r.random() < 0.1:
                return [b"XGROUP", b"DESTROY", k, g]
            return [b"XREADGROUP", b"GROUP", g, b"c%d" % r.randrange(3), b"COUNT", b"%d" % r.randrange(1, 9), b"STREAMS", k, b">"]
        return r.choice(([b"XACK", k, g] + r.sample(pending, min(2, len(pending))),
                         [b"XCLAIM", k, g, b"c%d" % r.randrange(3), b"0", r.choice(pending)]))

    def make_key(self, db, state):
        r = self.random
        there = [k for k in state.data[db]]
        if not there:
            return None
        k = r.choice(there)
        to = b"%d" % r.choice(self.pair)
        return r.choice((
            [b"DEL", k], [b"UNLINK", k, self.any_key()], [b"RENAME", k, self.any_key()],
            [b"COPY", k, self.other(k), b"DB", to, b"REPLACE"], [b"MOVE", k, b"%d" % (self.pair[0] + self.pair[1] - db)],
            [b"PEXPIRE", k, b"%d" % r.choice((1, 50, FAR, FAR, FAR, FAR))], [b"PEXPIREAT", k, b"%d" % (4 * 10 ** 12 + r.randrange(10 ** 6))],
            [b"PERSIST", k]))

    def other(self, k):
        return self.random.choice([n for n in NAMES if n != k])


KINDS = ["string"] * 5 + ["hll"] + ["list"] * 3 + ["set"] * 3 + ["hash"] * 3 + ["zset"] * 3 + ["stream"] * 3 + ["key"] * 3


class Ballast:
    """Values that do not change, beside the counters: enough of them, and values leave memory."""
    SIZE = 4000

    def __init__(self, size):
        self.count = size // self.SIZE

    def key(self, i):
        return b"ballast:%d" % i

    def value(self, i):
        return b"%06d" % i * (self.SIZE // 6)

    def load(self, wire):
        wire("SELECT", TICKS)
        for n in range(0, self.count, 100):
            some = range(n, min(n + 100, self.count))
            if any(r != b"OK" for r in wire.many([[b"SET", self.key(i), self.value(i)] for i in some])):
                raise AssertionError("the ballast could not be loaded")

    def check(self, wire, random):
        """After a start: all are there, and some hold what they did."""
        wire("SELECT", TICKS)
        if self.count and (there := wire("EXISTS", *map(self.key, range(self.count)))) != self.count:
            raise AssertionError("%s of %d values of the ballast are there" % (there, self.count))
        self.read(wire, random, 50)

    def read(self, wire, random, count):
        if self.count:
            for i in random.choices(range(self.count), k=count):
                if wire("GET", self.key(i)) != self.value(i):
                    raise AssertionError("%s is not what it was" % self.key(i))


class Reader(threading.Thread):
    """Reads all counters all the time: what it has seen must be there after a crash, too, if changes are durable
    before anybody sees them. Between them, some of the ballast."""

    def __init__(self, port, clients, ballast):
        super().__init__(daemon=True)
        self.port = port
        self.names = [c.tick for c in clients]
        self.seen = [0] * len(clients)
        self.ballast = ballast
        self.random = random.Random(port)
        self.trouble = None

    def run(self):
        try:
            wire = Wire(self.port)
            wire("SELECT", TICKS)
            while True:
                for i, v in enumerate(wire("MGET", *self.names)):
                    self.seen[i] = max(self.seen[i], int(v or 0))
                self.ballast.read(wire, self.random, 5)
                time.sleep(0.001)
        except (Gone, OSError):
            pass
        except Exception as e:  # noqa: BLE001 - shown by the main thread
            self.trouble = e
