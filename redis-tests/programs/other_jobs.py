"""Jobs for huey, dramatiq and arq."""
import os

import arq
import arq.connections
import dramatiq
import dramatiq.brokers.redis
import dramatiq.rate_limits
import dramatiq.rate_limits.backends
import dramatiq.results
import dramatiq.results.backends
import huey

from marks import mark

PORT = int(os.environ["MARTLET_PORT"])

queue = huey.PriorityRedisHuey("queue", port=PORT, db=1)


@queue.task()
def square(n):
    mark("huey", n)
    return n * n


@queue.task(retries=2)
def often():
    if mark("often", "x") < 3:
        raise RuntimeError("not yet")
    return "at last"


@queue.periodic_task(huey.crontab(minute="*"))
def every_minute():
    mark("minute", "x")


results = dramatiq.results.backends.RedisBackend(port=PORT, db=2)
broker = dramatiq.brokers.redis.RedisBroker(port=PORT, db=2)
broker.add_middleware(dramatiq.results.Results(backend=results))
broker.add_middleware(dramatiq.middleware.GroupCallbacks(dramatiq.rate_limits.backends.RedisBackend(port=PORT, db=2)))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True, max_retries=3, min_backoff=50, max_backoff=100)
def double(n):
    mark("dramatiq", n)
    return 2 * n


@dramatiq.actor(store_results=True, max_retries=3, min_backoff=50, max_backoff=100)
def twice():
    if mark("twice", "x") < 2:
        raise RuntimeError("not yet")
    return "at last"


@dramatiq.actor
def after():
    mark("after", "all")


async def triple(ctx, n):
    mark("arq", n)
    return 3 * n


async def tries(ctx):
    if ctx["job_try"] < 3:
        raise arq.Retry(defer=0.1)
    return ctx["job_try"]


class WorkerSettings:
    functions = [triple, tries]
    redis_settings = arq.connections.RedisSettings(port=PORT, database=3)
    poll_delay = 0.05
