/// A set of small numbers.
struct Numbers: Equatable {
    private var words: [UInt64] = []

    init(_ numbers: some Sequence<Int> = []) { for number in numbers { insert(number) } }

    mutating func insert(_ number: Int) {
        while words.count <= number >> 6 { words.append(0) }
        words[number >> 6] |= 1 << UInt64(number & 63)
    }

    func contains(_ number: Int) -> Bool {
        number >= 0 && number >> 6 < words.count && words[number >> 6] >> UInt64(number & 63) & 1 != 0
    }

    mutating func formUnion(_ other: Numbers) {
        while words.count < other.words.count { words.append(0) }
        for i in other.words.indices { words[i] |= other.words[i] }
    }

    func subtracting(_ other: Numbers) -> Numbers {
        var result = self
        for i in 0..<min(words.count, other.words.count) { result.words[i] &= ~other.words[i] }
        return result
    }

    func intersection(_ other: Numbers) -> Numbers {
        var result = self
        for i in words.indices { result.words[i] &= i < other.words.count ? other.words[i] : 0 }
        return result
    }

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Ascending.
    var all: [Int] {
        words.indices.flatMap { i in (0..<64).filter { words[i] >> UInt64($0) & 1 != 0 }.map { i * 64 + $0 } }
    }
}
