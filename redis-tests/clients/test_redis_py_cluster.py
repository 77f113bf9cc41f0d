"""redis-py's RedisCluster finds its way about a cluster of three servers."""
import unittest

import redis
from redis.cluster import ClusterNode, RedisCluster

import testcluster
import testserver as ts


@unittest.skipIf(ts.REFERENCE, "redis-server's nodes would have to be given slots first; what is tested is our topology")
class Topology(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = testcluster.Cluster()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def client(self, **kw):
        nodes = [ClusterNode("127.0.0.1", s.port) for s in self.cluster.servers]
        r = RedisCluster(startup_nodes=nodes[:1], **kw)
        self.addCleanup(r.close)
        return r

    def test_it_knows_all_nodes(self):
        for protocol in (2, 3):
            for replicas in (False, True):
                r = self.client(protocol=protocol, read_from_replicas=replicas)
                self.assertEqual(sorted(n.port for n in r.get_nodes()), sorted(s.port for s in self.cluster.servers))
                # The client was given one node only.
                self.assertTrue(all(r.get_node_from_key("k:%d" % i) for i in range(100)))

    def test_it_asks_the_coordinator(self):
        r = self.client()
        ranges = self.cluster.ask(self.cluster.servers[0], "CLUSTER", "SLOTS")
        for i in range(50):
            key = "key:%d" % i
            slot = self.cluster.ask(self.cluster.servers[0], "CLUSTER", "KEYSLOT", key)
            self.assertEqual(r.keyslot(key), slot)
            coordinators = [nodes[0][1] for first, last, *nodes in ranges if first <= slot <= last]
            self.assertEqual([r.get_node_from_key(key).port], coordinators)

    def test_what_it_parses(self):
        r = self.client()
        self.assertEqual(r.cluster_info(target_nodes=r.get_random_node())["cluster_state"], "ok")
        nodes = r.cluster_nodes()
        self.assertEqual(sum(len(n["slots"]) > 0 for n in nodes.values()), 3)
        slots = [s["slots"] for s in r.cluster_shards()]
        self.assertEqual(sum(last - first + 1 for s in slots for first, last in zip(s[::2], s[1::2])), 16384)
        links = r.cluster_links(r.get_random_node())
        self.assertIsInstance(links, list)

    def test_commands_for_one_database(self):
        with self.assertRaises(redis.ResponseError) as e:
            redis.Redis(port=self.cluster.servers[0].port, db=1).ping()
        self.assertIn("SELECT is not allowed in cluster mode", str(e.exception))
