"""Values of every type and encoding: how to build them, and how to read them back in one canonical form."""
import random

LONG = 100000


class Sample:
    def __init__(self, name, encoding, *commands, slow=False):
        self.name = name
        self.encoding = encoding      # OBJECT ENCODING's word afterwards, None: do not look
        self.commands = commands      # lists of words; the key is "k"
        self.slow = slow


def text(r, most):
    n = r.randint(0, most)
    kind = r.random()
    if kind < 0.3:
        return str(r.randint(-2**r.randint(1, 63), 2**r.randint(1, 63) - 1))
    if kind < 0.6:
        return bytes(r.randint(0, 255) for _ in range(n))
    return (r.choice("abcd") * n)[:n]


def distinct(r, count, most):
    """Different texts."""
    out = {}
    while len(out) < count:
        t = text(r, most)
        out[t if isinstance(t, bytes) else t.encode()] = 1
    return list(out)


def many(words, items, chunk=1000):
    return [words + items[i:i + chunk] for i in range(0, len(items), chunk)]


def strings():
    r = random.Random(1)
    values = [b"", b"a", b"-1", b"0", b"127", b"128", b"-32768", b"32768", b"2147483647", b"2147483648", b"-2147483649",
              b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"007", b"+1", b" 1", b"1.0",
              b"a" * 20, b"a" * 21, b"ab" * 22, b"x" * 63, b"x" * 64, bytes(range(256)), b"y" * 16383, b"y" * 16384,
              b"0123456789" * 700, bytes(r.randint(0, 255) for _ in range(3000)),
              b"".join(b"user:%d:name " % i for i in range(5000)), b"\0" * 1000000]
    for v in values:
        yield Sample("string of %d" % len(v), None, ["SET", "k", v])
    yield Sample("raw string", None, ["SET", "k", "12"], ["APPEND", "k", "34"])
    yield Sample("HyperLogLog", "raw", ["PFADD", "k"] + list(range(50)))
    yield Sample("dense HyperLogLog", "raw", ["PFADD", "k"] + list(range(5000)))


def hashes():
    r = random.Random(2)
    for n in (1, 2, 10, 100, 512):
        fields = distinct(r, n, 30)
        words = [w for f in fields for w in (f, text(r, 64))]
        yield Sample("hash of %d" % n, "listpack", ["HSET", "k"] + words)
    yield Sample("hash of 513", "hashtable", *many(["HSET", "k"], [str(i) for i in range(1026)], 2))
    yield Sample("hash with a long value", "hashtable", ["HSET", "k", "f", "v" * 65, "g", "", "", "h"])
    yield Sample("hash with long fields", "hashtable", ["HSET", "k", "f" * 5000, "v" * 70000, "1", "2"])
    yield Sample("hash of many", "hashtable", *many(["HSET", "k"], [text(r, 20) or "x" for _ in range(LONG)]), slow=True)


def sets():
    r = random.Random(3)
    for top in (1, 2**7, 2**15, 2**31, 2**63):
        members = sorted({r.randint(-top, top - 1) for _ in range(300)})
        yield Sample("integers below 2^%d" % (top.bit_length() - 1), "intset", ["SADD", "k"] + members)
    yield Sample("513 integers", "hashtable", ["SADD", "k"] + list(range(513)))
    for n in (1, 5, 128, 129, 1000):
        yield Sample("set of %d" % n, "hashtable", ["SADD", "k", "text"] + distinct(r, n, 40))
    yield Sample("set with long members", "hashtable", ["SADD", "k", "a" * 65, "b" * 5000, "", "1"])
    yield Sample("set of many", "hashtable", *many(["SADD", "k"], distinct(r, LONG, 20)), slow=True)


def lists():
    r = random.Random(4)
    for n in (1, 2, 10, 100, 1000):
        yield Sample("list of %d" % n, "quicklist", *many(["RPUSH", "k"], [text(r, 30) for _ in range(n)]))
    yield Sample("list of integers", "quicklist", ["RPUSH", "k", 0, 1, 127, 128, -1, -4097, 2**15, -2**23, 2**31, -2**63])
    yield Sample("list with large elements", "quicklist",
                 ["RPUSH", "k", "a", "b" * 5000, "c", "d" * 20000, "e" * 9000, bytes(range(256)) * 30, "f"])
    yield Sample("one large element", "quicklist", ["RPUSH", "k", "x" * 100000])
    yield Sample("list of many", "quicklist", *many(["RPUSH", "k"], [text(r, 20) for _ in range(LONG)]), slow=True)


