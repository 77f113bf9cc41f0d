"""Celery: tasks, groups, chords, times, retries, remote control and events, by way of worker processes."""
import os
import time
from datetime import datetime, timedelta, timezone

from celery import chain, chord, group
from celery.exceptions import TaskRevokedError

from programs import Case


class Celery(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ["MARTLET_PORT"] = str(cls.server.port)
        import celery_app
        cls.tasks = celery_app
        cls.app = celery_app.app
        cls.app.conf.broker_url = cls.app.conf.result_backend = cls.url

    @classmethod
    def tearDownClass(cls):
        cls.app.backend.result_consumer.subscribed_to.clear()   # nothing to say when results are collected
        cls.app.close()
        super().tearDownClass()

    def worker(self, *words, name="one", **env):
        w = self.python("-m", "celery", "-A", "celery_app", "worker", "-n", name + "@test", "--loglevel", "INFO",
                        "--pool", "prefork", "-c", "2", *words, **env)
        self.until(lambda: " ready." in w.output(), 60, "a worker", [w])
        return w

    def test_a_thousand_tasks(self):
        self.worker()
        self.worker(name="two")
        result = group(self.tasks.square.s(n) for n in range(1000)).apply_async()
        self.assertEqual(result.get(timeout=80), [n * n for n in range(1000)])
        self.assertEachOnce("square", range(1000))
        self.assertEqual(self.r.llen("celery"), 0)
        self.until(lambda: self.r.hlen("unacked") == 0, 10, "all acknowledged")
        key = "celery-task-meta-" + result.results[0].id
        self.assertTrue(86000 < self.r.ttl(key) <= 86400)
        result.forget()
        self.assertFalse(self.r.exists(key))

    def test_canvas(self):
        t = self.tasks
        self.worker()
        self.assertEqual(t.add.delay(2, 3).get(timeout=30), 5)
        self.assertEqual(chain(t.add.s(1, 2), t.add.s(3), t.square.s())().get(timeout=30), 36)
        self.assertEqual(chord(t.square.s(n) for n in range(100))(t.total.s()).get(timeout=30), 328350)
        nested = chord([chord([t.add.s(i, j) for j in range(5)], t.total.s()) for i in range(4)], t.total.s())
        self.assertEqual(nested().get(timeout=30), 70)
        after = chain(group(t.add.s(n, n) for n in range(10)), t.total.s(), t.add.s(1))
        self.assertEqual(after().get(timeout=30), 91)
        broken = chord([t.square.s(1), t.fail.s("in a chord")])(t.total.s())
        with self.assertRaisesRegex(Exception, "in a chord"):
            broken.get(timeout=30)

    def test_failures_and_retries(self):
        t = self.tasks
        self.worker()
        bad = t.fail.apply_async(("wrong",), link_error=t.caught.s())
        with self.assertRaisesRegex(ValueError, "wrong"):
            bad.get(timeout=30)
        self.assertEqual(bad.state, "FAILURE")
        self.assertIn("raise ValueError(what)", bad.traceback)
        self.until(lambda: self.done.lrange("caught", 0, -1) == ["ValueError 'wrong'"], 20, "the error's task")
        self.assertEqual(t.succeed_at_last.delay(4).get(timeout=30), 3)
        self.assertEqual(self.done.lrange("tries", 0, -1), ["0", "1", "2", "3"])
        t.rejected.delay()
        self.until(lambda: self.done.lrange("rejected", 0, -1) == ["first", "second"], 30, "a rejected task again")
        running = t.progress.delay()
        self.until(lambda: running.state == "PROGRESS", 20, "a state of its own")
        self.assertEqual(running.info, {"step": 3})
        self.assertEqual(running.get(timeout=20), "done")
        self.assertEqual((running.name, running.args), ("celery_app.progress", []))

    def test_times(self):
        t = self.tasks
        w = self.worker()
        t0 = time.time()
        later = t.square.apply_async((5,), countdown=2)
        eta = t.square.apply_async((6,), eta=datetime.now(timezone.utc) + timedelta(seconds=1.5))
        late = t.square.apply_async((7,), expires=datetime.now(timezone.utc) - timedelta(seconds=1))
        self.assertEqual(eta.get(timeout=30), 36)
        self.assertGreaterEqual(time.time() - t0, 1.5)
        self.assertEqual(later.get(timeout=30), 25)
        self.assertGreaterEqual(time.time() - t0, 2)
        with self.assertRaises(TaskRevokedError):
            late.get(timeout=30)
        w.terminate()
        limited = self.worker(name="limited")
        self.assertEqual(t.square.s(8).set(soft_time_limit=20).delay().get(timeout=30), 64)
        killed = t.sleep.apply_async((60,), time_limit=1)
        with self.assertRaisesRegex(Exception, "TimeLimitExceeded"):
            killed.get(timeout=30)
        self.assertEachOnce("square", [5, 6, 8])
        limited.terminate()

    def test_priorities_and_queues(self):
        t = self.tasks
        for n in range(6):
            t.square.apply_async((n,), queue="mine", priority=[9, 0, 6, 3, 9, 0][n])
        self.assertEqual(sum(self.r.llen(k) for k in self.r.keys("mine*") if self.r.type(k) == b"list"), 6)
        self.worker("-Q", "mine", "-c", "1", "--prefetch-multiplier", "1", "-O", "fair")
        self.until(lambda: self.done.llen("square") == 6, 30, "all of the queue")
        self.assertEqual(self.done.lrange("square", 0, -1), ["1", "5", "3", "2", "0", "4"])

    def test_remote_control(self):
        t = self.tasks
        self.worker()
        self.worker(name="two")
        control = self.app.control
        names = {"one@test", "two@test"}
        self.assertEqual({n for reply in control.ping(timeout=3, limit=2) for n in reply}, names)
        look = control.inspect(timeout=3, limit=2)
        self.assertEqual(set(look.stats()), names)
        self.assertIn("celery_app.add", look.registered()["one@test"])
        waiting = t.square.apply_async((1,), countdown=60)
        running = t.sleep.delay(60)
        self.until(lambda: self.done.llen("sleep") == 1, 20, "the task")
        scheduled = [s["request"]["id"] for tasks in look.scheduled().values() for s in tasks]
        self.assertEqual(scheduled, [waiting.id])
        active = [a["id"] for tasks in look.active().values() for a in tasks]
        self.assertEqual(active, [running.id])
        running.revoke(terminate=True)
        with self.assertRaises(TaskRevokedError):
            running.get(timeout=20)
        waiting.revoke()
        replies = control.add_consumer("more", reply=True, timeout=3, limit=2)
        self.assertEqual(len(replies), 2)
        self.assertEqual(t.add.apply_async((1, 1), queue="more").get(timeout=20), 2)
        self.assertEqual(control.purge(), 0)

    def test_a_worker_that_dies(self):
        lost = self.worker("--without-gossip", "--without-mingle")
        result = self.tasks.finish_second_time.delay()
        self.until(lambda: self.done.llen("calls") == 1, 30, "the first call", [lost])
        self.assertEqual(self.r.hlen("unacked"), 1)
        lost.end()
        # After the time that a message may stay unacknowledged, another worker restores it.
        self.worker("--without-gossip", "--without-mingle", name="two", MARTLET_LOST_AFTER="1")
        self.assertEqual(result.get(timeout=60), "second")
        self.assertEqual(self.done.llen("calls"), 2)

    def test_beat_and_events(self):
        heard = []
        self.worker("-B", "-E", "-s", os.path.join(self.server.dir, "beat"))
        with self.app.connection() as connection:
            def hear(event):
                heard.append(event["type"])
                receiver.should_stop = heard.count("task-succeeded") == 3

            receiver = self.app.events.Receiver(connection, handlers={"task-received": hear, "task-succeeded": hear})
            receiver.capture(limit=None, timeout=20, wakeup=False)
        self.assertIn("task-received", heard)
        self.assertEqual(heard.count("task-succeeded"), 3)
        self.assertGreaterEqual(self.done.llen("tick"), 3)
