import Base
import Causality
import Cluster

/// A client's command on its way to the coordinator of its keys (docs/cluster.md: message `command`). What it points to is
/// lent.
///
///     1   by how many nodes it has been sent on
///     1   2 or 3: the client's protocol
///     1   how many replicas a read waits for, 1 how many a write does, 1 whether only a key's own replicas count
///     varint how many words; of each its length and bytes
public struct ForwardedCommand {
    /// A node that cannot answer for the slot sends it on; not for ever.
    public var hops: UInt8
    public var version: UInt8
    public var consistency: Consistency
    public var words: [ByteView]

    public init(hops: UInt8, version: UInt8, _ consistency: Consistency, _ words: [ByteView]) {
        self.hops = hops
        (self.version, self.consistency, self.words) = (version, consistency, words)
    }

    public func encode(to output: inout ByteBuffer) {
        output.append(hops)
        consistency.encode(version: version, to: &output)
        append(words, to: &output)
    }

    public init(_ bytes: ByteView) throws(CausalityError) {
        var reader = CausalReader(bytes)
        hops = try reader.byte()
        (version, consistency) = try Consistency.read(&reader)
        words = try readWords(&reader)
        try reader.finish()
    }
}

/// A client's transaction on its way to the coordinator of its keys (docs/cluster.md: message `transaction`).
///
///     what a command has before its words; length and bytes of what the client watches, as a comparison (`Comparison`),
///     nothing if it is nothing; varint how many commands; of each varint how many words; of each its length and bytes
public struct ForwardedTransaction {
    public var version: UInt8
    public var consistency: Consistency
    /// Keys with the versions that they must still have.
    public var watched: ByteView
    public var commands: [[ByteView]]

    public init(version: UInt8, _ consistency: Consistency, _ watched: ByteView, _ commands: [[ByteView]]) {
        (self.version, self.consistency, self.watched, self.commands) = (version, consistency, watched, commands)
    }

    public func encode(to output: inout ByteBuffer) {
        consistency.encode(version: version, to: &output)
        output.append(counted: watched)
        output.append(varint: UInt64(commands.count))
        for words in commands { append(words, to: &output) }
    }

    public init(_ bytes: ByteView) throws(CausalityError) {
        var reader = CausalReader(bytes)
        (version, consistency) = try Consistency.read(&reader)
        watched = try reader.counted()
        commands = []
        for _ in 0..<(try reader.count(bytesEach: 2)) { commands.append(try readWords(&reader)) }
        try reader.finish()
    }
}

private func append(_ words: [ByteView], to output: inout ByteBuffer) {
    output.append(varint: UInt64(words.count))
    for word in words { output.append(counted: word) }
}

private func readWords(_ reader: inout CausalReader) throws(CausalityError) -> [ByteView] {
    let count = try reader.count(bytesEach: 1)
    var words: [ByteView] = []
    words.reserveCapacity(count)
    for _ in 0..<count { words.append(try reader.counted()) }
    if words.isEmpty { throw .corrupt }
    return words
}

extension Consistency {
    fileprivate func encode(version: UInt8, to output: inout ByteBuffer) {
        output.append(version)
        output.append(read.byte)
        output.append(write.byte)
        output.append(isStrict ? 1 : 0)
    }

    fileprivate static func read(_ reader: inout CausalReader) throws(CausalityError) -> (UInt8, Consistency) {
        let version = try reader.byte()
        guard let read = Quorum(byte: try reader.byte()), let write = Quorum(byte: try reader.byte()),
            version == 2 || version == 3, read != .any
        else { throw .corrupt }
        let strict = try reader.byte()
        if strict > 1 { throw .corrupt }
        return (version, Consistency(read: read, write: write, isStrict: strict == 1))
    }
}

extension Quorum {
    /// A count is itself; the words lie above all counts.
    fileprivate var byte: UInt8 {
        switch self {
        case .count(let count): UInt8(count)
        case .one: 1
        case .quorum: 0xf0
        case .all: 0xf1
        case .any: 0xf2
        }
    }

    fileprivate init?(byte: UInt8) {
        switch byte {
        case 1...UInt8(Cluster.Replication.replicasMax): self = .count(Int(byte))
        case 0xf0: self = .quorum
        case 0xf1: self = .all
        case 0xf2: self = .any
        default: return nil
        }
    }
}
