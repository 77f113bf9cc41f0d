#!/usr/bin/env python3
"""Records what a real redis-server 7.0 answers to random sorted set or geo commands.

    redis-server --port 7777 --save '' &
    Tests/Golden/record_sorted_sets.py 7777 sortedsets > Tests/Golden/sortedsets.txt
    Tests/Golden/record_sorted_sets.py 7777 geo > Tests/Golden/geo.txt

The format is record_collections.py's. Ranges by member are asked only of sets whose scores are all the same: what
Redis answers otherwise depends on how its lists happen to be linked. Blocking commands find something, or fail.
"""
import sys

from record import R, Server, any_of, case, escape
from record_collections import normalized

KEYS = ["a", "b", "c", "{t}d", "e", "none"]
LEX = ["l", "{t}m"]
SETS = ["s", "i"]
LIMITS = {"sortedSetEntries": "zset-max-listpack-entries", "sortedSetValue": "zset-max-listpack-value", "sortedSetPiece": None}


def key():
    return R.choice(KEYS[:5]) if R.random() < 0.97 else R.choice(["none", "string"])


def source():
    return any_of(key, key, key, lambda: R.choice(SETS), lambda: R.choice(LEX))


def member():
    return any_of(lambda: "m%d" % R.randint(0, 15), lambda: "m%d" % R.randint(0, 60), lambda: "member:%d" % R.randint(0, 99), lambda: R.randint(
        0, 30), "", "x", "007", "-0", b"\xff\x00", b"m1\x00", b"\r\n", "y" * 64, "z" * 65, "w" * 300)


def score():
    return any_of(lambda: R.randint(0, 9), lambda: R.randint(0, 9), lambda: R.randint(-200, 200), lambda: R.randint(0, 9) / 4,
                  lambda: R.random(), lambda: R.uniform(-1e6, 1e6), lambda: R.randint(-2**40, 2**40), lambda: R.uniform(-1, 1) * 10 **
                  R.randint(-30, 30), "inf", "-inf", "+inf", "1e3", "0x10", 32767, -32769, 127, 128, -129, 2**31, 2**53, 2**62, 0,
                  "3.0", ".5", "5.", "1e300", "Infinity", "0.1", "1.1", "3.3333333333333335")


def bad_score():
    return any_of("nan", "x", "", " 1", "1 ", "1x", "1e400", "1e-400", "--1", "0x", "1e")


def bound():
    plain = any_of(lambda: R.randint(-3, 12), lambda: R.randint(-300, 300), lambda: R.randint(0, 9) / 4, "-inf", "+inf", "inf", score)
    return any_of(plain, plain, "(%s" % plain)


def lex_bound():
    return any_of("-", "+", lambda: "[m%d" % R.randint(0, 60), lambda: "(m%d" % R.randint(0, 60), "[", "(", b"[\xff", b"(m1\x00")


def rank():
    return any_of(0, 1, -1, 2, 5, -3, 100, -100, lambda: R.randint(-20, 20), 2**63 - 1, -2**63, "x", "1.5")


def limit():
    return [case("LIMIT"), any_of(0, 1, 2, 5, 100, -1, "x", 2**63 - 1), any_of(0, 1, 3, 10, -1, -2, 2**63 - 1)]


def some(make, most):
    return [w for _ in range(R.randint(1, most)) for w in make()]


def flags(*words):
    return [case(w) for w in words if R.random() < 0.2]


def scores():
    return any_of([], [case("WITHSCORES")])


def pair():
    return [score(), member()]


def options():
    return any_of([], [], lambda: limit(), lambda: scores(), lambda: scores() + limit())


def algebra():
    keys = [source() for _ in range(R.randint(1, 4))]
    return [len(keys)] + keys


def weights(n):
    out = []
    if R.random() < 0.4:
        out += [case("WEIGHTS")] + [any_of(1, 2, 0, -1, 0.5, "inf", score, score) for _ in range(n)]
    if R.random() < 0.4:
        out += [case("AGGREGATE"), case(R.choice(["SUM", "MIN", "MAX", "MAX", "bad"]))]
    return out


