"""What the tests of real programs share: a server with two loops, and programs that are started, watched and
ended by their own process ids."""
import os
import subprocess
import sys
import time
import unittest

import redis

import lib
import testserver as ts
from marks import DONE

HERE = os.path.dirname(os.path.abspath(__file__))


class Program:
    """A process in a session of its own, in the server's directory; what it prints goes to a file there."""

    count = 0

    def __init__(self, server, argv, env=None):
        Program.count += 1
        self.argv = [str(w) for w in argv]
        self.path = os.path.join(server.dir, "program-%d" % Program.count)
        env = dict(os.environ, PYTHONPATH=HERE, MARTLET_PORT=str(server.port), PYTHONDONTWRITEBYTECODE="1",
                   LC_ALL="C.UTF-8", **(env or {}))
        with open(self.path, "wb") as out:
            self.proc = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                         cwd=server.dir, env=env, start_new_session=True)

    @property
    def pid(self):
        return self.proc.pid

    def output(self):
        with open(self.path, "rb") as f:
            return f.read().decode("utf8", "replace")

    def wait(self, limit=60):
        """Its output, when it has ended well within the limit."""
        try:
            code = self.proc.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s: not done in %s s\n%s" % (self.argv, limit, self.output()[-1500:])) from None
        if code:
            raise AssertionError("%s: exit code %s\n%s" % (self.argv, code, self.output()[-1500:]))
        return self.output()

    def terminate(self, limit=15):
        """Asks it to end; its output."""
        if self.proc.poll() is None:
            self.proc.terminate()
        return self.wait(limit)

    def end(self):
        """Ends it, and what it started, at once."""
        lib.end_group(self.proc)


class Case(unittest.TestCase):
    """A class of tests with one server."""

    words = ("--io-threads", "2")
    module = None   # what is started with python -m

    @classmethod
    def setUpClass(cls):
        cls.server = ts.start(*cls.words)
        cls.url = "redis://127.0.0.1:%d/0" % cls.server.port

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.assertTrue(self.server.alive(), "the server is gone")
        self.r = self.client()
        # A program that was ended, and still seems to wait for a key, would be given this test's first job.
        self.until(lambda: self.r.info("clients")["blocked_clients"] == 0, 10, "nobody waits")
        self.r.flushall()
        self.done = self.client(db=DONE, decode_responses=True)

    def client(self, **kw):
        kw.setdefault("socket_timeout", 30)
        r = redis.Redis(port=self.server.port, **kw)
        self.addCleanup(r.close)
        return r

    def start(self, *argv, **env):
        p = Program(self.server, argv, env)
        self.addCleanup(p.end)
        return p

    def python(self, *argv, **env):
        return self.start(sys.executable, *argv, **env)

    def until(self, check, limit=40, what="condition", programs=()):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if check():
                return
            time.sleep(0.05)
        self.fail("%s: not within %s s\n%s" % (what, limit, "\n".join(p.output()[-1500:] for p in programs)))

    def assertEachOnce(self, name, wanted):
        """The jobs left these marks, each once, in any order."""
        marks = self.done.lrange(name, 0, -1)
        self.assertEqual(sorted(marks), sorted(str(w) for w in wanted))
