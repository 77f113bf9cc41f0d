#!/usr/bin/env python3
"""Records what a real redis-server 7.0 answers about users: rules, how they are shown, and what they allow.

    redis-server --port 7777 --save '' &
    Tests/Golden/record_acl.py 7777 commands > Tests/Golden/acl-commands.txt
    Tests/Golden/record_acl.py 7777 > Tests/Golden/acl.txt

acl-commands.txt has the server's commands, because the rules that Redis shows depend on all of them: a line of
JSON each, [name, arity, flags, categories, key specifications].

acl.txt has the format of record.py; besides, "> @client N V" says which connection, speaking which protocol, sends
what follows, and the reply "closed" that the server had closed it. The server starts out as new.
"""
import json
import random
import socket
import sys

from record import Server, any_of, case, escape

R = random.Random(11)
USERS = ["alice", "bob", "carol", "dave"]
PASSWORDS = ["pw", "secret", b"bin\x00ary", ""]
HASHES = ["34344e4d60c2b6d639b7bd22e18f2b0b91bc34bf0ac5f9952744435093cfb4e6", "0" * 64, "0" * 63, "G" * 64, "A" * 64]
GLOBS = ["*", "a*", "b*", "a", "b", "k:?", "[ab]*", "x", "", "{t}*", "ab", "\\*", "a b", b"a\x00b", "a\tb"]
KEYS = ["a", "b", "ab", "ba", "k:1", "x", "zzz", "{t}1", "*", ""]
CHANNELS = ["a", "b", "ab", "a*", "*", "x", "news"]
CATEGORIES = """keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow
    blocking dangerous connection transaction scripting""".split()


def command_names(server):
    """All names, subcommands as container|name, with what COMMAND says of them."""
    found = []

    def walk(entry):
        found.append(entry)
        for child in entry[9]:
            walk(child)

    for entry in tree(server.call(["COMMAND"])[1]):
        walk(entry)
    return sorted(found, key=lambda entry: entry[0])


def tree(reply):
    """A RESP2 reply as lists, strings and numbers."""
    at = 0

    def parse():
        nonlocal at
        end = reply.index(b"\r\n", at)
        kind, rest = reply[at:at + 1], reply[at + 1:end]
        at = end + 2
        if kind in b"*":
            return [parse() for _ in range(int(rest))]
        if kind == b"$":
            text = reply[at:at + int(rest)]
            at += int(rest) + 2
            return text.decode()
        return int(rest) if kind == b":" else rest.decode()

    return parse()


def spec(entry):
    """One key specification: [flags, [begin type, arguments], [find type, arguments]]."""
    fields = dict(zip(entry[::2], entry[1::2]))

    def part(name):
        search = dict(zip(fields[name][::2], fields[name][1::2]))
        return [search["type"], *search["spec"][1::2]]

    return [fields["flags"], part("begin_search"), part("find_keys")]


def write_commands(server):
    for entry in command_names(server):
        print(json.dumps([entry[0], entry[1], entry[2], [c[1:] for c in entry[6]], [spec(s) for s in entry[8]]],
                         separators=(",", ":")))


# What clients send.

def odd_case(word):
    return R.choice([word, word, word, word.upper(), word.capitalize()])


