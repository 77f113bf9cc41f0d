import Base
import FuzzCorpus

/// Reads files of a data directory that may be anything, and what lies in them: no input may crash or take much memory or
/// time, and what is accepted is the same when it is read again.
///
/// An input is a byte and then what it is about. Its lowest bit: checksums are made right first, so that what is wrong
/// gets past them. The next three bits: `Kind`. The bit 0x10: limits are low, so that nearly all values are in pieces.
public final class FileOracle {
    public enum Kind: UInt8, CaseIterable, Sendable {
        /// Segments, one after another: each begins with its magic number, and is called as its header says.
        case log
        /// A manifest, in place of the one of a directory that has tables.
        case manifest
        /// The file `current` of that directory.
        case current
        /// Its file `identity`.
        case identity
        /// A record of the log: mutations.
        case record
        /// The state that the manifest keeps with a round (`StateCheck`).
        case state
        /// The records of a key's value in the tree, and mutations of it (`ValueCheck`).
        case value

        init(of flags: UInt8) { self = Kind(rawValue: (flags >> 1 & 7) % UInt8(Kind.allCases.count))! }

        func flags(sealed: Bool = true, low: Bool = false) -> UInt8 {
            (sealed ? 1 : 0) | rawValue << 1 | (low ? 0x10 : 0)
        }
    }

    /// How many inputs of each kind were accepted.
    public private(set) var accepted: [Kind: Int] = [:]

    let trees = TreeDirectory()

    public init() {}

    /// Answers nil, or what is wrong.
    public func check(_ input: [UInt8]) -> String? {
        guard let flags = input.first else { return nil }
        let kind = Kind(of: flags)
        let bytes = Array(input.dropFirst())
        let outcome = check(kind, bytes, sealed: flags & 1 != 0, low: flags & 0x10 != 0)
        if outcome == .accepted { accepted[kind, default: 0] += 1 }
        if case .wrong(let problem) = outcome { return "\(kind): \(problem)" }
        return nil
    }

    private func check(_ kind: Kind, _ bytes: [UInt8], sealed: Bool, low: Bool) -> Outcome {
        switch kind {
        case .log: LogCheck.run(bytes, sealed: sealed, low: low)
        case .manifest, .current, .identity: trees.check(kind, bytes, sealed: sealed)
        case .record: ReplayCheck.run([bytes], low: low)
        case .state: StateCheck.run(bytes)
        case .value: ValueCheck.run(bytes, low: low)
        }
    }
}

/// What became of an input.
enum Outcome: Equatable {
    /// It is not what it should be, and was refused.
    case refused
    case accepted
    case wrong(String)
}
