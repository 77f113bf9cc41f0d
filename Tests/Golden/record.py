#!/usr/bin/env python3
"""Records what a real redis-server 7.0 answers to random string and bitmap commands.

    redis-server --port 7777 --save '' &
    Tests/Golden/record.py 7777 > Tests/Golden/strings.txt

A line "> word word ..." is a command, the line "< reply" after it the raw reply. Bytes outside
printable ASCII, spaces and backslashes are \\xHH; eight or more equal bytes are \\*COUNT;HH; an
empty word is \\e. "> @resp N" switches the protocol. The server's data is flushed first.
"""
import random
import re
import socket
import sys

R = random.Random(7)
KEYS = ["k%d" % i for i in range(6)] + ["none", "list"]
FAR = [4000000000, 4000000001, 4100000000]


def escape(data):
    if not data:
        return "\\e"
    out = []
    for run in re.finditer(rb"(?s)(.)\1*", data):
        byte, count = run.group(1)[0], len(run.group(0))
        if count >= 8:
            out.append("\\*%d;%02x" % (count, byte))
        elif 33 <= byte < 127 and byte != 92:
            out.append(chr(byte) * count)
        else:
            out.append("\\x%02x" % byte * count)
    return "".join(out)


class Server:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def call(self, words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
        self.socket.sendall(request)
        return words, self.reply()

    def reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=" and rest != b"-1":
            return line + self.file.read(int(rest) + 2)
        if kind in b"*~%" and rest != b"-1":
            parts = int(rest) * (2 if kind == b"%" else 1)
            return line + b"".join(self.reply() for _ in range(parts))
        return line


def any_of(*choices):
    choice = R.choice(choices)
    return choice() if callable(choice) else choice


def key():
    return R.choice(KEYS[:6]) if R.random() < 0.93 else R.choice(KEYS)


def some_bytes(most=24):
    return bytes(R.choice(b"abc01\x00\xff\x80 ") for _ in range(R.randint(0, most)))


def value():
    return any_of(number, some_bytes, some_bytes, "", lambda: some_bytes(70), "12", "3.0e3", "-0", "007", "+5", " 1",
                  "9223372036854775807", "-9223372036854775808", "9223372036854775808", lambda: b"\xff" * 2100)


def number():
    return any_of(0, 1, -1, 2, 7, 8, 10, -3, lambda: R.randint(-100, 100), lambda: R.randint(-2**63, 2**63 - 1))


def count():
    return any_of(number, number, number, number, "abc", "", "1.5")


def position():
    return any_of(lambda: R.randint(-20, 20), lambda: R.randint(-5, 5), lambda: R.randint(0, 200), 2**63 - 1, -2**63,
                  "x")


def real():
    return any_of("1.5", "-0.25", "3.0e3", "1e17", "0.1", "inf", "nan", "abc", "1e400", "", "1e4931", "100000", "-1e-5",
                  "5.0000000000000001", "1e300", " 1", number)


def case(word):
    return R.choice([word, word.lower(), word.upper()])


def expiry():
    return any_of(
        lambda: [case("EXAT"), any_of(*FAR, 1, 0, -5, "x", 2**63 - 1, 9223372036854775)],
        lambda: [case("PXAT"), any_of(*[1000 * f + 5 for f in FAR], 1, 0, -5, "x")],
        lambda: [case("EX"), any_of(100000, 0, -1, "1.5", 9223372036854776)],
        lambda: [case("PX"), any_of(100000000, 0, 2**63 - 1, "")])


def field():
    kind = any_of("u8", "i8", "i16", "u1", "i5", "u63", "i64", "i1", "u31", "u32", "i32", "u64", "i65", "i0", "x8", "u",
                  "i08")
    offset = any_of(0, 1, 7, 100, "#0", "#1", "#3", lambda: R.randint(0, 130), lambda: R.randint(0, 130), -1, "#-1", "x",
                    "4294967296")
    return [kind, offset]


def good_field():
    kind = R.choice("iu") + str(any_of(1, 2, 5, 8, 13, 16, 31, 32, 33, 62, 63))
    return [kind if R.random() < 0.95 else "i64", any_of("#", "") + str(R.randint(0, 60))]


def fields(readonly=False):
    words = []
    for _ in range(R.randint(0, 4)):
        f = field() if R.random() < 0.1 else good_field()
        words += any_of(
            lambda: ["GET"] + f,
            lambda: ["GET"] + f if readonly and R.random() < 0.9 else ["set"] + f + [count()],
            lambda: ["GET"] + f if readonly and R.random() < 0.9 else ["INCRBY"] + f + [count()],
            lambda: [] if readonly else ["OVERFLOW", any_of("wrap", "SAT", "fail", "SAT", "FAIL", "other")])
    return words + (["GET"] if R.random() < 0.03 else [])


def lcs_pair():
    return bytes(R.choice(b"abcd") for _ in range(R.randint(0, 70)))


MADE = [
    lambda: ["GET", key()],
    lambda: ["SET", key(), value()],
    lambda: ["SET", key(), value()] + sum(
        (any_of(["nx"], ["XX"], ["get"], ["keepttl"], expiry, expiry, ["bad"], ["EX"]) for _ in range(R.randint(1, 3))),
        []),
    lambda: ["SET", key(), value()] + expiry(),
    lambda: ["SETNX", key(), value()],
    lambda: ["SETEX", key(), any_of(100000, 0, "x", 9223372036854776, -1), value()],
    lambda: ["PSETEX", key(), any_of(100000000, 0, "x", 2**63 - 1, -1), value()],
    lambda: ["MSET"] + [w for _ in range(R.randint(1, 4)) for w in (key(), value())] + R.choice([[], [], [], ["odd"]]),
    lambda: ["MSETNX"] + [w for _ in range(R.randint(1, 2)) for w in (key(), value())] + R.choice([[], [], ["odd"]]),
    lambda: ["MGET"] + [key() for _ in range(R.randint(1, 5))],
    lambda: ["GETSET", key(), value()],
    lambda: ["GETDEL", key()],
    lambda: ["GETEX", key()] + any_of([], ["PERSIST"], expiry, expiry, lambda: expiry() + expiry(), ["keepttl"]),
    lambda: ["GETRANGE", key(), position(), position()],
    lambda: ["SUBSTR", key(), position(), position()],
    lambda: ["STRLEN", key()],
    lambda: ["APPEND", key(), any_of(some_bytes, "1", "", "x")],
    lambda: ["SETRANGE", key(), any_of(lambda: R.randint(0, 40), 2040, 3000, -1, "x", 536870912, 2**63 - 1), some_bytes(9)],
    lambda: ["INCR", key()],
    lambda: ["DECR", key()],
    lambda: ["INCRBY", key(), count()],
    lambda: ["DECRBY", key(), any_of(count, count, -2**63)],
    lambda: ["INCRBYFLOAT", key(), real()],
    lambda: ["INCRBYFLOAT", key(), real()],
    lambda: ["LCS", key(), key()] + any_of([], ["LEN"], ["IDX"], ["idx", "len"], ["IDX", "WITHMATCHLEN"],
                                           ["IDX", "MINMATCHLEN", count()], ["x"], ["MINMATCHLEN"]),
    lambda: ["GETBIT", key(), any_of(0, 1, 7, 8, 100, lambda: R.randint(0, 200), -1, "x", 4294967295, 4294967296, "#1")],
    lambda: ["SETBIT", key(), any_of(0, 7, 8, 100, lambda: R.randint(0, 200), 20000, -1, 4294967296), any_of(0, 1, 1, 2, "x")],
    lambda: ["SETBIT", key(), R.randint(0, 100), R.randint(0, 1)],
    lambda: ["BITCOUNT", key()] + any_of([], lambda: [position(), position()], lambda: [position()], lambda: [
        position(), position(), any_of("BIT", "byte", "Bit", "x")], lambda: [position(), position(), "BIT"]),
    lambda: ["BITPOS", key(), any_of(0, 1, 0, 1, 0, 1, 2, "x")] + any_of([], lambda: [position()], lambda: [
        position(), position()], lambda: [position(), position(), any_of("BIT", "byte", "x")], [0, 1, "BIT", 4]),
    lambda: ["BITPOS", key(), R.randint(0, 1), R.randint(-40, 40), R.randint(-40, 60), "BIT"],
    lambda: ["BITOP", any_of("AND", "or", "XOR", "xor", "NOT", "x")] + [key() for _ in range(R.randint(2, 5))],
    lambda: ["BITOP", any_of("NOT", "not"), key(), key()],
    lambda: ["BITFIELD", key()] + fields(),
    lambda: ["BITFIELD", key()] + fields(),
    lambda: ["BITFIELD", key()] + fields(),
    lambda: ["BITFIELD_RO", key()] + fields(readonly=True),
    lambda: ["OBJECT", "ENCODING", key()],
    lambda: ["PEXPIRETIME", key()],
]
PROBES = [lambda k: ["GET", k], lambda k: ["OBJECT", "ENCODING", k], lambda k: ["PEXPIRETIME", k], lambda k: ["STRLEN", k]]
WRONG = [["GET"], ["GET", "a", "b"], ["SET", "k0"], ["MGET"], ["MSET", "k0"], ["BITOP", "AND", "k0"], ["BITPOS", "k0"],
         ["INCRBY", "k0"], ["LCS", "k0"], ["SETBIT", "k0", "1"], ["STRLEN"], ["GETEX"], ["BITFIELD"], ["BITCOUNT"]]


def main():
    server = Server(int(sys.argv[1]))
    server.call(["FLUSHALL"])

    def show(words):
        words, reply = server.call(words)
        # A time counted from the moment of recording cannot be compared.
        if words[0] == b"PEXPIRETIME" and 0 < int(reply[1:]) < FAR[0] * 1000:
            return
        print("> " + " ".join(escape(w) for w in words))
        print("< " + escape(reply))

    show(["RPUSH", "list", "a"])
    for words in WRONG:
        show(words)
    for version in (2, 3):
        server.call(["HELLO", version])
        print("> @resp %d" % version)
        for _ in range(1500):
            words = R.choice(MADE)()
            name = words[0].upper()
            if "list" in words and name in ("SET", "MSET", "SETEX", "PSETEX", "SETNX", "BITOP"):
                continue
            show(words)
            target = words[2] if name == "BITOP" else words[1]
            if R.random() < 0.4:
                show(R.choice(PROBES)(target))
        for _ in range(40):
            for k in ("k0", "k1"):
                show(["SET", k, lcs_pair()])
            show(["LCS", "k0", "k1"] + any_of([], ["LEN"], ["IDX"], ["IDX", "WITHMATCHLEN"],
                                              ["IDX", "MINMATCHLEN", R.randint(0, 5), "WITHMATCHLEN"]))


if __name__ == "__main__":
    main()