def selector_rule(names):
    name = R.choice(names)
    return any_of(
        lambda: "+" + odd_case(name), lambda: "+" + name, lambda: "-" + name, lambda: "-" + odd_case(name),
        lambda: "+@" + odd_case(R.choice(CATEGORIES)), lambda: "-@" + R.choice(CATEGORIES),
        lambda: "+@" + R.choice(CATEGORIES), lambda: "-@" + R.choice(CATEGORIES),
        lambda: odd_case(R.choice(["+@all", "allcommands", "-@all", "nocommands"])),
        lambda: "~" + str_or_bytes(R.choice(GLOBS)), lambda: "~" + str_or_bytes(R.choice(GLOBS[:8])),
        lambda: R.choice(["%R~", "%W~", "%RW~", "%wr~", "%r~", "%W~"]) + str_or_bytes(R.choice(GLOBS[:11])),
        lambda: odd_case(R.choice(["allkeys", "resetkeys", "~*", "resetkeys"])),
        lambda: "&" + str_or_bytes(R.choice(GLOBS)), lambda: "&" + R.choice(CHANNELS),
        lambda: odd_case(R.choice(["allchannels", "resetchannels", "&*", "resetchannels"])),
        lambda: "+%s|%s" % (R.choice(["select", "debug", "get", "Select", "set"]), R.choice(["0", "a", "OBJECT", "x", ""])),
        lambda: R.choice(["%", "%~", "%x~a", "%RR~a", "%R", "%RW", "+", "-", "+@", "-@none", "+nosuch", "-select|0",
                          "+config|nosuch", "-config|nosuch", "+config|get|x", "+get|a|b", "+config|", "junk", "&", "~",
                          "+|", "++get"]) if R.random() < 0.3 else "+" + name)


def str_or_bytes(text):
    return text if isinstance(text, str) else text.decode("latin1")


def user_rule(names):
    return any_of(
        lambda: odd_case(R.choice(["on", "off", "on"])), lambda: odd_case(R.choice(["nopass", "resetpass"])),
        lambda: ">" + str_or_bytes(R.choice(PASSWORDS)), lambda: "<" + str_or_bytes(R.choice(PASSWORDS)),
        lambda: R.choice("##!") + R.choice(HASHES), lambda: odd_case(R.choice(["sanitize-payload", "skip-sanitize-payload"])),
        lambda: "clearselectors", lambda: R.choice(["reset", "", "(", ")", " ()", "(x", "x)"]) if R.random() < 0.3 else "on",
        *[lambda: selector_rule(names)] * 12)


def selector(names):
    """In one word, or spread over several."""
    inner = [selector_rule(names) for _ in range(R.randint(0, 4))]
    text = R.choice(["(", "( "]) + " ".join(inner) + R.choice([")", " )"])
    if R.random() < 0.05:
        text = text.replace(" ", " \"", 1)
    return [text] if R.random() < 0.5 else text.split(" ")


def rules(names, most=5):
    out = []
    for _ in range(R.randint(0, most)):
        out += selector(names) if R.random() < 0.15 else [user_rule(names)]
    return [w if isinstance(w, bytes) else w.encode("latin1") for w in out]


def key():
    return R.choice(KEYS)


