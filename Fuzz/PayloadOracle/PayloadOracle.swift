import Base

/// What RESTORE makes of a value that comes from anywhere: it is refused, or it is as good as any other. One that is
/// taken must dump to a payload that is the same value again, answer commands as that copy does, and not change when
/// a copy that shares its pieces does.
///
/// An input is two bytes of header and then a value in the form of Redis' dumps, without its version and checksum.
/// Byte 0: bit 0 limits are low, so that nearly everything is in pieces. Byte 1: which commands are tried.
public final class PayloadOracle {
    public static let headerBytes = 2
    /// Inputs so far that were a value.
    public private(set) var taken = 0

    private static let low = [
        "--hash-max-listpack-entries", "3", "--hash-max-listpack-value", "16", "--set-max-intset-entries", "3",
        "--zset-max-listpack-entries", "3", "--zset-max-listpack-value", "16", "--list-max-listpack-size", "3",
        "--stream-node-max-entries", "3",
    ]
    private let usual = InnerServer([])
    private let pieces = InnerServer(PayloadOracle.low)

    public init() { pieces.run("DEBUG QUICKLIST-PACKED-THRESHOLD 40b") }

    /// Answers nil, or what is wrong.
    public func check(_ input: [UInt8]) -> String? {
        guard input.count > PayloadOracle.headerBytes else { return nil }
        let server = input[0] & 1 == 0 ? usual : pieces
        let problem = check(server, PayloadOracle.payload(input), seed: UInt64(input[1]))
        for database in 0..<4 {
            server.run("DEL value other", in: database)
            if problem == nil && server.run("DBSIZE", in: database) != ":0\r\n" { return "a key is left" }
        }
        return problem
    }

    /// The value with what RESTORE wants behind it: version 10, CRC-64.
    private static func payload(_ input: [UInt8]) -> [UInt8] {
        let value = input[headerBytes...] + [10, 0]
        let checksum = Array(value).withView { CRC64.checksum($0) }
        return value + withUnsafeBytes(of: checksum.littleEndian) { Array($0) }
    }

    /// The value is restored to database 0, its own dump to 1, a copy of it to 2, the dump of what commands have made
    /// of it to 3.
    private func check(_ server: InnerServer, _ payload: [UInt8], seed: UInt64) -> String? {
        let restored = restore(server, payload, to: 0)
        if restored == "-ERR Bad data format\r\n" {
            return server.run("EXISTS value") == ":0\r\n" ? nil : "refused, yet there is a key"
        }
        if restored != "+OK\r\n" { return "RESTORE answered \(restored)" }
        taken += 1
        let type = server.run("TYPE value").filter { $0.isLetter }
        if let problem = sameAgain(server, type, to: 1) { return problem }
        if server.run("COPY value value DB 2") != ":1\r\n" { return "it cannot be copied" }
        let digest = server.run("DEBUG DIGEST-VALUE value")
        var mix = CommandMix(type: type, elements: elements(server, type), seed: seed)
        for _ in 0..<12 {
            let (words, isCertain) = mix.next()
            let (mine, its) = (server.run(words), server.run(words, in: 1))
            if isCertain ? mine != its : mine.first != its.first {
                return "\(shown(words)): \(shown(mine)), of its dump \(shown(its))"
            }
        }
        if let problem = differ(server, type, 1) { return "after commands, \(problem)" }
        if server.run("DEBUG DIGEST-VALUE value", in: 2) != digest { return "commands have changed a copy, too" }
        // The commands may have emptied it.
        if server.run("EXISTS value") == ":0\r\n" { return nil }
        return sameAgain(server, type, to: 3).map { "after commands, \($0)" }
    }

    /// Dumps the value and reads that: it has to be the same value.
    private func sameAgain(_ server: InnerServer, _ type: String, to database: Int) -> String? {
        let dump = server.run([Array("DUMP".utf8), Array("value".utf8)])
        guard dump.first == UInt8(ascii: "$"), let start = dump.firstIndex(of: 10) else { return "it is not dumped" }
        let reply = restore(server, Array(dump[(start + 1)..<(dump.count - 2)]), to: database)
        if reply != "+OK\r\n" { return "its own dump is refused: \(reply)" }
        return differ(server, type, database)
    }

    private func restore(_ server: InnerServer, _ payload: [UInt8], to database: Int) -> String {
        let words = [Array("RESTORE".utf8), Array("value".utf8), [48], payload, Array("REPLACE".utf8)]
        return String(decoding: server.run(words, in: database), as: UTF8.self)
    }

    /// What tells the values in databases 0 and another apart; nil if nothing does.
    private func differ(_ server: InnerServer, _ type: String, _ database: Int) -> String? {
        var questions = ["TYPE value", "DEBUG DIGEST-VALUE value"]
        switch type {
        case "string": questions += ["GET value"]
        case "list": questions += ["LLEN value", "LRANGE value 0 -1"]
        case "hash": questions += ["HLEN value"]
        case "set": questions += ["SCARD value"]
        case "zset": questions += ["ZCARD value", "ZRANGE value 0 -1 WITHSCORES"]
        default: questions += ["XRANGE value - +", "XINFO STREAM value FULL COUNT 0"]
        }
        for question in questions {
            let words = question.split(separator: " ").map { Array($0.utf8) }
            let (mine, its) = (server.run(words), server.run(words, in: database))
            if mine != its { return "\(question): \(shown(mine)), of its dump \(shown(its))" }
        }
        return nil
    }

    /// Something of what a value consists of.
    private func elements(_ server: InnerServer, _ type: String) -> [[UInt8]] {
        let question =
            switch type {
            case "list": "LRANGE value 0 99"
            case "hash": "HGETALL value"
            case "set": "SMEMBERS value"
            case "zset": "ZRANGE value 0 99"
            case "stream": "XINFO STREAM value FULL COUNT 20"
            default: "GET value"
            }
        return strings(server.run(question.split(separator: " ").map { Array($0.utf8) }))
    }

    /// The first strings of a reply, however deep they are.
    private func strings(_ reply: [UInt8]) -> [[UInt8]] {
        var (found, at): ([[UInt8]], Int) = ([], 0)
        while at < reply.count, found.count < 400, let end = reply[at...].firstIndex(of: 13) {
            let start = end + 2
            if reply[at] == UInt8(ascii: "$"), let count = Int(String(decoding: reply[(at + 1)..<end], as: UTF8.self)),
                count >= 0
            {
                found.append(Array(reply[start..<(start + count)]))
                at = start + count + 2
            } else {
                at = start
            }
        }
        return found
    }

    private func shown(_ words: [[UInt8]]) -> String { words.map { shown($0) }.joined(separator: " ") }

    private func shown(_ bytes: [UInt8]) -> String {
        bytes.prefix(2000).map { 32 <= $0 && $0 < 127 ? String(UnicodeScalar($0)) : "\\x" + String($0, radix: 16) }
            .joined()
    }
}