def combine(name, store):
    keys = algebra()
    words = [name] + ([key()] if store else []) + keys
    if "DIFF" not in name:
        words += weights(keys[0])
    return words + ([] if store else scores())


def many():
    keys = [key() for _ in range(R.randint(1, 3))]
    return [len(keys)] + keys + [case(R.choice(["MIN", "MAX"]))] + any_of([], [], lambda: [case("COUNT"), any_of(1, 2, 5, 100, 0, "x")])


MADE = [
    lambda: ["ZADD", key()] + pair(),
    lambda: ["ZADD", key()] + some(pair, 6),
    lambda: ["ZADD", key()] + some(pair, 6),
    lambda: ["ZADD", key()] + some(lambda: [R.randint(0, 3), "m%d" % R.randint(0, 60)], 9),
    lambda: ["ZADD", key()] + flags("NX", "XX", "GT", "LT", "CH", "CH") + some(pair, 3),
    lambda: ["ZADD", key()] + flags("XX", "GT", "LT", "CH") + some(pair, 3),
    lambda: ["ZADD", key(), case(R.choice(["GT", "LT", "NX", "XX"])), case("INCR")] + pair(),
    lambda: ["ZADD", key(), "INCR"] + pair(),
    lambda: ["ZADD", key()] + pair() + [bad_score(), member()],
    lambda: ["ZADD", R.choice(LEX)] + some(lambda: [0, "m%d" % R.randint(0, 60)], 9),
    lambda: ["ZADD", R.choice(LEX)] + some(lambda: [0, member()], 3),
    lambda: ["SADD", "s"] + some(lambda: [member()], 5),
    lambda: ["SADD", "i"] + some(lambda: [R.randint(0, 30)], 5),
    lambda: ["ZINCRBY", key()] + pair(),
    lambda: ["ZINCRBY", key(), any_of("inf", "-inf", bad_score, 1), member()],
    lambda: ["ZSCORE", key(), member()],
    lambda: ["ZSCORE", key(), member()],
    lambda: ["ZMSCORE", key()] + some(lambda: [member()], 5),
    lambda: ["ZCARD", key()],
    lambda: [any_of("ZRANK", "ZREVRANK"), key(), member()],
    lambda: [any_of("ZRANK", "ZREVRANK"), key(), "m%d" % R.randint(0, 15)],
    lambda: ["ZCOUNT", key(), bound(), bound()],
    lambda: ["ZLEXCOUNT", R.choice(LEX), lex_bound(), lex_bound()],
    lambda: ["ZRANGE", key(), 0, -1, "WITHSCORES"],
    lambda: [any_of("ZRANGE", "ZREVRANGE"), key(), rank(), rank()] + scores(),
    lambda: ["ZRANGE", key(), rank(), rank()] + flags("REV", "REV") + scores(),
    lambda: ["ZRANGE", key(), bound(), bound(), "BYSCORE"] + flags("REV", "REV") + options(),
    lambda: ["ZRANGEBYSCORE", key(), bound(), bound()] + options(),
    lambda: ["ZREVRANGEBYSCORE", key(), bound(), bound()] + options(),
    lambda: ["ZRANGE", R.choice(LEX), lex_bound(), lex_bound(), "bylex"] + flags("REV", "REV") + any_of([], limit),
    lambda: ["ZRANGEBYLEX", R.choice(LEX), lex_bound(), lex_bound()] + any_of([], limit),
    lambda: ["ZREVRANGEBYLEX", R.choice(LEX), lex_bound(), lex_bound()] + any_of([], limit),
    lambda: ["ZRANGESTORE", key(), key(), rank(), rank()] + flags("REV"),
    lambda: ["ZRANGESTORE", key(), key(), bound(), bound(), "BYSCORE"] + flags("REV") + any_of([], limit),
    lambda: ["ZRANGESTORE", key(), R.choice(LEX), lex_bound(), lex_bound(), "BYLEX"] + flags("REV") + any_of([], limit),
    lambda: ["ZREM", key()] + some(lambda: [member()], 6),
    lambda: ["ZREM", R.choice(LEX)] + some(lambda: [member()], 20),
    lambda: ["ZREMRANGEBYRANK", key(), rank(), rank()] if R.random() < 0.4 else ["ZREMRANGEBYRANK", key(), 2, 5],
    lambda: ["ZREMRANGEBYSCORE", key(), bound(), bound()] if R.random() < 0.4 else ["ZREMRANGEBYSCORE", key(), 3, "(7"],
    lambda: ["ZREMRANGEBYLEX", R.choice(LEX), lex_bound(), lex_bound()],
    lambda: [any_of("ZPOPMIN", "ZPOPMAX"), key()] + any_of([], [], [0], [1], [3], [100], [-1], ["x"]),
    lambda: ["ZMPOP"] + many(),
    lambda: ["BZMPOP", any_of(0, 0.1, "x", -1)] + many(),
    lambda: [any_of("BZPOPMIN", "BZPOPMAX")] + some(lambda: [key()], 3) + [any_of(0, "0.0", 1, "x", -1)],
    lambda: ["ZRANDMEMBER", key(), any_of(5000, 0)] + scores(),
    lambda: ["ZSCAN", key(), 0] + any_of([], lambda: [case("MATCH"), any_of("*", "m*", "*1*", "x")]) + ["COUNT", 5000],
    lambda: combine("ZUNION", False),
    lambda: combine("ZINTER", False),
    lambda: combine("ZDIFF", False),
    lambda: combine("ZUNIONSTORE", True),
    lambda: combine("ZINTERSTORE", True),
    lambda: combine("ZDIFFSTORE", True),
    lambda: ["ZINTERCARD"] + algebra() + any_of([], lambda: [case("LIMIT"), any_of(0, 1, 2, 3, "x", -1)]),
    lambda: ["OBJECT", "ENCODING", key()],
    lambda: ["OBJECT", "ENCODING", key()],
    lambda: ["COPY", key(), key(), "REPLACE"],
    lambda: ["RENAME", key(), key()],
]
WRONG = [
    ["ZADD", "a"], ["ZADD", "a", "1"], ["ZADD", "a", "1", "x", "2"], ["ZADD", "a", "nx", "1"], ["ZADD", "a", "nx", "xx", "1", "x"],
    ["ZADD", "a", "gt", "lt", "1", "x"], ["ZADD", "a", "gt", "nx", "1", "x"], ["ZADD", "a", "incr", "1", "x", "2", "y"],
    ["ZADD", "a", "bad", "1", "x"], ["ZADD", "string", "1", "x"], ["ZADD", "string", "x", "x"], ["ZADD", "a", "ch", "incr", "nx"],
    ["ZINCRBY", "a", "1"], ["ZINCRBY", "a", "x", "y"], ["ZINCRBY", "string", "1", "x"], ["ZINCRBY", "string", "x", "x"], ["ZSCORE", "a"],
    ["ZSCORE", "string", "a"], ["ZSCORE", "none", "a"], ["ZMSCORE", "a"], ["ZMSCORE", "none", "a", "b"], ["ZMSCORE", "string", "a"],
    ["ZCARD"], ["ZCARD", "string"], ["ZCARD", "none"], ["ZRANK", "a"], ["ZRANK", "none", "x"], ["ZRANK", "string", "x"],
    ["ZREVRANK", "none", "x"], ["ZRANK", "a", "b", "WITHSCORE"], ["ZCOUNT", "a", "1"], ["ZCOUNT", "none", "1", "2"],
    ["ZCOUNT", "string", "1", "2"], ["ZCOUNT", "string", "x", "2"], ["ZCOUNT", "one", "", ""], ["ZCOUNT", "one", " 0", " 2"],
    ["ZCOUNT", "one", "0 ", "2"], ["ZCOUNT", "one", "(", "2"], ["ZCOUNT", "one", "nan", "2"], ["ZCOUNT", "one", "((1", "2"],
    ["ZCOUNT", "one", "0x0", "0x10"], ["ZCOUNT", "one", "-1e400", "1e400"], ["ZLEXCOUNT", "one", "a", "b"], ["ZLEXCOUNT", "one", "-", ""],
    ["ZLEXCOUNT", "one", "--", "+"], ["ZLEXCOUNT", "one", "-", "++"], ["ZLEXCOUNT", "one", "+", "-"], ["ZLEXCOUNT", "one", "-", "+"],
    ["ZLEXCOUNT", "one", "[m", "[m"], ["ZLEXCOUNT", "one", "(m", "[m"], ["ZLEXCOUNT", "one", "[m", "(m"], ["ZLEXCOUNT", "string", "-", "+"],
    ["ZRANGE", "a", "0"], ["ZRANGE", "none", "0", "1"], ["ZRANGE", "none", "x", "1"], ["ZRANGE", "string", "0", "1"],
    ["ZRANGE", "one", "0", "1", "bad"], ["ZRANGE", "one", "0", "1", "LIMIT", "0", "1"], ["ZRANGE", "one", "0", "1", "LIMIT", "0", "-1"],
    ["ZRANGE", "one", "0", "1", "LIMIT", "0"], ["ZRANGE", "one", "0", "1", "LIMIT", "x", "1"], ["ZRANGE", "one", "0", "1", "rev", "rev"],
    ["ZRANGE", "one", "0", "1", "byscore", "bylex"], ["ZRANGE", "one", "-", "+", "bylex", "withscores"],
    ["ZRANGE", "one", "0", "1", "byscore", "limit", "0", "1", "limit", "1", "1"], ["ZRANGE", "one", "x", "1", "byscore"],
    ["ZRANGE", "one", "x", "1", "bylex"], ["ZRANGE", "one", "1", "0", "byscore", "rev"], ["ZREVRANGE", "one", "0", "1", "rev"],
    ["ZREVRANGE", "one", "0", "1", "byscore"], ["ZREVRANGE", "one", "0", "1", "withscores"], ["ZRANGEBYSCORE", "one", "0", "1", "rev"],
    ["ZRANGEBYLEX", "one", "-", "+", "withscores"], ["ZRANGEBYLEX", "none", "x", "+"], ["ZRANGESTORE", "to", "one", "0"],
    ["ZRANGESTORE", "to", "one", "0", "1", "withscores"], ["ZRANGESTORE", "to", "none", "0", "1"], ["ZRANGESTORE", "to", "string", "0", "1"],
    ["ZRANGESTORE", "to", "one", "0", "1"], ["ZRANGESTORE", "to", "none", "0", "1"], ["EXISTS", "to"], ["ZRANGESTORE", "to", "one", "5", "6"],
    ["ZREM", "a"], ["ZREM", "none", "x"], ["ZREM", "string", "x"], ["ZREMRANGEBYRANK", "none", "0", "1"], ["ZREMRANGEBYRANK", "none", "x", "1"],
    ["ZREMRANGEBYRANK", "string", "0", "1"], ["ZREMRANGEBYSCORE", "string", "0", "1"], ["ZREMRANGEBYSCORE", "string", "x", "1"],
    ["ZREMRANGEBYLEX", "string", "-", "+"], ["ZREMRANGEBYLEX", "string", "x", "+"], ["ZPOPMIN"], ["ZPOPMIN", "one", "1", "2"],
    ["ZPOPMIN", "string"], ["ZPOPMIN", "string", "0"], ["ZPOPMIN", "string", "x"], ["ZPOPMIN", "none"], ["ZPOPMIN", "none", "1"],
    ["ZPOPMAX", "none", "-1"], ["ZMPOP", "1", "one"], ["ZMPOP", "0", "one", "MIN"], ["ZMPOP", "x", "one", "MIN"],
    ["ZMPOP", "2", "one", "MIN"], ["ZMPOP", "1", "one", "bad"], ["ZMPOP", "1", "one", "MIN", "COUNT"], ["ZMPOP", "1", "one", "MIN", "COUNT", "0"],
    ["ZMPOP", "1", "one", "MIN", "COUNT", "1", "COUNT", "2"], ["ZMPOP", "1", "one", "MIN", "COUNT", "x", "COUNT", "2"],
    ["ZMPOP", "1", "one", "MIN", "bad", "1"], ["ZMPOP", "1", "one", "MIN", "COUNT", "1", "bad"], ["ZMPOP", "1", "none", "MIN"],
    ["ZMPOP", "1", "string", "MIN"], ["ZMPOP", "9223372036854775807", "one", "MIN"], ["BZMPOP", "x", "1", "one", "MIN"],
    ["BZMPOP", "0", "1", "string", "MIN"], ["BZMPOP", "-1", "0", "one", "MIN"], ["BZMPOP", "0", "0", "one", "MIN"], ["BZPOPMIN", "one"],
    ["BZPOPMIN", "string", "0"], ["BZPOPMIN", "one", "x"], ["BZPOPMIN", "one", "-1"], ["ZRANDMEMBER"], ["ZRANDMEMBER", "none"],
    ["ZRANDMEMBER", "string"], ["ZRANDMEMBER", "none", "1"], ["ZRANDMEMBER", "none", "x"], ["ZRANDMEMBER", "one", "1", "x"],
    ["ZRANDMEMBER", "one", "1", "withscores", "x"], ["ZRANDMEMBER", "one", -2**63], ["ZRANDMEMBER", "one", -2**63, "withscores"],
    ["ZRANDMEMBER", "one", 2**62], ["ZRANDMEMBER", "one", 2**62, "withscores"],
    ["ZRANDMEMBER", "one", 2**63 - 1, "withscores"], ["ZRANDMEMBER", "one", "-3"], ["ZRANDMEMBER", "one", "-3", "withscores"],
    ["ZRANDMEMBER", "one"], ["ZRANDMEMBER", "one", "1", "withscores"], ["ZRANDMEMBER", "string", "x"], ["ZSCAN", "a"], ["ZSCAN", "a", "x"],
    ["ZSCAN", "string", "0"], ["ZSCAN", "none", "0", "bad"], ["ZSCAN", "one", "0", "COUNT", "0"], ["ZSCAN", "one", "0"],
    ["ZUNION", "0", "one"], ["ZUNION", "x", "one"], ["ZUNION", "2", "one"], ["ZUNION", "1", "string"], ["ZUNION", "1", "none"],
    ["ZUNION", "1", "one", "bad"], ["ZUNION", "1", "one", "weights"], ["ZUNION", "1", "one", "weights", "x"],
    ["ZUNION", "1", "one", "weights", "1", "2"], ["ZUNION", "1", "one", "aggregate"], ["ZUNION", "1", "one", "aggregate", "bad"],
    ["ZUNION", "1", "one", "withscores", "withscores"], ["ZINTER", "-1", "one"], ["zInter", "0", "one"], ["ZDIFF", "0", "one"],
    ["ZDIFF", "1", "one", "weights", "1"], ["ZINTERCARD", "0", "one"], ["ZINTERCARD", "1", "one", "withscores"],
    ["ZINTERCARD", "1", "one", "limit"], ["ZINTERCARD", "1", "one", "limit", "-1"], ["ZINTERCARD", "2", "one", "none"],
    ["ZUNIONSTORE", "to", "0", "one"], ["ZUNIONSTORE", "to", "1", "one", "withscores"], ["ZUNIONSTORE", "to", "1", "string"],
    ["ZUNIONSTORE", "to", "1", "none"], ["ZINTERSTORE", "string", "1", "one"], ["DEL", "string"], ["SET", "string", "text"],
    ["ZINTERSTORE", "to", "2", "one", "string"], ["ZDIFFSTORE", "to", "0", "x"], ["ZDIFFSTORE", "to", "2", "one", "one"],
    ["ZUNIONSTORE", "to", "2", "one", "one", "weights", "inf", "-inf"], ["ZSCORE", "to", "m"], ["DEL", "to"],
    # A listpack does not tell -0 from 0, a skip list does.
    ["ZADD", "to", "-0", "m", "0", "n"], ["ZSCORE", "to", "m"], ["ZADD", "to", "-0", "y" * 65, "-0", "m", "0", "n", "-0", "o"],
    ["ZRANGE", "to", 0, -1, "WITHSCORES"], ["ZRANGEBYSCORE", "to", "0", "-0"], ["ZCOUNT", "to", "(-0", "0"], ["ZINCRBY", "to", "-0", "o"],
    ["ZADD", "to", "0", "o"], ["ZSCORE", "to", "o"], ["ZUNIONSTORE", "to", "1", "to"], ["ZRANGE", "to", 0, -1, "WITHSCORES"],
    ["ZREM", "to", "y" * 65], ["ZUNIONSTORE", "to", "1", "to", "WEIGHTS", "-1"], ["ZRANGE", "to", 0, -1, "WITHSCORES"], ["DEL", "to"],
]

