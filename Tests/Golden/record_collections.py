#!/usr/bin/env python3
"""Records what a real redis-server 7.0 answers to random hash or set commands.

    redis-server --port 7777 --save '' &
    Tests/Golden/record_collections.py 7777 hashes > Tests/Golden/hashes.txt
    Tests/Golden/record_collections.py 7777 sets > Tests/Golden/sets.txt

The format is record.py's; besides, "> @limit NAME N" changes a limit of the packed forms. Replies whose order
is Redis' own affair are sorted, and their line begins with another character than "<": "~" (elements), "=" (pairs),
"?" and ":" (the same within the reply to a scan). Of commands that answer something random, only uses whose
outcome is certain are recorded.
"""
import sys

from record import R, Server, any_of, case, escape, real

KEYS = ["a", "b", "c", "{t}d", "e", "none"]
LIMITS = {
    "hashEntries": "hash-max-listpack-entries", "hashValue": "hash-max-listpack-value",
    "setIntegers": "set-max-intset-entries", "setEntries": None, "setValue": None,
}


def key():
    return R.choice(KEYS[:5]) if R.random() < 0.97 else R.choice(["none", "string"])


def number():
    return any_of(0, 1, -1, 2, 9, 100, lambda: R.randint(-40, 40), lambda: R.randint(-40, 40), lambda: R.randint(-200, 200),
                  32767, 32768, -32769, 2**31 - 1, 2**31, -2**31 - 1, 2**63 - 1, -2**63, lambda: R.randint(-2**63, 2**63 - 1))


def text():
    return any_of("", "x", "abc", "007", "-0", "1.5", " 1", b"\xff\x00", b"\r\n", "9223372036854775808", lambda: "m%d" % R.randint(0, 60),
                  lambda: "m%d" % R.randint(0, 60), lambda: "m%d" % R.randint(0, 9), "y" * 64, "z" * 65, "q" * 130, "w" * 300, "v" * 1030)


def word():
    return any_of(number, text)


def small():
    """Mostly words that repeat."""
    return any_of(lambda: R.randint(-9, 9), lambda: "f%d" % R.randint(0, 9), lambda: "f%d" % R.randint(0, 40), word)


def some(make, most):
    return [make() for _ in range(R.randint(1, most))]


def scan_options():
    return any_of(lambda: [], lambda: [case("MATCH"), any_of("*", "m*", "*1*", "[0-9]*", "f?", "")], lambda: [
        "MATCH", "m*", "match", "*"])