REQUESTS = [
    lambda: ["GET", key()], lambda: ["SET", key(), "v"], lambda: ["SET", key(), "v", "GET"], lambda: ["SET", key(), "v", "EX", "get"],
    lambda: ["DEL", key(), key()], lambda: ["MGET", key(), key(), key()], lambda: ["MSET", key(), "v", key(), "v"],
    lambda: ["COPY", key(), key()], lambda: ["RENAME", key(), key()], lambda: ["APPEND", key(), "v"], lambda: ["STRLEN", key()],
    lambda: ["EXISTS", key()], lambda: ["TYPE", key()], lambda: ["TOUCH", key(), key()], lambda: ["EXPIRE", key(), "1"],
    lambda: ["BITFIELD", key(), "GET", "u8", "0"], lambda: ["BITFIELD", key(), "GET", "u8", "0", "SET", "u8", "0", "1"],
    lambda: ["BITFIELD", key(), "OVERFLOW"], lambda: ["BITOP", "AND", key(), key(), key()], lambda: ["OBJECT", "ENCODING", key()],
    lambda: ["OBJECT", "HELP"], lambda: ["MEMORY", "USAGE", key()], lambda: ["PING"], lambda: ["SELECT", R.choice("01")],
    lambda: ["select", "0"], lambda: ["CONFIG", "GET", "port"], lambda: ["CONFIG", "SET", "x", "y"], lambda: ["CLIENT", "ID"],
    lambda: ["CLIENT", "SETNAME", "x"], lambda: ["DEBUG", "OBJECT", key()], lambda: ["DEBUG", "SLEEP", "0"],
    lambda: ["AUTH", "x"], lambda: ["HELLO"], lambda: ["QUIT"], lambda: ["RESET"], lambda: ["MULTI"], lambda: ["ACL", "LIST"],
    lambda: ["PUBLISH", R.choice(CHANNELS), "m"], lambda: ["SPUBLISH", R.choice(CHANNELS), "m"],
    lambda: ["SUBSCRIBE", R.choice(CHANNELS), R.choice(CHANNELS)], lambda: ["SSUBSCRIBE", R.choice(CHANNELS)],
    lambda: ["PSUBSCRIBE", R.choice(CHANNELS)], lambda: ["UNSUBSCRIBE", R.choice(CHANNELS)], lambda: ["PUNSUBSCRIBE", "x"],
    lambda: ["LPUSH", key(), "v"], lambda: ["LMOVE", key(), key(), "LEFT", "LEFT"], lambda: ["LMPOP", R.choice("0123x"), key(), key(), "LEFT"],
    lambda: ["BLMPOP", "0", R.choice("0123"), key(), key(), "LEFT"], lambda: ["RPOPLPUSH", key(), key()],
    lambda: ["HGET", key(), "f"], lambda: ["HSET", key(), "f", "v"], lambda: ["HEXISTS", key(), "f"], lambda: ["SADD", key(), "m"],
    lambda: ["SINTERSTORE", key(), key(), key()], lambda: ["SINTERCARD", R.choice("0123"), key(), key()],
    lambda: ["ZADD", key(), "1", "m"], lambda: ["ZUNIONSTORE", key(), R.choice("0123x"), key(), key()],
    lambda: ["ZUNION", R.choice("0123"), key(), key()], lambda: ["ZRANGESTORE", key(), key(), "0", "1"],
    lambda: ["XADD", key(), "*", "f", "v"], lambda: ["XREAD", "COUNT", "1", "STREAMS", key(), key(), "0", "0"],
    lambda: ["XREAD", "STREAMS", key(), "streams", "0"], lambda: ["XREADGROUP", "GROUP", "streams", "c", "STREAMS", key(), "0"],
    lambda: ["XGROUP", "CREATE", key(), "g", "0"], lambda: ["PFCOUNT", key(), key()], lambda: ["PFMERGE", key(), key()],
    lambda: ["EVAL", "x", R.choice(["0", "1", "2", "3", "-1", "x"]), key(), key()], lambda: ["EVAL_RO", "x", "1", key()],
    lambda: ["FCALL", "x", "1", key(), key()], lambda: ["EVALSHA", "x", "2", key(), key()],
    lambda: ["SORT", key()] + R.choice([[], ["STORE", "a"], ["STORE", "b", "STORE", "x"], ["BY", "store", "a"], ["LIMIT", "0", "1", "STORE", "b"],
                                       ["GET", "#", "STORE", "ab"], ["STORE"]]),
    lambda: ["SORT_RO", key(), "BY", "x"],
    lambda: ["GEORADIUS", key(), "0", "0", "1", "m"] + R.choice([[], ["STORE", "a"], ["STOREDIST", "b"], ["STORE", "a", "STOREDIST", "b"],
                                                                ["STORE"]]),
    lambda: ["GEORADIUSBYMEMBER", key(), "m", "1", "m", "STORE", key()], lambda: ["GEOSEARCHSTORE", key(), key(), "FROMMEMBER", "m"],
    lambda: ["MIGRATE", "h", "1", key(), "0", "1"], lambda: ["MIGRATE", "h", "1", "", "0", "1", "AUTH2", "u", "keys", "KEYS", key(), key()],
    lambda: ["MIGRATE", "h", "1", "", "0", "1", "AUTH", "KEYS", "KEYS", key()], lambda: ["MIGRATE", "h", "1", key(), "0", "1", "KEYS", "a"],
    lambda: ["KEYS", "*"], lambda: ["SCAN", "0"], lambda: ["FLUSHALL"], lambda: ["RANDOMKEY"], lambda: ["SWAPDB", "0", "1"],
    lambda: ["NOSUCH"], lambda: ["GET"], lambda: ["CONFIG"], lambda: ["CONFIG", "nosuch"], lambda: ["COMMAND"], lambda: ["COMMAND", "COUNT"],
    lambda: ["RESTORE", key(), "0", "x"], lambda: ["DUMP", key()], lambda: ["GETEX", key()], lambda: ["GETDEL", key()], lambda: ["LCS", key(), key()],
]