# --- geo ---------------------------------------------------------------------


def coordinates():
    return any_of(lambda: [R.uniform(-180, 180), R.uniform(-85.05112878, 85.05112878)], lambda: [
        R.gauss(13.4, 0.5), R.gauss(52.5, 0.3)], lambda: [R.gauss(13.4, 0.5), R.gauss(52.5, 0.3)], lambda: [
        R.randint(-180, 180), R.randint(-85, 85)], lambda: [R.choice([-180, 180, 0, 179.999]), R.choice([-85.05112878, 85.05112878, 0])])


def bad_coordinates():
    return any_of([181, 0], [0, 85.06], [0, -86], ["x", 1], [1, "x"], ["nan", 1], [-180.00001, 1], ["inf", 1])


def place():
    return "p%d" % R.randint(0, 120)


def unit():
    return case(any_of("m", "km", "ft", "mi", "km", "bad" if R.random() < 0.05 else "m"))


def radius():
    return [any_of(0, 1, 100, 500, lambda: R.randint(1, 30000), 30, 200, 20000000 if R.random() < 0.1 else 2, "x" if R.random() < 0.1 else 5, -1 if R.random() < 0.1 else 0.5,
                   lambda: R.uniform(0, 1000)), unit()]


def more(store):
    words = flags("WITHDIST", "WITHCOORD", "WITHHASH") if not store or R.random() < 0.05 else []
    words += any_of([], [case("ASC")], [case("DESC")])
    return words + any_of([], [], lambda: [case("COUNT"), any_of(1, 3, 10, 100, 0, "x")] + flags("ANY")) + (["ANY"] if R.random() < 0.02 else [])