HASH = [
    lambda: ["HSET", key()] + [w for _ in range(R.randint(1, 4)) for w in (small(), word())],
    lambda: ["HSET", key()] + [w for _ in range(R.randint(1, 4)) for w in (small(), word())],
    lambda: ["HSET", key(), small(), word()],
    lambda: ["HSET", key(), "n", any_of(number, 5, "10", "3.0e3", "abc")],
    lambda: ["HMSET", key()] + [w for _ in range(R.randint(1, 4)) for w in (small(), word())] + R.choice([[], [], ["odd"]]),
    lambda: ["HSETNX", key(), small(), word()],
    lambda: ["HGET", key(), small()],
    lambda: ["HMGET", key()] + some(small, 5),
    lambda: ["HGETALL", key()],
    lambda: ["HKEYS", key()],
    lambda: ["HVALS", key()],
    lambda: ["HDEL", key()] + some(small, 6),
    lambda: ["HDEL", key()] + some(small, 30),
    lambda: ["HEXISTS", key(), small()],
    lambda: ["HLEN", key()],
    lambda: ["HSTRLEN", key(), small()],
    lambda: ["HINCRBY", key(), any_of("n", "n", small), any_of(number, number, "x", "", "1.5")],
    lambda: ["HINCRBY", key(), "n", R.randint(-5, 5)],
    lambda: ["HINCRBYFLOAT", key(), any_of("n", "r", small), real()],
    lambda: ["HSCAN", key(), 0] + scan_options() + ["COUNT", 5000],
    lambda: ["HRANDFIELD", key(), any_of(5000, 0)] + any_of([], [case("WITHVALUES")]),
    lambda: ["OBJECT", "ENCODING", key()],
    lambda: ["OBJECT", "ENCODING", key()],
    lambda: ["COPY", key(), key(), "REPLACE"],
    lambda: ["RENAME", key(), key()],
]
SETS = [
    lambda: ["SADD", key()] + some(any_of(lambda: small, lambda: number, lambda: word), 5),
    lambda: ["SADD", key()] + some(lambda: R.randint(-30, 30), 5),
    lambda: ["SADD", key()] + some(lambda: R.randint(-30, 30), 5),
    lambda: ["SADD", key(), small()],
    lambda: ["SREM", key()] + some(small, 5),
    lambda: ["SREM", key()] + some(small, 30),
    lambda: ["SREM", key()] + some(lambda: R.randint(-30, 30), 40),
    lambda: ["SMEMBERS", key()],
    lambda: ["SISMEMBER", key(), small()],
    lambda: ["SMISMEMBER", key()] + some(small, 5),
    lambda: ["SCARD", key()],
    lambda: ["SMOVE", key(), key(), small()],
    lambda: ["SPOP", key(), any_of(5000, 0)],
    lambda: ["SPOP", key()],
    lambda: ["SRANDMEMBER", key()],
    lambda: ["SRANDMEMBER", key(), any_of(5000, 0, -3, -1)],
    lambda: [any_of("SINTER", "SUNION", "SDIFF")] + some(key, 5),
    lambda: [any_of("SINTER", "SUNION", "SDIFF")] + some(key, 5),
    lambda: [any_of("SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"), key()] + some(key, 5),
    lambda: [any_of("SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"), key()] + some(key, 3),
    lambda: ["SINTERCARD", 2, key(), key()] + any_of([], lambda: [case("LIMIT"), any_of(0, 1, 2, 3, "x", -1)]),
    lambda: ["SSCAN", key(), 0] + scan_options() + ["COUNT", 5000],
    lambda: ["OBJECT", "ENCODING", key()],
    lambda: ["OBJECT", "ENCODING", key()],
    lambda: ["COPY", key(), key(), "REPLACE"],
    lambda: ["RENAME", key(), key()],
]
WRONG_HASH = [
    ["HSET", "a"], ["HSET", "a", "b"], ["HSET", "a", "b", "c", "d"], ["HSET", "string", "b", "c"], ["HSET", "string", "b", "c", "d"],
    ["HMSET", "a", "b"], ["HMSET", "string", "b", "c"], ["HSETNX", "a", "b"], ["HSETNX", "string", "b", "c"], ["HGET", "a"],
    ["HGET", "string", "a"], ["HMGET", "a"], ["HMGET", "string", "a"], ["HMGET", "none", "a", "b"], ["HGETALL"], ["HGETALL", "string"],
    ["HGETALL", "none"], ["HKEYS", "none"], ["HKEYS", "string"], ["HVALS", "none"], ["HVALS", "string"], ["HDEL", "a"],
    ["HDEL", "string", "a"], ["HEXISTS", "string", "a"], ["HEXISTS", "a"], ["HLEN", "string"], ["HLEN"], ["HSTRLEN", "string", "a"],
    ["HSTRLEN", "a"], ["HINCRBY", "string", "a", "x"], ["HINCRBY", "string", "a", "1"], ["HINCRBY", "a", "b"],
    ["HINCRBYFLOAT", "string", "a", "x"], ["HINCRBYFLOAT", "string", "a", "1"], ["HINCRBYFLOAT", "none", "a", "nan"],
    ["HINCRBYFLOAT", "none", "a", "inf"], ["HSCAN", "a"], ["HSCAN", "a", "x"], ["HSCAN", "string", "0"], ["HSCAN", "string", "x"],
    ["HSCAN", "none", "0", "bad"], ["HSCAN", "none", "x"], ["HSCAN", "h", "0", "bad"], ["HSCAN", "h", "0", "COUNT"],
    ["HSCAN", "h", "0", "COUNT", "0"], ["HSCAN", "h", "0", "COUNT", "x"], ["HSCAN", "h", "0", "MATCH"], ["HSCAN", "h", "0", "TYPE", "hash"],
    ["HSCAN", "h", "99"], ["HRANDFIELD"], ["HRANDFIELD", "none"], ["HRANDFIELD", "string"], ["HRANDFIELD", "string", "x"],
    ["HRANDFIELD", "string", "1"], ["HRANDFIELD", "none", "1"], ["HRANDFIELD", "h", "1", "x"], ["HRANDFIELD", "h", "x", "x"],
    ["HRANDFIELD", "h", "1", "withvalues", "x"], ["HRANDFIELD", "h", -2**63], ["HRANDFIELD", "h", -2**63, "x"],
    ["HRANDFIELD", "h", -2**62 - 1, "withvalues"], ["HRANDFIELD", "h", 2**62, "withvalues"], ["HRANDFIELD", "h", 2**63 - 1],
    ["HRANDFIELD", "h", 2**63], ["HRANDFIELD", "h"], ["HRANDFIELD", "h", -3], ["HRANDFIELD", "h", -3, "withvalues"],
    ["HRANDFIELD", "none", -2**63 + 1],
]
WRONG_SETS = [
    ["SADD", "a"], ["SADD", "string", "a"], ["SREM", "a"], ["SREM", "string", "a"], ["SREM", "none", "a"], ["SMEMBERS"],
    ["SMEMBERS", "string"], ["SMEMBERS", "none"], ["SISMEMBER", "a"], ["SISMEMBER", "string", "a"], ["SISMEMBER", "none", "a"],
    ["SMISMEMBER", "a"], ["SMISMEMBER", "string", "a"], ["SMISMEMBER", "none", "a", "b"], ["SCARD"], ["SCARD", "string"],
    ["SCARD", "none"], ["SMOVE", "a", "b"], ["SMOVE", "none", "string", "x"], ["SMOVE", "string", "none", "x"], ["SMOVE", "s", "string", "x"],
    ["SMOVE", "s", "s", "x"], ["SMOVE", "s", "s", "m"], ["SPOP"], ["SPOP", "s", "1", "2"], ["SPOP", "string"], ["SPOP", "string", "-1"],
    ["SPOP", "string", "1"], ["SPOP", "string", "x"], ["SPOP", "none"], ["SPOP", "none", "0"], ["SPOP", "none", "1"], ["SPOP", "none", "-1"],
    ["SPOP", "none", "x"], ["SPOP", "s", "0"], ["SRANDMEMBER"], ["SRANDMEMBER", "none"], ["SRANDMEMBER", "none", "1"],
    ["SRANDMEMBER", "none", "-1"], ["SRANDMEMBER", "string"], ["SRANDMEMBER", "string", "1"], ["SRANDMEMBER", "string", "x"],
    ["SRANDMEMBER", "s", "1", "2"], ["SRANDMEMBER", "none", -2**63], ["SRANDMEMBER", "none", -2**63 + 1], ["SRANDMEMBER", "s", 1],
    ["SRANDMEMBER", "s", 2], ["SRANDMEMBER", "s", -2], ["SINTER"], ["SINTER", "none", "string"], ["SINTER", "string", "none"],
    ["SINTER", "s", "string"], ["SINTERSTORE", "none"], ["SINTERSTORE", "none", "none", "string"], ["SINTERSTORE", "none", "none"],
    ["SUNION"], ["SUNION", "none", "string"], ["SUNION", "none", "none"], ["SUNIONSTORE", "none", "string"], ["SUNIONSTORE", "none", "none"],
    ["SDIFF"], ["SDIFF", "none", "string"], ["SDIFF", "none", "s"], ["SDIFFSTORE", "none", "s", "string"], ["SDIFFSTORE", "none", "none", "s"],
    ["SINTERCARD"], ["SINTERCARD", "0", "s"], ["SINTERCARD", "x", "s"], ["SINTERCARD", "-1", "s"], ["SINTERCARD", "2", "s"],
    ["SINTERCARD", "1", "s"], ["SINTERCARD", "1", "s", "LIMIT"], ["SINTERCARD", "1", "s", "LIMIT", "x"], ["SINTERCARD", "1", "s", "limit", "-1"],
    ["SINTERCARD", "1", "s", "bad", "1"], ["SINTERCARD", "1", "s", "limit", "1", "limit", "2"], ["SINTERCARD", "1", "string"],
    ["SINTERCARD", "1", "none"], ["SINTERCARD", "2", "none", "string"], ["SINTERCARD", "2147483648", "s"], ["SSCAN", "s"], ["SSCAN", "s", "x"],
    ["SSCAN", "string", "0"], ["SSCAN", "none", "0", "bad"], ["SSCAN", "none", "x"], ["SSCAN", "s", "0", "bad"], ["SSCAN", "s", "0", "COUNT", "0"],
]


