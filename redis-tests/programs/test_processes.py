"""Patterns that applications make with redis-py, between processes, on a server with several loops: locks, optimistic
transactions, pub/sub, reliable queues, consumer groups, scripts, asyncio."""
import collections
import os

import redis

from programs import HERE, Case


class Processes(Case):
    words = ("--io-threads", "4")

    def processes(self, n, *words):
        return [self.python(os.path.join(HERE, "workers.py"), *words) for _ in range(n)]

    def test_a_lock(self):
        for p in self.processes(4, "lock", 50):
            p.wait(80)
        self.assertEqual((self.r.get("n"), self.done.llen("wrong")), (b"200", 0))
        self.assertFalse(self.r.exists("lock"))

    def test_a_lock_whose_owner_died(self):
        self.processes(1, "hold", 1.5)[0].wait()
        lock = self.r.lock("lock", timeout=10)
        self.assertTrue(lock.locked())
        self.assertFalse(lock.acquire(blocking=False))
        self.assertTrue(lock.acquire(blocking_timeout=10))
        self.assertTrue(lock.owned())
        lock.extend(100)
        self.assertTrue(100 < self.r.ttl("lock") <= 110)
        lock.reacquire()
        self.assertTrue(5 < self.r.ttl("lock") <= 10)
        lock.release()
        with self.assertRaises(redis.exceptions.LockError):
            lock.release()
        gone = self.r.lock("lock", timeout=0.1)
        gone.acquire()
        self.until(lambda: not gone.locked(), 5, "a lock's end")
        with self.assertRaises(redis.exceptions.LockNotOwnedError):
            gone.release()

    def test_optimistic_transactions(self):
        self.r.mset({"account:%d" % i: 1000 for i in range(5)})
        for p in self.processes(4, "transfer", 200):
            p.wait(60)
        self.assertEqual(sum(map(int, self.r.mget(["account:%d" % i for i in range(5)]))), 5000)
        self.assertEqual(self.done.llen("transferred"), 4)

    def test_messages(self):
        listeners = self.processes(3, "listen", "news", 1000)
        self.until(lambda: dict(self.r.pubsub_numsub("news")) == {b"news": 3}, 30, "listeners", listeners)
        publishers = self.processes(2, "publish", "news", 500)
        for p in publishers + listeners:
            p.wait(60)
        self.assertEqual(self.done.lrange("heard", 0, -1), ["1000 %d" % (2 * sum(range(500)))] * 3)

    def test_a_reliable_queue(self):
        workers = self.processes(4, "queue", "jobs")
        for i in range(1000):
            self.r.lpush("jobs", i)
        self.until(lambda: self.done.llen("done") == 1000, 60, "a thousand jobs", workers)
        self.assertEachOnce("done", range(1000))
        for _ in workers:
            self.r.lpush("jobs", "end")
        for w in workers:
            w.wait()
        self.assertEqual([self.r.lrange(k, 0, -1) for k in self.r.keys("taken:*")], [[b"end"]] * 4)

    def test_a_consumer_group(self):
        self.r.xgroup_create("stream", "group", id="0", mkstream=True)
        with self.r.pipeline(transaction=False) as p:
            for n in range(1000):
                p.xadd("stream", {"n": n})
            p.execute()
        self.python(os.path.join(HERE, "workers.py"), "consume", "dies", "25").wait()
        self.assertEqual(self.r.xpending("stream", "group")["pending"], 6)
        for p in [self.python(os.path.join(HERE, "workers.py"), "consume", n, "-1") for n in ("one", "two", "three")]:
            p.wait(60)
        self.assertEachOnce("consumed", range(1000))
        self.assertEqual(self.r.xpending("stream", "group")["pending"], 0)
        group = self.r.xinfo_groups("stream")[0]
        self.assertEqual((group["consumers"], group["entries-read"], group["lag"]), (4, 1000, 0))

    def test_a_rate_limit(self):
        for p in self.processes(3, "limit", 3):
            p.wait(30)
        windows = collections.Counter(self.done.lrange("allowed", 0, -1))
        self.assertGreaterEqual(len(windows), 3)
        self.assertEqual(max(windows.values()), 20)
        # Only the first window and the last may have been cut short.
        self.assertGreaterEqual(sorted(windows.values())[2], 20)

    def test_asyncio(self):
        for p in self.processes(3, "tasks", 1000):
            p.wait(60)
        self.assertEqual(self.r.get("async"), b"3000")
        self.assertEqual(sum(self.r.hlen("hash:%d" % i) for i in range(7)), 1000)
        self.assertEqual(self.r.zcard("z"), 1000)
        self.assertEqual(self.r.zrange("z", 997, -1, withscores=True),
                         self.r.zrangebyscore("z", 997, "inf", withscores=True))
