"""What clients get unasked: messages of channels, keyspace events, invalidated keys, monitors' lines. Over sockets
and with two loops, whose clients these tests cannot tell apart: what they expect holds for any of them."""
import random
import re
import threading
import time

import testserver as ts
from test_protocol import Case
from testserver import Closed, Conn, pack


def message(channel, text, kind=b"message"):
    return pack(kind, channel, text)


class Listener(Conn):
    """A connection in RESP3 that keeps pushes apart from replies."""

    def __init__(self, server, **kw):
        super().__init__(server, **kw)
        self.pushes = []
        self("HELLO", 3)

    def reply(self):
        while not self.buf:
            self.more()
        while self.buf[:1] == b">":
            self.pushes.append(super().reply())
            while not self.buf:
                self.more()
        return super().reply()

    def heard(self):
        """The pushes so far; a PING makes sure that what came before it is there."""
        self("PING")
        out, self.pushes = self.pushes, []
        return out


class PubSub(Case):
    words = ("--io-threads", "2")

    def test_every_subscriber_gets_every_message_in_order(self):
        subscribers = [self.conn() for _ in range(12)]
        for i, c in enumerate(subscribers):
            c("PSUBSCRIBE" if i % 3 == 0 else "SUBSCRIBE", "ch*" if i % 3 == 0 else "ch")
        publishers, each = 6, 2000
        counts = []

        def publish(number):
            with Conn(self.server) as c:
                for start in range(0, each, 50):
                    c.send(b"".join(pack("PUBLISH", "ch", "%d:%d" % (number, i)) for i in range(start, start + 50)))
                    counts.extend(c.reply() for _ in range(50))

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(publishers)]
        for t in threads:
            t.start()
        for c in subscribers:
            seen = [0] * publishers
            for _ in range(publishers * each):
                number, i = map(int, c.reply()[-1].split(b":"))
                self.assertEqual(i, seen[number])
                seen[number] += 1
        for t in threads:
            t.join()
        self.assertEqual(set(counts), {len(subscribers)})

    def test_who_listens_is_known_at_once(self):
        """Whatever loops they are on: a confirmed subscription counts, an ended one does not."""
        for i in range(30):
            a, b = self.conn(), self.conn()
            name = "once:%d" % i
            a("SUBSCRIBE", name)
            self.assertEqual(b("PUBLISH", name, "x"), 1)
            self.assertEqual(a.reply(), [b"message", name.encode(), b"x"])
            a("UNSUBSCRIBE", name)
            self.assertEqual(b("PUBLISH", name, "y"), 0)
            a.close()
            b.close()

    def test_subscribers_that_leave_are_not_waited_for(self):
        publisher = self.conn()
        for i in range(50):
            cs = [Conn(self.server) for _ in range(4)]
            for c in cs:
                c("SUBSCRIBE", "leaving", "other")
            publisher.send(pack("PUBLISH", "leaving", "x") * 20)
            for c in cs:
                c.close()
            for _ in range(20):
                # Those of earlier rounds may not have been seen to leave yet.
                self.assertLessEqual(publisher.reply(), 4 * (i + 1))
        end = time.monotonic() + 5
        while publisher("PUBSUB", "CHANNELS", "leaving") and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(publisher("PUBSUB", "CHANNELS", "leaving"), [])
        self.assertAlive()

    def test_large_messages(self):
        a, b = self.conn(), self.conn()
        a("SUBSCRIBE", "big")
        text = b"x" * 3_000_000
        for _ in range(3):
            b.send(pack("PUBLISH", "big", text))
            self.assertEqual(a.reply(), [b"message", b"big", text])
            self.assertEqual(b.reply(), 1)


class Limits(Case):
    words = ("--io-threads", "2", "--client-output-buffer-limit", "pubsub 4mb 1mb 2")

    def subscriber(self):
        """A subscriber that never reads, and for which the kernel keeps little: the rest is the server's to keep."""
        deaf = self.conn()
        deaf.sock.setsockopt(ts.socket.SOL_SOCKET, ts.socket.SO_RCVBUF, 1 << 16)
        deaf("SUBSCRIBE", "flood")
        return deaf

    def flood(self, count):
        publisher = self.conn()
        out = []
        for _ in range(count):
            out.append(publisher("PUBLISH", "flood", b"x" * 100_000))
        return out

    def test_a_subscriber_past_the_hard_limit_is_closed(self):
        deaf = self.subscriber()
        # What the kernel's buffers take comes on top; and the subscriber's loop may be behind the publisher's.
        self.flood(300)
        end = time.monotonic() + 10
        while self.flood(1) != [0] and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(self.flood(1), [0])
        with self.assertRaises(Closed):
            while True:
                deaf.reply()

    def test_a_subscriber_past_the_soft_limit_is_closed_in_time(self):
        self.subscriber()
        other = self.conn()
        for _ in range(200):
            self.flood(1)
            time.sleep(0.01)  # for the subscriber's loop to take it in and say so
            line = other("CLIENT", "LIST", "TYPE", "pubsub").decode()
            if not line or int(re.search(r"omem=(\d+)", line).group(1)) > 2_000_000:  # what is allocated for it: more than what waits
                break
        self.assertIn("flags=P", line)
        time.sleep(1)
        self.assertNotEqual(other("CLIENT", "LIST", "TYPE", "pubsub"), b"")
        time.sleep(3)
        self.assertEqual(other("CLIENT", "LIST", "TYPE", "pubsub"), b"")


