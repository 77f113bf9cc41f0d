"""rq on a cluster of three servers: clients and workers are plain clients, each of another node. Its transactions are over
several keys, so they have to be in one slot: RQ_KEY_PREFIX names it."""
import sys
import unittest

import testcluster
import testserver as ts
from programs import Program

PREFIX = {"RQ_KEY_PREFIX": "{rq}"}


@unittest.skipIf(ts.REFERENCE, "redis-server's nodes would have to be given slots first, and redirect plain clients")
class RqInACluster(testcluster.Case):
    def python(self, server, *argv):
        program = Program(server, [sys.executable, *argv], PREFIX)
        self.addCleanup(program.end)
        return program

    def test_jobs(self):
        urls = ["redis://127.0.0.1:%d/0" % s.port for s in self.cluster.servers]
        workers = [self.python(s, "-m", "rq.cli", "worker", "--url", url, "--worker-class", "rq.SimpleWorker", "default")
                   for s, url in zip(self.cluster.servers, urls)]
        for server, url in zip(self.cluster.servers, urls):
            self.python(server, __file__.replace("test_rq_in_a_cluster", "rq_client"), url).wait(80)
        for worker in workers:
            worker.terminate()
