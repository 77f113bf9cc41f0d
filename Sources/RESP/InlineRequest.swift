import Base

/// The words of a line typed by a person, with Redis' quoting: "..." with \n \r \t \b \a \xHH and
/// \c escapes, '...' with \' only; a closing quote must be followed by a space or the end.
public enum InlineRequest {
    /// Splits `line`; unquoted words are written to `storage` (room for `line.count` bytes).
    /// Answers nil when quotes are unbalanced.
    public static func split(_ line: ByteView, into storage: UnsafeMutablePointer<UInt8>) -> [ByteView]? {
        var words: [ByteView] = []
        var out = storage
        var at = 0
        while true {
            while at < line.count && isSpace(line[at]) { at += 1 }
            if at >= line.count || line[at] == 0 { return words }
            let start = out
            guard word(line, &at, &out) else { return nil }
            words.append(ByteView(UnsafePointer(start), out - start))
        }
    }

    private static func word(_ line: ByteView, _ at: inout Int, _ out: inout UnsafeMutablePointer<UInt8>) -> Bool {
        while at < line.count {
            let byte = line[at]
            if isSpace(byte) || byte == 0 { return true }
            if byte == 34 {
                at += 1
                if !doubleQuoted(line, &at, &out) { return false }
                return at >= line.count || isSpace(line[at])
            }
            if byte == 39 {
                at += 1
                if !singleQuoted(line, &at, &out) { return false }
                return at >= line.count || isSpace(line[at])
            }
            put(byte, &out)
            at += 1
        }
        return true
    }

    private static func doubleQuoted(
        _ line: ByteView, _ at: inout Int, _ out: inout UnsafeMutablePointer<UInt8>
    ) -> Bool {
        while at < line.count {
            let byte = line[at]
            if byte == 34 {
                at += 1
                return true
            }
            if byte == 92, at + 3 < line.count, line[at + 1] == 120, let high = hexDigit(line[at + 2]),
                let low = hexDigit(line[at + 3])
            {
                put(high << 4 | low, &out)
                at += 4
            } else if byte == 92, at + 1 < line.count {
                put(escaped(line[at + 1]), &out)
                at += 2
            } else {
                put(byte, &out)
                at += 1
            }
        }
        return false
    }

    private static func singleQuoted(
        _ line: ByteView, _ at: inout Int, _ out: inout UnsafeMutablePointer<UInt8>
    ) -> Bool {
        while at < line.count {
            if line[at] == 39 {
                at += 1
                return true
            }
            if line[at] == 92 && at + 1 < line.count && line[at + 1] == 39 { at += 1 }
            put(line[at], &out)
            at += 1
        }
        return false
    }

    private static func put(_ byte: UInt8, _ out: inout UnsafeMutablePointer<UInt8>) {
        out.pointee = byte
        out += 1
    }

    private static func escaped(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 110: 10
        case 114: 13
        case 116: 9
        case 98: 8
        case 97: 7
        default: byte
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 97...102: byte - 87
        case 65...70: byte - 55
        default: nil
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (byte >= 9 && byte <= 13) }
}
