#!/usr/bin/env python3
"""Records what a real redis-server 7.0 answers to random HyperLogLog commands, and the bytes of their keys.

    redis-server --port 7777 --save '' &
    Tests/Golden/record_hll.py 7777 > Tests/Golden/hyperloglog.txt

The format is record.py's; besides, "> @limit N" sets hll-sparse-max-bytes, and "> SHA1 key" asks for the SHA-1
of a key's bytes (GET, where that would be long).
"""
import hashlib
import random
import sys

from record import Server, case, escape

R = random.Random(11)
KEYS = ["a", "b", "c", "d", "e", "none"]
EMPTY = b"HYLL\x01\0\0\0" + b"\0" * 8 + b"\x7f\xff"


def key():
    return R.choice(KEYS[:5]) if R.random() < 0.96 else KEYS[5]


def element():
    kind = R.random()
    if kind < 0.4:
        return "e%d" % R.randint(0, 400)
    if kind < 0.6:
        return str(R.randint(0, 10**R.randint(1, 9)))
    return bytes(R.randint(0, 255) for _ in range(R.choice([R.randint(0, 10), R.randint(0, 40)])))


def elements():
    most = R.choice([0, 1, 1, 1, 2, 3, 5, 12, 12, R.choice([20, 60])])
    return [element() for _ in range(most)]


def sparse():
    """A string with a header of the right form, and runs that are mostly those of 16384 registers."""
    out, left = b"", 16384
    while left > 0 and len(out) < 200:
        kind = R.random()
        if kind < 0.5:
            n = min(left, R.randint(1, 4))
            out += bytes([0x80 | R.choice([0, 0, 1, R.randint(0, 31)]) << 2 | n - 1])
        elif kind < 0.8:
            n = min(left, R.randint(1, 64))
            out += bytes([n - 1])
        else:
            n = min(left, R.randint(1, 3000))
            out += bytes([0x40 | n - 1 >> 8, n - 1 & 255])
        left -= n
    if left:
        out += bytes([0x40 | left - 1 >> 8, left - 1 & 255])
    if R.random() < 0.15:
        # Never a cut two-byte run at the end: Redis reads a byte past it.
        out = R.choice([out + b"\x00", out[:-2] + b"\x00" if len(out) > 2 else out, b"", out + b"\x83\x83"])
    head = b"HYLL\x01" + R.choice([b"\0\0\0", b"\0\0\0", b"\1\2\3"])
    return head + R.choice([b"\0" * 7 + b"\x80", b"\5" + b"\0" * 7]) + out


def dense():
    return b"HYLL\x00\0\0\0" + b"\0" * 7 + b"\x80" + bytes(R.randint(0, 255) for _ in range(60)) + b"\0" * 12228


def planted():
    kind = R.random()
    if kind < 0.7:
        return sparse()
    if kind < 0.8:
        return dense()
    return R.choice([b"", b"HYLL", EMPTY[:15], EMPTY[:16], b"HYLX" + EMPTY[4:], EMPTY[:4] + b"\2" + EMPTY[5:], "123",
                     b"HYLL\0" + EMPTY[5:], dense()[:-1], dense() + b"x", EMPTY, EMPTY[:16] + b"\x7f\xfe\0"])


MADE = [lambda: ["PFADD", key()] + elements()] * 12 + [
    lambda: ["PFCOUNT", key()],
    lambda: ["PFCOUNT", key()],
    lambda: [case("PFCOUNT")] + [key() for _ in range(R.randint(2, 4))],
    lambda: ["PFMERGE"] + [key() for _ in range(R.randint(1, 4))],
    lambda: ["PFMERGE"] + [key() for _ in range(R.randint(1, 4))],
    lambda: ["PFDEBUG", case("ENCODING"), key()],
    lambda: ["PFDEBUG", case("TODENSE"), key()] if R.random() < 0.1 else ["PFDEBUG", "encoding", key()],
    lambda: R.choice([["PFDEBUG", "bad", key()], ["PFDEBUG", case("decode"), key()]]),
    lambda: ["SET", key(), planted()],
    lambda: ["SETRANGE", key(), R.randint(16, 60), bytes([R.randint(128, 255)])] if R.random() < 0.1 else ["GET", "none"],
    lambda: ["DEL", key()] if R.random() < 0.5 else ["STRLEN", key()],
    lambda: ["EXPIRETIME", key()],
    lambda: ["EXPIREAT", key(), 4000000000] if R.random() < 0.3 else ["STRLEN", key()],
]
WRONG = [["PFADD"], ["PFCOUNT"], ["PFMERGE"], ["PFDEBUG"], ["PFDEBUG", "decode"], ["PFDEBUG", "decode", "a", "b"],
         ["PFSELFTEST", "x"], ["PFSELFTEST"], ["PFDEBUG", "GETREG", "a"], ["PFADD", "a", "x"], ["PFDEBUG", "GETREG", "a"]]


def main():
    server = Server(int(sys.argv[1]))
    server.call(["FLUSHALL"])

    def show(words):
        words, reply = server.call(words)
        print("> " + " ".join(escape(w) for w in words))
        print("< " + escape(reply))
        return reply

    def probe(name):
        reply = server.call(["GET", name])[1]
        if reply[:1] != b"$" or len(reply) < 120:
            return show(["GET", name])
        value = reply[reply.index(b"\n") + 1:-2]
        print("> SHA1 " + name)
        print("< " + hashlib.sha1(value).hexdigest())

    for words in WRONG:
        show(words)
    for limit in (3000, 20, 100, 600, 0, 20000):
        server.call(["CONFIG", "SET", "hll-sparse-max-bytes", limit])
        print("> @limit %d" % limit)
        for _ in range(600):
            words = R.choice(MADE)()
            show(words)
            if words[0] in ("PFADD", "PFCOUNT", "PFMERGE", "PFDEBUG"):
                probe(words[1] if words[0] != "PFDEBUG" else words[2])
            if R.random() < 0.01:
                show(["FLUSHALL"])
    server.call(["CONFIG", "SET", "hll-sparse-max-bytes", 3000])


main()
