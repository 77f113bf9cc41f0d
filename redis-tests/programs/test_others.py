"""Other programs that keep their work in Redis: huey, dramatiq, arq (asyncio), Django Channels' layer, limits."""
import asyncio
import datetime
import os
import sys
import time

from programs import Case


class Queues(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ["MARTLET_PORT"] = str(cls.server.port)
        import other_jobs
        cls.jobs = other_jobs

    def test_huey(self):
        jobs = self.jobs
        results = [jobs.square(n) for n in range(300)]
        later = jobs.square.schedule((1000,), delay=1)
        revoked = jobs.square(2000)
        revoked.revoke()
        jobs.often()
        chained = jobs.queue.enqueue(jobs.square.s(2).then(jobs.square))
        huey = os.path.join(os.path.dirname(sys.executable), "huey_consumer")
        p = self.start(huey, "other_jobs.queue", "-w", "3", "-n", "-s", "1", "-d", "0.05")
        self.assertEqual([r.get(blocking=True, timeout=30) for r in results], [n * n for n in range(300)])
        self.assertEqual(later.get(blocking=True, timeout=20), 10 ** 6)
        self.until(lambda: self.done.llen("often") == 3, 20, "retries", [p])
        self.assertEqual([r.get(blocking=True, timeout=20) for r in chained], [4, 16])
        self.assertEachOnce("huey", [*range(300), 1000, 2, 4])
        with jobs.queue.lock_task("one"):
            with self.assertRaises(Exception):
                jobs.queue.lock_task("one").__enter__()
        p.terminate()

    def test_dramatiq(self):
        from dramatiq import group
        jobs = self.jobs
        p = self.python("-m", "dramatiq", "other_jobs", "--processes", "2", "--threads", "3")
        numbers = group(jobs.double.message(n) for n in range(300))
        numbers.add_completion_callback(jobs.after.message())
        numbers.run()
        self.assertEqual(list(numbers.get_results(block=True, timeout=40000)), [2 * n for n in range(300)])
        self.assertEqual(jobs.twice.send().get_result(block=True, timeout=20000), "at last")
        t0 = time.time()
        later = jobs.double.send_with_options(args=(400,), delay=1000)
        self.assertEqual(later.get_result(block=True, timeout=20000), 800)
        self.assertGreaterEqual(time.time() - t0, 1)
        self.assertEachOnce("dramatiq", [*range(300), 400])
        self.until(lambda: self.done.llen("after") == 1, 20, "the callback", [p])
        p.terminate(30)

    def test_arq(self):
        from arq import create_pool
        from arq.jobs import JobStatus

        async def result(job):
            end = time.monotonic() + 30
            while await job.status() != JobStatus.complete and time.monotonic() < end:
                await asyncio.sleep(0.02)
            return (await job.result_info()).result

        async def go():
            pool = await create_pool(self.jobs.WorkerSettings.redis_settings)
            jobs = [await pool.enqueue_job("triple", n) for n in range(200)]
            self.assertIsNone(await pool.enqueue_job("triple", 0, _job_id=jobs[0].job_id))
            later = await pool.enqueue_job("triple", 1000, _defer_by=1)
            again = await pool.enqueue_job("tries")
            never = await pool.enqueue_job("triple", 5, _defer_by=datetime.timedelta(days=1))
            worker = self.start(os.path.join(os.path.dirname(sys.executable), "arq"), "other_jobs.WorkerSettings")
            try:
                self.assertEqual([await result(j) for j in jobs], [3 * n for n in range(200)])
                self.assertEqual(await result(later), 3000)
                self.assertEqual(await result(again), 3)
                self.assertEqual(await never.status(), JobStatus.deferred)
            finally:
                worker.end()
                await pool.aclose()
        asyncio.run(go())
        self.assertEachOnce("arq", [*range(200), 1000])

    def test_channels(self):
        from channels_redis.core import RedisChannelLayer
        from channels_redis.pubsub import RedisPubSubChannelLayer

        async def go(layer):
            names = [await layer.new_channel() for _ in range(5)]
            for name in names:
                await layer.group_add("room", name)
            for n in range(50):
                await layer.group_send("room", {"type": "chat.message", "n": n})
            for name in names:
                heard = [(await asyncio.wait_for(layer.receive(name), 10))["n"] for _ in range(50)]
                self.assertEqual(heard, list(range(50)))
            await layer.group_discard("room", names[0])
            await layer.group_send("room", {"type": "chat.message", "n": 99})
            self.assertEqual((await asyncio.wait_for(layer.receive(names[1]), 10))["n"], 99)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(layer.receive(names[0]), 0.3)
            await layer.send(names[1], {"type": "direct"})
            self.assertEqual(await asyncio.wait_for(layer.receive(names[1]), 10), {"type": "direct"})
            await layer.flush()
            await layer.close_pools() if hasattr(layer, "close_pools") else None

        for layer in (RedisChannelLayer, RedisPubSubChannelLayer):
            with self.subTest(layer=layer.__module__):
                asyncio.run(go(layer(hosts=[self.url])))

    def test_limits(self):
        from limits import parse
        from limits.storage import RedisStorage
        from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter
        storage = RedisStorage(self.url)
        self.assertTrue(storage.check())
        limit = parse("5/hour")
        for strategy in (FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter):
            limiter = strategy(storage)
            who = strategy.__name__
            self.assertEqual([limiter.hit(limit, who) for _ in range(7)], [True] * 5 + [False] * 2)
            self.assertEqual(limiter.get_window_stats(limit, who).remaining, 0)
            limiter.clear(limit, who)
            self.assertTrue(limiter.test(limit, who))
        self.assertTrue(MovingWindowRateLimiter(storage).hit(parse("2/second"), "brief", cost=2))
        self.assertFalse(MovingWindowRateLimiter(storage).hit(parse("2/second"), "brief"))
        time.sleep(1.1)
        self.assertTrue(MovingWindowRateLimiter(storage).hit(parse("2/second"), "brief"))
        storage.reset()
        self.assertEqual(self.r.dbsize(), 0)
