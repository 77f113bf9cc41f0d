"""The server under strace: under `always` no reply leaves before what it tells of is synced; a disk that refuses is told
to clients, and what was acknowledged is there after a restart. Only for our own server: which calls are made is ours."""
import os
import re
import shutil
import subprocess
import time
import unittest

import lib
import testserver as ts
from testserver import Closed, Conn, Err


class Trace:
    """strace, attached to a running server."""

    def __init__(self, server, *options):
        self.path = os.path.join(server.dir, "strace-%d" % time.monotonic_ns())
        words = ["strace", "-f", "-qq", "-s", "120", "-o", self.path, "-p", str(server.proc.pid)] + list(options)
        self.proc = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + 20
        while not self.attached(server.proc.pid):
            if self.proc.poll() is not None:
                reason = self.proc.stderr.read().decode("utf8", "replace").strip()
                raise unittest.SkipTest("strace may not attach here: " + reason[-200:])
            if time.monotonic() > end:
                self.end()
                raise AssertionError("strace did not attach to all threads")
            time.sleep(0.02)

    def attached(self, pid):
        """Whether every thread has its tracer."""
        for thread in os.listdir("/proc/%d/task" % pid):
            try:
                with open("/proc/%d/task/%s/status" % (pid, thread)) as f:
                    if "TracerPid:\t%d\n" % self.proc.pid not in f.read():
                        return False
            except FileNotFoundError:
                pass
        return True

    def end(self):
        """Lets go of the server; what was seen, a line for each call begun or ended, in their order."""
        self.proc.terminate()
        self.proc.wait(20)
        self.proc.stderr.close()
        if not os.path.exists(self.path):
            return []
        with open(self.path, "rb") as f:
            return f.read().decode("utf8", "replace").splitlines()


@unittest.skipIf(ts.REFERENCE, "which system calls redis-server makes is its own affair")
@unittest.skipUnless(shutil.which("strace"), "needs strace (Debian package strace)")
class DiskCalls(ts.ServerCase):
    WORDS = ("--appendonly", "yes", "--appendfsync", "always")

    def trace(self, server, *options):
        trace = Trace(server, *options)
        self.addCleanup(lambda: trace.proc.poll() is None and trace.end())
        return trace

    def restarted(self, server):
        server.kill()
        return self.conn(server.resume())

    def test_no_reply_precedes_its_sync(self):
        server = self.start()
        c = self.conn(server)
        self.assertEqual(c("SET", "first", 1), "OK")
        trace = self.trace(server, "-e", "trace=recvfrom,pwrite64,fdatasync,sendto")
        for i in range(60):
            self.assertEqual(c("SET", "key:%04d" % i, "x"), "OK")
        lines = trace.end()
        stage, replies, orders = None, 0, 0
        unfinished = {}
        for line in lines:
            thread, call = line.split(None, 1)
            began = call.endswith("<unfinished ...>")
            if began:
                unfinished[thread] = call
            if "resumed>" in call and thread in unfinished:
                call = unfinished.pop(thread).replace("<unfinished ...>", "") + call
            if call.startswith("recvfrom(") and "key:" in call and not began:
                stage = "received"
            elif call.startswith("pwrite64(") and "key:" in call and not began:
                self.assertEqual(stage, "received", line)
                stage = "written"
            elif call.startswith("fdatasync(") and re.search(r"= 0$", call) and stage == "written":
                stage = "durable"
                orders += 1
            elif call.startswith("sendto(") and "+OK" in call and "resumed>" not in call:
                # When it begins: the reply leaves then.
                self.assertEqual(stage, "durable", "a reply left before its sync:\n" + "\n".join(lines[:40]))
                stage = "sent"
                replies += 1
        self.assertEqual((replies, orders), (60, 60))

    def refusal(self, c, *words):
        answer = c(*words)
        self.assertIsInstance(answer, Err)
        return answer

    def test_a_failed_sync_ends_writing(self):
        server = self.start()
        reader, writer = self.conn(server), self.conn(server)
        self.assertEqual(writer("SET", "kept", 1), "OK")
        self.trace(server, "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1")
        with self.assertRaises((Closed, ConnectionError)):
            writer("SET", "lost", 1)
        # Syncs would succeed again.
        for _ in range(3):
            self.assertIn("MISCONF", self.refusal(reader, "SET", "later", 1))
            self.assertIn("Input/output error", self.refusal(reader, "SET", "later", 1))
            self.assertEqual(reader("GET", "kept"), b"1")
            time.sleep(0.3)
        self.assertEqual(server.output().count("cannot be made durable"), 1)
        again = self.restarted(server)
        self.assertEqual(again("EXISTS", "kept", "later"), 1)
        self.assertEqual(again("SET", "later", 1), "OK")

    def test_a_full_disk_heals(self):
        server = self.start()
        reader, writer = self.conn(server), self.conn(server)
        self.assertEqual(writer("SET", "kept", 1), "OK")
        trace = self.trace(server, "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC:when=1+")
        writer.send(ts.pack("SET", "waits", 1))
        end = time.monotonic() + 20
        while "cannot be written" not in server.output() and time.monotonic() < end:
            time.sleep(0.02)
        for _ in range(3):
            self.assertIn("No space left on device", self.refusal(reader, "SET", "later", 1))
            self.assertEqual(reader("GET", "kept"), b"1")
            self.assertEqual(reader("GET", "waits"), b"1")
        trace.end()
        self.assertEqual(writer.reply(), "OK")
        self.assertEqual(reader("SET", "later", 1), "OK")
        self.assertEqual(server.output().count("cannot be written"), 1)
        self.assertEqual(self.restarted(server)("EXISTS", "kept", "waits", "later"), 3)


if __name__ == "__main__":
    unittest.main()
