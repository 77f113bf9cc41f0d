import Base
import Trials

struct UsageError: Error, CustomStringConvertible {
    let description: String
}

struct Options {
    var seeds: ClosedRange<UInt64> = 1...100
    var seconds: Int64 = 60
    var nodes: Int?
    var canary: String?
    var tells = false
    var jobs = 1
    /// Runs of one seed, which must all be the same.
    var repeats = 1

    static let usage = """
        martlet-sim [--seeds A..B] [--seconds S] [--nodes N] [--jobs J] [--trace] [--canary NAME]

        --seeds A..B   which seeds (1..100); one number: that one
        --seconds S    virtual seconds in which things go wrong (60); mending and comparing come after them
        --nodes N      always so many; otherwise 3 to 7, as the seed says
        --jobs J       so many processes (1)
        --trace        print what happens
        --canary NAME  make this mistake, and succeed as soon as it is noticed (in a build with MARTLET_CANARIES=1)
        """

    init(_ words: [String]) throws(UsageError) {
        var words = words[...]
        while let word = words.popFirst() {
            switch word {
            case "--trace": tells = true
            case "--seeds": seeds = try Self.range(try Self.value(word, &words))
            case "--seconds": seconds = try Self.number(try Self.value(word, &words))
            case "--nodes": nodes = Int(try Self.number(try Self.value(word, &words)))
            case "--jobs": jobs = Int(try Self.number(try Self.value(word, &words)))
            case "--canary": canary = try Self.value(word, &words)
            default: throw UsageError(description: "what is \(word)?")
            }
        }
        if let nodes, !(3...64).contains(nodes) { throw UsageError(description: "--nodes is from 3 on") }
        if jobs < 1 || seconds < 1 { throw UsageError(description: "--jobs and --seconds are from 1 on") }
    }

    private static func value(_ word: String, _ words: inout ArraySlice<String>) throws(UsageError) -> String {
        guard let value = words.popFirst() else { throw UsageError(description: "\(word) wants a value") }
        return value
    }

    private static func number(_ text: String) throws(UsageError) -> Int64 {
        guard let number = Int64(text) else { throw UsageError(description: "\(text) is no number") }
        return number
    }

    private static func range(_ text: String) throws(UsageError) -> ClosedRange<UInt64> {
        let ends = text.split(separator: ".", omittingEmptySubsequences: true).map { UInt64($0) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last else {
            throw UsageError(description: "\(text) is no range of seeds: A..B")
        }
        return first...last
    }
}
