"""redis-py against a cluster of three servers: RedisCluster, and a plain client of any one node."""
import unittest

import redis
from redis.cluster import ClusterNode, RedisCluster

import testcluster
import testserver as ts


@unittest.skipIf(ts.REFERENCE, "redis-server's nodes would have to be given slots first")
class Commands(testcluster.Case):
    def clients(self):
        nodes = [ClusterNode("127.0.0.1", s.port) for s in self.cluster.servers]
        yield "cluster", RedisCluster(startup_nodes=nodes[:1])
        for i, server in enumerate(self.cluster.servers):
            yield "plain%d" % i, redis.Redis(port=server.port)

    def each(self):
        for name, r in self.clients():
            with self.subTest(name):
                yield name, r
            r.close()

    def test_strings_and_keys(self):
        for name, r in self.each():
            self.assertTrue(r.set(name + ":a", "1", ex=100))
            self.assertEqual(r.incrby(name + ":a", 41), 42)
            self.assertEqual(r.get(name + ":a"), b"42")
            self.assertTrue(0 < r.ttl(name + ":a") <= 100)
            self.assertEqual(r.append(name + ":a", "x"), 3)
            self.assertEqual(r.setrange(name + ":a", 1, "yz"), 3)
            self.assertEqual(r.getrange(name + ":a", 0, -1), b"4yz")
            self.assertIsNone(r.set(name + ":a", "2", nx=True))
            self.assertEqual(r.exists(name + ":a", name + ":none"), 1)
            self.assertEqual(r.type(name + ":a"), b"string")
            self.assertEqual(r.delete(name + ":a", name + ":none"), 1)
            self.assertIsNone(r.get(name + ":a"))

    def test_collections(self):
        for name, r in self.each():
            self.assertEqual(r.rpush(name + ":l", *range(10)), 10)
            self.assertEqual(r.lpop(name + ":l"), b"0")
            self.assertEqual(r.lrange(name + ":l", 0, 2), [b"1", b"2", b"3"])
            self.assertEqual(r.hset(name + ":h", mapping={"f": 1, "g": 2}), 2)
            self.assertEqual(r.hincrby(name + ":h", "f", 5), 6)
            self.assertEqual(r.hgetall(name + ":h"), {b"f": b"6", b"g": b"2"})
            self.assertEqual(r.sadd(name + ":s", "a", "b", "c"), 3)
            self.assertEqual(r.srem(name + ":s", "b"), 1)
            self.assertEqual(r.smembers(name + ":s"), {b"a", b"c"})
            self.assertEqual(r.zadd(name + ":z", {"a": 1, "b": 2}), 2)
            self.assertEqual(r.zincrby(name + ":z", 5, "a"), 6)
            self.assertEqual(r.zrange(name + ":z", 0, -1, withscores=True), [(b"b", 2.0), (b"a", 6.0)])
            self.assertEqual(r.xlen(name + ":x"), 0)
            r.xadd(name + ":x", {"f": "v"}, id="1-1")
            self.assertEqual(r.xrange(name + ":x"), [(b"1-1", {b"f": b"v"})])
            self.assertEqual(r.pfadd(name + ":p", "a", "b"), 1)
            self.assertEqual(r.pfcount(name + ":p"), 2)

    def test_many_at_once(self):
        for name, r in self.each():
            p = r.pipeline(transaction=False) if name != "cluster" else r.pipeline()
            for i in range(200):
                p.set("%s:%d" % (name, i), i)
                p.get("%s:%d" % (name, i))
            replies = p.execute()
            self.assertEqual(replies[0::2], [True] * 200)
            self.assertEqual(replies[1::2], [b"%d" % i for i in range(200)])

    def test_transactions_and_scripts(self):
        for name, r in self.each():
            tag = "{%s}" % name
            if name != "cluster":
                with r.pipeline(transaction=True) as p:
                    p.set(tag + "1", "a").rpush(tag + "2", "b", "c").llen(tag + "2")
                    self.assertEqual(p.execute(), [True, 2, 2])
            script = "redis.call('set', KEYS[1], ARGV[1]) return redis.call('incr', KEYS[1])"
            self.assertEqual(r.eval(script, 1, tag + "3", 41), 42)
            self.assertEqual(r.get(tag + "3"), b"42")

    def test_what_one_writes_the_others_read(self):
        writers = dict(self.clients())
        for name, r in writers.items():
            r.set("from:" + name, name)
            for other in writers.values():
                self.assertEqual(other.get("from:" + name), name.encode())
        for r in writers.values():
            r.close()
