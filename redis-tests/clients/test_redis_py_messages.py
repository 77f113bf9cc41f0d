"""redis-py's ways to hear from the server: pub/sub, keyspace events, monitors. Every expectation holds for
redis-server 7.0.15. (Its client-side cache asks for a version of 7.4 at least.)"""
import asyncio
import threading
import time

import redis
import redis.asyncio

from test_redis_py import Case


class PubSub(Case):
    words = ("--io-threads", "2")

    def get(self, p, wait=10):
        return p.get_message(ignore_subscribe_messages=True, timeout=wait)

    def test_channels_and_patterns(self):
        p = self.r.pubsub()
        self.addCleanup(p.close)
        p.subscribe("news", "sport")
        p.psubscribe("n*")
        for kind, name, count in [("subscribe", b"news", 1), ("subscribe", b"sport", 2), ("psubscribe", b"n*", 3)]:
            m = p.get_message(timeout=10)
            self.assertEqual((m["type"], m["channel"], m["data"]), (kind, name, count))
        self.assertEqual(self.r.publish("news", "hello"), 2)
        self.assertEqual(self.get(p), {"type": "message", "pattern": None, "channel": b"news", "data": b"hello"})
        self.assertEqual(self.get(p), {"type": "pmessage", "pattern": b"n*", "channel": b"news", "data": b"hello"})
        self.assertEqual(self.r.pubsub_numsub("news", "none"), [(b"news", 1), (b"none", 0)])
        self.assertEqual(sorted(self.r.pubsub_channels()), [b"news", b"sport"])
        self.assertEqual(self.r.pubsub_numpat(), 1)
        p.unsubscribe()
        p.punsubscribe()
        while p.subscribed:
            p.get_message(timeout=10)
        self.assertEqual(self.r.publish("news", "hello"), 0)

    def test_handlers_in_a_thread(self):
        heard = []
        p = self.r.pubsub()
        p.subscribe(**{"jobs": heard.append})
        thread = p.run_in_thread(sleep_time=0.01)
        for i in range(500):
            while self.r.publish("jobs", i) != 1:
                time.sleep(0.01)
        end = time.monotonic() + 10
        while len(heard) < 500 and time.monotonic() < end:
            time.sleep(0.01)
        thread.stop()
        thread.join()
        self.assertEqual([int(m["data"]) for m in heard], list(range(500)))

    def test_many_publishers(self):
        p = self.r.pubsub(ignore_subscribe_messages=True)
        self.addCleanup(p.close)
        p.psubscribe("c:*")
        while not p.subscribed or self.r.pubsub_numpat() == 0:
            p.get_message(timeout=0.1)

        def publish(n):
            r = self.client()
            with r.pipeline(transaction=False) as pipe:
                for i in range(300):
                    pipe.publish("c:%d" % n, i)
                self.assertEqual(set(pipe.execute()), {1})

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(5)]
        for t in threads:
            t.start()
        heard = {}
        while sum(map(len, heard.values())) < 1500:
            m = self.get(p)
            if m:
                heard.setdefault(m["channel"], []).append(int(m["data"]))
        for t in threads:
            t.join()
        self.assertEqual(heard, {b"c:%d" % n: list(range(300)) for n in range(5)})

    def test_keyspace_events(self):
        self.r.config_set("notify-keyspace-events", "KEA")
        p = self.r.pubsub(ignore_subscribe_messages=True)
        self.addCleanup(p.close)
        p.subscribe("__keyspace@0__:k", "__keyevent@0__:expired")
        while self.r.pubsub_numsub("__keyevent@0__:expired")[0][1] == 0:
            p.get_message(timeout=0.1)
        self.r.set("k", "v", px=30)
        heard = []
        while len(heard) < 4:
            m = self.get(p)
            if m:
                heard.append(m["data"])
        self.assertEqual(heard, [b"set", b"expire", b"expired", b"k"])

    def test_a_password_and_health_checks(self):
        r = self.client(health_check_interval=1)
        p = r.pubsub(ignore_subscribe_messages=True)
        self.addCleanup(p.close)
        p.subscribe("c")
        time.sleep(1.2)
        # The check is a PING with a text of its own, which must not come out as a message.
        self.assertIsNone(p.get_message(timeout=0.3))
        while r.publish("c", "x") == 0:
            time.sleep(0.01)
        m = None
        while m is None:
            m = self.get(p)
        self.assertEqual(m["data"], b"x")

    def test_asyncio(self):
        async def go():
            r = redis.asyncio.Redis(port=self.server.port, protocol=self.protocol, socket_timeout=20)
            p = r.pubsub()
            await p.subscribe("a")
            await p.psubscribe("b*")
            heard = []

            async def listen():
                async for m in p.listen():
                    if m["type"].endswith("message"):
                        heard.append((m["channel"], m["data"]))
                    if len(heard) == 200:
                        return

            task = asyncio.create_task(listen())
            while (await r.pubsub_numpat()) == 0:
                await asyncio.sleep(0.01)
            for i in range(100):
                self.assertEqual(await r.publish("a", i), 1)
                self.assertEqual(await r.publish("bb", i), 1)
            await asyncio.wait_for(task, 20)
            self.assertEqual(heard, [(c, b"%d" % i) for i in range(100) for c in (b"a", b"bb")])
            await p.aclose()
            await r.aclose()
        asyncio.run(go())

    def test_monitor(self):
        r = self.client()
        with r.monitor() as m:
            self.r.set("k", "a b")
            seen = m.next_command()
            self.assertEqual((seen["db"], seen["command"], seen["client_type"]), (0, "SET k a b", "tcp"))


class PubSub3(PubSub):
    protocol = 3
