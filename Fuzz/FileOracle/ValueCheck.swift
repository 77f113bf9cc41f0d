import Base
import Keyspace

/// Puts a key's value together from its records in the tree, and changes it.
///
/// An input is: the length of the head (varint), the head; how many pieces (varint); of each its id (varint), the length of
/// its record (varint), the record; then mutations. The key is `k`.
enum ValueCheck {
    static func run(_ bytes: [UInt8], low: Bool) -> Outcome {
        let parts = bytes.withView { parse($0) }
        guard let parts else { return .refused }
        let (keyspace, twin) = (SmallKeyspace(low: low), SmallKeyspace(low: low))
        for keyspace in [keyspace, twin] {
            let taken = parts.head.withView { keyspace.adopt(Key(ByteView("k")), 0, $0, parts.pieces) }
            if !taken { return keyspace.contents.isEmpty ? .refused : .wrong("refused, yet there is a key") }
        }
        return ReplayCheck.run([parts.mutations], keyspace, twin: twin, low: low)
    }

    private struct Parts {
        var head: [UInt8]
        var pieces: [(id: UInt64, record: [UInt8])] = []
        var mutations: [UInt8] = []
    }

    private static func parse(_ bytes: ByteView) -> Parts? {
        var at = 0
        guard let head = counted(bytes, &at), let count = bytes.varint(at: &at), count <= UInt64(bytes.count - at)
        else {
            return nil
        }
        var parts = Parts(head: head)
        for _ in 0..<count {
            guard let id = bytes.varint(at: &at), let record = counted(bytes, &at) else { return nil }
            parts.pieces.append((id, record))
        }
        parts.mutations = bytes.slice(at, bytes.count).bytes
        return parts
    }

    private static func counted(_ bytes: ByteView, _ at: inout Int) -> [UInt8]? {
        guard let count = bytes.varint(at: &at), count <= UInt64(bytes.count - at) else { return nil }
        defer { at += Int(count) }
        return bytes.slice(at, at + Int(count)).bytes
    }
}