SCORES = [0, 1, -1, 0.5, -0.0, 1e300, -1e300, 3.14159, 2**53, 2**53 + 2, 1e17, 1e-7, "inf", "-inf", 5e-324, 100, 0.1]


def sorted_sets():
    r = random.Random(5)
    for n in (1, 2, 17, 128):
        members = distinct(r, n, 40)
        words = [w for i, m in enumerate(members) for w in (SCORES[i % len(SCORES)], m)]
        yield Sample("sorted set of %d" % n, "listpack", ["ZADD", "k"] + words)
    yield Sample("sorted set of 129", "skiplist", ["ZADD", "k"] + [w for i in range(129) for w in (i / 3, "m%d" % i)])
    yield Sample("sorted set with a long member", "skiplist", ["ZADD", "k", 1, "m" * 65, 1, "a", -5.25, "b" * 5000, 0, ""])
    yield Sample("geo", "listpack", ["GEOADD", "k", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"])
    yield Sample("sorted set of many", "skiplist", *many(
        ["ZADD", "k"], [w for m in distinct(r, LONG // 2, 20) for w in (r.randint(0, 1000) / 8, m)]), slow=True)


def streams():
    yield Sample("stream", "stream", *[["XADD", "k", "%d-%d" % (i // 3 + 1, i % 3 + 1), "f", i, "g", "v%d" % i] for i in range(20)])
    yield Sample("stream with other fields", "stream", *[
        ["XADD", "k", "5-%d" % (i + 1)] + [w for j in range(i % 4 + 1) for w in ("f%d" % j, "v" * (i * 7))] for i in range(30)])
    yield Sample("empty stream", "stream", ["XADD", "k", "7-7", "a", "b"], ["XDEL", "k", "7-7"])
    yield Sample("stream with gaps", "stream", *[["XADD", "k", "%d-1" % (i + 1), "f", i] for i in range(250)],
                 ["XDEL", "k", "3-1", "4-1", "120-1", "250-1"], ["XTRIM", "k", "MINID", "=", "2-1"])
    yield Sample("stream with groups", "stream", *[["XADD", "k", "%d-1" % (i + 1), "f", i] for i in range(120)],
                 ["XGROUP", "CREATE", "k", "g1", "0"], ["XGROUP", "CREATE", "k", "g2", "50-1", "ENTRIESREAD", 50],
                 ["XGROUP", "CREATE", "k", "", "$"], ["XGROUP", "CREATECONSUMER", "k", "g2", "idle"],
                 ["XREADGROUP", "GROUP", "g1", "alice", "COUNT", 40, "STREAMS", "k", ">"],
                 ["XREADGROUP", "GROUP", "g1", "bob", "COUNT", 30, "STREAMS", "k", ">"],
                 ["XREADGROUP", "GROUP", "g2", "carol", "STREAMS", "k", ">"],
                 ["XACK", "k", "g1", "2-1", "3-1", "41-1"], ["XDEL", "k", "5-1"],
                 ["XCLAIM", "k", "g1", "bob", 0, "7-1", "8-1", "TIME", 1600000000000, "RETRYCOUNT", 9])
    yield Sample("stream of many", "stream", *[
        ["EVAL", "for i = 1, 20000 do redis.call('XADD', KEYS[1], '*', 'f', i, 'name', 'value' .. i) end", 1, "k"]], slow=True)


def all_samples():
    for family in (strings, hashes, sets, lists, sorted_sets, streams):
        yield from family()


def plain(info):
    """XINFO STREAM FULL without what is each server's own."""
    for name in (b"radix-tree-keys", b"radix-tree-nodes"):
        info[info.index(name) + 1] = None
    return info


def contents(call, key="k"):
    """The value in a form that does not depend on the order in which a server keeps it."""
    kind = call("TYPE", key)
    if kind == "string":
        return kind, call("GET", key)
    if kind == "hash":
        flat = call("HGETALL", key)
        return kind, dict(zip(flat[::2], flat[1::2]))
    if kind == "set":
        return kind, sorted(call("SMEMBERS", key))
    if kind == "list":
        return kind, call("LRANGE", key, 0, -1)
    if kind == "zset":
        return kind, call("ZRANGE", key, 0, -1, "WITHSCORES")
    if kind == "stream":
        return kind, call("XRANGE", key, "-", "+"), plain(call("XINFO", "STREAM", key, "FULL", "COUNT", 0))
    return kind, None