class KeyEvents(Case):
    words = ("--io-threads", "2", "--notify-keyspace-events", "KEA")

    def test_events_of_many_clients(self):
        c = self.conn()
        c("PSUBSCRIBE", "__keyevent@0__:*")
        names = [b"k%d" % i for i in range(200)]

        def work(part):
            with Conn(self.server) as w:
                for name in part:
                    w("SET", name, "v")
                    w("PEXPIRE", name, 50)

        threads = [threading.Thread(target=work, args=(names[i::4],)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        events = {}
        for _ in range(3 * len(names)):
            _, _, channel, key = c.reply()
            events.setdefault(key, []).append(channel.split(b":", 1)[1])
        # The last ones by the clock alone.
        self.assertEqual(events, {name: [b"set", b"expire", b"expired"] for name in names})


class Tracking(Case):
    words = ("--io-threads", "2")

    def caches_agree(self, options, read):
        """Clients keep what they have read until they hear that it changed; others change it meanwhile. In the
        end nobody holds anything else than the server does."""
        rng = random.Random(len(options))
        keys = [b"t:%d" % i for i in range(20)]
        over = threading.Event()

        def write(seed):
            rng = random.Random(seed)
            with Conn(self.server) as c:
                while not over.is_set():
                    batch = [rng.choice(keys) for _ in range(rng.choice([1, 3]))]
                    kind = rng.randrange(4)
                    if kind == 0:
                        c.send(pack("MSET", *[w for k in batch for w in (k, rng.randrange(10 ** 9))]))
                    elif kind == 1:
                        c.send(pack("DEL", *batch))
                    elif kind == 2:
                        c.send(pack("SET", batch[0], rng.randrange(10 ** 9), "PX", rng.randrange(1, 5)))
                    else:
                        c.send(pack("MULTI") + pack("APPEND", batch[0], "x") + pack("INCR", "other") + pack("EXEC"))
                        [c.reply() for _ in range(3)]
                    c.reply()

        writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for t in writers:
            t.start()
        readers = []
        for _ in range(4):
            c = Listener(self.server)
            self.addCleanup(c.close)
            self.assertEqual(c("CLIENT", "TRACKING", "ON", *options), "OK")
            readers.append((c, {}))

        def forget(c, cache):
            pushes, c.pushes = c.pushes, []
            for push in pushes:
                self.assertEqual(push[0], b"invalidate")
                for key in push[1]:
                    cache.pop(key, None)

        end = time.monotonic() + 3
        while time.monotonic() < end:
            for c, cache in readers:
                key = rng.choice(keys)
                if key not in cache:
                    value = read(c, key)
                    # What came before the reply is about older values.
                    forget(c, cache)
                    cache[key] = value
                else:
                    c("PING")
                    forget(c, cache)
        over.set()
        for t in writers:
            t.join()
        time.sleep(0.3)
        with Conn(self.server) as judge:
            for c, cache in readers:
                c("PING")
                forget(c, cache)
                self.assertEqual(cache, {k: judge("GET", k) for k in cache})
                c.close()

    def test_caches_agree(self):
        self.caches_agree((), lambda c, k: c("GET", k))

    def test_caches_agree_with_optin(self):
        def read(c, key):
            c.send(pack("CLIENT", "CACHING", "YES") + pack("GET", key))
            self.assertEqual(c.reply(), "OK")
            return c.reply()
        self.caches_agree(("OPTIN",), read)

    def test_caches_agree_with_prefixes(self):
        # An announcement may be about what was there before the reply, but none is lost after it.
        self.caches_agree(("BCAST", "PREFIX", "t:"), lambda c, k: c("GET", k))

    def test_redirected_messages(self):
        for _ in range(20):
            target, c, other = self.conn(), self.conn(), self.conn()
            number = target("CLIENT", "ID")
            target("SUBSCRIBE", "__redis__:invalidate")
            self.assertEqual(c("CLIENT", "TRACKING", "ON", "REDIRECT", number), "OK")
            c("GET", "r")
            other("SET", "r", 1)
            self.assertEqual(target.reply(), [b"message", b"__redis__:invalidate", [b"r"]])
            for x in (target, c, other):
                x.close()

    def test_a_broken_redirection_is_told(self):
        for _ in range(20):
            c, target, other = Listener(self.server), Conn(self.server), self.conn()
            number = target("CLIENT", "ID")
            c("CLIENT", "TRACKING", "ON", "REDIRECT", number)
            c("GET", "r")
            target("QUIT")
            target.close()
            other("SET", "r", 1)
            end = time.monotonic() + 5
            heard = []
            while not heard and time.monotonic() < end:
                heard = c.heard()
            self.assertEqual(heard, [[b"tracking-redir-broken", number]])
            c.close()


class Monitors(Case):
    words = ("--io-threads", "2")

    def test_monitors_see_all_clients(self):
        monitors = [self.conn() for _ in range(3)]
        for m in monitors:
            self.assertEqual(m("MONITOR"), "OK")
        clients = [self.conn() for _ in range(6)]
        for i, c in enumerate(clients):
            c("SET", "m:%d" % i, 'a"\n\x00')
        wanted = {'"SET" "m:%d" "a\\"\\n\\x00"' % i for i in range(len(clients))}
        for m in monitors:
            seen = set()
            while seen != wanted:
                line = m.line().decode()
                self.assertRegex(line, r'^\+\d{10}\.\d{6} \[0 127\.0\.0\.1:\d+\] "')
                seen.add(line.split("] ", 1)[1])
                self.assertLessEqual(seen, wanted)
