#!/usr/bin/env python3
"""Records DUMP payloads of a real redis-server 7.0, and what it makes of payloads of older versions, of odd and of
corrupt ones.

    redis-server --port 7777 --save '' &
    Tests/Golden/record_payloads.py 7777 > Tests/Golden/payloads.txt

The format is record.py's; besides, "> PAYLOAD k" stands for DUMP k, which may come in another order or compressed
differently.
"""
import os
import random
import struct
import sys

from record import Server, escape

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = os.environ.get("REDIS_SUITE", os.path.expanduser("~/.cache/martlet/redis-7.0.15/tests"))
sys.path.insert(0, os.path.join(HERE, "../../redis-tests/payloads"))
import foreign  # noqa: E402
import samples  # noqa: E402

R = random.Random(23)


def main():
    server = Server(int(sys.argv[1]))
    server.call(["FLUSHALL"])
    server.call(["CONFIG", "SET", "sanitize-dump-payload", "yes"])

    def show(words, name=None):
        words, reply = server.call(words)
        print("> " + " ".join(escape(w) for w in ([name.encode()] + words[1:] if name else words)))
        print("< " + escape(reply))
        return reply

    def read(key):
        """What the key holds, by commands whose replies do not depend on an order that is Redis' own."""
        kind = server.call(["TYPE", key])[1].strip(b"+\r\n").decode()
        form = show(["OBJECT", "ENCODING", key])
        show(["TYPE", key])
        if kind == "string":
            show(["GET", key])
        elif kind == "hash":
            if b"listpack" in form:
                return show(["HGETALL", key])
            show(["HLEN", key])
            flat = array(server.call(["HGETALL", key])[1])
            show(["HMGET", key] + sorted(flat[::2])[:200])
        elif kind == "set":
            if b"intset" in form:
                return show(["SMEMBERS", key])
            show(["SCARD", key])
            show(["SMISMEMBER", key, "none"] + sorted(array(server.call(["SMEMBERS", key])[1]))[:200])
        elif kind == "list":
            show(["LRANGE", key, 0, -1])
        elif kind == "zset":
            show(["ZRANGE", key, 0, -1, "WITHSCORES"])
        elif kind == "stream":
            show(["XRANGE", key, "-", "+"])
            show(["XINFO", "STREAM", key])
            show(["XINFO", "GROUPS", key])

    def restore(payload):
        if show(["RESTORE", "r", 0, payload, "REPLACE"]).startswith(b"+"):
            read("r")
        else:
            show(["DEL", "r"])

    for sample in samples.all_samples():
        if sample.slow or sum(len(str(w)) for c in sample.commands for w in c) > 6000:
            continue
        show(["DEL", "k"])
        for words in sample.commands:
            show(words)
        # A consumer's payload has the time at which it was last seen, which is the recording's.
        has_consumers = any(str(words[0]).upper() == "XREADGROUP" for words in sample.commands)
        reply = server.call(["DUMP", "k"])[1] if has_consumers else show(["DUMP", "k"], "PAYLOAD")
        restore(array(b"*1\r\n" + reply)[0])
    for payload in foreign.payloads(R):
        restore(payload)
    for payload in foreign.corrupt(SUITE):
        restore(payload)
    server.call(["CONFIG", "SET", "sanitize-dump-payload", "no"])


def array(reply):
    """The bulk strings of an array reply."""
    out, at = [], reply.index(b"\r\n") + 2
    while at < len(reply):
        end = reply.index(b"\r\n", at)
        size = int(reply[at + 1:end])
        out.append(reply[end + 2:end + 2 + size])
        at = end + 4 + size
    return out


main()
