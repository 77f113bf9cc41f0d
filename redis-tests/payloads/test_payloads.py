"""DUMP and RESTORE between this server and redis-server 7.0.15, both ways, for every type and encoding."""
import random
import shutil
import unittest

import lib
import samples
import testserver as ts


class Between(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("redis-server"):
            raise unittest.SkipTest("needs redis-server 7.0.15 beside the server under test")
        cls.ours = ts.start()
        cls.theirs = lib.Server(lib.reference_template()).start()
        cls.us = ts.Conn(cls.ours, 60)
        cls.redis = ts.Conn(cls.theirs, 60)

    @classmethod
    def tearDownClass(cls):
        for c in (cls.us, cls.redis):
            c.close()
        for s in (cls.ours, cls.theirs):
            s.stop()

    def build(self, server, sample):
        server("FLUSHALL")
        for words in sample.commands:
            reply = server(*words)
            self.assertNotIsInstance(reply, ts.Err, (words[:2], reply))

    def check(self, builder, taker, sample):
        self.build(builder, sample)
        taker("FLUSHALL")
        payload = builder("DUMP", "k")
        self.assertIsInstance(payload, bytes, payload)
        self.assertEqual(taker("RESTORE", "k", 0, payload), "OK")
        self.assertEqual(samples.contents(taker), samples.contents(builder))
        if sample.encoding:
            self.assertEqual(builder("OBJECT", "ENCODING", "k"), sample.encoding.encode())
            self.assertEqual(taker("OBJECT", "ENCODING", "k"), sample.encoding.encode())
        # What has been restored is as good as what was built: it can be changed, copied, dumped again.
        self.assertEqual(taker("COPY", "k", "k2"), 1)
        again = taker("DUMP", "k2")
        self.assertEqual(builder("RESTORE", "k", 0, again, "REPLACE"), "OK")
        self.assertEqual(samples.contents(builder), samples.contents(taker))


def add(name, f):
    setattr(Between, "test_" + "".join(c if c.isalnum() else "_" for c in name), f)


for s in samples.all_samples():
    add("from Redis " + s.name, lambda self, s=s: self.check(self.redis, self.us, s))
    add("to Redis " + s.name, lambda self, s=s: self.check(self.us, self.redis, s))


if __name__ == "__main__":
    unittest.main()
