import Base

/// Random commands for a value of some type.
struct CommandMix {
    /// Words that stand for something: K the key ("value"), E an element of the value, N a small number, V a new element,
    /// D another key.
    private static let strings = """
        GET K|STRLEN K|APPEND K V|SETRANGE K N V|GETRANGE K N -2|GETBIT K N|SETBIT K N 1|BITCOUNT K|INCR K|INCRBYFLOAT K 1.5
        BITFIELD K OVERFLOW SAT INCRBY i16 N N|BITPOS K 1|BITOP NOT D K|PFCOUNT K|PFADD K V|PFMERGE K D|LCS K K LEN|GETSET K V
        """
    private static let lists = """
        LLEN K|LINDEX K N|LPUSH K V V|RPUSH K E|LPOP K 2|RPOP K|RPOP K N|LINSERT K BEFORE E V|LINSERT K AFTER E E|LREM K 0 E
        LREM K -1 E|LREM K 2 E|LSET K N V|LSET K N E|LTRIM K 1 -2|LTRIM K N N|LPOS K E COUNT 0|LPOS K E RANK -1|LMOVE K K LEFT RIGHT
        RPOPLPUSH K D|LRANGE K N N|LRANGE K 0 -1|SORT K ALPHA LIMIT 0 5|SORT K DESC ALPHA STORE D|LMPOP 1 K RIGHT COUNT 3|LPUSHX K E
        """
    private static let hashes = """
        HGET K E|HSET K E V|HSET K E E|HSET K V V N V|HDEL K E|HDEL K E E E|HINCRBY K E N|HINCRBY K V N|HINCRBYFLOAT K E 0.5
        HSTRLEN K E|HLEN K|HEXISTS K E|HSETNX K V E|HMGET K E V|HSCAN K 0|HSCAN K 0 COUNT 1000|HRANDFIELD K -3|HRANDFIELD K 3 WITHVALUES
        HGETALL K|HKEYS K|HVALS K
        """
    private static let sets = """
        SADD K V|SADD K N N|SADD K V E N|SREM K E|SREM K E E N|SISMEMBER K E|SISMEMBER K N|SCARD K|SMISMEMBER K E V N|SRANDMEMBER K -3
        SRANDMEMBER K 3|SINTERCARD 2 K K|SSCAN K 0|SSCAN K 0 COUNT 1000|SMOVE K D E|SUNIONSTORE D K|SDIFFSTORE D K D|SINTERSTORE D K K
        SMEMBERS K|SORT K ALPHA|SADD K 70000|SADD K -9223372036854775808
        """
    private static let sortedSets = """
        ZADD K N E|ZADD K N V|ZADD K XX GT CH N E|ZINCRBY K N E|ZINCRBY K 0.1 V|ZREM K E|ZREM K E E|ZRANK K E|ZREVRANK K E|ZSCORE K E
        ZRANGE K 0 -1 WITHSCORES|ZRANGE K N N|ZREVRANGE K N -1|ZRANGEBYSCORE K -inf (N WITHSCORES|ZREVRANGEBYSCORE K inf N LIMIT 1 2
        ZRANGEBYLEX K - [E|ZLEXCOUNT K (E +|ZCOUNT K N inf|ZPOPMIN K|ZPOPMAX K 2|ZREMRANGEBYRANK K N N|ZREMRANGEBYSCORE K N (N|ZCARD K
        ZREMRANGEBYLEX K [E [E|ZSCAN K 0|ZRANDMEMBER K -3|ZUNIONSTORE D 2 K K|ZRANGESTORE D K 0 2|ZADD K inf E|ZADD K -inf V|GEOPOS K E
        GEODIST K E E|GEOSEARCH K FROMMEMBER E BYRADIUS 500 km ASC|GEOHASH K E|ZMSCORE K E V|ZADD K 3.25 E|ZMPOP 1 K MAX COUNT 2
        """
    private static let streams = """
        XLEN K|XADD K * V V|XADD K * E V V E|XADD K MAXLEN N * f V|XADD K MINID ~ E * f V|XDEL K E|XDEL K E E|XTRIM K MAXLEN N
        XTRIM K MAXLEN ~ N|XTRIM K MINID E|XRANGE K - +|XRANGE K E +|XREVRANGE K E - COUNT 2|XINFO STREAM K|XINFO GROUPS K
        XINFO CONSUMERS K E|XGROUP CREATE K V 0|XGROUP CREATE K g 0 ENTRIESREAD N|XREADGROUP GROUP g c COUNT N STREAMS K >
        XREADGROUP GROUP E E STREAMS K >|XREADGROUP GROUP E c STREAMS K 0|XREADGROUP GROUP E c NOACK COUNT 1 STREAMS K >|XACK K E E
        XPENDING K E|XPENDING K E - + 10|XPENDING K E IDLE N - + 10 E|XCLAIM K E c 0 E|XCLAIM K E E 0 E JUSTID|XCLAIM K E c 0 E FORCE
        XAUTOCLAIM K E c 0 0|XAUTOCLAIM K E c 0 E COUNT 2 JUSTID|XGROUP SETID K E E|XGROUP DELCONSUMER K E E|XGROUP DESTROY K E
        XGROUP CREATECONSUMER K E V|XSETID K E|XREAD STREAMS K 0|XINFO STREAM K FULL COUNT 2
        """
    private static let all =
        "|OBJECT ENCODING K|MEMORY USAGE K SAMPLES 0|MEMORY USAGE K|DUMP K|TYPE K|RENAME K K|COPY K D REPLACE"

