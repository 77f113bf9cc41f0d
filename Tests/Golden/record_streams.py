#!/usr/bin/env python3
"""Records what a real redis-server 7.0 answers to random stream commands.

    redis-server --port 7777 --save '' &
    Tests/Golden/record_streams.py 7777 > Tests/Golden/streams.txt

The format is record.py's; besides, "> @limit NAME N" sets how large a stream's nodes may grow. IDs and times are given explicitly: nothing that a reply tells depends on when it was recorded, but for
delivery and idle times, which StreamGoldenTests leaves out of both replies.
"""
import sys

from record import R, Server, any_of, case, escape

KEYS = ["s1", "s2", "s3", "none"]
GROUPS = ["g1", "g2", "", "nogroup"]
CONSUMERS = ["alice", "bob", "carol", b"\xff\x00"]
LONG_AGO = 10 ** 9
BAD_IDS = ["x", "", "-", "+", "5-", "-5", "5-x", "18446744073709551616", "5-5-5", "$", ">", "*", "5-*", b"5\x006", "7" * 130]


def key():
    return R.choice(KEYS[:3]) if R.random() < 0.96 else any_of("none", "str")


def group():
    return R.choice(GROUPS[:2]) if R.random() < 0.93 else R.choice(GROUPS)


def consumer():
    return R.choice(CONSUMERS)


def ident(bad=0.02):
    if R.random() < bad:
        return any_of(*BAD_IDS)
    ms = any_of(lambda: R.randint(1, 40), lambda: R.randint(30, 60), lambda: Clock.ms, lambda: Clock.ms - R.randint(0, 9))
    return any_of(str(ms), "%d-%d" % (ms, R.randint(0, 4)), "%d-%d" % (ms, R.randint(0, 1)))


class Clock:
    """The last ID's milliseconds grow slowly, so that most entries can be added."""
    ms = 1


def new_id():
    if R.random() < 0.15:
        return any_of(ident, "0-0", "0", "0-1", "0-*", "%d-*" % Clock.ms, " 5", "+7-1", "007-2",
                      "18446744073709551615-18446744073709551615" if R.random() < 0.02 else "1-1")
    Clock.ms += any_of(0, 0, 0, 1, 1, 2)
    return any_of("%d-*" % Clock.ms, "%d-%d" % (Clock.ms, R.randint(0, 9)), str(Clock.ms + R.randint(0, 1)))


def text():
    return any_of("v", "", "12", "-1", "4096", "99999999999", "007", "x" * 60, "y" * 64, b"\x00\xff", "z" * 300, "w" * 5000
                  if R.random() < 0.05 else "w")


def fields():
    kind = R.random()
    if kind < 0.6:
        return ["f", text()]
    if kind < 0.8:
        return ["name", text(), "age", any_of(1, 20, 300, 70000)]
    return sum(([any_of("f", "g", "7", text), text()] for _ in range(R.randint(1, 4))), [])


def trim():
    how = R.random()
    if how < 0.4:
        words = [case("MAXLEN"), any_of("=", "~", None), any_of(0, 1, 5, 20, 50, 100, -1, "x")]
    elif how < 0.8:
        words = [case("MINID"), any_of("=", "~", None), ident()]
    else:
        words = ["MAXLEN", "~", any_of(0, 3, 20)]
    words = [w for w in words if w is not None]
    if R.random() < 0.25:
        words += [case("LIMIT"), any_of(0, 1, 5, 10, 100, -1, "x")]
    return words


def add():
    words = ["XADD", key()]
    if R.random() < 0.1:
        words.append(case("NOMKSTREAM"))
    if R.random() < 0.15:
        words += trim()
    words += [new_id()] + fields()
    return words + (["odd"] if R.random() < 0.01 else [])


def bound():
    return any_of("-", "+", ident, ident, lambda: "(" + str(ident()), "(")


def count():
    return any_of(1, 2, 3, 10, 100, 0, -1) if R.random() < 0.97 else any_of("x", "")


def some_count():
    return ["COUNT", count()] if R.random() < 0.5 else []


def ids(most=4):
    return [ident() for _ in range(R.randint(1, most))]


def read():
    keys = [key() for _ in range(any_of(1, 1, 1, 2, 3))]
    words = ["XREAD"] + some_count() + [case("STREAMS")] + keys
    words += [any_of(ident, ident, "$" if R.random() < 0.2 else "0", ">" if R.random() < 0.02 else "0-1") for _ in keys]
    return words + (["x"] if R.random() < 0.01 else [])


