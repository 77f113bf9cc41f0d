"""Django: its own Redis cache and django-redis as caches, sessions in the cache, cached pages."""
import asyncio
import os
import time

from programs import HERE, Case


class Point:
    def __init__(self, x, y):
        self.at = x, y

    def __eq__(self, other):
        return self.at == other.at


class Django(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ["MARTLET_PORT"] = str(cls.server.port)
        import django_site
        cls.site = django_site
        from django.core.cache import caches
        from django.core.management import call_command
        cls.caches = caches
        call_command("migrate", verbosity=0)

    @classmethod
    def tearDownClass(cls):
        cls.caches.close_all()
        super().tearDownClass()

    def each(self):
        for name in ("default", "other", "json"):
            with self.subTest(cache=name):
                yield self.caches[name]

    def browser(self):
        from django.test import Client
        return Client()

    def test_values(self):
        for c in self.each():
            for value in ("text", "äöü", 0, -5, 2 ** 70, 1.5, None, True, [1, "2"], {"a": {"b": [None]}},
                          "x" * 100000):
                c.set("k", value)
                self.assertEqual((c.get("k", "default"), type(c.get("k"))), (value, type(value)))
            self.assertIsNone(c.get("none"))
            self.assertEqual(c.get("none", 7), 7)
            self.assertTrue(c.has_key("k"))
            self.assertIn("k", c)
            self.assertTrue(c.delete("k"))
            self.assertFalse(c.delete("k"))
            self.assertEqual(c.get_or_set("new", lambda: "made"), "made")
            self.assertEqual(c.get_or_set("new", "again"), "made")
            self.assertFalse(c.add("new", "other"))
            self.assertTrue(c.add("newer", "other"))
        for name in ("default", "other"):
            self.caches[name].set("point", Point(1, 2))
            self.assertEqual(self.caches[name].get("point"), Point(1, 2))
        self.assertEqual(self.client(db=1).keys("site:1:point"), [b"site:1:point"])

    def test_many(self):
        for c in self.each():
            c.set_many({"k%d" % i: i for i in range(200)}, timeout=50)
            self.assertEqual(c.get_many(["k%d" % i for i in range(210)]), {"k%d" % i: i for i in range(200)})
            c.delete_many(["k%d" % i for i in range(100)])
            self.assertEqual(len(c.get_many(["k%d" % i for i in range(200)])), 100)
            c.clear()
            self.assertEqual(c.get_many(["k%d" % i for i in range(200)]), {})

    def test_expiry(self):
        for c in self.each():
            c.set("short", 1, timeout=1)
            c.set("long", 2, timeout=100)
            c.set("always", 3, timeout=None)
            c.set("never", 4, timeout=0)
            c.set("touched", 5, timeout=1)
            self.assertTrue(c.touch("touched", 100))
            self.assertFalse(c.touch("never", 100))
            self.assertEqual(c.get("short"), 1)
            self.until(lambda: c.get("short") is None, 5, "expiry")
            self.assertEqual([c.get(k) for k in ("long", "always", "never", "touched")], [2, 3, None, 5])
        r = self.client(db=1)
        self.assertTrue(90 < r.ttl("site:1:long") <= 100)
        self.assertEqual(r.ttl("site:1:always"), -1)

    def test_numbers_and_versions(self):
        for c in self.each():
            c.set("n", 10)
            self.assertEqual([c.incr("n"), c.incr("n", 5), c.decr("n", 3)], [11, 16, 13])
            with self.assertRaises(ValueError):
                c.incr("none")
            c.set("v", "one")
            c.set("v", "two", version=2)
            self.assertEqual([c.get("v"), c.get("v", version=2), c.get("v", version=3)], ["one", "two", None])
            self.assertEqual(c.incr_version("v", version=2), 3)
            self.assertEqual([c.get("v", version=2), c.get("v", version=3)], [None, "two"])
            self.assertEqual(c.decr_version("v", version=3), 2)

    def test_processes_count_together(self):
        for name in ("default", "other"):
            self.caches[name].set("shared", 0)
        for p in [self.python(os.path.join(HERE, "django_site.py")) for _ in range(3)]:
            p.wait(60)
        self.assertEqual([self.caches[name].get("shared") for name in ("default", "other")], [600, 600])

    def test_what_django_redis_adds(self):
        c = self.caches["other"]
        c.set_many({"a:%d" % i: i for i in range(300)})
        c.set("b", 1, timeout=100)
        self.assertEqual(len(c.keys("a:*")), 300)
        self.assertEqual(len(list(c.iter_keys("a:*", itersize=20))), 300)
        self.assertEqual(c.delete_pattern("a:*", itersize=50), 300)
        self.assertEqual(c.keys("*"), ["b"])
        self.assertTrue(90 < c.ttl("b") <= 100)
        self.assertTrue(c.persist("b"))
        self.assertIsNone(c.ttl("b"))
        self.assertEqual(c.ttl("none"), 0)
        self.assertTrue(c.pexpire("b", 50000))
        self.assertTrue(40000 < c.pttl("b") <= 50000)
        self.assertTrue(c.set("once", 1, nx=True))
        self.assertFalse(c.set("once", 2, nx=True))
        with c.lock("work", timeout=5):
            self.assertFalse(c.lock("work", timeout=5).acquire(blocking=False))
        self.assertTrue(c.lock("work", timeout=5).acquire(blocking=False))
        self.assertEqual(c.sadd("set", "x", "y", "x"), 2)
        self.assertEqual(c.smembers("set"), {"x", "y"})

    def test_sessions(self):
        one, two = self.browser(), self.browser()
        self.assertEqual([one.get("/count").content for _ in range(5)], [b"1", b"2", b"3", b"4", b"5"])
        self.assertEqual(two.get("/count").content, b"1")
        one.get("/remember?what=bread")
        key = one.cookies["sessionid"].value
        self.assertEqual((one.get("/recall").content, two.get("/recall").content), (b"bread", b"nothing"))
        stored = "site:1:django.contrib.sessions.cache" + key
        self.assertTrue(990 < self.client(db=1).ttl(stored) <= 1000)
        one.get("/note")
        self.assertEqual([one.get("/notes").content for _ in range(2)], [b"saved", b""])
        one.get("/forget")
        self.assertFalse(self.client(db=1).exists(stored))
        self.assertEqual(one.get("/recall").content, b"nothing")
        two.get("/remember?what=milk&expiry=1")
        self.assertEqual(two.get("/recall").content, b"milk")
        time.sleep(1.2)
        self.assertEqual(two.get("/recall").content, b"nothing")

    def test_users(self):
        from django.contrib.auth.models import User
        if not User.objects.filter(username="ada").exists():
            User.objects.create_user("ada", password="secret")
        b = self.browser()
        b.get("/remember?what=bread")
        before = b.cookies["sessionid"].value
        self.assertTrue(b.login(username="ada", password="secret"))
        self.assertEqual(b.get("/who").content, b"ada")
        self.assertEqual(b.get("/recall").content, b"bread")
        # What the session held goes on under a key that nobody else has seen.
        self.assertEqual(self.client(db=1).keys("*" + before), [])
        b.logout()
        self.assertEqual(b.get("/who").content, b"nobody")
        self.assertEqual(self.client(db=1).keys("*sessions*"), [])

    def test_sessions_in_cache_and_database(self):
        from django.contrib.sessions.backends.cached_db import SessionStore
        s = SessionStore()
        s["a"] = 1
        s.save()
        self.assertEqual(SessionStore(s.session_key).load(), {"a": 1})
        self.caches["default"].clear()
        self.assertEqual(SessionStore(s.session_key).load(), {"a": 1})
        self.assertEqual(self.client(db=1).dbsize(), 1)
        old = s.session_key
        s.cycle_key()
        self.assertEqual(SessionStore(s.session_key).load(), {"a": 1})
        self.assertFalse(SessionStore(old).exists(old))

    def test_cached_pages(self):
        b = self.browser()
        first = b.get("/page/1").content
        self.assertEqual([b.get("/page/1").content for _ in range(3)], [first] * 3)
        self.assertNotEqual(b.get("/page/2").content, first)
        self.caches["other"].clear()
        self.assertNotEqual(b.get("/page/1").content, first)

    def test_async(self):
        async def go():
            c = self.caches["default"]
            await asyncio.gather(*(c.aset("k%d" % i, i) for i in range(50)))
            self.assertEqual(await c.aget_many(["k%d" % i for i in range(50)]), {"k%d" % i: i for i in range(50)})
            self.assertEqual(await c.aincr("k1"), 2)
            await c.adelete("k1")
            self.assertIsNone(await c.aget("k1"))
        asyncio.run(go())