# What runs here whatever else is there; replies do not depend on time.
RUN = [
    lambda: ["GET", key()], lambda: ["SET", key(), "v"], lambda: ["SET", key(), "v", "GET"], lambda: ["DEL", key()],
    lambda: ["MGET", key(), key()], lambda: ["COPY", key(), key()], lambda: ["STRLEN", key()], lambda: ["EXISTS", key()],
    lambda: ["BITFIELD", key(), "GET", "u8", "0"], lambda: ["PING"], lambda: ["ECHO", "x"], lambda: ["ACL", "WHOAMI"],
    lambda: ["SELECT", R.choice("01")], lambda: ["CLIENT", "GETNAME"], lambda: ["CLIENT", "KILL", "USER", R.choice(["none", "gone"])],
    lambda: ["PUBLISH", R.choice(CHANNELS), "m"], lambda: ["NOSUCH"], lambda: ["GET"], lambda: ["OBJECT", "ENCODING", key()],
    lambda: ["MULTI"], lambda: ["MULTI"], lambda: ["EXEC"], lambda: ["EXEC"], lambda: ["DISCARD"], lambda: ["RESET"],
    lambda: ["WATCH", key()], lambda: ["CONFIG", "GET", "maxmemory"], lambda: ["DBSIZE"], lambda: ["ACL", "USERS"],
]


def changes(names):
    user = R.choice(USERS)
    return any_of(
        *[lambda: ["ACL", "SETUSER", user] + rules(names)] * 6,
        lambda: ["ACL", "SETUSER", user, "reset"] + rules(names),
        lambda: ["ACL", "SETUSER", user, "on", "nopass", "+@all", "allkeys", "allchannels"] if R.random() < 0.3 else ["ACL", "USERS"],
        lambda: ["ACL", "SETUSER", user, "on", ">pw", "+@read", "+@connection", "+@transaction", "resetkeys", "~a*"],
        lambda: [case("acl"), case("getuser"), user], lambda: ["ACL", "GETUSER", user], lambda: ["ACL", "LIST"], lambda: ["ACL", "GETUSER", "none"],
        lambda: ["ACL", "DELUSER", user, R.choice(["none", user, "dave"])] if R.random() < 0.15 else ["ACL", "GETUSER", user],
        lambda: ["CONFIG", "SET", "acl-pubsub-default", R.choice(["allchannels", "resetchannels", "resetchannels"])] if R.random() < 0.3 else
        ["ACL", "LOG", R.choice(["1", "3", "20"])])