def where():
    words = any_of(lambda: [case("FROMMEMBER"), place()], lambda: [case("FROMLONLAT")] + coordinates())
    shape = any_of(lambda: [case("BYRADIUS")] + radius(), lambda: [case("BYBOX"), radius()[0]] + radius())
    return words + shape if R.random() < 0.5 else shape + words


def geo_key():
    return any_of("g", "g", "g", "{t}h", "{t}h", "small", "none", "string" if R.random() < 0.2 else "g")


GEO = [
    lambda: ["GEOADD", geo_key()] + some(lambda: coordinates() + [place()], 9),
    lambda: ["GEOADD", geo_key()] + some(lambda: coordinates() + [place()], 9),
    lambda: ["GEOADD", geo_key()] + flags("NX", "XX", "CH", "CH") + some(lambda: coordinates() + [place()], 3),
    lambda: ["GEOADD", geo_key()] + coordinates() + [place()] + bad_coordinates() + [place()],
    lambda: ["GEOPOS", geo_key()] + some(lambda: [place()], 5),
    lambda: ["GEODIST", geo_key(), place(), place()] + any_of([], lambda: [unit()]),
    lambda: ["GEOHASH", geo_key()] + some(lambda: [place()], 5),
    lambda: ["GEOSEARCH", geo_key()] + where() + more(False),
    lambda: ["GEOSEARCH", geo_key()] + where() + more(False),
    lambda: ["GEOSEARCH", geo_key()] + where() + more(False),
    lambda: ["GEOSEARCHSTORE", any_of("small", "to"), geo_key()] + where() + more(True) + flags("STOREDIST"),
    lambda: ["GEORADIUS", geo_key()] + coordinates() + radius() + more(False),
    lambda: ["GEORADIUS", geo_key()] + coordinates() + radius() + more(True) + [case(R.choice(["STORE", "STOREDIST"])), "to"],
    lambda: [any_of("GEORADIUS_RO", "GEORADIUS"), geo_key()] + coordinates() + radius() + more(False),
    lambda: ["GEORADIUSBYMEMBER", geo_key(), place()] + radius() + more(False),
    lambda: ["GEORADIUSBYMEMBER", geo_key(), place()] + radius() + more(True) + [case(R.choice(["STORE", "STOREDIST"])), "to"],
    lambda: ["GEORADIUSBYMEMBER_RO", geo_key(), place()] + radius() + more(False),
    lambda: ["ZRANGE", any_of("to", "small"), 0, -1, "WITHSCORES"],
    lambda: ["OBJECT", "ENCODING", any_of("to", "g", "small")],
    lambda: ["ZREM", geo_key()] + some(lambda: [place()], 3),
]
WRONG_GEO = [
    ["GEOADD", "g", "1", "2"], ["GEOADD", "g", "1", "2", "x", "3"], ["GEOADD", "g", "nx", "xx", "1", "2", "x"], ["GEOADD", "g", "gt", "1", "2", "x"],
    ["GEOADD", "g", "nx", "xx", "ch"], ["GEOADD", "g", "ch", "ch", "ch"], ["GEOADD", "string", "1", "2", "x"], ["GEOADD", "string", "1", "x", "x"],
    ["GEOADD", "g", "1", "2", "x", "1", "99", "y"], ["EXISTS", "g"], ["GEOPOS"], ["GEOPOS", "g"], ["GEOPOS", "none", "x"], ["GEOPOS", "string", "x"],
    ["GEOHASH", "g"], ["GEOHASH", "none", "x"], ["GEOHASH", "string", "x"], ["GEODIST", "g", "a"], ["GEODIST", "none", "a", "b"],
    ["GEODIST", "string", "a", "b"], ["GEODIST", "none", "a", "b", "bad"], ["GEODIST", "g", "a", "b", "m", "x"],
    ["GEOSEARCH", "g"], ["GEOSEARCH", "g", "FROMLONLAT", "1", "2", "BYRADIUS", "1", "m", "FROMMEMBER", "x"],
    ["GEOSEARCH", "g", "FROMMEMBER", "x", "FROMLONLAT", "1", "2", "BYRADIUS", "1", "m"],
    ["GEOSEARCH", "one", "FROMMEMBER", "m", "FROMMEMBER", "m", "BYRADIUS", "1", "m"],
    ["GEOSEARCH", "g", "FROMLONLAT", "1", "2", "BYRADIUS", "1", "m", "BYBOX", "1", "1", "m"],
    ["GEOSEARCH", "g", "FROMLONLAT", "1", "2", "BYBOX", "1", "1", "m", "BYRADIUS", "1", "m"],
    ["GEOSEARCH", "g", "FROMLONLAT", "1", "2", "ASC", "DESC", "COUNT", "1"], ["geosearch", "g", "BYRADIUS", "1", "m", "ASC", "DESC", "ASC"],
    ["GEOSEARCH", "one", "FROMMEMBER", "x", "BYRADIUS", "1", "m"], ["GEOSEARCH", "none", "FROMMEMBER", "x", "BYRADIUS", "1", "m"],
    ["GEOSEARCH", "string", "FROMMEMBER", "x", "BYRADIUS", "1", "m"], ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYRADIUS", "1", "m", "ANY"],
    ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYRADIUS", "1", "m", "COUNT", "0"], ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYRADIUS", "1", "m", "STORE", "x"],
    ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYRADIUS", "1", "m", "STOREDIST"], ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYRADIUS", "x", "m"],
    ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYBOX", "x", "1", "m"], ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYBOX", "1", "x", "m"],
    ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYBOX", "-1", "1", "m"], ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYBOX", "1", "1", "x"],
    ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYRADIUS", "-1", "m"], ["GEOSEARCH", "one", "FROMMEMBER", "m", "BYRADIUS", "0", "m"],
    ["GEOSEARCHSTORE", "to", "one", "FROMMEMBER", "m", "BYRADIUS", "1", "m", "WITHDIST"],
    ["GEOSEARCHSTORE", "to", "none", "FROMMEMBER", "m", "BYRADIUS", "1", "m", "WITHDIST"],
    ["GEOSEARCHSTORE", "to", "none", "FROMMEMBER", "m", "BYRADIUS", "1", "m"], ["GEOSEARCHSTORE", "to", "one", "FROMMEMBER", "m"],
    ["GEOSEARCHSTORE", "to", "one", "FROMMEMBER", "m", "BYRADIUS", "1", "m"], ["ZRANGE", "to", "0", "-1", "WITHSCORES"],
    ["GEOSEARCHSTORE", "to", "none", "FROMMEMBER", "m", "BYRADIUS", "1", "m"], ["EXISTS", "to"],
    ["GEORADIUS", "none", "1", "2", "3", "m"], ["GEORADIUS", "none", "1", "2", "3", "bad"], ["GEORADIUS", "none", "x", "2", "3", "m"],
    ["GEORADIUS", "none", "1", "99", "3", "m"], ["GEORADIUS", "string", "1", "2", "3", "m"], ["GEORADIUS", "one", "1", "2", "-3", "m"],
    ["GEORADIUS", "one", "1", "2", "3", "m", "STORE"], ["GEORADIUS", "one", "1", "2", "3", "m", "STORE", "to", "WITHDIST"],
    ["GEORADIUS_RO", "one", "1", "2", "3", "m", "STORE", "to"], ["GEORADIUSBYMEMBER", "none", "x", "y", "z"],
    ["GEORADIUSBYMEMBER", "none", "x", "y", "z", "bad"], ["GEORADIUSBYMEMBER", "one", "x", "1", "m"], ["GEORADIUSBYMEMBER", "one", "m", "1", "m"],
    ["GEORADIUSBYMEMBER_RO", "one", "m", "1", "m", "STORE", "to"], ["GEORADIUS", "one", "0", "0", "22000", "km", "WITHCOORD", "WITHHASH", "WITHDIST"],
]


