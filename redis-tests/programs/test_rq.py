"""rq: queues, workers that are processes of their own, registries, the scheduler, commands to workers."""
import signal
import time
from datetime import datetime, timedelta, timezone

from rq import Callback, Queue, Repeat, Retry, Worker
from rq.command import send_kill_horse_command, send_shutdown_command, send_stop_job_command
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.registry import (CanceledJobRegistry, DeferredJobRegistry, FailedJobRegistry, FinishedJobRegistry,
                         ScheduledJobRegistry, StartedJobRegistry)

import rq_jobs
from programs import Case


class Rq(Case):
    def setUp(self):
        super().setUp()
        self.q = Queue("default", connection=self.r)

    def worker(self, *words, queues=("default",)):
        return self.python("-m", "rq.cli", "worker", "--url", self.url, *words, *queues)

    def simple(self, *words, **kw):
        """A worker that runs its jobs in its own process."""
        return self.worker("--worker-class", "rq.SimpleWorker", *words, **kw)

    def finished(self, job, limit=40, programs=()):
        self.until(lambda: job.get_status() in (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED), limit,
                   "job %s" % job.id, programs)
        job.refresh()
        return job

    def test_a_thousand_jobs(self):
        high = Queue("high", connection=self.r)
        workers = [self.simple(queues=("high", "default")) for _ in range(3)]
        half = range(500)
        jobs = self.q.enqueue_many([Queue.prepare_data(rq_jobs.square, (n,)) for n in half])
        jobs += [high.enqueue(rq_jobs.square, n) for n in range(500, 1000)]
        done = [FinishedJobRegistry(queue=q) for q in (self.q, high)]
        self.until(lambda: sum(d.count for d in done) == 1000, 80, "a thousand jobs", workers)
        self.assertEachOnce("square", range(1000))
        got = [j.return_value() for j in Job.fetch_many([j.id for j in jobs], connection=self.r)]
        self.assertEqual(got, [n * n for n in range(1000)])
        self.assertEqual([self.q.count, high.count, StartedJobRegistry(queue=self.q).count], [0, 0, 0])
        known = Worker.all(connection=self.r)
        self.assertEqual(len(known), 3)
        self.until(lambda: sum(w.refresh() or w.successful_job_count for w in known) == 1000, 10, "workers' counts")
        for w in workers:
            w.terminate()
        self.assertEqual(Worker.all(connection=self.r), [])

    def test_jobs_in_forked_processes(self):
        jobs = [self.q.enqueue(rq_jobs.square, n) for n in range(10)]
        bad = self.q.enqueue(rq_jobs.fail, "wrong", on_failure=Callback(rq_jobs.heard))
        late = self.q.enqueue(rq_jobs.sleep, 30, job_timeout=1)
        good = self.q.enqueue(rq_jobs.square, 12, on_success=Callback(rq_jobs.heard))
        self.worker("--burst").wait(60)
        self.assertEqual([j.return_value() for j in jobs], [n * n for n in range(10)])
        failed = FailedJobRegistry(queue=self.q)
        self.assertEqual(set(failed.get_job_ids()), {bad.id, late.id})
        self.assertIn("ValueError: wrong", bad.latest_result().exc_string)
        self.assertIn("JobTimeoutException", late.latest_result().exc_string)
        self.assertEachOnce("heard", ["%s:type" % bad.id, "%s:int" % good.id])
        failed.requeue(bad)
        self.assertEqual((failed.count, self.q.job_ids), (1, [bad.id]))
        self.worker("--burst").wait(60)
        self.assertEachOnce("fail", ["wrong", "wrong"])

    def test_retries(self):
        now = self.q.enqueue(rq_jobs.succeed_at_last, 3, retry=Retry(max=5))
        hopeless = self.q.enqueue(rq_jobs.fail, "never", retry=Retry(max=2, interval=[1, 1]))
        w = self.simple("--with-scheduler")
        self.finished(now, programs=[w])
        self.assertEqual((now.return_value(), self.done.llen("tries")), ("at last", 3))
        self.finished(hopeless, programs=[w])
        self.assertEachOnce("fail", ["never"] * 3)
        self.assertIn(hopeless, FailedJobRegistry(queue=self.q))

    def test_schedule_and_repeat(self):
        t0 = time.time()
        soon = self.q.enqueue_in(timedelta(seconds=2), rq_jobs.square, 3)
        at = self.q.enqueue_at(datetime.now(timezone.utc) + timedelta(seconds=3), rq_jobs.square, 4)
        never = self.q.enqueue_in(timedelta(days=1), rq_jobs.square, 5)
        often = self.q.enqueue(rq_jobs.square, 6, repeat=Repeat(times=2, interval=1))
        scheduled = ScheduledJobRegistry(queue=self.q)
        self.assertEqual(set(scheduled.get_job_ids()), {soon.id, at.id, never.id})
        w = self.simple("--with-scheduler")
        self.finished(soon, programs=[w])
        self.assertGreaterEqual(time.time() - t0, 1)   # rq's scheduler cuts off fractions
        self.finished(at, programs=[w])
        self.assertGreaterEqual(time.time() - t0, 2)
        self.until(lambda: self.done.llen("square") == 5, 20, "repeats", [w])
        self.assertEachOnce("square", [3, 4, 6, 6, 6])
        self.assertEqual(scheduled.get_job_ids(), [never.id])
        self.assertGreater(scheduled.get_scheduled_time(never), datetime.now(timezone.utc) + timedelta(hours=23))
        self.assertEqual(often.get_status(), JobStatus.FINISHED)

    def test_dependencies(self):
        first = [self.q.enqueue(rq_jobs.square, n) for n in range(4)]
        total = self.q.enqueue(rq_jobs.add_up, depends_on=first)
        bad = self.q.enqueue(rq_jobs.fail, "x")
        waits = self.q.enqueue(rq_jobs.square, 1, depends_on=bad)
        self.assertEqual(set(DeferredJobRegistry(queue=self.q).get_job_ids()), {total.id, waits.id})
        self.simple("--burst").wait()
        self.assertEqual(total.return_value(), 0 + 1 + 4 + 9)
        self.assertEqual(waits.get_status(), JobStatus.DEFERRED)

    def test_cancel_delete_expire(self):
        gone = self.q.enqueue(rq_jobs.square, 1)
        cancelled = self.q.enqueue(rq_jobs.square, 2)
        meta = self.q.enqueue(rq_jobs.progress, result_ttl=1)
        kept = self.q.enqueue(rq_jobs.square, 3, result_ttl=100)
        gone.delete()
        cancelled.cancel()
        self.assertEqual(CanceledJobRegistry(queue=self.q).get_job_ids(), [cancelled.id])
        self.assertEqual(self.q.get_job_ids(), [meta.id, kept.id])
        self.simple("--burst").wait()
        self.assertEachOnce("square", [3])
        self.assertTrue(50 < self.r.ttl(kept.key) <= 100)
        self.until(lambda: not Job.exists(meta.id, connection=self.r), 10, "a result that expires")
        with self.assertRaises(NoSuchJobError):
            Job.fetch(gone.id, connection=self.r)
        self.assertEqual(self.q.empty(), 0)

    def test_commands_to_workers(self):
        w = self.worker()
        long = self.q.enqueue(rq_jobs.sleep, 60)
        self.until(lambda: self.done.llen("sleep") == 1, 40, "the job", [w])
        send_stop_job_command(self.r, long.id)
        self.until(lambda: long.get_status() == JobStatus.STOPPED, 20, "a stopped job", [w])
        other = self.q.enqueue(rq_jobs.sleep, 60)
        self.until(lambda: self.done.llen("sleep") == 2, 20, "the other job", [w])
        name = Worker.all(connection=self.r)[0].name
        send_kill_horse_command(self.r, name)
        self.assertEqual(self.finished(other, 20, [w]).get_status(), JobStatus.FAILED)
        send_shutdown_command(self.r, name)
        w.wait(20)
        self.assertEqual(Worker.count(connection=self.r), 0)

    def test_a_worker_that_dies(self):
        w = self.simple()
        job = self.q.enqueue(rq_jobs.sleep, 60, job_timeout=100)
        self.until(lambda: self.done.llen("sleep") == 1, 40, "the job", [w])
        self.assertEqual(StartedJobRegistry(queue=self.q).get_job_ids(), [job.id])
        w.end()
        # Its heartbeat is no more: the time when the job counts as lost is now.
        registry = StartedJobRegistry(queue=self.q)
        for execution in self.r.zrange(registry.key, 0, -1):
            self.r.zadd(registry.key, {execution: int(time.time()) - 5})
        registry.cleanup()
        self.assertEqual(FailedJobRegistry(queue=self.q).get_job_ids(), [job.id])

    def test_pool_and_info(self):
        pool = self.python("-m", "rq.cli", "worker-pool", "--url", self.url, "-n", "2", "-w", "rq.SimpleWorker")
        jobs = [self.q.enqueue(rq_jobs.square, n) for n in range(100)]
        done = FinishedJobRegistry(queue=self.q)
        self.until(lambda: done.count == 100, 40, "the pool", [pool])
        self.assertEachOnce("square", range(100))
        self.assertEqual(sum(j.return_value() for j in jobs), sum(n * n for n in range(100)))
        told = self.python("-m", "rq.cli", "info", "--url", self.url, "--raw").wait()
        self.assertIn("queue default 0", told)
        self.python("-m", "rq.cli", "suspend", "--url", self.url).wait()
        self.assertTrue(self.r.exists("rq:suspended"))
        pool.proc.send_signal(signal.SIGTERM)
        pool.wait(30)
