import Base
import Keyspace
import RESP

/// Error texts that several commands share. The words are Redis', which clients match on.
public enum ErrorText {
    public static let syntax: StaticString = "ERR syntax error"
    public static let wrongType: StaticString =
        "WRONGTYPE Operation against a key holding the wrong kind of value"
    public static let notInteger: StaticString = "ERR value is not an integer or out of range"
    public static let notFloat: StaticString = "ERR value is not a valid float"
    public static let overflow: StaticString = "ERR increment or decrement would overflow"
    public static let noSuchKey: StaticString = "ERR no such key"
    public static let outOfRange: StaticString = "ERR index out of range"
    public static let tooLong: StaticString = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    public static let databaseRange: StaticString = "ERR DB index is out of range"
    public static let sameObject: StaticString = "ERR source and destination objects are the same"
}

extension ByteView {
    /// The bytes before the first NUL, at most `limit`: what Redis' error texts, formatted in C, show of a word.
    public func cBytes(_ limit: Int) -> [UInt8] {
        var end = 0
        while end < min(count, limit) && self[end] != 0 { end += 1 }
        return slice(0, end).bytes
    }

    /// The bytes before the first NUL as text.
    public var cText: String { String(decoding: cBytes(count), as: UTF8.self) }
}

extension Call {
    /// Replies an error, its code included.
    public func fail(_ text: StaticString) { reply.error(text) }

    /// The word as an integer; replies and answers nil if it is none.
    public func integer(_ word: Int, error: StaticString = ErrorText.notInteger) -> Int64? {
        guard let value = self[word].integer else {
            fail(error)
            return nil
        }
        return value
    }

    /// Whether an entry is a string; replies WRONGTYPE if it is something else.
    @inline(__always)
    public func isString(_ entry: Entry) -> Bool {
        if _fastPath(entry.type == .string) { return true }
        fail(ErrorText.wrongType)
        return false
    }

    /// "ERR unknown subcommand 'x'. Try NAME HELP.", cut at 128 bytes like Redis'.
    public func replyUnknownSubcommand() {
        let name = self[0].text.uppercased()
        let word = count > 1 ? self[1].cBytes(128) : []
        reply.error(Array("ERR unknown subcommand '".utf8) + word + Array("'. Try \(name) HELP.".utf8))
    }

    /// "ERR wrong number of arguments for 'name' command".
    public func replyWrongArity(_ fullName: String) {
        reply.error("ERR wrong number of arguments for '\(fullName)' command")
    }

    /// A HELP subcommand's answer: Redis' first line, the given lines, and HELP's own two.
    public func replyHelp(_ lines: [StaticString]) {
        reply.array(lines.count + 3)
        reply.simple(
            "\(self[0].text.uppercased()) <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
        for line in lines { reply.simple(line) }
        reply.simple("HELP")
        reply.simple("    Prints this help.")
    }
}
