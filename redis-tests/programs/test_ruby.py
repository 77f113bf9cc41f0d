"""Ruby, from Debian's packages: Sidekiq with processes of its own, and the redis gem that it is made with."""
import json
import os
import signal
import time

from programs import HERE, Case


class Sidekiq(Case):
    def ask(self, what):
        told = self.start("/usr/bin/ruby", os.path.join(HERE, "sidekiq_client.rb"), what).wait(30)
        return json.loads(told.splitlines()[-1])

    def sidekiq(self, *words):
        p = self.start("sidekiq", "-r", os.path.join(HERE, "sidekiq_jobs.rb"), "-c", "5",
                       "-q", "critical,2", "-q", "default", "-t", "4", *words)
        self.until(lambda: self.r.scard("processes") > 0, 40, "Sidekiq's process", [p])
        return p

    def count(self, name):
        return int(self.r.get("stat:" + name) or 0)

    def test_a_thousand_jobs(self):
        told = self.ask("push")
        self.assertEqual((told["enqueued"], told["queues"]), (1000, [["critical", 100], ["default", 900]]))
        one, two = self.sidekiq(), self.sidekiq()
        self.until(lambda: self.done.llen("square") == 1000, 60, "a thousand jobs", [one, two])
        self.assertEachOnce("square", range(1000))
        for p in (one, two):
            p.terminate(30)   # tells the counts that it has not told yet
        told = self.ask("state")
        self.assertEqual([told[k] for k in ("processed", "failed", "enqueued", "processes")], [1000, 0, 0, 0])
        self.assertEqual(told["today"], [1000])

    def test_retries_and_dead_jobs(self):
        self.ask("fail")
        p = self.sidekiq()
        self.until(lambda: self.done.lrange("at last", 0, -1) == ["done"], 40, "the third try", [p])
        self.assertEqual(self.done.llen("tries"), 3)
        self.until(lambda: self.r.zcard("dead") == 1, 40, "the dead job", [p])
        self.assertEqual(self.done.lrange("exhausted", 0, -1), ["wrong wrong"])
        p.terminate(30)
        self.assertEqual(self.ask("dead"), {"size": 1, "error": "wrong", "class": "RuntimeError", "count": 1,
                                            "left": 0})
        told = self.ask("state")
        self.assertEqual((told["enqueued"], told["failed"], told["retries"]), (1, 4, 0))

    def test_schedule(self):
        t0 = time.time()
        self.ask("later")
        p = self.sidekiq()
        self.until(lambda: self.done.llen("square") == 2, 40, "scheduled jobs", [p])
        self.assertGreaterEqual(time.time() - t0, 3)
        self.assertEachOnce("square", [1, 2])
        told = self.ask("look")
        self.assertTrue(t0 + 86000 < told.pop("at") < t0 + 87000)
        self.assertEqual(told, {"size": 1, "args": [3], "found": True, "scanned": True, "gone": True, "left": 0})

    def test_queues(self):
        self.assertEqual(self.ask("delete"), [[[2], [0]], True, 0])

    def test_a_process_that_is_stopped(self):
        self.ask("sleep")
        p = self.sidekiq()
        self.until(lambda: self.done.llen("sleep") == 2, 30, "the jobs", [p])
        self.until(lambda: self.ask("state")["busy"] == 2, 20, "what it tells of its work", [p])
        self.assertEqual(self.ask("state")["running"], ["Sleeper", "Sleeper"])
        self.ask("quiet")
        self.until(lambda: "no longer accepting" in p.output().lower(), 20, "quiet", [p])
        # Jobs that are not done when the time is over go back to their queue.
        p.proc.send_signal(signal.SIGTERM)
        p.wait(30)
        self.assertEqual(self.done.lrange("sleep", 0, -1), ["began", "began"])
        self.assertEqual(self.ask("state")["queues"], [["default", 2]])


class RedisGem(Case):
    def test_all(self):
        self.assertEqual(self.start("/usr/bin/ruby", os.path.join(HERE, "redis_gem.rb")).wait(60), "all is so\n")
