"""Three real servers that are one cluster: how it is founded, told of, and how it notices who is gone."""
import errno
import os
import signal
import socket
import subprocess
import tempfile
import unittest

import lib
import testcluster
import testserver as ts


@unittest.skipIf(ts.REFERENCE, "Martlet's own: in Redis somebody has to give slots to nodes")
class Clusters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = testcluster.Cluster(words=["--io-threads", "2"], timeout=5000)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def setUp(self):
        self.servers = self.cluster.servers
        self.cluster.wait(lambda: all(self.answering(s) == 3 for s in self.servers))

    def answering(self, server):
        return sum("fail" not in words[1] for words in self.cluster.nodes(server).values())

    def test_all_tell_the_same(self):
        ids = [self.cluster.ask(s, "CLUSTER", "MYID").decode() for s in self.servers]
        self.assertEqual(len(set(ids)), 3)
        slots = []

        def agree():
            # On a busy machine somebody may be suspected for a moment.
            slots[:] = [self.cluster.ask(s, "CLUSTER", "SLOTS") for s in self.servers]
            return slots[0] == slots[1] == slots[2] and all(len(r) == 5 for r in slots[0])

        self.cluster.wait(agree)
        covered = [slot for first, last, *_ in slots[0] for slot in range(first, last + 1)]
        self.assertEqual(covered, list(range(16384)))
        ports = {node[1]: node[2].decode() for _, _, *nodes in slots[0] for node in nodes}
        self.assertEqual(ports, dict(zip((s.port for s in self.servers), ids)))

    def test_who_is_killed_is_noticed_and_comes_back(self):
        victim, *others = self.servers
        name = self.cluster.ask(victim, "CLUSTER", "MYID").decode()
        victim.kill()
        self.cluster.wait(lambda: all(self.cluster.nodes(s)[name][1] == "master,fail" for s in others))
        for s in others:
            # The other one may be suspected for a moment.
            self.cluster.wait(lambda: self.cluster.info(s)["cluster_state"] == "ok")
            for _, _, *nodes in self.cluster.ask(s, "CLUSTER", "SLOTS"):
                self.assertNotIn(victim.port, [node[1] for node in nodes])
            self.assertIn("Cluster: node %s (127.0.0.1:%d) is down" % (name, victim.port), s.output())
        victim.resume()
        self.cluster.wait(lambda: all(self.answering(s) == 3 for s in self.servers))
        self.assertEqual(self.cluster.ask(victim, "CLUSTER", "MYID").decode(), name)

    def test_who_is_stopped_is_noticed_and_objects(self):
        victim, *others = self.servers
        name = self.cluster.ask(victim, "CLUSTER", "MYID").decode()
        os.kill(victim.proc.pid, signal.SIGSTOP)
        try:
            self.cluster.wait(lambda: all("fail" in self.cluster.nodes(s)[name][1] for s in others))
        finally:
            os.kill(victim.proc.pid, signal.SIGCONT)
        self.cluster.wait(lambda: all(self.answering(s) == 3 for s in self.servers))

    def test_strangers_are_not_let_in(self):
        seeds = ",".join("127.0.0.1:%d" % s.port for s in self.servers)
        port = testcluster.free_port()
        extra = ["--cluster-enabled", "yes", "--cluster-name", "test", "--cluster-seeds", "%s,127.0.0.1:%d" % (seeds, port)]
        with lib.Server(ts.template(), port=port, extra=extra) as stranger:
            self.cluster.wait(lambda: "refuses this one" in stranger.output())
            self.assertEqual(self.cluster.info(stranger)["cluster_state"], "fail")
        self.assertEqual(len(self.cluster.nodes(self.servers[0])), 3)

    def test_other_protocols_on_the_port_for_nodes(self):
        for data in (b"PING\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 5000):
            node = type("Node", (), {"port": self.servers[0].port + testcluster.OFFSET})
            with ts.Conn(node) as c:
                c.send(data)
                _, closed = c.rest()
                self.assertTrue(closed)
        self.cluster.wait(lambda: self.cluster.info(self.servers[0])["cluster_state"] == "ok")


@unittest.skipIf(ts.REFERENCE, "Martlet's own: in Redis somebody has to give slots to nodes")
class Keys(testcluster.Case):
    """Any node answers for any key, also while one is away."""

    timeout = 5000

    def do(self, server, *words):
        """Until it is answered: somebody who has just gone is asked until that is noticed."""
        replies = []

        def taken():
            replies[:] = [self.cluster.ask(server, *words)]
            return not isinstance(replies[0], ts.Err)

        self.cluster.wait(taken)
        return replies[0]

    def test_any_node_answers(self):
        a, b, c = self.cluster.servers
        for i in range(60):
            self.assertEqual(self.do(self.cluster.servers[i % 3], "SET", "key:%d" % i, "value:%d" % i), "OK")
        for server in (a, b, c):
            for i in range(60):
                self.assertEqual(self.do(server, "GET", "key:%d" % i), b"value:%d" % i)
            self.assertEqual(self.do(server, "MGET", "key:1", "key:2", "none"), [b"value:1", b"value:2", None])
        self.do(a, "SADD", "set", "1", "2")
        self.do(b, "SREM", "set", "1")
        self.assertEqual(self.do(c, "SMEMBERS", "set"), [b"2"])

    def test_one_is_killed_and_comes_back_with_nothing(self):
        victim, *others = self.cluster.servers
        for i in range(60):
            self.do(others[i % 2], "SET", "away:%d" % i, "before")
        self.do(others[0], "SET", "away:gone", "x")
        victim.kill()
        for i in range(60):
            self.do(others[i % 2], "SET", "away:%d" % i, "after")
            self.assertEqual(self.do(others[1], "GET", "away:%d" % i), b"after")
        self.do(others[1], "DEL", "away:gone")
        victim.resume()
        self.cluster.wait(lambda: self.cluster.figures(victim)["cluster_caught_up"] == "1")
        with self.cluster.conn(victim) as conn:
            self.assertEqual(conn("CONSISTENCY", "R", "ONE"), "OK")
            for i in range(60):
                self.assertEqual(conn("GET", "away:%d" % i), b"after")
            self.assertEqual(conn("GET", "away:gone"), None)


@unittest.skipIf(ts.REFERENCE, "Martlet's own: Redis has no quorums")
class StandIns(testcluster.Case):
    """Two of five are killed: others stand in for them, keep what they were given although they are killed, too, and hand it over."""

    KEYS = 30

    count = 5
    words = testcluster.Case.words + ("--appendonly", "yes", "--appendfsync", "always")
    timeout = 5000
    limit = 120

    def figure(self, server, name):
        return int(self.cluster.figures(server)["cluster_" + name])

    def caught_up(self):
        return all(self.figure(s, "settled") == 1 for s in self.cluster.servers)

    def keys_of(self, a, b):
        """Keys that both have, and that need one of the others to be on two nodes."""
        keys = []
        slots = self.cluster.ask(self.cluster.servers[0], "CLUSTER", "SLOTS")
        for i in range(5000):
            slot = self.cluster.ask(a, "CLUSTER", "KEYSLOT", "key:%d" % i)
            ports = next([node[1] for node in nodes] for first, last, *nodes in slots if first <= slot <= last)
            if len(ports) == 3 and a.port in ports and b.port in ports:
                keys.append("key:%d" % i)
            if len(keys) == self.KEYS:
                return keys
        raise AssertionError("no keys that both have")

    def test_writes_go_on_and_are_handed_over(self):
        self.cluster.wait(self.caught_up, 120)
        a, b, *others = self.cluster.servers
        keys = self.keys_of(a, b)
        a.kill()
        b.kill()
        for i, key in enumerate(keys):
            reply = None

            def written():
                nonlocal reply
                reply = self.cluster.ask(others[i % 3], "SET", key, "value:%d" % i)
                return reply == "OK"

            self.cluster.wait(written, 120)
        with self.cluster.conn(others[0]) as conn:
            self.assertEqual(conn("CONSISTENCY", "STRICT"), "OK")
            # Somebody who has just gone is asked until that is noticed.
            self.cluster.wait(lambda: str(conn("SET", keys[0], "x")).startswith("NOQUORUM 1/2"))
        held = [self.figure(s, "hints_held") for s in others]
        self.assertGreaterEqual(sum(held), len(keys))
        keeper = others[held.index(max(held))]
        keeper.kill()
        keeper.resume()
        # All who have no replica of a key keep it for all who have.
        self.cluster.wait(lambda: self.figure(keeper, "hints_held") > 0, 120)
        a.resume()
        b.resume()
        self.cluster.wait(lambda: all(self.figure(s, "hints_held") == 0 for s in self.cluster.servers), 120)
        self.cluster.wait(self.caught_up, 120)
        for server in self.cluster.servers:
            with self.cluster.conn(server) as conn:
                self.assertEqual(conn("CONSISTENCY", "R", "ALL"), "OK")
                for i, key in enumerate(keys):
                    values = []

                    def read():
                        values[:] = [conn("GET", key)]
                        return not isinstance(values[0], ts.Err)

                    self.cluster.wait(read, 120)
                    self.assertEqual(values[0], b"value:%d" % i)
        self.assertGreater(sum(self.figure(s, "hints_replayed") for s in self.cluster.servers), 0)


@unittest.skipIf(ts.REFERENCE, "Martlet's own texts")
class Starts(unittest.TestCase):
    """What keeps a node from starting is said in one line."""

    def failure(self, *extra, prepare=None):
        server = lib.Server(ts.template(), extra=["--cluster-enabled", "yes", *extra])
        server.port = testcluster.free_port()
        server.dir = tempfile.mkdtemp(prefix="martlet-test-")
        self.addCleanup(server.cleanup)
        if prepare:
            prepare(server)
        done = subprocess.run(server.argv(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        return lines[0].replace(server.dir, "DIR")

    def test_a_foreign_file(self):
        def prepare(server):
            with open(os.path.join(server.dir, "nodes.conf"), "w") as f:
                f.write("07c37df 127.0.0.1:30004@31004 myself,master - 0 0 1 connected\n")
        self.assertEqual(self.failure(prepare=prepare),
                         "martlet-server: DIR/nodes.conf is not a file of this server's: not touched")

    def test_ports(self):
        # Whether or not another process has the port.
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", 60000))
                s.listen()
            except OSError as e:
                self.assertEqual(e.errno, errno.EADDRINUSE)
            self.assertIn("port 60000 leaves none for other nodes", self.failure("--port", "60000"))
        self.assertIn("a cluster's node needs a port of its own", self.failure("--port", "0"))

    def test_the_port_for_nodes_is_taken(self):
        with socket.socket(type=socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 0))
            text = self.failure("--cluster-port", str(s.getsockname()[1]))
        self.assertIn("(UDP, for other nodes): Address already in use", text)

    def test_machines_need_a_secret(self):
        self.assertIn("needs a secret", self.failure("--cluster-seeds", "10.1.2.3:7000"))
