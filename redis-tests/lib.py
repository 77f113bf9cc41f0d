"""What the harness scripts share: where things are, free ports, and a server
process that is started, watched and stopped by its own PID."""
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(HERE)
VERSION = "7.0.15"

# The words every server under test is started with. Redis' own spelling, so
# that the very same words start the reference.
WORDS = ("--port {port} --bind 127.0.0.1 --dir {dir} --save '' --appendonly no "
         "--enable-debug-command yes --enable-protected-configs yes")


def cache_dir():
    d = os.environ.get("MARTLET_CACHE") or os.path.join(
        os.environ.get("HOME") or "/root", ".cache", "martlet")
    os.makedirs(d, exist_ok=True)
    return d


def built_server():
    return os.path.join(REPO, ".build", "release", "martlet-server")


def default_template():
    return shlex.quote(built_server()) + " " + WORDS


def reference_template():
    exe = shutil.which("redis-server")
    if not exe:
        raise SystemExit("--reference needs redis-server %s (Debian package redis-server)" % VERSION)
    out = subprocess.run([exe, "--version"], capture_output=True, text=True).stdout
    if "v=" + VERSION not in out:
        raise SystemExit("redis-server is not %s: %s" % (VERSION, out.strip()))
    return (exe + " " + WORDS + " --daemonize no --enable-module-command yes"
            " --repl-diskless-sync-delay 0 --logfile {dir}/server.log")


_given = set()
_given_lock = threading.Lock()


def free_port():
    """A port nobody listens on, not handed out before by this process. Below
    the kernel's ephemeral range, so that no outgoing connection takes it, and
    with room for port + 10000."""
    base = 12000 + (os.getpid() * 37) % 9000
    with _given_lock:
        for i in range(9000):
            port = 12000 + (base - 12000 + i * 7) % 9000
            if port in _given:
                continue
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    continue
            _given.add(port)
            return port
    raise RuntimeError("no free port between 12000 and 21000")


def end_group(proc):
    """Ends a process started with start_new_session, and all it started."""
    try:
        os.killpg(proc.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    try:
        proc.wait(10)
    except subprocess.TimeoutExpired:
        pass


class ServerError(Exception):
    pass


class Server:
    """One server process on a free loopback port, in a directory of its own."""

    def __init__(self, template, port=None, extra=()):
        self.template = template
        self.extra = list(extra)
        self.port = port
        self.proc = None
        self.dir = None

    def argv(self):
        fill = {"{port}": str(self.port), "{dir}": self.dir}
        out = []
        for w in shlex.split(self.template) + self.extra:
            for k, v in fill.items():
                w = w.replace(k, v)
            out.append(w)
        return out

    def start(self, limit=20, ready=None):
        last = None
        for _ in range(3):
            if self.port is None or last:
                self.port = free_port()
            self.dir = tempfile.mkdtemp(prefix="martlet-test-")
            with open(os.path.join(self.dir, "output"), "wb") as out:
                try:
                    self.proc = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=out,
                                                 stderr=subprocess.STDOUT, cwd=self.dir, start_new_session=True)
                except OSError as e:
                    self.cleanup()
                    raise ServerError("cannot start %s: %s" % (self.argv()[0], e))
            end = time.monotonic() + limit
            while time.monotonic() < end and self.proc.poll() is None:
                if answers(self.port):
                    return self
                time.sleep(0.02)
            last = "exit code %s" % self.proc.poll() if self.proc.poll() is not None else "no answer to PING in %d s" % limit
            tail = self.output()[-800:]
            words = self.argv()
            self.stop()
        raise ServerError("the server did not start (%s): %s\n%s" % (last, shlex.join(words), tail))

    def kill(self):
        """Ends the process as kill -9 does; its directory stays."""
        end_group(self.proc)

    def resume(self, limit=20, loading=False):
        """Starts the process again, in its directory and at its port. loading: it may still be reading its data."""
        with open(os.path.join(self.dir, "output"), "ab") as out:
            self.proc = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=out,
                                         stderr=subprocess.STDOUT, cwd=self.dir, start_new_session=True)
        end = time.monotonic() + limit
        while time.monotonic() < end and self.proc.poll() is None:
            if answers(self.port, loading=loading):
                return self
            time.sleep(0.01)
        raise ServerError("the server did not start again: " + self.output()[-800:])

    def output(self):
        try:
            with open(os.path.join(self.dir, "output"), "rb") as f:
                return f.read().decode("utf8", "replace")
        except (OSError, TypeError):
            return ""

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def stop(self):
        p = self.proc
        if p is not None:
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(3)
                except subprocess.TimeoutExpired:
                    pass
            end_group(p)
        self.cleanup()

    def cleanup(self):
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()


def answers(port, timeout=1.0, loading=False):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as s:
            s.settimeout(timeout)
            s.sendall(b"*1\r\n$4\r\nPING\r\n")
            # While it reads its data, it answers, but not as it will.
            reply = s.recv(16)
            return bool(reply) and (loading or not reply.startswith(b"-LOADING"))
    except OSError:
        return False