    private static func templates(_ list: String) -> [[Substring]] {
        (list + all).split { "|\n".contains($0) }.map { $0.split(separator: " ") }
    }

    private static let byType: [String: [[Substring]]] = [
        "string": templates(strings), "list": templates(lists), "hash": templates(hashes), "set": templates(sets),
        "zset": templates(sortedSets), "stream": templates(streams),
    ]

    /// Commands whose replies depend on chance, or on how the elements came to lie where they do.
    private static let arbitrary: Set<Substring> = [
        "HSCAN", "HRANDFIELD", "HGETALL", "HKEYS", "HVALS", "SSCAN", "SRANDMEMBER", "SMEMBERS", "ZSCAN", "ZRANDMEMBER",
        "MEMORY", "DUMP", "OBJECT",
    ]

    private let templates: [[Substring]]
    private let elements: [[UInt8]]
    private var random: PRNG

    init(type: String, elements: [[UInt8]], seed: UInt64) {
        templates = CommandMix.byType[type] ?? []
        self.elements = elements
        random = PRNG(seed: seed)
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

    /// A command, and whether all servers with the same value answer it alike.
    mutating func next() -> (words: [[UInt8]], isCertain: Bool) {
        let template = templates[below(templates.count)]
        var words: [[UInt8]] = []
        for word in template { words.append(fill(word)) }
        return (words, !CommandMix.arbitrary.contains(template[0]))
    }

    private mutating func fill(_ word: Substring) -> [UInt8] {
        switch word {
        case "K": Array("value".utf8)
        case "E": element()
        case "[E", "(E": [word.utf8.first!] + element()
        case "N", "(N": Array((word.first == "(" ? "(" : "").utf8) + Array("\(below(60) - 5)".utf8)
        case "V": newElement()
        case "D": Array("other".utf8)
        default: Array(word.utf8)
        }
    }

    private mutating func element() -> [UInt8] {
        elements.isEmpty || below(20) == 0 ? newElement() : elements[below(elements.count)]
    }

    private mutating func newElement() -> [UInt8] {
        switch below(6) {
        case 0: Array("\(Int64(bitPattern: random.next()) >> Int64(below(60)))".utf8)
        case 1: [UInt8](repeating: 120, count: [0, 15, 64, 65, 300, 1025, 5000][below(7)])
        default: Array("new\(below(9))".utf8)
        }
    }
}
