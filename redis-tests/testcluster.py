"""Several servers of one cluster, on free ports of this machine."""
import contextlib
import socket
import time
import unittest

import lib
import testserver as ts

OFFSET = 10000


def is_free(port):
    """Nobody has the port, neither for TCP nor for UDP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_port():
    """A port for clients, with the one for nodes above it free, too."""
    while True:
        port = lib.free_port()
        if is_free(port + OFFSET):
            return port


class Cluster:
    """Founded once the constructor returns. A node that does nothing for a fifteenth of the timeout (ms) may be suspected by
    the others for a while: what must not see that on a busy machine wants a long one."""

    def __init__(self, count=3, words=(), timeout=30000, limit=60):
        self.words = list(words)
        for _ in range(3):
            self.servers = []
            ports = [free_port() for _ in range(count)]
            seeds = ",".join("127.0.0.1:%d" % p for p in ports)
            try:
                for port in ports:
                    extra = ["--cluster-enabled", "yes", "--cluster-seeds", seeds, "--cluster-name", "test",
                             "--cluster-node-timeout", str(timeout), "--node-weight", "1", *self.words]
                    server = lib.Server(ts.template(), port=port, extra=extra)
                    self.servers.append(server)
                    server.start()
                    if server.port != port:
                        raise lib.ServerError("somebody took port %d" % port)
                self.wait(lambda: all(self.info(s)["cluster_state"] == "ok" for s in self.servers), limit)
                return
            except lib.ServerError as e:
                failure = e
                self.stop()
        raise failure

    def stop(self):
        for server in self.servers:
            server.stop()

    @contextlib.contextmanager
    def conn(self, server):
        with ts.Conn(server) as c:
            yield c

    def ask(self, server, *words):
        with self.conn(server) as c:
            return c(*words)

    def info(self, server):
        return dict(line.split(":", 1) for line in self.ask(server, "CLUSTER", "INFO").decode().splitlines() if ":" in line)

    def figures(self, server):
        """INFO cluster."""
        text = self.ask(server, "INFO", "cluster").decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def nodes(self, server):
        """Lines of CLUSTER NODES by id, as words."""
        lines = self.ask(server, "CLUSTER", "NODES").decode().splitlines()
        return {line.split()[0]: line.split()[1:] for line in lines}

    def wait(self, condition, limit=60):
        """Until it holds: how long that takes depends on the machine's load."""
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                logs = "\n".join(s.output()[-500:] for s in self.servers)
                raise AssertionError("not within %d s\n%s" % (limit, logs))
            time.sleep(0.05)


class Case(unittest.TestCase):
    """A class of tests with one cluster, all nodes of which answer for their slots."""

    count = 3
    words = ("--io-threads", "2")
    timeout = 30000
    limit = 60

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.count, cls.words, cls.timeout, cls.limit)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.wait(lambda: all(cls.cluster.figures(s)["cluster_caught_up"] == "1" for s in cls.cluster.servers))
