"""Jobs for rq."""
import time

import rq

from marks import mark


def square(n):
    mark("square", n)
    return n * n


def fail(what):
    mark("fail", what)
    raise ValueError(what)


def succeed_at_last(tries):
    if mark("tries", "x") < tries:
        raise RuntimeError("not yet")
    return "at last"


def sleep(seconds):
    mark("sleep", "began")
    time.sleep(seconds)
    mark("sleep", "ended")


def add_up():
    """The sum of what the jobs that this one waited for returned."""
    return sum(j.return_value() for j in rq.get_current_job().fetch_dependencies())


def progress():
    job = rq.get_current_job()
    for i in range(5):
        job.meta["step"] = i
        job.save_meta()


def heard(job, connection, *rest):
    mark("heard", "%s:%s" % (job.id, type(rest[0]).__name__ if rest else ""))
