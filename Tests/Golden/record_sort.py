#!/usr/bin/env python3
"""Records what a real redis-server 7.0 answers to random SORT and SORT_RO commands.

    redis-server --port 7777 --save '' &
    Tests/Golden/record_sort.py 7777 > Tests/Golden/sort.txt

The format is record.py's. Nothing is asked whose answer depends on the order in which Redis keeps a set's members,
or on the order of equal elements under a partial sort.
"""
import random
import sys

from record import Server, case, escape

R = random.Random(31)
NUMBERS = ["1", "2", "10", "-3", "2.5", "0", "1e3", "007", "+5", " 6", "inf", "-inf", "9223372036854775807", "", "0x10"]
TEXTS = ["a", "b", "aa", "B", "ab", "", "z\x00y", "1", "10", "9", "\xff", "x" * 70]
KEYS = ["numbers", "texts", "mixed", "set", "intset", "zset", "bigset", "none", "string"]


def fill(show):
    show(["FLUSHALL"])
    show(["RPUSH", "numbers"] + [R.choice(NUMBERS) for _ in range(R.randint(1, 30))])
    show(["RPUSH", "texts"] + [R.choice(TEXTS) for _ in range(R.randint(1, 20))])
    show(["RPUSH", "mixed"] + [R.choice(NUMBERS + TEXTS) for _ in range(R.randint(1, 10))])
    show(["SADD", "set"] + list({str(R.randint(-20, 20)) + R.choice(["", ".5"]) for _ in range(12)}))
    show(["SADD", "intset"] + list({R.randint(-20, 20) for _ in range(12)}))
    show(["SADD", "bigset"] + sorted({str(R.randint(0, 10**6)) for _ in range(40)}))
    show(["ZADD", "zset"] + [w for i in range(R.randint(1, 12)) for w in (R.choice([1, 2, 3.5, i]), "m%d" % i)])
    show(["SET", "string", "x"])
    used = R.sample(range(5000), 400)
    for name in ["1", "2", "10", "-3", "2.5", "a", "b", "aa", "m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9",
                 "m10", "m11", ""] + [str(i) for i in range(-20, 21)] + ["%d.5" % i for i in range(-20, 21)]:
        show(["SET", "w_" + name, used.pop()])
        show(["SET", "t_" + name + "_t", "text%d" % used.pop()])
        show(["HSET", "h_" + name, "f", used.pop() / 8, "g->h", "v" + name])
    show(["SET", "w_bad", "x"])
    show(["LPUSH", "w_list", "x"])


def options(key):
    words = []
    is_set = key in ("set", "intset", "zset", "bigset")
    by = R.choice([None, None, None, "w_*", "t_*_t", "h_*->f", "nosort", "none_*", "h_*->none", "h_*->", "w_*->f", "#",
                   "w_list*"])
    if is_set and by in ("none_*", "h_*->none", "h_*->", "w_*->f", "w_list*", "t_*_t"):
        by = "w_*"
    if key in ("set", "intset", "bigset") and by in ("nosort", "#"):
        by = None
    if by:
        words += [case("BY"), by]
    for _ in range(R.choice([0, 0, 0, 1, 2, 3])):
        words += [case("GET"), R.choice(["#", "w_*", "t_*_t", "h_*->f", "h_*->g->h", "none_*", "plain", "h_*->", "*", "w_list"])]
    partial_ties = by is not None and by not in ("nosort", "#") and not is_set
    if R.random() < 0.3 and not partial_ties:
        words += [case("LIMIT"), R.choice([0, 1, 2, 5, 100, -1, -5, 2**63 - 1]), R.choice([0, 1, 3, 10, 1000, -1, 2**63 - 1])]
    if R.random() < 0.4:
        words.append(case(R.choice(["ASC", "DESC"])))
    if R.random() < 0.5:
        # Most members of the large set have no weight: as texts they would be equal.
        words += [] if key == "bigset" and by == "w_*" else [case("ALPHA")]
    return words


WRONG = [["SORT"], ["SORT", "numbers", "BY"], ["SORT", "numbers", "LIMIT", "1"], ["SORT", "numbers", "LIMIT", "x", "1"],
         ["SORT", "numbers", "bad"], ["SORT_RO", "numbers", "STORE", "x"], ["SORT", "numbers", "STORE"], ["SORT", "h_1"],
         ["SORT", "string"], ["SORT_RO", "string", "GET", "#"], ["SORT", "none", "STORE", "numbers"], ["EXISTS", "numbers"],
         ["SORT", "mixed", "LIMIT", "0", "1.5"], ["SORT", "none"], ["SORT", "none", "GET", "w_*"]]


def main():
    server = Server(int(sys.argv[1]))

    def show(words):
        words, reply = server.call(words)
        print("> " + " ".join(escape(w) for w in words))
        print("< " + escape(reply))

    for version in (2, 3):
        server.call(["HELLO", version])
        print("> @resp %d" % version)
        for _ in range(4):
            fill(show)
            for _ in range(260):
                key = R.choice(KEYS)
                words = [R.choice(["SORT", "SORT", "sort_ro"]), key] + options(key)
                if words[0] == "SORT" and R.random() < 0.3:
                    target = R.choice(["stored", "stored", "set2", "w_1"])
                    show(words + ["STORE", target])
                    show(["TYPE", target])
                    show(["LRANGE", target, 0, -1] if target != "w_1" else ["OBJECT", "ENCODING", target])
                    if target == "w_1":
                        show(["SET", "w_1", "12345"])
                else:
                    show(words)
            show(["SORT", "texts", "BY", "nosort", "STORE", "texts"])
            show(["SORT", "set", "BY", "nosort", "STORE", "fromset"])
            show(["LRANGE", "fromset", 0, -1])
        for words in WRONG:
            show(words)


main()
