import Base

/// Random commands that write, some that only expire what they meet, for `CommandReplayTests`.
enum ReplayMix {
    static let lowLimits = [
        "--hash-max-listpack-entries", "4", "--hash-max-listpack-value", "20", "--set-max-intset-entries", "4",
        "--zset-max-listpack-entries", "4", "--zset-max-listpack-value", "20", "--list-max-listpack-size", "4",
        "--stream-node-max-entries", "4",
    ]

    /// Words that stand for something: S L H T Z G P X the key of a string, list, hash, set, sorted set, geo set,
    /// HyperLogLog, stream; K any key; E an element of which there are few; V any value; N a small number; J a group; I a stream's
    /// ID; D a database.
    private static let templates = """
        SET S V|SET S V PX N|SET S V KEEPTTL|SET S V NX|SETNX S V|SETEX S 1 V|PSETEX S 90 V|GETSET S V|GETDEL S|GETEX S PX N
        GETEX S PERSIST|APPEND S V|SETRANGE S N V|INCR S|DECR S|INCRBY S N|DECRBY S N|INCRBYFLOAT S 1.5|MSET S V S V|MSETNX S V S V
        VSET S V|VDEL S|SET S 5|SET S 10.5|SETBIT S N 1|BITFIELD S INCRBY u8 N 7|BITOP AND S S S|BITOP NOT S S|GET S|DEL K|DEL K K|UNLINK K K
        EXPIRE K 1|PEXPIRE K N|PEXPIREAT K 1|EXPIREAT K 9999999999|PERSIST K|RENAME K K|RENAMENX K K|COPY K K REPLACE|COPY K K DB D
        MOVE K D|SELECT D|SWAPDB D D|FLUSHDB|FLUSHALL|DBSIZE|SORT L ALPHA STORE L|SORT T ALPHA DESC STORE L|TOUCH K K|GETRANGE S 0 5
        LPUSH L E E E|RPUSH L V|RPUSH L E E E E E E|LPUSHX L E|RPUSHX L V|LPOP L|RPOP L 2|LSET L 0 V|LSET L 2 E|LINSERT L BEFORE E V
        LINSERT L AFTER E E|LREM L 0 E|LREM L -1 E|LTRIM L 1 N|LMOVE L L LEFT RIGHT|RPOPLPUSH L L|LMPOP 2 L L LEFT COUNT 3
        BLPOP L L 0.05|BRPOP L 0.02|BLMOVE L L LEFT LEFT 0.02|BRPOPLPUSH L L 0.02|BLMPOP 0.02 2 L L RIGHT COUNT 2
        HSET H E V|HSET H E E E E E E|HMSET H E V E V|HSETNX H E V|HDEL H E|HDEL H E E E E|HINCRBY H n N|HINCRBYFLOAT H m 0.5
        SADD T E|SADD T N N N|SADD T V E N|SREM T E|SREM T E N N|SPOP T|SPOP T 3|SMOVE T T E|SINTERSTORE T T T|SUNIONSTORE T T T
        SDIFFSTORE T T T|ZADD Z N E|ZADD Z N E N E N E|ZADD Z N V|ZADD Z XX GT CH N E|ZADD Z INCR 1 E|ZINCRBY Z 0.5 E|ZREM Z E E
        ZPOPMIN Z|ZPOPMAX Z 2|ZREMRANGEBYRANK Z 0 1|ZREMRANGEBYSCORE Z N N|ZREMRANGEBYSCORE Z -inf 9|ZREMRANGEBYLEX Z - [e1
        ZUNIONSTORE Z 2 Z T|ZINTERSTORE Z 2 Z Z WEIGHTS 2 1|ZDIFFSTORE Z 2 Z Z|ZRANGESTORE Z Z 0 4|ZMPOP 2 Z Z MIN COUNT 2
        BZPOPMIN Z Z 0.03|BZPOPMAX Z 0.02|BZMPOP 0.02 2 Z Z MAX COUNT 2|GEOADD G 13.361389 38.115556 E 15.087269 37.502669 E
        GEOADD G CH 2.349014 48.864716 E|GEOSEARCHSTORE G G FROMLONLAT 14 38 BYRADIUS 900 km|GEORADIUS G 14 38 900 km STORE G
        GEOSEARCHSTORE Z G FROMLONLAT 2 48 BYBOX 900 900 km STOREDIST|GEORADIUSBYMEMBER G E 900 km STOREDIST Z|PFADD P E E V|PFADD P V
        PFMERGE P P P|PFCOUNT P P|PFCOUNT P|XADD X * f V|XADD X * f V g E|XADD X MAXLEN 9 * f V|XADD X MINID ~ I * f E|XADD X I f V
        XDEL X I|XTRIM X MAXLEN N|XTRIM X MAXLEN ~ 3|XTRIM X MINID I|XSETID X 9999999999999-0|XGROUP CREATE X J 0 MKSTREAM
        XGROUP CREATE X J $ ENTRIESREAD 2|XGROUP SETID X J I|XGROUP DESTROY X J|XGROUP CREATECONSUMER X J c|XGROUP DELCONSUMER X J c
        XREADGROUP GROUP J c COUNT 3 STREAMS X >|XREADGROUP GROUP J d NOACK STREAMS X >|XREADGROUP GROUP J c BLOCK 20 STREAMS X >
        XREADGROUP GROUP J c STREAMS X 0|XACK X J I I|XCLAIM X J d 0 I I|XCLAIM X J d 0 I FORCE|XAUTOCLAIM X J c 0 0 COUNT 3
        XREAD BLOCK 20 STREAMS X $|XADD X * f V|XADD X * f E g V
        """.split { "|\n".contains($0) }.map { $0.split(separator: " ") }

    static func command(_ random: inout PRNG) -> [[UInt8]] {
        while true {
            let template = templates[Int(random.below(UInt64(templates.count)))]
            if ["FLUSHALL", "FLUSHDB", "SWAPDB"].contains(template[0]) && random.below(12) > 0 { continue }
            var words: [[UInt8]] = []
            for word in template { words.append(fill(word, &random)) }
            return words
        }
    }

    static func anyKey(_ random: inout PRNG) -> [UInt8] {
        let kind = ["s", "l", "h", "t", "z", "g", "p", "x"][Int(random.below(8))]
        return key(kind, &random)
    }

    /// Few keys, some of them in one slot.
    private static func key(_ kind: String, _ random: inout PRNG) -> [UInt8] {
        Array(["\(kind)0", "\(kind)1", "{tag}\(kind)", "{tag}\(kind)2"][Int(random.below(4))].utf8)
    }

    private static func fill(_ word: Substring, _ random: inout PRNG) -> [UInt8] {
        switch word {
        case "S", "L", "H", "T", "Z", "G", "P", "X": key(word.lowercased(), &random)
        case "K": anyKey(&random)
        case "E": Array("e\(random.below(14))".utf8)
        case "J": Array("g\(random.below(2))".utf8)
        case "N": Array("\(random.below(200))".utf8)
        case "D": Array("\(random.below(3))".utf8)
        case "I": Array("\(1_800_000_000_000 + random.below(12_000))".utf8)
        case "V": value(&random)
        default: Array(word.utf8)
        }
    }

    private static func value(_ random: inout PRNG) -> [UInt8] {
        switch random.below(4) {
        case 0: Array("\(Int64(bitPattern: random.next()) >> Int64(random.below(60)))".utf8)
        case 1: [UInt8](repeating: 118, count: [0, 19, 64, 65, 300, 1025, 3000][Int(random.below(7))])
        default: Array("v\(random.below(50))".utf8)
        }
    }
}