SCRIPTED = [
    ["ACL"], ["ACL", "nosuch"], ["ACL", "SETUSER"], ["ACL", "GETUSER"], ["ACL", "GETUSER", "a", "b"], ["ACL", "LIST", "x"],
    ["ACL", "CAT"], ["ACL", "CAT", "nosuch"], ["ACL", "CAT", "STRING"], ["ACL", "CAT", "scripting"], ["ACL", "CAT", "a", "b"],
    ["ACL", "GENPASS", "0"], ["ACL", "GENPASS", "-1"], ["ACL", "GENPASS", "4097"], ["ACL", "GENPASS", "x"], ["ACL", "GENPASS", "1", "2"],
    ["ACL", "LOG", "x"], ["ACL", "LOG", "1", "2"], ["ACL", "LOG", "-1"], ["ACL", "LOG", "reset"], ["ACL", "LOAD"], ["ACL", "SAVE"],
    ["ACL", "DRYRUN"], ["ACL", "DRYRUN", "none", "get"], ["ACL", "DRYRUN", "default", "nosuch"], ["ACL", "DRYRUN", "default", "get"],
    ["ACL", "DRYRUN", "default", "config"], ["ACL", "DRYRUN", "default", "config", "nosuch"], ["ACL", "DELUSER", "default"],
    ["ACL", "DELUSER", "x", "default"], ["ACL", "SETUSER", "a b"], ["ACL", "SETUSER", b"a\x00b"], ["ACL", "SETUSER", "a\tb"], ["ACL", "SETUSER", ""],
    ["ACL", "DELUSER", ""], ["AUTH", "x"], ["AUTH", "a", "b", "c"], ["AUTH", "none", "x"], ["AUTH", "default", "anything"], ["ACL", "WHOAMI"],
    ["ACL", "SETUSER", "test", "(", "+get"], ["ACL", "SETUSER", "test", "(+get", "(+set", ")"], ["ACL", "GETUSER", "test"],
    ["ACL", "SETUSER", "test", "on", ">pw", "+get", "~a*", "+select|0", "+select|1"], ["AUTH", "test", "pw"], ["GET", "a"], ["GET", "b"], ["SET", "a", "1"],
    ["SELECT", "1"], ["SELECT", "2"], ["MULTI"], ["EXEC"], ["NOSUCH"], ["GET"], ["AUTH", "test", "no"], ["HELLO", "2", "AUTH", "test", "no"],
    ["HELLO", "2", "AUTH", "test", "pw", "SETNAME", "n"], ["ACL", "WHOAMI"], ["AUTH", "default", ""], ["ACL", "LOG"], ["ACL", "DELUSER", "test", "test"],
    ["SELECT", "0"],
]

# With other clients: the default user's password, being off, being allowed less; users that go.
DEFAULT = [
    (0, ["ACL", "SETUSER", "root", "on", "nopass", "+@all", "~*", "&*"]), (0, ["AUTH", "root", "x"]), (1, ["PING"]),
    (0, ["CONFIG", "SET", "requirepass", "foobar"]), (0, ["ACL", "LIST"]), (0, ["CONFIG", "GET", "requirepass"]), (1, ["PING"]), (2, ["PING"]),
    (2, ["AUTH", "wrong"]), (2, ["AUTH", "foobar"]), (2, ["PING"]), (3, ["HELLO", "3"]), (3, ["MULTI"]), (3, ["HELLO", "2", "AUTH", "default", "foobar"]),
    (0, ["ACL", "SETUSER", "default", "off"]), (2, ["PING"]), (4, ["PING"]), (4, ["AUTH", "foobar"]), (4, ["AUTH", "root", ""]), (4, ["RESET"]), (4, ["PING"]),
    (0, ["CONFIG", "SET", "requirepass", ""]), (4, ["PING"]), (0, ["ACL", "SETUSER", "default", "on"]), (4, ["PING"]), (4, ["HELLO", "2"]),
    (0, ["ACL", "GETUSER", "default"]), (0, ["ACL", "SETUSER", "default", "-@all", "resetkeys"]), (1, ["PING"]), (1, ["HELLO", "2", "AUTH", "root", "x"]),
    (1, ["PING"]), (5, ["GET", "a"]), (5, ["HELLO", "2"]), (5, ["RESET"]), (5, ["AUTH", "root", "r"]), (5, ["ACL", "WHOAMI"]), (5, ["MULTI"]),
    (5, ["GET", "a"]), (5, ["SET", "a", "1"]), (0, ["ACL", "SETUSER", "root", "-get"]), (5, ["EXEC"]), (5, ["ACL", "LOG", "1"]), (5, ["MULTI"]), (5, ["GET", "a"]),
    (5, ["EXEC"]), (5, ["MULTI"]), (5, ["PING"]), (0, ["ACL", "SETUSER", "root", "-exec"]), (5, ["EXEC"]), (5, ["DISCARD"]), (5, ["ACL", "LOG", "1"]),
    (5, ["MULTI"]), (5, ["SET", "b", "1"]), (5, ["AUTH", "default", ""]), (5, ["SET", "b", "2"]), (0, ["ACL", "SETUSER", "root", "+exec"]), (5, ["EXEC"]),
    (5, ["ACL", "WHOAMI"]), (5, ["PING"]), (0, ["ACL", "SETUSER", "default", "+@all", "allkeys"]), (5, ["PING"]), (1, ["ACL", "WHOAMI"]), (5, ["AUTH", "root", "x"]),
    (0, ["CLIENT", "KILL", "USER", "nobody"]), (0, ["AUTH", "default", "x"]), (0, ["CLIENT", "KILL", "USER", "root"]), (1, ["PING"]), (5, ["PING"]),
    (2, ["RESET"]), (2, ["AUTH", "root", "x"]), (3, ["AUTH", "root", "x"]), (3, ["ACL", "DELUSER", "root", "none"]), (3, ["PING"]), (2, ["PING"]),
    (0, ["ACL", "USERS"]), (0, ["ACL", "SETUSER", "sub", "on", "nopass", "+@all", "~*", "resetchannels", "&a", "&b*"]), (2, ["AUTH", "sub", ""]),
    (2, ["SUBSCRIBE", "a"]), (0, ["ACL", "SETUSER", "sub", "&c"]), (2, ["PING"]), (0, ["ACL", "SETUSER", "sub", "resetchannels", "&b*"]), (2, ["PING"]),
    (2, ["AUTH", "sub", ""]), (2, ["PSUBSCRIBE", "b"]), (2, ["PSUBSCRIBE", "b*"]), (0, ["ACL", "SETUSER", "sub", "resetchannels", "&*"]), (2, ["PING"]),
    (0, ["ACL", "SETUSER", "sub", "resetchannels", "&bb"]), (2, ["PING"]), (2, ["AUTH", "sub", ""]), (2, ["SSUBSCRIBE", "bb"]),
    (0, ["ACL", "SETUSER", "sub", "(&*)", "resetchannels"]), (2, ["PING"]), (0, ["ACL", "SETUSER", "sub", "clearselectors"]), (2, ["PING"]),
    (0, ["ACL", "DELUSER", "sub"]),
]


