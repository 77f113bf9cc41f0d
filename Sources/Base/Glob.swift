/// Redis' glob patterns: `*`, `?`, `[a-z]`, `[^x]`, `\` quotes. Over bytes.
///
/// Time is bounded by pattern length times text length: a failed `*` never makes an earlier `*` try
/// again (CVE-2022-36021 and CVE-2024-31228 were matchers that did).
public enum Glob {
    /// A pattern with something behind more runs of `*` than this matches nothing, as in Redis.
    private static let starsMax = 1000

    /// Whether a pattern covers all of a text.
    public static func matches(_ pattern: ByteView, _ text: ByteView, ignoringCase: Bool = false) -> Bool {
        // As in Redis, where only KEYS and SCAN treat `*` apart.
        if text.isEmpty { return pattern.isEmpty }
        var p = 0
        var t = 0
        var star = -1
        var starText = 0
        var stars = 0
        while t < text.count {
            if p < pattern.count && pattern[p] == 42 {
                while p + 1 < pattern.count && pattern[p + 1] == 42 { p += 1 }
                star = p
                starText = t
                p += 1
                if p == pattern.count { return true }
                stars += 1
                if stars > starsMax { return false }
                continue
            }
            if p < pattern.count, let next = step(pattern, p, text[t], ignoringCase) {
                p = next
                t += 1
                continue
            }
            if star < 0 { return false }
            p = star + 1
            starText += 1
            t = starText
        }
        while p < pattern.count && pattern[p] == 42 { p += 1 }
        return p == pattern.count
    }

    /// Matches one byte at pattern position `p`; answers the position after, or nil.
    private static func step(_ pattern: ByteView, _ p: Int, _ byte: UInt8, _ ignoringCase: Bool) -> Int? {
        switch pattern[p] {
        case 63: return p + 1
        case 91: return bracket(pattern, p + 1, byte, ignoringCase)
        case 92 where p + 1 < pattern.count:
            return same(pattern[p + 1], byte, ignoringCase) ? p + 2 : nil
        default: return same(pattern[p], byte, ignoringCase) ? p + 1 : nil
        }
    }

    /// A bracket expression whose text starts at `start`. An unclosed one ends with the pattern.
    private static func bracket(_ pattern: ByteView, _ start: Int, _ byte: UInt8, _ ignoringCase: Bool) -> Int? {
        var p = start
        let negated = p < pattern.count && pattern[p] == 94
        if negated { p += 1 }
        var found = false
        while p < pattern.count && pattern[p] != 93 {
            if pattern[p] == 92 && p + 1 < pattern.count {
                p += 1
                if same(pattern[p], byte, ignoringCase) { found = true }
            } else if p + 2 < pattern.count && pattern[p + 1] == 45 {
                if inRange(pattern[p], pattern[p + 2], byte, ignoringCase) { found = true }
                p += 2
            } else if same(pattern[p], byte, ignoringCase) {
                found = true
            }
            p += 1
        }
        if found == negated { return nil }
        return min(p + 1, pattern.count)
    }

    private static func inRange(_ a: UInt8, _ b: UInt8, _ byte: UInt8, _ ignoringCase: Bool) -> Bool {
        let fold = { (x: UInt8) in ignoringCase ? ByteView.lowercased(x) : x }
        let low = min(a, b), high = max(a, b)
        return fold(low) <= fold(byte) && fold(byte) <= fold(high)
    }

    private static func same(_ a: UInt8, _ b: UInt8, _ ignoringCase: Bool) -> Bool {
        a == b || (ignoringCase && ByteView.lowercased(a) == ByteView.lowercased(b))
    }
}
