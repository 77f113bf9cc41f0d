import Base
import RESP

/// Lines of configuration files: splitting into words, and quoting words that need it.
enum ConfigurationText {
    /// The words of a line, quotes taken off; nil when they are unbalanced.
    static func words(_ line: [UInt8]) -> [[UInt8]]? {
        let storage = UnsafeMutablePointer<UInt8>.allocate(capacity: line.count + 1)
        defer { storage.deallocate() }
        return line.withView { view in InlineRequest.split(view, into: storage)?.map(\.bytes) }
    }

    /// The lines of a file, without their ends and surrounding space.
    static func lines(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map { [UInt8]($0) }
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    static func trimmed(_ line: [UInt8]) -> [UInt8] {
        guard let first = line.firstIndex(where: { !isSpace($0) }), let last = line.lastIndex(where: { !isSpace($0) })
        else { return [] }
        return [UInt8](line[first...last])
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 13 }

    /// A word between double quotes, with escapes that `words` undoes.
    static func quoted(_ word: String) -> String {
        let hexDigits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = [34]
        for byte in word.utf8 {
            switch byte {
            case 34, 92: out += [92, byte]
            case 10: out += [92, 110]
            case 13: out += [92, 114]
            case 9: out += [92, 116]
            case 7: out += [92, 97]
            case 8: out += [92, 98]
            case 32...126: out.append(byte)
            default: out += [92, 120, hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            }
        }
        out.append(34)
        return String(decoding: out, as: UTF8.self)
    }

    /// A word as it is when that is safe, quoted otherwise.
    static func written(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 34 && $0 != 39 && $0 != 92 && $0 != 35 }
        return plain && !word.isEmpty ? word : quoted(word)
    }

    /// The text of bytes, if they are text.
    static func text(_ bytes: [UInt8]) -> String? { String(validating: bytes, as: UTF8.self) }
}