def read_group():
    keys = [key() for _ in range(any_of(1, 1, 1, 2, 3))]
    words = ["XREADGROUP", case("GROUP"), group(), consumer()] + some_count()
    if R.random() < 0.15:
        words.append(case("NOACK"))
    words += [case("STREAMS")] + keys
    return words + [any_of(">", ">", ">", "0", ident, "$" if R.random() < 0.03 else ">") for _ in keys]


def claim():
    words = ["XCLAIM", key(), group(), consumer(), any_of(0, 0, 0, LONG_AGO, -1, "x" if R.random() < 0.1 else 0)] + ids()
    for _ in range(any_of(0, 0, 1, 1, 2)):
        words += any_of(lambda: ["TIME", any_of(1000, 1500000000000)], ["IDLE", LONG_AGO * 2], ["FORCE"], ["JUSTID"],
                        lambda: ["RETRYCOUNT", any_of(0, 3, 7, -1)], lambda: ["LASTID", ident()], ["force"],
                        ["TIME", "x"] if R.random() < 0.2 else ["justid"], ["BAD"] if R.random() < 0.1 else ["FORCE"])
    return words


def auto_claim():
    return ["XAUTOCLAIM", key(), group(), consumer(), any_of(0, 0, LONG_AGO), bound()] + any_of(
        [], [], lambda: ["COUNT", any_of(1, 2, 5, 0, -1, "x", 2 ** 60)]) + any_of([], [], ["JUSTID"], ["BAD"] if R.random() < 0.1 else [])


def pending():
    words = ["XPENDING", key(), group()]
    if R.random() < 0.3:
        return words
    if R.random() < 0.3:
        words += ["IDLE", any_of(LONG_AGO, 0, -1, "x" if R.random() < 0.1 else 0)]
    words += [bound(), bound(), count()]
    return words + ([consumer()] if R.random() < 0.4 else [])


def create():
    return ["XGROUP", case("CREATE"), key(), group(), any_of("0", "$", ident)] + any_of(
        [], ["MKSTREAM"], ["mkstream"], lambda: ["ENTRIESREAD", any_of(0, 5, -1, -2, "x")], ["BAD"] if R.random() < 0.2 else [])


def group_command():
    return any_of(
        create, create,
        lambda: ["XGROUP", "SETID", key(), group(), any_of("0", "$", ident, "-", "+")] + any_of(
            [], [], lambda: ["ENTRIESREAD", any_of(0, 5, -1, -2)]),
        lambda: ["XGROUP", "DESTROY", key(), group()] if R.random() < 0.2 else ["XINFO", "GROUPS", key()],
        lambda: ["XGROUP", "CREATECONSUMER", key(), group(), consumer()],
        lambda: ["XGROUP", "DELCONSUMER", key(), group(), consumer()])


def set_id():
    return ["XSETID", key(), any_of(ident, "%d-9" % Clock.ms)] + any_of(
        [], lambda: ["ENTRIESADDED", any_of(0, 50, 1000, -1, "x")], lambda: ["MAXDELETEDID", ident()],
        lambda: ["ENTRIESADDED", any_of(50, 1000), "MAXDELETEDID", ident()], ["BAD"])


