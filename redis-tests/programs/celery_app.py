"""A Celery application: the server under test is its broker and holds its results."""
import os
import time

import celery
from celery.exceptions import Reject

from marks import mark

url = "redis://127.0.0.1:%s/0" % os.environ.get("MARTLET_PORT", "6379")
app = celery.Celery("celery_app", broker=url, backend=url)
app.conf.update(
    result_extended=True,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    # When a message counts as lost that was taken and not acknowledged, in seconds, and how often to look.
    broker_transport_options={"visibility_timeout": float(os.environ.get("MARTLET_LOST_AFTER", "3600")),
                              "unacked_restore_interval": 0.5, "unacked_restore_throttle": 1},
    redis_socket_timeout=30,
    task_track_started=True,
    beat_schedule={"tick": {"task": "celery_app.tick", "schedule": 0.5}},
)


@app.task
def add(x, y):
    return x + y


@app.task
def square(n):
    mark("square", n)
    return n * n


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def fail(what):
    raise ValueError(what)


@app.task
def caught(request, error, traceback):
    mark("caught", "%s %r" % (type(error).__name__, error.args[0]))


@app.task(bind=True, max_retries=5)
def succeed_at_last(self, tries):
    if mark("tries", self.request.retries) < tries:
        raise self.retry(countdown=0.2)
    return self.request.retries


@app.task
def sleep(seconds):
    mark("sleep", "began")
    time.sleep(seconds)
    mark("sleep", "ended")


@app.task(acks_late=True, reject_on_worker_lost=True)
def finish_second_time():
    """Stays unacknowledged when it is called first."""
    if mark("calls", "call") == 1:
        time.sleep(60)
    return "second"


@app.task(bind=True, acks_late=True)
def rejected(self):
    if not self.request.delivery_info["redelivered"]:
        mark("rejected", "first")
        raise Reject("again", requeue=True)
    mark("rejected", "second")


@app.task
def tick():
    mark("tick", time.time())


@app.task(bind=True)
def progress(self):
    self.update_state(state="PROGRESS", meta={"step": 3})
    time.sleep(2)
    return "done"
