import Base
import CLua
import Commands

/// What a script or function says of itself (`#!lua flags=...`, register_function's flags), with Redis' words.
public struct ScriptFlags: OptionSet, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let noWrites = ScriptFlags(rawValue: 1)
    public static let allowOOM = ScriptFlags(rawValue: 2)
    public static let allowStale = ScriptFlags(rawValue: 4)
    public static let noCluster = ScriptFlags(rawValue: 8)
    public static let allowCrossSlot = ScriptFlags(rawValue: 16)
    /// An EVAL script without a first line that says anything: the rules of old apply.
    public static let compatible = ScriptFlags(rawValue: 32)

    static let words: [(ScriptFlags, StaticString)] = [
        (.noWrites, "no-writes"), (.allowOOM, "allow-oom"), (.allowStale, "allow-stale"), (.noCluster, "no-cluster"),
        (.allowCrossSlot, "allow-cross-slot-keys"),
    ]

    public var words: [StaticString] { ScriptFlags.words.filter { contains($0.0) }.map(\.1) }

    /// The flags that a command (EVAL, FCALL) has when it runs this script.
    public func applied(to flags: CommandFlags) -> CommandFlags {
        if contains(.compatible) { return flags }
        var flags = flags.subtracting([.stale, .denyOOM, .write, .mayReplicate])
        if isDisjoint(with: [.allowOOM, .noWrites]) { flags.insert(.denyOOM) }
        if !contains(.noWrites) { flags.insert(.write) }
        if contains(.allowStale) { flags.insert(.stale) }
        return flags
    }
}

/// A script's first line, if it begins with "#!".
public struct Shebang: Sendable {
    public var flags: ScriptFlags
    /// Bytes up to (not including) the line's end: what Lua does not see.
    public var length: Int

    /// Why a first line is refused: an error reply, code included.
    public struct Refusal: Error {
        public let text: String

        public init(text: String) { self.text = text }
    }

    /// Of an EVAL script. Without "#!", the flags are `.compatible`.
    public static func parse(_ source: ByteView) throws(Refusal) -> Shebang {
        guard source.count >= 2, source[0] == UInt8(ascii: "#"), source[1] == UInt8(ascii: "!") else {
            return Shebang(flags: .compatible, length: 0)
        }
        guard let end = (0..<source.count).first(where: { source[$0] == 10 }) else {
            throw Refusal(text: "ERR Invalid script shebang")
        }
        let words = Shebang.split(source.slice(0, end))
        guard words[0] == "#!lua" else {
            throw Refusal(text: "ERR Unexpected engine in script shebang: \(words[0])")
        }
        var flags: ScriptFlags = []
        for word in words.dropFirst() {
            guard word.hasPrefix("flags=") else {
                throw Refusal(text: "ERR Unknown lua shebang option: \(word)")
            }
            let list = word.dropFirst(6)
            if list.isEmpty { continue }
            for name in list.split(separator: ",", omittingEmptySubsequences: false) {
                guard let flag = ScriptFlags.words.first(where: { "\($0.1)" == name }) else {
                    throw Refusal(text: "ERR Unexpected flag in script shebang: \(name)")
                }
                flags.insert(flag.0)
            }
        }
        return Shebang(flags: flags, length: end)
    }

    /// Words between spaces; quotes around a word's part fall away.
    static func split(_ line: ByteView) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        var isOpen = false, quote: UInt8 = 0
        for byte in line.bytes {
            if quote != 0 {
                if byte == quote { quote = 0 } else { word.append(byte) }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
                isOpen = true
            } else if byte == 32 || byte == 9 || byte == 13 {
                if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
                word = []
                isOpen = false
            } else {
                word.append(byte)
                isOpen = true
            }
        }
        if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
        return words.isEmpty ? [""] : words
    }
}
