import Base

/// A word of Lua's source text.
enum LuaToken: Equatable {
    case name([UInt8])
    /// The characters as written, escapes and all; nil if it has escapes.
    case string([UInt8]?)
    case number
    /// A keyword or symbol.
    case word(String)

    static func isName(_ token: LuaToken?, _ text: String) -> Bool { token == .name(Array(text.utf8)) }
}

/// Takes Lua source apart, as far as `KeyProof` needs it. nil: something is odd (Lua itself will say what).
struct LuaTokens {
    private static let keywords: Set<String> = [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not",
        "or", "repeat", "return", "then", "true", "until", "while",
    ]
    private static let symbols = ["...", "==", "~=", "<=", ">=", ".."]

    private let source: ByteView
    private var at = 0
    private var tokens: [LuaToken] = []

    static func read(_ source: ByteView) -> [LuaToken]? {
        var reader = LuaTokens(source: source)
        while reader.at < source.count {
            if !reader.next() { return nil }
        }
        return reader.tokens
    }

    private init(source: ByteView) { self.source = source }

    private func byte(_ offset: Int = 0) -> UInt8 { at + offset < source.count ? source[at + offset] : 0 }

    private static func isLetter(_ byte: UInt8) -> Bool { ByteView.lowercased(byte) &- 97 < 26 || byte == 95 }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

    private mutating func next() -> Bool {
        let first = byte()
        if first == 32 || (9...13).contains(first) {
            at += 1
            return true
        }
        if first == UInt8(ascii: "-") && byte(1) == UInt8(ascii: "-") { return skipComment() }
        if LuaTokens.isLetter(first) { return readName() }
        if LuaTokens.isDigit(first) || first == UInt8(ascii: ".") && LuaTokens.isDigit(byte(1)) {
            return readNumber()
        }
        if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") { return readString(first) }
        if first == UInt8(ascii: "["), let level = bracketLevel() { return readLongString(level) }
        return readSymbol()
    }

    private mutating func skipComment() -> Bool {
        at += 2
        if byte() == UInt8(ascii: "["), let level = bracketLevel() { return skipLong(level) != nil }
        while at < source.count && source[at] != 10 { at += 1 }
        return true
    }

    private mutating func readName() -> Bool {
        let start = at
        while LuaTokens.isLetter(byte()) || LuaTokens.isDigit(byte()) { at += 1 }
        let name = source.slice(start, at)
        let text = name.text
        tokens.append(LuaTokens.keywords.contains(text) ? .word(text) : .name(name.bytes))
        return true
    }

    /// Everything that Lua might take for a part of a number.
    private mutating func readNumber() -> Bool {
        while LuaTokens.isLetter(byte()) || LuaTokens.isDigit(byte()) || byte() == UInt8(ascii: ".") {
            let isExponent = byte() | 0x20 == UInt8(ascii: "e")
            at += 1
            if isExponent && (byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-")) { at += 1 }
        }
        tokens.append(.number)
        return true
    }

    private mutating func readString(_ quote: UInt8) -> Bool {
        at += 1
        let start = at
        var isPlain = true
        while at < source.count && source[at] != quote {
            if source[at] == 10 { return false }
            if source[at] == UInt8(ascii: "\\") {
                isPlain = false
                at += 1
            }
            at += 1
        }
        if at >= source.count { return false }
        tokens.append(.string(isPlain ? source.slice(start, at).bytes : nil))
        at += 1
        return true
    }

    /// The number of '=' in a long bracket that begins here; nil: none does.
    private func bracketLevel() -> Int? {
        var offset = 1
        while byte(offset) == UInt8(ascii: "=") { offset += 1 }
        return byte(offset) == UInt8(ascii: "[") ? offset - 1 : nil
    }

    private mutating func readLongString(_ level: Int) -> Bool {
        guard skipLong(level) != nil else { return false }
        tokens.append(.string(nil))
        return true
    }

    private mutating func skipLong(_ level: Int) -> Int? {
        at += level + 2
        while at < source.count {
            if source[at] == UInt8(ascii: "]") {
                var offset = 1
                while byte(offset) == UInt8(ascii: "=") { offset += 1 }
                if offset - 1 == level && byte(offset) == UInt8(ascii: "]") {
                    at += offset + 1
                    return at
                }
            }
            at += 1
        }
        return nil
    }

    private mutating func readSymbol() -> Bool {
        for symbol in LuaTokens.symbols where source.count - at >= symbol.utf8.count {
            if source.slice(at, at + symbol.utf8.count).bytes == Array(symbol.utf8) {
                tokens.append(.word(symbol))
                at += symbol.utf8.count
                return true
            }
        }
        guard "+-*/%^#<>=(){}[];:,.".utf8.contains(byte()) else { return false }
        tokens.append(.word(String(UnicodeScalar(byte()))))
        at += 1
        return true
    }
}
