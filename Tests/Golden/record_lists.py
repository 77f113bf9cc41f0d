#!/usr/bin/env python3
"""Records what a real redis-server 7.0 answers to random list commands.

    redis-server --port 7777 --save '' &
    Tests/Golden/record_lists.py 7777 > Tests/Golden/lists.txt

The format is record.py's. Blocking commands are recorded only where they have something to answer at once.
"""
import sys

from record import R, Server, any_of, case, escape

KEYS = ["a", "b", "{t}a", "{t}b", "none", "text"]
ELEMENTS = ["x", "y", "z", "", "1", "-1", "127", "128", "-4097", "32767", "8388607", "-2147483649", "007", "+5",
            "9223372036854775807", "-9223372036854775808", "9223372036854775808", "a" * 63, "b" * 64, b"\xff\x00\r\n",
            "c" * 300]
WIDE = ["d" * 4095, "e" * 4096, "f" * 8170, "g" * 9000]


def key():
    return R.choice(KEYS[:4]) if R.random() < 0.95 else R.choice(KEYS)


def element():
    return R.choice(WIDE) if R.random() < 0.02 else R.choice(ELEMENTS)


def elements():
    return [element() for _ in range(any_of(1, 1, 1, 2, 3, 8, 40))]


def index():
    return any_of(lambda: R.randint(-12, 12), lambda: R.randint(-60, 60), lambda: R.randint(-3, 3), 0, -1, 2**63 - 1,
                  -2**63, "x" if R.random() < 0.3 else 1, "")


def side():
    return case(any_of("LEFT", "RIGHT", "LEFT", "RIGHT", "LEFT", "RIGHT", "UP" if R.random() < 0.3 else "LEFT"))


def count():
    return any_of(1, 2, 3, 10, 0, -1, "x", 2**63 - 1, "", 1, 2, 3)


def some_keys():
    keys = [key() for _ in range(R.randint(1, 3))]
    number = len(keys) if R.random() < 0.9 else any_of(0, -1, "x", 9, 2**63 - 1, 2**63)
    return [number] + keys


def position_options():
    out = []
    for _ in range(R.randint(0, 3)):
        out += any_of(lambda: [case("RANK"), any_of(1, 2, -1, -2, 5, 0, "x", -2**63, 2**63 - 1)],
                      lambda: [case("COUNT"), any_of(0, 1, 2, -1, "x")],
                      lambda: [case("MAXLEN"), any_of(0, 1, 5, 100, -1, "x")])
    return out + (any_of(["bad"], ["COUNT"]) if R.random() < 0.02 else [])


def pop_options():
    return any_of([], [], lambda: [case("COUNT"), count()], lambda: [case("COUNT"), R.randint(1, 50)],
                  lambda: ["COUNT", count(), "COUNT", count()] if R.random() < 0.3 else [],
                  lambda: ["COUNT"] if R.random() < 0.3 else [])


MADE = [
    lambda: [case("LPUSH"), key()] + elements(),
    lambda: [case("RPUSH"), key()] + elements(),
    lambda: ["LPUSH", key()] + elements(),
    lambda: ["RPUSH", key()] + elements(),
    lambda: ["LPUSHX", key()] + elements(),
    lambda: ["RPUSHX", key()] + elements(),
    lambda: ["LPOP", key()] + any_of([], [], lambda: [count()]),
    lambda: ["RPOP", key()] + any_of([], [], lambda: [count()]),
    lambda: ["LMPOP"] + some_keys() + [side()] + pop_options(),
    lambda: ["LLEN", key()],
    lambda: ["LINDEX", key(), index()],
    lambda: ["LRANGE", key(), index(), index()],
    lambda: ["LSET", key(), index(), element()],
    lambda: ["LSET", key(), R.randint(-5, 5), element()],
    lambda: ["LINSERT", key(), case(any_of("BEFORE", "AFTER", "AFTER", "BEFORE", "bad")), element(), element()],
    lambda: ["LREM", key(), any_of(0, 1, -1, 2, -2, 100, -2**63, "x", 2**63 - 1), element()],
    lambda: ["LTRIM", key(), index(), index()] if R.random() < 0.5 else ["LTRIM", key(), R.randint(0, 3), -R.randint(1, 4)],
    lambda: ["LPOS", key(), element()] + position_options(),
    lambda: ["LPOS", key(), element()] + position_options(),
    lambda: ["LMOVE", key(), key(), side(), side()],
    lambda: ["LMOVE", key(), key(), side(), side()],
    lambda: ["RPOPLPUSH", key(), key()],
    lambda: ["BLPOP"] + [key() for _ in range(R.randint(1, 3))] + [any_of(0.001, 0.001, "x", -1)],
    lambda: ["BRPOP"] + [key() for _ in range(R.randint(1, 3))] + [0.001],
    lambda: ["BLMPOP", any_of(0.001, 0.001, 0.001, "x", -1)] + some_keys() + [side()] + pop_options(),
    lambda: ["BLMOVE", key(), key(), side(), side(), any_of(0.001, 0.001, "x", -1)],
    lambda: ["BRPOPLPUSH", key(), key(), any_of(0.001, 0.001, "x", -1)],
    lambda: any_of(["DEL", key()], ["RENAME", key(), key()], ["COPY", key(), key(), "REPLACE"]),
    lambda: any_of(["TYPE", key()], ["OBJECT", "ENCODING", key()], ["EXISTS", key()]),
]
WRONG = [
    ["LPUSH", "a"], ["RPUSH"], ["LPUSHX", "a"], ["LPOP"], ["LPOP", "a", "1", "2"], ["RPOP", "a", "1", "2"], ["LLEN"],
    ["LINDEX", "a"], ["LRANGE", "a", "1"], ["LSET", "a", "1"], ["LINSERT", "a", "BEFORE", "x"], ["LREM", "a", "1"],
    ["LTRIM", "a", "1"], ["LPOS", "a"], ["LMOVE", "a", "b", "LEFT"], ["RPOPLPUSH", "a"], ["LMPOP", "1", "a"],
    ["BLPOP", "a"], ["BLMPOP", "0", "1", "a"], ["BLMOVE", "a", "b", "LEFT", "LEFT"], ["BRPOPLPUSH", "a", "b"],
]


def main():
    server = Server(int(sys.argv[1]))
    server.call(["FLUSHALL"])

    def show(words):
        words, reply = server.call(words)
        if words[0].startswith(b"B") and reply in (b"*-1\r\n", b"_\r\n"):
            return
        print("> " + " ".join(escape(w) for w in words))
        print("< " + escape(reply))

    show(["SET", "text", "1"])
    for words in WRONG:
        show(words)
    for version in (2, 3):
        server.call(["HELLO", version])
        print("> @resp %d" % version)
        for _ in range(2500):
            words = R.choice(MADE)()
            if "text" in words and words[0] in ("DEL", "RENAME", "COPY"):
                continue
            show(words)
            if R.random() < 0.15:
                show(["LRANGE", words[1] if words[0] != "LMPOP" else key(), "0", "-1"])


main()
