"""What the keys of one connection must hold: a small Redis in Python, fed with the commands that were sent.

A value is (kind, content); a deadline is a range in milliseconds since 1970, because the server reads its own clock
for relative ones. Commands answer which (database, key) they may have changed. Replies are needed only where chance or
the server's clock decides (SPOP, XADD *); without one, what the server holds now is asked instead.
"""
import copy


class Value:
    __slots__ = ("kind", "content", "deadline")

    def __init__(self, kind, content, deadline=None):
        self.kind, self.content, self.deadline = kind, content, deadline


def stream():
    # entries: {id: fields}; groups: {name: [last id, {id: [consumer, deliveries]}]}
    return {"entries": {}, "last": (0, 0), "added": 0, "groups": {}}


def parse_id(text):
    a, b = text.split(b"-")
    return int(a), int(b)


def show_id(i):
    return b"%d-%d" % i


class Model:
    """Keys of a few databases."""

    def __init__(self, databases):
        self.data = {d: {} for d in databases}

    def copy(self):
        return copy.deepcopy(self)

    def get(self, db, key):
        return self.data[db].get(key)

    def purge(self, now):
        """Forgets what has certainly expired; answers what that was."""
        gone = [(db, k) for db, keys in self.data.items() for k, v in keys.items() if v.deadline and v.deadline[1] < now]
        for db, k in gone:
            del self.data[db][k]
        return gone

    def run(self, db, words, sent, answered, reply=None, held=None):
        """Applies a command. sent, answered: milliseconds between which it ran. held: asks for what the server has."""
        moment = (sent, answered)
        return getattr(self, "c_" + words[0].decode().lower())(db, words[1:], moment, reply, held)

    # ------------------------------------------------------------- helpers

    def of(self, db, key, kind, make):
        keys = self.data[db]
        v = keys.get(key)
        if v is None:
            v = keys[key] = Value(kind, make())
        return v

    def put(self, db, key, kind, content, deadline=None):
        self.data[db][key] = Value(kind, content, deadline)
        return [(db, key)]

    def drop_if_empty(self, db, key):
        v = self.data[db].get(key)
        if v is not None and v.kind in ("list", "set", "hash", "zset") and not v.content:
            del self.data[db][key]
        return [(db, key)]

    def content(self, db, key, empty):
        v = self.data[db].get(key)
        return v.content if v is not None else empty

    # ---------------------------------------------------------------- keys

    def c_del(self, db, w, *_):
        for k in w:
            self.data[db].pop(k, None)
        return [(db, k) for k in w]

    c_unlink = c_del

    def c_getdel(self, db, w, *_):
        return self.c_del(db, w)

    def c_rename(self, db, w, *_):
        v = self.data[db].pop(w[0])
        self.data[db][w[1]] = v
        return [(db, w[0]), (db, w[1])]

    def c_copy(self, db, w, *_):
        # COPY from to DB n REPLACE
        to = int(w[3])
        v = self.data[db].get(w[0])
        if v is not None:
            self.data[to][w[1]] = copy.deepcopy(v)
        return [(to, w[1])]

    def c_move(self, db, w, *_):
        to = int(w[1])
        v = self.data[db].get(w[0])
        if v is not None and w[0] not in self.data[to]:
            self.data[to][w[0]] = self.data[db].pop(w[0])
        return [(db, w[0]), (to, w[0])]

    def c_pexpire(self, db, w, moment, *_):
        v = self.data[db].get(w[0])
        if v is not None:
            v.deadline = (moment[0] + int(w[1]), moment[1] + int(w[1]))
        return [(db, w[0])]

    def c_pexpireat(self, db, w, *_):
        v = self.data[db].get(w[0])
        if v is not None:
            v.deadline = (int(w[1]), int(w[1]))
        return [(db, w[0])]

    def c_persist(self, db, w, *_):
        v = self.data[db].get(w[0])
        if v is not None:
            v.deadline = None
        return [(db, w[0])]

    def c_flushdb(self, db, w, *_):
        gone = [(db, k) for k in self.data[db]]
        self.data[db] = {}
        return gone

    def c_swapdb(self, db, w, *_):
        a, b = int(w[0]), int(w[1])
        self.data[a], self.data[b] = self.data[b], self.data[a]
        names = set(self.data[a]) | set(self.data[b])
        return [(d, k) for d in (a, b) for k in names]

    # ------------------------------------------------------------- strings

    def c_set(self, db, w, moment, *_):
        deadline = None
        if len(w) > 2 and w[2] == b"PX":
            deadline = (moment[0] + int(w[3]), moment[1] + int(w[3]))
        old = self.data[db].get(w[0])
        if len(w) > 2 and w[2] == b"KEEPTTL" and old is not None:
            deadline = old.deadline
        return self.put(db, w[0], "string", w[1], deadline)

    def c_mset(self, db, w, *_):
        for i in range(0, len(w), 2):
            self.put(db, w[i], "string", w[i + 1])
        return [(db, k) for k in w[::2]]

    def c_append(self, db, w, *_):
        v = self.of(db, w[0], "string", bytes)
        v.content += w[1]
        return [(db, w[0])]

    def c_setrange(self, db, w, *_):
        v = self.of(db, w[0], "string", bytes)
        at = int(w[1])
        s = v.content.ljust(at, b"\0")
        v.content = s[:at] + w[2] + s[at + len(w[2]):]
        return [(db, w[0])]

    def c_setbit(self, db, w, *_):
        v = self.of(db, w[0], "string", bytes)
        bit = int(w[1])
        s = bytearray(v.content.ljust(bit // 8 + 1, b"\0"))
        mask = 0x80 >> bit % 8
        s[bit // 8] = s[bit // 8] | mask if w[2] == b"1" else s[bit // 8] & ~mask
        v.content = bytes(s)
        return [(db, w[0])]

    def c_incrby(self, db, w, *_):
        v = self.of(db, w[0], "string", lambda: b"0")
        v.content = b"%d" % (int(v.content) + int(w[1]))
        return [(db, w[0])]

    def c_pfadd(self, db, w, *_):
        v = self.of(db, w[0], "hll", tuple)
        v.content += tuple(w[1:])
        return [(db, w[0])]

    # --------------------------------------------------------------- lists

    def c_rpush(self, db, w, *_):
        self.of(db, w[0], "list", list).content.extend(w[1:])
        return [(db, w[0])]

    def c_lpush(self, db, w, *_):
        self.of(db, w[0], "list", list).content[:0] = w[:0:-1]
        return [(db, w[0])]

    def c_lpop(self, db, w, *_):
        del self.content(db, w[0], [])[:int(w[1])]
        return self.drop_if_empty(db, w[0])

    def c_rpop(self, db, w, *_):
        v = self.content(db, w[0], [])
        del v[max(0, len(v) - int(w[1])):]
        return self.drop_if_empty(db, w[0])

    def c_lset(self, db, w, *_):
        self.content(db, w[0], [])[int(w[1])] = w[2]
        return [(db, w[0])]

    def c_linsert(self, db, w, *_):
        v = self.content(db, w[0], [])
        if w[2] in v:
            v.insert(v.index(w[2]) + (w[1] == b"AFTER"), w[3])
        return [(db, w[0])]

    def c_lrem(self, db, w, *_):
        v = self.content(db, w[0], [])
        for _ in range(int(w[1])):
            if w[2] in v:
                v.remove(w[2])
        return self.drop_if_empty(db, w[0])

    def c_ltrim(self, db, w, *_):
        v = self.content(db, w[0], [])
        v[:] = v[int(w[1]):int(w[2]) + 1]
        return self.drop_if_empty(db, w[0])

    def c_lmove(self, db, w, *_):
        source = self.content(db, w[0], [])
        if not source:
            return []
        item = source.pop(0 if w[2] == b"LEFT" else -1)
        target = self.of(db, w[1], "list", list).content
        target.insert(0 if w[3] == b"LEFT" else len(target), item)
        return self.drop_if_empty(db, w[0]) + [(db, w[1])]

    # ---------------------------------------------------------------- sets

    def c_sadd(self, db, w, *_):
        self.of(db, w[0], "set", set).content.update(w[1:])
        return [(db, w[0])]

    def c_srem(self, db, w, *_):
        self.content(db, w[0], set()).difference_update(w[1:])
        return self.drop_if_empty(db, w[0])

    def c_spop(self, db, w, moment, reply, held):
        v = self.content(db, w[0], set())
        if reply is None and held is not None:
            now = held(db, w[0])
            gone = v - (now.content if now is not None and now.kind == "set" else set())
            reply = list(gone)[:int(w[1])]
        v.difference_update(reply or [])
        return self.drop_if_empty(db, w[0])

    def c_smove(self, db, w, *_):
        source = self.content(db, w[0], set())
        if w[2] not in source:
            return []
        source.discard(w[2])
        self.of(db, w[1], "set", set).content.add(w[2])
        return self.drop_if_empty(db, w[0]) + [(db, w[1])]

    def store(self, db, key, kind, content):
        self.data[db].pop(key, None)
        if content:
            self.put(db, key, kind, content)
        return [(db, key)]

    def c_sunionstore(self, db, w, *_):
        return self.store(db, w[0], "set", set().union(*(self.content(db, k, set()) for k in w[1:])))

    def c_sdiffstore(self, db, w, *_):
        first = set(self.content(db, w[1], set()))
        return self.store(db, w[0], "set", first.difference(*(self.content(db, k, set()) for k in w[2:])))

    # -------------------------------------------------------------- hashes

    def c_hset(self, db, w, *_):
        v = self.of(db, w[0], "hash", dict).content
        for i in range(1, len(w), 2):
            v[w[i]] = w[i + 1]
        return [(db, w[0])]

    def c_hdel(self, db, w, *_):
        v = self.content(db, w[0], {})
        for f in w[1:]:
            v.pop(f, None)
        return self.drop_if_empty(db, w[0])

    def c_hincrby(self, db, w, *_):
        v = self.of(db, w[0], "hash", dict).content
        v[w[1]] = b"%d" % (int(v.get(w[1], b"0")) + int(w[2]))
        return [(db, w[0])]

    # --------------------------------------------------------- sorted sets

    def c_zadd(self, db, w, *_):
        v = self.of(db, w[0], "zset", dict).content
        for i in range(1, len(w), 2):
            v[w[i + 1]] = int(w[i])
        return [(db, w[0])]

    def c_zincrby(self, db, w, *_):
        v = self.of(db, w[0], "zset", dict).content
        v[w[2]] = v.get(w[2], 0) + int(w[1])
        return [(db, w[0])]

    def c_zrem(self, db, w, *_):
        v = self.content(db, w[0], {})
        for m in w[1:]:
            v.pop(m, None)
        return self.drop_if_empty(db, w[0])

    def ranked(self, db, key):
        return sorted(self.content(db, key, {}).items(), key=lambda p: (p[1], p[0]))

    def c_zpopmin(self, db, w, *_):
        for m, _ in self.ranked(db, w[0])[:int(w[1])]:
            del self.data[db][w[0]].content[m]
        return self.drop_if_empty(db, w[0])

    def c_zpopmax(self, db, w, *_):
        for m, _ in self.ranked(db, w[0])[::-1][:int(w[1])]:
            del self.data[db][w[0]].content[m]
        return self.drop_if_empty(db, w[0])

    def c_zremrangebyscore(self, db, w, *_):
        v = self.content(db, w[0], {})
        for m in [m for m, s in v.items() if int(w[1]) <= s <= int(w[2])]:
            del v[m]
        return self.drop_if_empty(db, w[0])

    def c_zrangestore(self, db, w, *_):
        return self.store(db, w[0], "zset", dict(self.ranked(db, w[1])[int(w[2]):int(w[3]) + 1]))

    # ------------------------------------------------------------- streams

    def c_xadd(self, db, w, moment, reply, held):
        # XADD key [MAXLEN n] id field value ...
        v = self.of(db, w[0], "stream", stream).content
        i = 3 if w[1] == b"MAXLEN" else 1
        name = w[i]
        if name == b"*":
            if reply is None and held is not None:
                now = held(db, w[0])
                reply = show_id(now.content["last"]) if now is not None and now.kind == "stream" else b"0-0"
            name = reply or b"0-0"
        v["last"] = parse_id(name)
        v["entries"][v["last"]] = w[i + 1:]
        v["added"] += 1
        if i == 3:
            for old in sorted(v["entries"])[:max(0, len(v["entries"]) - int(w[2]))]:
                del v["entries"][old]
        return [(db, w[0])]

    def c_xdel(self, db, w, *_):
        for i in w[1:]:
            self.data[db][w[0]].content["entries"].pop(parse_id(i), None)
        return [(db, w[0])]

    def c_xtrim(self, db, w, *_):
        entries = self.data[db][w[0]].content["entries"]
        for old in sorted(entries)[:max(0, len(entries) - int(w[2]))]:
            del entries[old]
        return [(db, w[0])]

    def c_xgroup(self, db, w, *_):
        # XGROUP CREATE key group 0 MKSTREAM | XGROUP DESTROY key group
        v = self.of(db, w[1], "stream", stream).content
        if w[0] == b"CREATE":
            v["groups"][w[2]] = [(0, 0), {}]
        else:
            v["groups"].pop(w[2], None)
        return [(db, w[1])]

    def c_xreadgroup(self, db, w, *_):
        # XREADGROUP GROUP group consumer COUNT n STREAMS key >
        v = self.data[db][w[6]].content
        group = v["groups"][w[1]]
        for i in [i for i in sorted(v["entries"]) if i > group[0]][:int(w[4])]:
            group[0] = i
            group[1][i] = [w[2], 1]
        return [(db, w[6])]

    def c_xack(self, db, w, *_):
        for i in w[2:]:
            self.data[db][w[0]].content["groups"][w[1]][1].pop(parse_id(i), None)
        return [(db, w[0])]

    def c_xclaim(self, db, w, *_):
        # XCLAIM key group consumer 0 id
        v = self.data[db][w[0]].content
        pending = v["groups"][w[1]][1]
        i = parse_id(w[4])
        if i in pending:
            if i in v["entries"]:
                pending[i] = [w[2], pending[i][1] + 1]
            else:
                del pending[i]
        return [(db, w[0])]
