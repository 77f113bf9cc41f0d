#!/usr/bin/env python3
"""Records an RDB file of a real redis-server 7.0 and what can be read from it.

    redis-server --port 7777 --save '' --dir /tmp/x --enable-debug-command yes --enable-protected-configs yes &
    Tests/Golden/record_snapshots.py 7777 Tests/Golden/snapshot.rdb > Tests/Golden/snapshots.txt
"""
import random
import shutil
import sys

from record import Server, escape

R = random.Random(7)
FAR = 4000000000000


def main():
    server = Server(int(sys.argv[1]))
    server.call(["FLUSHALL"])
    server.call(["FUNCTION", "FLUSH"])
    server.call(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "hash-max-listpack-entries", "8"])
    server.call(["SET", "text", "hello"])
    server.call(["SET", "number", "-12345", "PXAT", str(FAR)])
    server.call(["SET", "large number", "123456789012345"])
    server.call(["SET", "compressible", "ab" * 500, "PXAT", str(FAR + 1)])
    server.call(["SET", "", "a key without a name"])
    server.call(["SET", "a key that is long, a key that is long, a key that is long", "1"])
    server.call(["SET", b"\x00\xff", bytes(range(256))])
    server.call(["RPUSH", "list", "a", "12", "-7", "", "x" * 100])
    server.call(["RPUSH", "long list"] + ["element %d" % i for i in range(900)] + ["y" * 9000])
    server.call(["SADD", "integers", "1", "-70000", "5000000000"])
    server.call(["SADD", "members", "a", "b", "12"])
    server.call(["SADD", "many members"] + ["m%d" % i for i in range(600)])
    server.call(["HSET", "hash", "f", "v", "12", "13"])
    server.call(["HSET", "large hash"] + [str(i) for i in range(60)] + ["f", "z" * 80])
    server.call(["ZADD", "scores", "1", "a", "2.5", "b", "-inf", "c", "1e20", "d"])
    server.call(["ZADD", "many scores"] + [str(x) for i in range(200) for x in (i / 3, "m%d" % i)])
    server.call(["PFADD", "sketch"] + [str(i) for i in range(300)])
    for i in range(230):
        server.call(["XADD", "stream", "%d-1" % (i + 1), "field", str(i), "other", "v" * (i % 5)])
    server.call(["XDEL", "stream", "7-1"])
    server.call(["XGROUP", "CREATE", "stream", "group", "0"])
    server.call(["XREADGROUP", "GROUP", "group", "me", "COUNT", "9", "STREAMS", "stream", ">"])
    server.call(["SELECT", "9"])
    server.call(["SET", "elsewhere", "1"])
    server.call(["SELECT", "0"])
    server.call(["FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 7 end)"])
    server.call(["SAVE"])
    folder = server.call(["CONFIG", "GET", "dir"])[1].split(b"\r\n")[4].decode()
    shutil.copy(folder + "/dump.rdb", sys.argv[2])

    def show(*words):
        words, reply = server.call(list(words))
        print("> " + " ".join(escape(w) for w in words))
        print("< " + escape(reply))
        return reply

    show("DEBUG", "DIGEST")
    show("DBSIZE")
    keys = server.call(["KEYS", "*"])[1].split(b"\r\n")[2::2]
    for key in sorted(keys):
        show("DEBUG", "DIGEST-VALUE", key)
        show("OBJECT", "ENCODING", key)
        show("PEXPIRETIME", key)
    show("XINFO", "STREAM", "stream")
    show("XPENDING", "stream", "group")
    show("FCALL", "f", "0")
    show("SELECT", "9")
    show("GET", "elsewhere")


main()