class Clients:
    def __init__(self, port):
        self.port = port
        self.servers = {}
        self.current = None

    def call(self, client, version, words):
        """Sends words as a client, and shows what happens."""
        if client not in self.servers:
            self.servers[client] = Server(self.port)
            self.current = None
            if version == 3:
                self.servers[client].call(["HELLO", "3"])
        if self.current != client:
            print("> @client %d %d" % (client, version))
            self.current = client
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        try:
            reply = self.servers[client].call(words)[1]
        except (ConnectionError, BrokenPipeError):
            reply = b""
        print("> " + " ".join(escape(w) for w in words))
        print("< " + (escape(reply) if reply else "closed"))
        if not reply:
            del self.servers[client]
            self.current = None


def main():
    server = Server(int(sys.argv[1]))
    if sys.argv[2:] == ["commands"]:
        return write_commands(server)
    names = [entry[0] for entry in command_names(server)]
    clients = Clients(int(sys.argv[1]))
    for words in SCRIPTED:
        clients.call(0, 2, words)
    for client, words in DEFAULT:
        clients.call(client, 2, words)
    for _ in range(4000):
        dice = R.random()
        if dice < 0.4:
            clients.call(10 + R.randint(0, 1), 2, changes(names)) if dice < 0.25 else clients.call(12, 3, changes(names))
        elif dice < 0.7:
            clients.call(10, 2, ["ACL", "DRYRUN", R.choice(USERS)] + R.choice(REQUESTS)())
        elif dice < 0.76:
            clients.call(20 + R.randint(0, 3), 2, ["AUTH", R.choice(USERS), R.choice(PASSWORDS)])
        else:
            clients.call(20 + R.randint(0, 3), 2, R.choice(RUN)())


main()
