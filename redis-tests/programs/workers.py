"""Processes for test_processes.py: workers.py WHAT [WORD...]"""
import asyncio
import os
import sys
import time

import redis
import redis.asyncio

from marks import mark

PORT = int(os.environ["MARTLET_PORT"])


def client(**kw):
    return redis.Redis(port=PORT, decode_responses=True, socket_timeout=30, **kw)


def lock(rounds):
    """Adds to a number in two steps, which only a lock makes one; nobody else may be inside meanwhile."""
    r = client()
    for _ in range(int(rounds)):
        with r.lock("lock", timeout=20, sleep=0.005, blocking_timeout=30):
            if r.incr("inside") != 1:
                mark("wrong", "two inside")
            n = int(r.get("n") or 0)
            r.set("n", n + 1)
            r.decr("inside")


def hold(seconds):
    """Takes a lock and dies with it."""
    r = client()
    r.lock("lock", timeout=float(seconds)).acquire()
    mark("held", "yes")
    os._exit(0)


def transfer(rounds):
    """Moves money between accounts, optimistically."""
    r = client()
    for i in range(int(rounds)):
        source, target = "account:%d" % (i % 5), "account:%d" % ((i * 3 + os.getpid()) % 5)
        if source == target:
            continue

        def move(pipe):
            a, b = int(pipe.get(source)), int(pipe.get(target))
            pipe.multi()
            pipe.set(source, a - 1)
            pipe.set(target, b + 1)

        r.transaction(move, source, target)
    mark("transferred", "done")


def publish(channel, count):
    r = client()
    for i in range(int(count)):
        r.publish(channel, i)


def listen(channel, count):
    p = client().pubsub(ignore_subscribe_messages=True)
    p.subscribe(channel)
    mark("listening", channel)
    got = []
    end = time.monotonic() + 30
    while len(got) < int(count) and time.monotonic() < end:
        m = p.get_message(timeout=1)
        if m:
            got.append(int(m["data"]))
    mark("heard", "%d %d" % (len(got), sum(got)))


def queue(name):
    """The pattern of a reliable queue: to a list of one's own, then done, then off."""
    r = client()
    mine = "taken:%d" % os.getpid()
    while True:
        job = r.blmove(name, mine, 5, "RIGHT", "LEFT")
        if job is None or job == "end":
            break
        mark("done", job)
        r.lrem(mine, 1, job)


def consume(name, dies_after):
    """A member of a consumer group."""
    r = client()
    seen = 0
    while True:
        got = r.xreadgroup("group", name, {"stream": ">"}, count=10, block=2000)
        if not got:
            break
        entries = got[0][1] if isinstance(got, list) else got["stream"][0]
        for at, fields in entries:
            seen += 1
            if seen == int(dies_after):
                os._exit(0)
            mark("consumed", fields["n"])
            r.xack("stream", "group", at)
    start = "0-0"
    while True:
        start, entries, *_ = r.xautoclaim("stream", "group", name, 0, start, count=100)
        for at, fields in entries:
            if r.xack("stream", "group", at):
                mark("consumed", fields["n"])
        if start == "0-0":
            break


def limit(seconds):
    """Takes all it gets of what a script hands out: at most 20 in a window of a second."""
    r = client()
    allow = r.register_script("""
        local now = redis.call('TIME')
        local window = KEYS[1] .. ':' .. now[1]
        local n = redis.call('INCR', window)
        if n == 1 then redis.call('PEXPIRE', window, 5000) end
        if n > 20 then return 0 end
        return tonumber(now[1])""")
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        at = allow(keys=["limit"])
        if at:
            mark("allowed", at)


def tasks(count):
    async def go():
        r = redis.asyncio.Redis(port=PORT, decode_responses=True, max_connections=60)

        async def one(i):
            async with r.pipeline(transaction=True) as p:
                await p.incr("async").hset("hash:%d" % (i % 7), "f%d" % i, i).zadd("z", {"m%d" % i: i}).execute()

        for base in range(0, int(count), 50):
            await asyncio.gather(*(one(i) for i in range(base, base + 50)))
        await r.aclose()
    asyncio.run(go())


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
