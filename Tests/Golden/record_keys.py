#!/usr/bin/env python3
"""Records what a real redis-server 7.0 answers to random generic key and database commands.

    redis-server --port 7777 --save '' &
    Tests/Golden/record_keys.py 7777 > Tests/Golden/keys.txt

The format is record.py's; besides, "> @db N" selects a database. No key expires while recording:
deadlines are past or far in the future, and replies that depend on the time are left out.
"""
import sys

from record import R, Server, any_of, case, escape

KEYS = ["a", "b", "c", "{t}a", "{t}b", "none"]
FAR = [4000000000, 4000000001, 4100000000]


def key():
    return R.choice(KEYS[:5]) if R.random() < 0.95 else KEYS[5]


def value():
    return any_of("1", "9999", "10000", "-5", "text", "", b"\xff\x00", "x" * 44, "x" * 45, "y" * 2100, "3.0")


def database():
    return any_of(0, 1, 2, 0, 1, 2, 0, 1, 2, 16, -1, "x", 2147483648, "")


def conditions():
    return any_of([], [], [], lambda: [case(R.choice(["NX", "XX", "GT", "LT"]))], lambda: [
        case(R.choice(["NX", "XX", "GT", "LT", "bad"])) for _ in range(2)])


def copy_options():
    return any_of([], [], lambda: [case("REPLACE")], lambda: [case("DB"), database()], lambda: [
        "DB", database(), "REPLACE"], ["DB"], ["bad"], lambda: ["REPLACE", "db", database()])


MADE = [
    lambda: ["SET", key(), value()],
    lambda: ["SET", key(), value()],
    lambda: ["SET", key(), value(), "EXAT", R.choice(FAR)],
    lambda: ["APPEND", key(), value()],
    lambda: ["SETRANGE", key(), R.randint(0, 3000), "zz"],
    lambda: ["GET", key()],
    lambda: ["DEL"] + [key() for _ in range(R.randint(1, 3))],
    lambda: ["UNLINK"] + [key() for _ in range(R.randint(1, 3))],
    lambda: ["EXISTS"] + [key() for _ in range(R.randint(1, 4))],
    lambda: ["TOUCH"] + [key() for _ in range(R.randint(1, 4))],
    lambda: ["TYPE", key()],
    lambda: ["COPY", key(), key()] + copy_options(),
    lambda: ["COPY", key(), key()] + copy_options(),
    lambda: ["MOVE", key(), database()],
    lambda: ["RENAME", key(), key()],
    lambda: ["RENAMENX", key(), key()],
    lambda: ["EXPIRE", key(), any_of(-1, 0, "x", "", 9223372036854776, -9223372036854776, 2**63 - 1)] + conditions(),
    lambda: ["PEXPIRE", key(), any_of(-1, 0, "x", 2**63 - 1, -2**63)] + conditions(),
    lambda: ["EXPIREAT", key(), any_of(*FAR, *FAR, 1, -1, 9223372036854776, "1.5")] + conditions(),
    lambda: ["EXPIREAT", key(), R.choice(FAR)] + conditions(),
    lambda: ["PEXPIREAT", key(), any_of(*[f * 1000 + 499 for f in FAR], FAR[0] * 1000 + 500, 1, "x")] + conditions(),
    lambda: ["PERSIST", key()],
    lambda: ["EXPIRETIME", key()],
    lambda: ["PEXPIRETIME", key()],
    lambda: ["OBJECT", "ENCODING", key()],
    lambda: [case("OBJECT"), case("REFCOUNT"), key()],
    lambda: ["OBJECT", "FREQ", key()],
    lambda: ["DBSIZE"],
    lambda: ["KEYS", any_of("none*", "c", "[c]", "?", "\\c")] if R.random() < 0.3 else ["KEYS", "c"],
    lambda: ["SWAPDB", database(), database()],
    lambda: any_of(["FLUSHDB"], ["FLUSHDB", "async"], ["FLUSHALL", "SYNC"], ["FLUSHDB", "bad"]) if R.random() < 0.2 else [
        "DBSIZE"],
]
WRONG = [
    ["DEL"], ["COPY", "a"], ["MOVE", "a"], ["TTL"], ["EXPIRE", "a"], ["PERSIST", "a", "b"], ["RENAME", "a"], ["KEYS"],
    ["OBJECT", "ENCODING"], ["OBJECT", "bad"], ["SCAN"], ["SCAN", "x"], ["SCAN", "1x"], ["SCAN", " 1"],
    ["SCAN", "99999999999999999999"], ["SCAN", "0", "COUNT"], ["SCAN", "0", "COUNT", "0"], ["SCAN", "0", "COUNT", "x"],
    ["SCAN", "0", "MATCH"], ["SCAN", "0", "bad", "1"], ["SCAN", "0"], ["SCAN", "", "type", "nothing"],
    ["SCAN", "0", "count", "9223372036854775807"], ["TTL", "a"], ["PTTL", "a"], ["RANDOMKEY"], ["FLUSHALL", "a", "b"],
    ["SWAPDB", "0"], ["SWAPDB", "x", "99"], ["SWAPDB", "99", "x"], ["SWAPDB", "99", "0"], ["SWAPDB", "0", "0"],
    ["DBSIZE", "x"], ["EXPIRE", "a", "1", b"b\x00c"],
]


def main():
    server = Server(int(sys.argv[1]))
    server.call(["FLUSHALL"])

    def show(words):
        words, reply = server.call(words)
        print("> " + " ".join(escape(w) for w in words))
        print("< " + escape(reply))

    for words in WRONG:
        show(words)
    for version in (2, 3):
        server.call(["HELLO", version])
        print("> @resp %d" % version)
        for _ in range(2500):
            if R.random() < 0.05:
                index = R.randint(0, 2)
                server.call(["SELECT", index])
                print("> @db %d" % index)
            words = R.choice(MADE)()
            if words[0] == "KEYS" and words[1] == "?" and server.call(words)[1][:2] not in (b"*0", b"*1"):
                continue
            show(words)
            if words[0] in ("COPY", "RENAME", "RENAMENX"):
                for probe in (["GET", words[2]], ["PEXPIRETIME", words[2]], ["OBJECT", "ENCODING", words[2]]):
                    show(probe)


main()
