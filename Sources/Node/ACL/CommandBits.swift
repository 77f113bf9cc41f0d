/// A set of commands, by their index in the table.
struct CommandBits: Equatable, Sendable {
    private(set) var words: [UInt64]

    /// None of `count` commands.
    init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    /// All of `count` commands, and nothing past them.
    init(allOf count: Int) {
        self.init(count: count)
        for i in 0..<count { self[i] = true }
    }

    subscript(_ index: Int) -> Bool {
        get { words[index >> 6] >> UInt64(index & 63) & 1 != 0 }
        set {
            let bit: UInt64 = 1 << UInt64(index & 63)
            if newValue { words[index >> 6] |= bit } else { words[index >> 6] &= ~bit }
        }
    }

    /// Adds the members of `other`, or takes them away.
    mutating func set(_ other: CommandBits, to value: Bool) {
        for i in words.indices {
            if value { words[i] |= other.words[i] } else { words[i] &= ~other.words[i] }
        }
    }

    /// How many members of `other` are in this set.
    func count(of other: CommandBits) -> Int {
        zip(words, other.words).reduce(0) { $0 + ($1.0 & $1.1).nonzeroBitCount }
    }

    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
}
