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
    var deadline: Int64?
    var timestamp: Int64
    var dot: UInt64
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
                            deadline: entry.deadline, timestamp: entry.timestamp, dot: entry.dot.packed))
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

/// A mutation with its own memory.
struct RecordedMutation: Sendable {
    enum Change: Sendable {
        case bytes([UInt8], deadline: Int64?, raw: Bool)
        case integer(Int64, deadline: Int64?)
        case splice(Int, [UInt8])
        case plain(@Sendable () -> Mutation.Change)
        case value(ClonedEntry)
        /// Lends a change whose bytes it owns.
        case element(@Sendable ((Mutation.Change) -> Bool) -> Bool)
    }

    let database: Int
    let key: [UInt8]
    let slot: Int
    let dot: Dot
    let timestamp: Int64
    let change: Change

    init(_ mutation: Mutation) {
        database = mutation.database
        key = mutation.key.bytes
        slot = mutation.slot
        dot = mutation.dot
        timestamp = mutation.timestamp
        switch mutation.change {
        case .putString(let value, let deadline): change = .bytes(value.bytes, deadline: deadline, raw: false)
        case .putRawString(let value, let deadline): change = .bytes(value.bytes, deadline: deadline, raw: true)
        case .putInteger(let value, let deadline): change = .integer(value, deadline: deadline)
        case .splice(let offset, let bytes): change = .splice(offset, bytes.bytes)
        case .delete: change = .plain { .delete }
        case .deadline(let deadline): change = .plain { .deadline(deadline) }
        case .add(let increment): change = .plain { .add(increment) }
        case .raise(let register, let rank, let isDense):
            change = .plain { .raise(register: register, rank: rank, isDense: isDense) }
        case .putValue(let entry): change = .value(ClonedEntry(entry))
        case .set(let set): change = RecordedMutation.element(set)
        case .hash(let hash): change = RecordedMutation.element(hash)
        case .list(let list): change = RecordedMutation.element(list)
        case .sortedSet(let sorted): change = RecordedMutation.element(sorted)
        case .stream(let stream): change = RecordedMutation.element(stream)
        case .flush: change = .plain { .flush }
        case .swap(let other): change = .plain { .swap(with: other) }
        }
    }

    /// Whether the key space took it.
    @discardableResult
    func apply(to keyspace: Keyspace) -> Bool {
        switch change {
        case .bytes(let value, let deadline, let raw):
            value.withView {
                apply(to: keyspace, raw ? .putRawString($0, deadline: deadline) : .putString($0, deadline: deadline))
            }
        case .integer(let value, let deadline): apply(to: keyspace, .putInteger(value, deadline: deadline))
        case .splice(let offset, let bytes): bytes.withView { apply(to: keyspace, .splice(offset: offset, $0)) }
        case .plain(let make): apply(to: keyspace, make())
        case .value(let clone): apply(to: keyspace, .putValue(clone.entry))
        case .element(let lend): lend { apply(to: keyspace, $0) }
        }
    }

    private func apply(to keyspace: Keyspace, _ change: Mutation.Change) -> Bool {
        key.withView { view in
            Mutation(
                database: database, key: view, slot: slot, dot: dot, timestamp: timestamp, change: change
            ).apply(to: keyspace)
        }
    }
}

extension RecordedMutation {
    private static func element(_ change: SetChange) -> Change {
        switch change {
        case .add(let member):
            let bytes = member.bytes
            return .element { body in bytes.withView { body(.set(.add($0))) } }
        case .remove(let member):
            let bytes = member.bytes
            return .element { body in bytes.withView { body(.set(.remove($0))) } }
        }
    }

    private static func element(_ change: SortedSetChange) -> Change {
        switch change {
        case .put(let member, let score):
            let bytes = member.bytes
            return .element { body in bytes.withView { body(.sortedSet(.put($0, score))) } }
        case .remove(let member):
            let bytes = member.bytes
            return .element { body in bytes.withView { body(.sortedSet(.remove($0))) } }
        }
    }

    private static func element(_ change: HashChange) -> Change {
        switch change {
        case .set(let field, let value):
            let (field, value) = (field.bytes, value.bytes)
            return .element { body in field.withView { field in value.withView { body(.hash(.set(field, $0))) } } }
        case .remove(let field):
            let bytes = field.bytes
            return .element { body in bytes.withView { body(.hash(.remove($0))) } }
        }
    }

    private static func element(_ change: ListChange) -> Change {
        switch change {
        case .push(let side, let element):
            let bytes = element.bytes
            return .element { body in bytes.withView { body(.list(.push(side, $0))) } }
        case .insert(let index, let element):
            let bytes = element.bytes
            return .element { body in bytes.withView { body(.list(.insert(at: index, $0))) } }
        case .set(let index, let element):
            let bytes = element.bytes
            return .element { body in bytes.withView { body(.list(.set(at: index, $0))) } }
        case .pop(let side, let count): return .plain { .list(.pop(side, count)) }
        case .remove(let index, let count): return .plain { .list(.remove(at: index, count: count)) }
        }
    }
}

extension Entry {
    /// The value's contents in a form that does not depend on how they are kept.
    var contentsShown: [UInt8] {
        func joined(_ parts: [[UInt8]]) -> [UInt8] { parts.flatMap { Array("\($0.count) ".utf8) + $0 } }
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
            // Packed fields have an order that clients see.
            return encoding == .pieces ? sorted(parts) : joined(parts)
        case .list: return joined(listElements)
        case .sortedSet:
            let set = SortedSet(self)
            set.forEach(0..<set.count) { parts.append(joined([Array("\($1)".utf8), $0.bytes])) }
            return joined(parts)
        case .stream: return stream.contentsShown
        }
    }

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

/// An entry of one's own with an equal value, freed when nobody refers to it.
final class ClonedEntry: @unchecked Sendable {
    let entry: Entry

    init(_ original: Entry) { entry = original.clone() }

    deinit { entry.destroy() }
}