def parts(reply):
    """An aggregate's first line and its elements."""
    end = reply.index(b"\n") + 1
    count = max(0, int(reply[1:end - 2])) * (2 if reply[:1] == b"%" else 1)
    elements, at = [], end
    for _ in range(count):
        size = length(reply, at)
        elements.append(reply[at:at + size])
        at += size
    return reply[:end], elements


def length(reply, at):
    line = reply.index(b"\n", at) + 1 - at
    kind, rest = reply[at:at + 1], reply[at + 1:at + line - 2]
    if kind in b"$=":
        return line if int(rest) < 0 else line + int(rest) + 2
    if kind in b"*~%":
        return line + sum(len(e) for e in parts(reply[at:])[1])
    return line


def normalized(reply, order):
    if order == "<" or reply[:1] not in b"*~%":
        return reply
    head, elements = parts(reply)
    if order in "?:":
        return head + elements[0] + normalized(elements[1], "~" if order == "?" else "=")
    if order == "=":
        elements = [a + b for a, b in zip(elements[::2], elements[1::2])]
    return head + b"".join(sorted(elements))


def order(server, words, version):
    """How far the reply's order is free: that of a small hash or a set of integers is not."""
    name = words[0].upper()
    if name in ("SINTER", "SUNION", "SDIFF", "SPOP"):
        return "~"
    if name not in ("HGETALL", "HKEYS", "HVALS", "HSCAN", "HRANDFIELD", "SMEMBERS", "SSCAN", "SRANDMEMBER"):
        return "<"
    form = server.call(["OBJECT", "ENCODING", words[1]])[1] if len(words) > 1 else b""
    if b"hashtable" not in form:
        return "<"
    if name == "HRANDFIELD":
        return "=" if len(words) == 4 and version == 2 else "~"
    return {"HGETALL": "=", "HSCAN": ":", "SSCAN": "?"}.get(name, "~")


