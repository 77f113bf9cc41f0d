"""Clients that wait for keys, over sockets and with two loops. What is expected holds for redis-server 7.0.15."""
import threading
import time

from test_protocol import Case
from testserver import Conn


class Waiting(Case):
    words = ("--io-threads", "2")

    def test_time_is_up_neither_early_nor_late(self):
        took = []

        def wait():
            with Conn(self.server) as c:
                for _ in range(25):
                    before = time.monotonic()
                    self.assertIsNone(c("BLPOP", "none", "other", "0.02"))
                    took.append(time.monotonic() - before)

        threads = [threading.Thread(target=wait) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(took), 200)
        self.assertGreaterEqual(min(took), 0.02)
        self.assertLess(sorted(took)[100], 0.2)
