import Base

/// Where a command's keys are among its words, and what is done to them (Redis' key specifications).
public struct KeySpec: Sendable {
    public enum Begin: Sendable {
        /// At this word; the name is word 0.
        case index(Int)
        /// After this keyword, looked for from the given word on (negative: backwards from the end).
        case keyword(String, from: Int)
        case unknown
    }

    public enum Find: Sendable {
        /// From the first key to `last` words after it (negative: from the end, -1 is the last word),
        /// every `step` words. `limit` > 1: only the first 1/limit of what remains.
        case range(last: Int, step: Int, limit: Int)
        /// The word at `count` after the begin says how many keys start at `first` after it.
        case numbered(count: Int, first: Int, step: Int)
        case unknown
    }

    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        public static let readOnly = Flags(rawValue: 1 << 0)
        public static let readWrite = Flags(rawValue: 1 << 1)
        public static let overwrite = Flags(rawValue: 1 << 2)
        public static let remove = Flags(rawValue: 1 << 3)
        public static let access = Flags(rawValue: 1 << 4)
        public static let update = Flags(rawValue: 1 << 5)
        public static let insert = Flags(rawValue: 1 << 6)
        public static let delete = Flags(rawValue: 1 << 7)
        public static let notKey = Flags(rawValue: 1 << 8)
        public static let incomplete = Flags(rawValue: 1 << 9)
        public static let variable = Flags(rawValue: 1 << 10)

        static let words: [(Flags, StaticString)] = [
            (.readOnly, "RO"), (.readWrite, "RW"), (.overwrite, "OW"), (.remove, "RM"), (.access, "access"),
            (.update, "update"), (.insert, "insert"), (.delete, "delete"), (.notKey, "not_key"),
            (.incomplete, "incomplete"), (.variable, "variable_flags"),
        ]

        public var words: [StaticString] { Flags.words.filter { contains($0.0) }.map(\.1) }
    }

    public let begin: Begin
    public let find: Find
    public let flags: Flags
    public let notes: String?

    public init(_ flags: Flags, _ begin: Begin, _ find: Find, notes: String? = nil) {
        self.flags = flags
        self.begin = begin
        self.find = find
        self.notes = notes
    }

    /// One key at word `index`.
    public static func one(_ index: Int, _ flags: Flags) -> KeySpec {
        KeySpec(flags, .index(index), .range(last: 0, step: 1, limit: 0))
    }

    /// Keys at every `step`th word from `index` to the end.
    public static func rest(_ index: Int, step: Int = 1, _ flags: Flags) -> KeySpec {
        KeySpec(flags, .index(index), .range(last: -1, step: step, limit: 0))
    }

    /// Whether it names exactly one key at a fixed word.
    var isSingle: Bool {
        if case .index = begin, case .range(last: 0, step: _, limit: _) = find { return true }
        return false
    }

    /// The positions of the keys among `words`; nil when the words do not fit the specification.
    public func positions(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> [Int]? {
        guard let start = start(words, count) else { return [] }
        switch find {
        case .unknown: return []
        case .range(let last, let step, let limit):
            let end: Int
            if last >= 0 {
                end = start + last
            } else if limit <= 1 {
                end = count + last
            } else {
                end = start + (count - start) / limit + last
            }
            if end >= count || end < start { return end < start && last < 0 ? [] : nil }
            return Array(stride(from: start, through: end, by: step))
        case .numbered(let countAt, let first, let step):
            guard start + countAt < count, let number = words[start + countAt].integer, number >= 0,
                number <= Int64(count)
            else { return nil }
            let begin = start + first
            let end = begin + (Int(number) - 1) * step
            if number > 0 && end >= count { return nil }
            return number == 0 ? [] : Array(stride(from: begin, through: end, by: step))
        }
    }

    private func start(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> Int? {
        switch begin {
        case .unknown: return nil
        case .index(let index): return index < count ? index : nil
        case .keyword(let word, let from):
            let lowered = word.lowercased()
            let forwards = from > 0
            var at = forwards ? from : count + from
            while at > 0 && at < count {
                if words[at].text.lowercased() == lowered { return at + 1 < count ? at + 1 : nil }
                at += forwards ? 1 : -1
            }
            return nil
        }
    }
}
