import Base
import CSystem
import Causality
import Synchronization

@testable import Keyspace

/// Everything about a key that a client or a peer can see.
struct KeyState: Equatable {
    var database: Int
    var key: [UInt8]
    var type: String
    var encoding: String
    var value: [UInt8]
    /// The order of a packed hash's fields, which clients see.
    var order: [UInt8]
    var deadline: Int64?
    var timestamp: Int64
    var dot: UInt64

    /// Whether this is the other after a replay: equal, but that a value which was logged whole (a copy, a result)
    /// has the form that today's limits give it, when the original had grown and shrunk.
    func isReplay(of original: KeyState) -> Bool {
        if encoding == original.encoding { return self == original }
        var adjusted = self
        adjusted.encoding = original.encoding
        adjusted.order = original.order
        return adjusted == original && (encoding == "listpack" || encoding == "intset")
    }
}

struct KeyspaceState: Equatable {
    var keys: [KeyState] = []
    /// Per slot: writes, keys.
    var counters: [[UInt64]] = []
}

extension Keyspace {
    var state: KeyspaceState {
        var state = KeyspaceState()
        forEachPartition { partition in
            for slot in 0..<64 {
                let counters = partition.pointee.slots[slot]
                state.counters.append([counters.writes, counters.keys])
            }
            for database in 0..<databaseCount {
                partition.pointee.databases[database].entries.forEach { entry in
                    state.keys.append(
                        KeyState(
                            database: database, key: entry.key.bytes, type: "\(entry.type.name)",
                            encoding: "\(entry.encodingName)", value: entry.contentsShown,
                            order: entry.orderShown, deadline: entry.deadline, timestamp: entry.timestamp,
                            dot: entry.dot.packed))
                }
            }
        }
        // A dot is unique in its slot only; the key decides the rest.
        state.keys.sort { a, b in
            if a.database != b.database { return a.database < b.database }
            return a.key.lexicographicallyPrecedes(b.key)
        }
        return state
    }
}

/// A mutation as it is encoded: what is replayed has been through the log's format.
struct RecordedMutation: Sendable {
    let bytes: [UInt8]
    let slot: Int
    let dot: Dot

    init(_ mutation: Mutation) {
        slot = mutation.slot
        dot = mutation.dot
        var encoded = ByteBuffer()
        mutation.encode(to: &encoded)
        bytes = encoded.view.bytes
    }

    init(bytes: [UInt8], dot: Dot) {
        self.bytes = bytes
        self.dot = dot
        slot = 0
    }

    /// Lends the mutation; nil if it cannot be read.
    func read<R>(_ body: (Mutation) -> R) -> R? {
        bytes.withView { view in
            var reader = MutationReader(view)
            guard let mutation = try? reader.next() else { return nil }
            let result = body(mutation)
            return reader.isAtEnd ? result : nil
        }
    }

    /// Whether the key space took it.
    @discardableResult
    func apply(to keyspace: Keyspace) -> Bool { read { $0.apply(to: keyspace) } ?? false }
}

extension Entry {
    /// The value's contents in a form that does not depend on how they are kept.
    var contentsShown: [UInt8] {
        func sorted(_ parts: [[UInt8]]) -> [UInt8] { joined(parts.sorted { $0.lexicographicallyPrecedes($1) }) }
        var parts: [[UInt8]] = []
        switch type {
        case .string: return withString { $0.bytes }
        case .set:
            forEachMember {
                parts.append($0.withView { $0.bytes })
                return true
            }
            return sorted(parts)
        case .hash:
            forEachField { field, value in
                parts.append(joined([field.withView { $0.bytes }, value.withView { $0.bytes }]))
                return true
            }
            return sorted(parts)
        case .list: return joined(listElements)
        case .sortedSet:
            let set = SortedSet(self)
            set.forEach(0..<set.count) { parts.append(joined([Array("\($1)".utf8), $0.bytes])) }
            return joined(parts)
        case .stream: return stream.contentsShown
        }
    }

    /// A packed hash's fields as they come.
    var orderShown: [UInt8] {
        if type != .hash || encoding == .pieces { return [] }
        var fields: [[UInt8]] = []
        forEachField { field, _ in
            fields.append(field.withView { $0.bytes })
            return true
        }
        return joined(fields)
    }

    private func joined(_ parts: [[UInt8]]) -> [UInt8] { parts.flatMap { Array("\($0.count) ".utf8) + $0 } }

    /// A list's elements.
    var listElements: [[UInt8]] {
        var elements: [[UInt8]] = []
        var cursor = listCursor(from: 0)
        while let element = cursor.next() { elements.append(element.withView { $0.bytes }) }
        return elements
    }
}

/// Keeps all mutations, in order.
final class RecordingSink: MutationSink, @unchecked Sendable {
    private let kept = Mutex<[RecordedMutation]>([])

    var mutations: [RecordedMutation] { kept.withLock { $0 } }

    override func record(_ mutation: Mutation) {
        let copy = RecordedMutation(mutation)
        kept.withLock { $0.append(copy) }
    }
}