MADE = [
    (30, add),
    (4, lambda: ["XTRIM", key()] + trim()),
    (1, lambda: ["XTRIM", key()] + any_of(["x", "1"], ["LIMIT", "5"], ["MAXLEN"], ["MAXLEN", "1", "MINID", "1"])),
    (8, lambda: ["XDEL", key()] + ids(3)),
    (2, lambda: ["XLEN", key()]),
    (8, lambda: [case("XRANGE"), key(), bound(), bound()] + some_count()),
    (8, lambda: [case("XREVRANGE"), key(), bound(), bound()] + some_count()),
    (1, lambda: ["XRANGE", key(), "-", "+", any_of("COUNT", "BAD"), any_of("2", "x")] + any_of([], ["COUNT"], ["COUNT", "3"])),
    (8, read),
    (14, read_group),
    (8, lambda: ["XACK", key(), group()] + ids()),
    (6, pending),
    (8, claim),
    (5, auto_claim),
    (6, group_command),
    (2, set_id),
    (3, lambda: ["XINFO", "STREAM", key()]),
    (3, lambda: ["XINFO", "STREAM", key(), "FULL"] + any_of([], [], lambda: ["COUNT", any_of(0, 1, 5, -1)], ["COUNT"], ["BAD"])),
    (2, lambda: ["XINFO", "GROUPS", key()]),
    (2, lambda: ["XINFO", "CONSUMERS", key(), group()]),
    (1, lambda: ["COPY", key(), key(), "REPLACE"]),
    (1, lambda: ["DEL", key()] if R.random() < 0.2 else ["TYPE", key()]),
    (1, lambda: ["OBJECT", "ENCODING", key()]),
]
WRONG = [
    ["XADD"], ["XADD", "s1", "*"], ["XADD", "s1", "*", "f"], ["XADD", "s1", "MAXLEN", "5"], ["XADD", "s1", "1-1", "f", "v", "g"],
    ["XADD", "s1", "MAXLEN", "~", "5", "LIMIT", "1"], ["XADD", "s1", "NOMKSTREAM", "NOMKSTREAM", "NOMKSTREAM"],
    ["XADD", "s1", "MAXLEN", "=", "3", "MINID", "=", "4", "1-1", "f", "v"], ["XADD", "s1", "LIMIT", "5", "1-1", "f", "v"],
    ["XADD", "s1", "MAXLEN", "5", "LIMIT", "5", "1-1", "f", "v"], ["XLEN"], ["XRANGE", "s1", "-"], ["XREAD"],
    ["XREAD", "STREAMS", "s1"], ["XREAD", "COUNT", "1", "STREAMS", "s1", "s2", "0"], ["XREAD", "COUNT", "x", "STREAMS", "s1", "0"],
    ["XREAD", "GROUP", "g1", "c", "STREAMS", "s1", "0"], ["XREAD", "NOACK", "STREAMS", "s1", "0"], ["XREAD", "BAD", "s1", "0"],
    ["XREAD", "COUNT", "5", "COUNT"], ["XREAD", "BLOCK", "x", "STREAMS", "s1", "0"], ["XREAD", "BLOCK", "-1", "STREAMS", "s1", "0"],
    ["XREADGROUP", "GROUP", "g1", "c", "COUNT", "1", "NOACK"], ["XREADGROUP", "COUNT", "1", "STREAMS", "s1", "s2", "0", "0"],
    ["XACK", "s1", "g1"], ["XCLAIM", "s1", "g1", "c", "0"], ["XPENDING", "s1"], ["XPENDING", "s1", "g1", "-"],
    ["XPENDING", "s1", "g1", "IDLE", "5", "-", "+"], ["XAUTOCLAIM", "s1", "g1", "c", "0"], ["XGROUP"], ["XGROUP", "BAD", "s1"],
    ["XGROUP", "CREATE", "s1", "g1"], ["XGROUP", "CREATE", "s1", "g1", "0"], ["XGROUP", "CREATE", "s1", "g1", "0", "MKSTREAM", "a", "b"],
    ["XGROUP", "SETID", "s1", "g1", "0"], ["XGROUP", "DESTROY", "s1"], ["XINFO"], ["XINFO", "BAD", "s1"], ["XINFO", "STREAM"],
    ["XINFO", "STREAM", "none"], ["XINFO", "GROUPS", "none"], ["XINFO", "CONSUMERS", "none", "g"], ["XSETID", "none", "1-1"],
    ["XSETID", "s1"], ["XDEL", "s1"], ["XTRIM", "s1", "MAXLEN"], ["SET", "str", "text"], ["XADD", "str", "1-1", "f", "v"],
    ["XLEN", "str"], ["XRANGE", "str", "-", "+"], ["XREAD", "STREAMS", "str", "0"], ["XGROUP", "CREATE", "str", "g", "0"],
    ["XGROUP", "CREATE", "none", "g", "0", "MKSTREAM"], ["XINFO", "STREAM", "none"], ["XINFO", "STREAM", "none", "FULL"], ["DEL", "none"],
]


def main():
    server = Server(int(sys.argv[1]))
    server.call(["FLUSHALL"])

    def show(words):
        words, reply = server.call(words)
        print("> " + " ".join(escape(w) for w in words))
        print("< " + escape(reply))

    def configure(entries, size):
        server.call(["CONFIG", "SET", "stream-node-max-entries", entries, "stream-node-max-bytes", size])
        print("> @limit streamNodeEntries %d" % entries)
        print("> @limit streamNodeBytes %d" % size)

    configure(100, 4096)
    for words in WRONG:
        show(words)
    weights, makers = zip(*MADE)
    for version in (2, 3):
        server.call(["HELLO", version])
        print("> @resp %d" % version)
        for entries, size in ((3, 4096), (10, 4096), (0, 200), (100, 4096), (1, 0)):
            configure(entries, size)
            for k in KEYS[:3]:
                show(["DEL", k])
                for g in GROUPS[:2]:
                    show(["XGROUP", "CREATE", k, g, "0", "MKSTREAM"])
            Clock.ms = 1
            for _ in range(600):
                show(R.choices(makers, weights)[0]())
            for k in KEYS[:3]:
                show(["XINFO", "STREAM", k, "FULL", "COUNT", "0"])


main()