def waits(server, words):
    """Whether a blocking command would."""
    name = words[0].upper()
    keys = words[1:-1] if name in ("BZPOPMIN", "BZPOPMAX") else words[3:3 + words[2]] if name == "BZMPOP" else None
    if keys is None or "string" in keys:
        return False
    return all(server.call(["EXISTS", k])[1] == b":0\r\n" for k in keys)


def order(server, words):
    if words[0].upper() == "ZSCAN" and len(words) > 1 and b"skiplist" in server.call(["OBJECT", "ENCODING", words[1]])[1]:
        return ":"
    return "<"


def main():
    server = Server(int(sys.argv[1]))
    made, wrong = (GEO, WRONG_GEO) if sys.argv[2] == "geo" else (MADE, WRONG)
    R.seed(sys.argv[2])
    server.call(["FLUSHALL"])

    def show(words):
        free = order(server, words)
        words, reply = server.call(words)
        print("> " + " ".join(escape(w) for w in words))
        print(free + " " + escape(normalized(reply, free)))

    def limit(name, value):
        if LIMITS[name]:
            server.call(["CONFIG", "SET", LIMITS[name], value])
        print("> @limit %s %d" % (name, value))

    limit("sortedSetEntries", 128)
    limit("sortedSetValue", 64)
    for version in (2, 3):
        server.call(["HELLO", version])
        print("> @resp %d" % version)
        show(["DEL", "none", "one", "to", "g"])
        show(["SET", "string", "text"])
        show(["ZADD", "one", 1, "m"])
        for words in wrong:
            show(words)
            if words[0] in ("ZPOPMIN", "ZPOPMAX", "ZMPOP", "BZMPOP", "BZPOPMIN"):
                show(["ZADD", "one", 1, "m"])
        show(["DEL", "to"])
        for round in range(8):
            if sys.argv[2] != "geo" or round % 3 == 0:
                limit("sortedSetEntries", any_of(0, 1, 3, 8, 16, 64, 64, 128))
                limit("sortedSetValue", any_of(0, 3, 64, 64, 64))
                limit("sortedSetPiece", any_of(8, 16, 40, 128))
            for _ in range(500 if sys.argv[2] != "geo" else 300):
                words = R.choice(made)()
                if "string" in words[1:2] and words[0] in ("ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "ZRANGESTORE", "COPY", "RENAME"):
                    continue
                if words[0] in ("COPY", "RENAME") and "string" in words or waits(server, words):
                    continue
                show(words)
            for k in KEYS[:5] + LEX + SETS + ["to", "small"] if sys.argv[2] != "geo" else ["to", "small", "{t}h"]:
                if R.random() < 0.5:
                    show(["DEL", k])


if __name__ == "__main__":
    main()
