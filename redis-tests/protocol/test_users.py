"""Users over the wire: files, configuration lines, clients of users that change. Every expected value here is what
redis-server 7.0.15 answers."""
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import lib
import testserver as ts
from testserver import Closed, Conn, Err, wait_until

NOPERM_GET = "NOPERM this user has no permissions to run the 'get' command"
NOPERM_KEY = "NOPERM this user has no permissions to access one of the keys used as arguments"
NOPERM_CHANNEL = "NOPERM this user has no permissions to access one of the channels used as arguments"
WRONGPASS = "WRONGPASS invalid username-password pair or user is disabled."


class Case(unittest.TestCase):
    def folder(self, **files):
        """A directory with files; "_" in a name stands for a dot."""
        path = tempfile.mkdtemp(prefix="martlet-users-")
        self.addCleanup(shutil.rmtree, path, True)
        for name, text in files.items():
            with open(os.path.join(path, name.replace("_", ".")), "w") as f:
                f.write(text)
        return path

    def start(self, *words, first=""):
        """A server with more words on its command line; `first` comes before all others."""
        exe, rest = ts.template().split(" ", 1)
        server = lib.Server(" ".join(w for w in (exe, first, rest) if w), extra=words).start()
        self.addCleanup(server.stop)
        return server

    def conn(self, server, *auth, **kw):
        c = Conn(server, **kw)
        self.addCleanup(c.close)
        if auth:
            self.assertEqual(c("AUTH", *auth), "OK")
        return c

    def refuses(self, *words, first=""):
        """What a server says that does not start."""
        exe, rest = ts.template().split(" ", 1)
        line = " ".join(w for w in (exe, first, rest) if w).format(port=lib.free_port(), dir=self.folder())
        done = subprocess.run(shlex.split(line) + list(words), capture_output=True, text=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        log = os.path.join(shlex.split(line)[shlex.split(line).index("--dir") + 1], "server.log")
        return done.stdout + done.stderr + (open(log).read() if os.path.exists(log) else "")

    def fields(self, reply):
        return {k.decode(): v for k, v in zip(reply[::2], reply[1::2])}

    def gone(self, c):
        """The server has closed the connection."""
        try:
            c("PING")
            return False
        except (Closed, ConnectionError):
            return True


class ACLFile(Case):
    USERS = ("user alice on allcommands allkeys &* >alice\n\n"
             "user bob on -@all +@string +acl ~set* &* >bob (+del ~x)  (\n"
             "user default on nopass ~* &* +@all\n").replace("  (\n", "\n")

    def setUp(self):
        self.path = os.path.join(self.folder(users_acl=self.USERS), "users.acl")
        self.server = self.start("--aclfile", self.path)

    def write(self, text):
        with open(self.path, "w") as f:
            f.write(text)

    def test_users_of_the_file_are_there(self):
        c = self.conn(self.server)
        self.assertEqual(c("ACL", "USERS"), [b"alice", b"bob", b"default"])
        bob = self.conn(self.server, "bob", "bob")
        self.assertEqual(bob("SET", "set1", "v"), "OK")
        self.assertEqual(bob("SET", "other", "v"), NOPERM_KEY)
        self.assertEqual(bob("DEL", "x"), 0)
        self.assertEqual(bob("DEL", "set1"), NOPERM_KEY)
        self.assertEqual(bob("PING"), NOPERM_GET.replace("get", "ping"))
        self.assertEqual(c("CONFIG", "GET", "aclfile"), [b"aclfile", self.path.encode()])

    def test_save_and_load(self):
        c = self.conn(self.server)
        self.assertEqual(c("ACL", "SETUSER", "eve", "+get", "allkeys", ">eve", "on"), "OK")
        self.assertEqual(c("ACL", "SAVE"), "OK")
        text = open(self.path).read()
        self.assertEqual(text.count("\n"), 4)
        self.assertIn("user eve on #85262adf74518bbb70c7cb94cd6159d91669e5a81edf1efebd543eadbda9fa2b ~* "
                      "resetchannels -@all +get\n", text)
        self.assertEqual(c("ACL", "DELUSER", "eve"), 1)
        alice, bob = self.conn(self.server, "alice", "alice"), self.conn(self.server, "bob", "bob")
        # The caller is one of those whose user is replaced: it gets its reply first.
        self.assertEqual(alice("ACL", "LOAD"), "OK")
        self.assertTrue(self.gone(alice))
        wait_until(lambda: self.gone(bob), what="a client of a user that was loaded again is disconnected")
        self.assertEqual(c("PING"), "PONG")
        eve = self.conn(self.server, "eve", "eve")
        self.assertEqual(eve("GET", "k"), None)
        self.assertEqual(eve("SET", "k", "v"), NOPERM_GET.replace("get", "set"))

    def test_a_file_without_a_default_user(self):
        c = self.conn(self.server)
        self.assertEqual(c("ACL", "SETUSER", "default", "-flushall"), "OK")
        self.write("user only on nopass ~* +get\n")
        self.assertEqual(c("ACL", "LOAD"), "OK")
        self.assertEqual(c("ACL", "LIST"), [b"user default on nopass ~* &* +@all",
                                           b"user only on nopass ~* resetchannels -@all +get"])

    def test_a_wrong_file_changes_nothing(self):
        c = self.conn(self.server)
        alice = self.conn(self.server, "alice", "alice")
        before = c("ACL", "LIST")
        end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
        for text, error in [
            ("user alice on\nuser alice off\n", "WARNING: Duplicate user 'alice' found on line 2. "),
            ("user default on\nuser default on\n", "WARNING: Duplicate user 'default' found on line 2. "),
            ("# comment\n", "%s:1 should start with user keyword followed by the username. " % self.path),
            ("user\n", "%s:1 should start with user keyword followed by the username. " % self.path),
            ("\n\nUSER x on\n", "%s:3 should start with user keyword followed by the username. " % self.path),
            ("user x +nosuch on -@none\n", "{0}:1: Error in applying operation '+nosuch': Unknown command or category "
             "name in ACL. {0}:1: Error in applying operation '-@none': Unknown command or category name in ACL. "
             .format(self.path)),
            ("user x junk #abc +nosuch\n", "{0}:1: Syntax error. {0}:1: Error in applying operation '+nosuch': Unknown "
             "command or category name in ACL. ".format(self.path)),
            ("user x allkeys ~a\nuser y on &* &a\n", "{0}:1: Adding a pattern after the * pattern (or the 'allkeys' flag) is "
             "not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns. {0}:2: "
             "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any "
             "effect. Try 'resetchannels' to start with an empty list of channels. ".format(self.path)),
        ]:
            with self.subTest(text):
                self.write(text)
                self.assertEqual(c("ACL", "LOAD"), "ERR " + error + end)
                self.assertEqual(c("ACL", "LIST"), before)
                self.assertEqual(alice("PING"), "PONG")

    def test_a_file_that_is_not_there(self):
        c = self.conn(self.server)
        os.unlink(self.path)
        self.assertEqual(c("ACL", "LOAD"), "ERR Error loading ACLs, opening file '%s': No such file or directory" % self.path)
        self.assertEqual(c("ACL", "SAVE"), "OK")
        self.assertIn("user alice on #", open(self.path).read())

    def test_selectors_in_the_file(self):
        self.write("user alice on (+get ~rw*)\nuser bob on (+set %W~w*) (+get  %R~r* ) \n")
        c = self.conn(self.server)
        self.assertEqual(c("ACL", "LOAD"), "OK")
        bob = self.fields(c("ACL", "GETUSER", "bob"))
        found = [self.fields(s) for s in bob["selectors"]]
        self.assertEqual([(s["commands"], s["keys"]) for s in found],
                         [(b"-@all +set", b"%W~w*"), (b"-@all +get", b"%R~r*")])


class ACLFileAtStart(Case):
    def test_a_missing_or_wrong_file_stops_the_start(self):
        folder = self.folder(wrong_acl="user x junk\n")
        self.assertIn("No such file", self.refuses("--aclfile", folder + "/none.acl"))
        self.assertIn("Syntax error", self.refuses("--aclfile", folder + "/wrong.acl"))

    def test_users_in_both_places_stop_the_start(self):
        folder = self.folder(users_acl="user x on\n", server_conf="aclfile users.acl\nuser y on\n")
        self.assertIn("ACL file", self.refuses("--dir", folder, first=folder + "/server.conf"))

    def test_the_file_is_in_the_directory(self):
        folder = self.folder(users_acl="user x on nopass +ping\n")
        server = self.start("--aclfile", "users.acl", "--dir", folder)
        self.assertEqual(self.conn(server, "x", "")("PING"), "PONG")

    def test_the_file_decides_about_the_default_user(self):
        folder = self.folder(users_acl="user x on nopass +ping\n")
        server = self.start("--aclfile", folder + "/users.acl", "--requirepass", "secret")
        self.assertEqual(self.conn(server)("PING"), "PONG")

    def test_rewriting_takes_users_out_of_the_configuration(self):
        folder = self.folder(users_acl="user x on nopass +ping\n", server_conf="maxmemory 1gb\naclfile users.acl\n")
        server = self.start("--dir", folder, first=folder + "/server.conf")
        c = self.conn(server)
        with open(folder + "/server.conf", "a") as f:
            f.write("user left over\n")
        if not ts.REFERENCE:
            # Redis reads the old file less strictly.
            with open(folder + "/server.conf", "w") as f:
                f.write("maxmemory 1gb\naclfile users.acl\nuser y on\n")
        self.assertEqual(c("CONFIG", "REWRITE"), "OK")
        self.assertNotIn("\nuser ", open(folder + "/server.conf").read())


class ConfiguredUsers(Case):
    def test_lines_of_the_file(self):
        folder = self.folder(server_conf="user default on nopass ~* +@all -flushdb\n"
                                         "user bob on >\"two\\x20words\" (+get ~a) ( +set ~b )\nacl-pubsub-default allchannels\n")
        server = self.start("--dir", folder, first=folder + "/server.conf")
        c = self.conn(server)
        self.assertEqual(c("FLUSHDB"), NOPERM_GET.replace("get", "flushdb"))
        bob = self.conn(server, "bob", "two words")
        self.assertEqual(bob("GET", "a"), None)
        self.assertEqual(bob("SET", "a", "v"), NOPERM_KEY)
        listed = c("ACL", "LIST")
        self.assertTrue(listed[0].startswith(b"user bob on #"), listed)
        self.assertTrue(listed[0].endswith(b" &* -@all (~a &* -@all +get) (~b &* -@all +set)"), listed)
        self.assertEqual(listed[1], b"user default on nopass sanitize-payload ~* &* +@all -flushdb")
        # Written back, and read again.
        self.assertEqual(c("CONFIG", "REWRITE"), "OK")
        text = open(folder + "/server.conf").read()
        self.assertEqual(sorted(re.findall(r"^user .*$", text, re.M)), [l.decode() for l in listed])
        server.stop()
        again = self.start("--dir", folder, first=folder + "/server.conf")
        self.assertEqual(self.conn(again)("ACL", "LIST"), listed)
        self.assertEqual(self.conn(again)("FLUSHDB"), NOPERM_GET.replace("get", "flushdb"))

    def test_rewriting_keeps_changes_and_a_password(self):
        folder = self.folder(server_conf="# mine\nrequirepass first\n")
        server = self.start("--dir", folder, first=folder + "/server.conf")
        c = self.conn(server, "first")
        self.assertEqual(c("CONFIG", "SET", "requirepass", "second"), "OK")
        self.assertEqual(c("ACL", "SETUSER", "bob", "on", "nopass", "+ping", "+select|1"), "OK")
        self.assertEqual(c("CONFIG", "REWRITE"), "OK")
        server.stop()
        again = self.start("--dir", folder, first=folder + "/server.conf")
        c = self.conn(again)
        self.assertEqual(c("PING"), "NOAUTH Authentication required.")
        self.assertEqual(c("AUTH", "first"), WRONGPASS)
        self.assertEqual(c("AUTH", "second"), "OK")
        bob = self.conn(again, "bob", "any")
        self.assertEqual([bob("PING"), bob("SELECT", "1"), bob("SELECT", "2")],
                         ["PONG", "OK", NOPERM_GET.replace("get", "select")])

    def test_options_of_the_command_line(self):
        server = self.start("--user", "default", "on", "nopass", "~*", "+@all", "--user", "x", "on", ">p", "+get", "~a*")
        self.assertEqual(self.conn(server)("SUBSCRIBE", "a"), NOPERM_CHANNEL)
        x = self.conn(server, "x", "p")
        self.assertEqual([x("GET", "a"), x("GET", "b")], [None, NOPERM_KEY])

    def test_what_is_wrong_stops_the_start(self):
        for words, said in [
            (("--user", "a", "on", "--user", "a", "off"), "Duplicate user"), (("--user", "a", "junk"), "Syntax error"),
            (("--user", "default", "on", "--user", "default", "on"), "Duplicate user"),
            (("--user", "a", "+nosuch"), "Unknown command or category name in ACL"),
        ]:
            with self.subTest(words):
                self.assertIn(said, self.refuses(*words))

    def test_a_password_of_any_bytes(self):
        server = self.start()
        c, d = self.conn(server), self.conn(server)
        self.assertEqual(c("CONFIG", "SET", "requirepass", b"abc\0def"), "OK")
        e = self.conn(server)
        self.assertEqual(e("AUTH", "abc"), WRONGPASS)
        self.assertEqual(e("AUTH", b"abc\0def"), "OK")
        self.assertEqual(c("ACL", "SETUSER", "bin", "on", b">\xff\xfe", "+ping"), "OK")
        self.assertEqual(d("AUTH", "bin", b"\xff\xfd"), WRONGPASS)
        self.assertEqual(d("AUTH", "bin", b"\xff\xfe"), "OK")


class Clients(Case):
    """Clients of users that change; where the server has several loops, they are spread over them."""
    COUNT = 16

    @classmethod
    def setUpClass(cls):
        cls.server = ts.start() if ts.REFERENCE else ts.start("--io-threads", "2")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def some(self, *auth):
        return [self.conn(self.server, *auth) for _ in range(self.COUNT)]

    def test_a_change_holds_for_all_at_once(self):
        c = self.conn(self.server)
        c("ACL", "SETUSER", "u", "on", "nopass", "~*", "+get", "+acl|whoami")
        clients = self.some("u", "x")
        for i in range(300):
            allowed = i % 2 == 1
            self.assertEqual(c("ACL", "SETUSER", "u", "allkeys", "+get" if allowed else "-get"), "OK")
            self.assertEqual(clients[i % self.COUNT]("GET", "k"), None if allowed else NOPERM_GET)
            c("ACL", "SETUSER", "u", "resetkeys", "~k" if allowed else "~j")
            c("ACL", "SETUSER", "u", "+get")
            self.assertEqual(clients[(i + 1) % self.COUNT]("GET", "k"), None if allowed else NOPERM_KEY)

    def test_users_change_while_clients_work(self):
        c = self.conn(self.server)
        c("ACL", "SETUSER", "busy", "on", "nopass", "~*", "&*", "+@all")
        clients = self.some("busy", "x")
        stop, wrong, done = time.monotonic() + 2, [], [0]

        def work(client):
            n = 0
            while time.monotonic() < stop:
                client.send(ts.pack("SET", "k", "v") + ts.pack("GET", "k") * 8 + ts.pack("MULTI") + ts.pack("GET", "k") + ts.pack("EXEC"))
                replies = [client.reply() for _ in range(12)]
                for reply in replies[1:9]:
                    if reply not in (b"v", NOPERM_GET):
                        wrong.append(reply)
                if replies[10] not in ("QUEUED", NOPERM_GET) or not isinstance(replies[11], (list, Err)):
                    wrong.append(replies[9:])
                n += 1
            done[0] += n

        threads = [threading.Thread(target=work, args=(client,)) for client in clients[:4]]
        for t in threads:
            t.start()
        n = 0
        while time.monotonic() < stop:
            n += 1
            c("ACL", "SETUSER", "busy", "-get" if n % 2 else "+get")
            c("ACL", "SETUSER", "other%d" % (n % 5), "on", ">p", "+@read", "~a*")
            if n % 7 == 0:
                c("ACL", "DELUSER", "other%d" % (n % 5))
        for t in threads:
            t.join()
        self.assertEqual(wrong[:5], [])
        self.assertGreater(done[0], 50)
        self.assertGreater(n, 50)

    def test_clients_of_a_deleted_user_are_gone_at_once(self):
        c = self.conn(self.server)
        for _ in range(20):
            c("ACL", "SETUSER", "gone", "on", "nopass", "+@all", "~*")
            clients = self.some("gone", "x")
            self.assertEqual(c("CLIENT", "LIST").count(b" user=gone "), self.COUNT)
            self.assertEqual(c("ACL", "DELUSER", "gone"), 1)
            self.assertNotIn(b" user=gone ", c("CLIENT", "LIST"))
            for client in clients:
                self.assertTrue(self.gone(client))

    def test_killing_by_user(self):
        c = self.conn(self.server)
        c("ACL", "SETUSER", "victim", "on", "nopass", "+@all", "~*")
        clients = self.some("victim", "x")
        self.assertEqual(c("CLIENT", "KILL", "USER", "nobody"), "ERR No such user 'nobody'")
        self.assertEqual(c("CLIENT", "KILL", "USER", "victim"), self.COUNT)
        self.assertTrue(all(self.gone(client) for client in clients))

    def test_listeners_who_lose_their_channels_are_gone_at_once(self):
        c = self.conn(self.server)
        for command, rule, kept in [("SUBSCRIBE", "&foo:1", "foo:1"), ("SSUBSCRIBE", "&foo:1", "foo:1"),
                                    ("PSUBSCRIBE", "&bar:*", "bar:*"), ("PSUBSCRIBE", "allchannels", "any")]:
            with self.subTest(command):
                c("ACL", "DELUSER", "ear")
                c("ACL", "SETUSER", "ear", "on", "nopass", "+@all", "~*", "resetchannels", rule)
                clients = self.some("ear", "x")
                for client in clients:
                    client(command, kept)
                idle = self.conn(self.server, "ear", "x")
                self.assertEqual(c("ACL", "SETUSER", "ear", "resetchannels"), "OK")
                self.assertEqual(c("CLIENT", "LIST").count(b" user=ear "), 1)
                self.assertTrue(all(self.gone(client) for client in clients))
                self.assertEqual(idle("PING"), "PONG")
                self.assertEqual(idle(command, kept), NOPERM_CHANNEL)

    def test_listeners_who_keep_their_channels_stay(self):
        c = self.conn(self.server)
        c("ACL", "SETUSER", "stays", "reset", "on", "nopass", "+@all", "~*", "resetchannels", "&foo:1", "&bar:*", "&orders")
        clients = self.some("stays", "x")
        for client in clients:
            client("SUBSCRIBE", "foo:1")
            client("SSUBSCRIBE", "orders")
            client("PSUBSCRIBE", "bar:*")
        c("ACL", "SETUSER", "stays", "resetchannels", "&foo:1", "&bar:*", "&orders", "&baz:qaz", "&zoo:*")
        c("ACL", "SETUSER", "stays", "allchannels")
        self.assertEqual(c("CLIENT", "LIST").count(b" user=stays "), self.COUNT)
        for client in clients:
            self.assertEqual(client("PING"), [b"pong", b""])

    def test_the_default_user_is_turned_off(self):
        c = self.conn(self.server)
        c("ACL", "SETUSER", "admin", "on", "nopass", "+@all", "~*", "&*")
        admin = self.conn(self.server, "admin", "x")
        try:
            self.assertEqual(admin("ACL", "SETUSER", "default", "off"), "OK")
            for new in self.some():
                self.assertEqual(new("PING"), "NOAUTH Authentication required.")
                new.send(b"*100\r\n")
                self.assertEqual(new.reply(), "ERR Protocol error: unauthenticated multibulk length")
            self.assertEqual(c("PING"), "PONG")
        finally:
            admin("ACL", "SETUSER", "default", "on")
        self.assertEqual(self.conn(self.server)("PING"), "PONG")

    def test_scripts_run_with_the_callers_rights(self):
        c = self.conn(self.server)
        c("ACL", "SETUSER", "scripter", "reset", "on", "nopass", "+eval", "+get", "+ping", "~a*", "&x")
        s = self.conn(self.server, "scripter", "x")
        c("ACL", "LOG", "RESET")
        for code, text in [("return redis.call('set','a','1')", "can't run this command or subcommand"),
                           ("return redis.call('get','b')", "can't access at least one of the keys mentioned in the command arguments")]:
            reply = s("EVAL", code, "0")
            self.assertIsInstance(reply, Err)
            self.assertTrue(reply.startswith("ERR The user executing the script " + text), reply)
        self.assertEqual(s("EVAL", "return redis.call('get','a')", "0"), None)
        self.assertEqual(s("EVAL", "return 1", "1", "b"), NOPERM_KEY)
        self.assertEqual(s("EVAL", "return {redis.acl_check_cmd('get','a'),redis.acl_check_cmd('get','b'),"
                                   "redis.acl_check_cmd('set','a','1'),redis.acl_check_cmd('ping')}", "0"), [1, None, None, 1])
        entries = [self.fields(e) for e in c("ACL", "LOG")]
        self.assertEqual([(e["reason"], e["context"], e["object"]) for e in entries],
                         [(b"key", b"toplevel", b"b"), (b"key", b"lua", b"b"), (b"command", b"lua", b"set")])
        self.assertEqual({e["username"] for e in entries}, {b"scripter"})

    def test_refusals_are_counted(self):
        c = self.conn(self.server)
        c("CONFIG", "RESETSTAT")
        c("ACL", "SETUSER", "counted", "reset", "on", "nopass", "+ping")
        s = self.conn(self.server, "counted", "x")
        s("GET", "a")
        s("MULTI")
        s("AUTH", "counted", "x", "y")
        c("AUTH", "nobody", "x")
        stats = c("INFO", "commandstats", "errorstats").decode()
        self.assertRegex(stats, r"cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0")
        self.assertRegex(stats, r"errorstat_NOPERM:count=2\r")
        self.assertRegex(stats, r"errorstat_WRONGPASS:count=1\r")

    def test_the_slow_log_hides_rules(self):
        c = self.conn(self.server)
        c("CONFIG", "SET", "slowlog-log-slower-than", "0")
        c("SLOWLOG", "RESET")
        c("ACL", "SETUSER", "slow", ">password", "+get")
        c("ACL", "GETUSER", "slow")
        c("CONFIG", "SET", "slowlog-log-slower-than", "10000")
        words = [entry[3] for entry in c("SLOWLOG", "GET")]
        self.assertIn([b"ACL", b"SETUSER", b"(redacted)", b"(redacted)", b"(redacted)"], words)
        self.assertIn([b"ACL", b"GETUSER", b"slow"], words)


if __name__ == "__main__":
    unittest.main()