def is_certain(server, words):
    """Whether a command that picks at random has but one outcome."""
    name = words[0].upper()
    if name in ("SPOP", "SRANDMEMBER") and (len(words) == 2 or words[2] in (-1, -3)):
        return server.call(["SCARD", words[1]])[1] == b":1\r\n"
    return True


def main():
    server = Server(int(sys.argv[1]))
    made, wrong = (HASH, WRONG_HASH) if sys.argv[2] == "hashes" else (SETS, WRONG_SETS)
    R.seed(sys.argv[2])
    server.call(["FLUSHALL"])
    version = 2

    def show(words):
        free = order(server, words, version)
        words, reply = server.call(words)
        print("> " + " ".join(escape(w) for w in words))
        print(free + " " + escape(normalized(reply, free)))

    def limit(name, value):
        if LIMITS[name]:
            server.call(["CONFIG", "SET", LIMITS[name], value])
        print("> @limit %s %d" % (name, value))

    for name in LIMITS:
        limit(name, {"hashEntries": 512, "setIntegers": 512, "setEntries": 128}.get(name, 64))
    for version in (2, 3):
        server.call(["HELLO", version])
        print("> @resp %d" % version)
        show(["DEL", "none", "s", "h"])
        show(["SET", "string", "text"])
        show(["HSET", "h", "f", "v"])
        show(["SADD", "s", "m"])
        for words in wrong:
            show(words)
        for round in range(8):
            for name in LIMITS:
                if R.random() < 0.5:
                    limit(name, any_of(0, 1, 3, 8, 16, 64, 64, 512))
            for _ in range(450):
                words = R.choice(made)()
                if words[0] in ("SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE", "COPY", "RENAME") and "string" in words:
                    continue
                if is_certain(server, words):
                    show(words)
            for k in KEYS[:5]:
                if R.random() < 0.7:
                    show(["DEL", k])


if __name__ == "__main__":
    main()
