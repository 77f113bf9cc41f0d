"""A client of rq: has jobs done by whatever workers there are, and looks at what came of them. For a process of its own, with
the prefix of rq's keys in the environment.

  rq_client.py URL
"""
import operator
import sys
import time

import redis
from rq import Queue
from rq.job import JobStatus
from rq.registry import FailedJobRegistry

OVER = (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED)


def main():
    q = Queue("default", connection=redis.Redis.from_url(sys.argv[1], socket_timeout=30))
    jobs = q.enqueue_many([Queue.prepare_data(operator.mul, (n, n)) for n in range(50)])
    jobs += [q.enqueue(operator.mul, n, n) for n in range(50, 100)]
    after = q.enqueue(operator.add, 1, 2, depends_on=jobs[-1])
    bad = q.enqueue(operator.truediv, 1, 0)
    end = time.monotonic() + 30
    while any(j.get_status() not in OVER for j in jobs + [after, bad]):
        if time.monotonic() > end:
            sys.exit("not done: %s" % [(j.id, j.get_status()) for j in jobs + [after, bad] if j.get_status() not in OVER])
        time.sleep(0.05)
    assert [j.return_value(refresh=True) for j in jobs] == [n * n for n in range(100)]
    assert after.return_value(refresh=True) == 3
    assert bad.id in FailedJobRegistry(queue=q).get_job_ids()
    assert q.count == 0


main()
