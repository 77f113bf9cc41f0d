import Base
import Causality
import Keyspace

/// What clients can see of a key, in a form that does not depend on how its value is kept.
struct KeyContents: Equatable {
    var database: Int
    var key: [UInt8]
    var type: String
    var deadline: Int64?
    var timestamp: Int64
    var dot: UInt64
    var value: [UInt8]

    init(_ entry: Entry, database: Int) {
        self.database = database
        key = entry.key.bytes
        type = "\(entry.type)"
        deadline = entry.deadline
        timestamp = entry.timestamp
        dot = entry.dot.packed
        value = entry.contents
    }

    /// All keys of some partitions.
    static func all(_ keyspace: Keyspace, partitions: some Sequence<Int>) -> [KeyContents] {
        var found: [KeyContents] = []
        for partition in partitions {
            for database in 0..<keyspace.databaseCount {
                keyspace.partitions[partition].databases[database].entries.forEach {
                    found.append(KeyContents($0, database: database))
                }
            }
        }
        return found.sorted {
            $0.database != $1.database ? $0.database < $1.database : $0.key.lexicographicallyPrecedes($1.key)
        }
    }
}

extension Entry {
    fileprivate var contents: [UInt8] {
        var parts: [[UInt8]] = []
        switch type {
        case .string: return withString { $0.bytes }
        case .set:
            forEachMember {
                parts.append($0.withView { $0.bytes })
                return true
            }
            parts.sort { $0.lexicographicallyPrecedes($1) }
        case .hash:
            forEachField { field, value in
                parts.append(joined([field.withView { $0.bytes }, value.withView { $0.bytes }]))
                return true
            }
            parts.sort { $0.lexicographicallyPrecedes($1) }
        case .list:
            var cursor = listCursor(from: 0)
            while let element = cursor.next() { parts.append(element.withView { $0.bytes }) }
        case .sortedSet:
            let set = SortedSet(self)
            set.forEach(0..<set.count) { parts.append(joined([Array("\($1)".utf8), $0.bytes])) }
        case .stream: parts = stream.contents
        }
        return joined(parts)
    }
}

extension Stream {
    /// Its entries and groups.
    fileprivate var contents: [[UInt8]] {
        var parts = [Array("\(lastID) \(maxDeletedID) \(entriesAdded) \(count)".utf8)]
        var cursor = entries()
        while cursor.next() {
            parts.append(Array("\(cursor.id)".utf8))
            cursor.forEachField { field, value in
                parts += [field.withView { $0.bytes }, value.withView { $0.bytes }]
            }
        }
        for i in 0..<groupCount { parts += contents(of: group(i)) }
        return parts
    }

    private func contents(of group: StreamGroup) -> [[UInt8]] {
        var parts = [group.name.bytes, Array("\(group.lastID) \(group.entriesRead ?? -1)".utf8)]
        for i in 0..<group.consumerCount {
            let consumer = group.consumer(i)
            parts += [consumer.name.bytes, Array("\(consumer.seen) \(consumer.pendingCount)".utf8)]
        }
        group.forEachPending { entry in
            let owner = group.owner(of: entry).name.bytes
            parts += [owner, Array("\(entry.id) \(entry.time) \(entry.deliveries)".utf8)]
            return true
        }
        return parts
    }
}

/// Parts of which no two sequences look alike.
private func joined(_ parts: [[UInt8]]) -> [UInt8] { parts.flatMap { Array("\($0.count) ".utf8) + $0 } }
