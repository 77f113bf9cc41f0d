import Base
import Keyspace

/// What SCAN, HSCAN, SSCAN and ZSCAN were asked for.
public struct ScanOptions {
    /// nil: everything.
    public var pattern: ByteView?
    /// The name of the type that keys must have; nil: any. SCAN's alone.
    var type: ByteView?
    /// An amount of work, after which a call ends.
    public var count = 10

    @inline(__always)
    public func selects(_ element: Listpack.Element) -> Bool {
        guard let pattern else { return true }
        return element.withView { Glob.matches(pattern, $0) }
    }

    func selects(_ entry: Entry, now: Int64) -> Bool {
        if entry.isExpired(now) { return false }
        if let pattern, !Glob.matches(pattern, entry.key) { return false }
        return type.map { $0.isWord(entry.type.name) } ?? true
    }
}

extension Call {
    /// A cursor as C's strtoul reads it, which clients have come to rely on: empty is 0, a sign is allowed.
    static func scanCursor(_ word: ByteView) -> UInt64? {
        if word.isEmpty { return 0 }
        let isSigned = word[0] == 45 || word[0] == 43
        guard let value = word.slice(isSigned ? 1 : 0, word.count).unsignedInteger else { return nil }
        return word[0] == 45 ? 0 &- value : value
    }

    /// The options from a word on; replies and answers nil if they are not right.
    func scanOptions(from first: Int, takesType: Bool = false) -> ScanOptions? {
        var options = ScanOptions()
        var word = first
        while word < count {
            if self[word].isWord("count") && word + 1 < count {
                guard let number = integer(word + 1) else { return nil }
                if number < 1 {
                    fail(ErrorText.syntax)
                    return nil
                }
                options.count = Int(number)
            } else if self[word].isWord("match") && word + 1 < count {
                let pattern = self[word + 1]
                options.pattern = pattern.count == 1 && pattern[0] == 42 ? nil : pattern
            } else if takesType && self[word].isWord("type") && word + 1 < count {
                options.type = self[word + 1]
            } else {
                fail(ErrorText.syntax)
                return nil
            }
            word += 2
        }
        return options
    }
}
