import Base
import CSystem
import Commands
import Keyspace
import RESP

/// DEBUG DIGEST's fingerprint of keys and values: 20 bytes, computed as Redis does, so that two
/// servers with the same contents answer the same.
struct DebugDigest {
    private(set) var bytes = [UInt8](repeating: 0, count: 20)

    var text: String { SHA1.hex(bytes) }

    /// Adds something whose order does not matter.
    mutating func addUnordered(_ data: ByteView) { combine(SHA1.digest(data)) }

    /// Adds something after what has been added before.
    mutating func addOrdered(_ data: ByteView) {
        addUnordered(data)
        bytes = bytes.withView { SHA1.digest($0) }
    }

    mutating func combine(_ other: [UInt8]) {
        for i in 0..<20 { bytes[i] ^= other[i] }
    }

    /// Adds a number's four bytes, the highest first.
    private mutating func addOrdered(_ number: Int) {
        withUnsafeBytes(of: UInt32(number).bigEndian) { Array($0) }.withView { addOrdered($0) }
    }

    private mutating func addMembers(_ set: Entry) {
        set.forEachMember {
            $0.withView { addUnordered($0) }
            return true
        }
    }

    private mutating func addFields(_ hash: Entry) {
        hash.forEachField { field, value in
            var one = DebugDigest()
            field.withView { one.addOrdered($0) }
            value.withView { one.addOrdered($0) }
            one.bytes.withView { addUnordered($0) }
            return true
        }
    }

    private mutating func addElements(_ set: SortedSet) {
        set.forEach(0..<set.count) { member, score in
            var one = DebugDigest()
            member.withView { one.addOrdered($0) }
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
                let start = text.baseAddress.unsafelyUnwrapped
                one.addOrdered(ByteView(raw: UnsafeRawPointer(start), Int(cs_format_double(score, start, 64))))
            }
            one.bytes.withView { addUnordered($0) }
        }
    }

    private mutating func addElements(of list: Entry) {
        var cursor = list.listCursor(from: 0, towards: .back)
        while let element = cursor.next() { element.withView { addOrdered($0) } }
    }

    private mutating func addEntries(_ stream: Stream) {
        var cursor = stream.entries()
        while cursor.next() {
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: StreamID.textMax) { text in
                let start = text.baseAddress.unsafelyUnwrapped
                addOrdered(ByteView(UnsafePointer(start), cursor.id.write(start, separator: 46)))
            }
            cursor.forEachField { field, value in
                field.withView { addOrdered($0) }
                value.withView { addOrdered($0) }
            }
        }
    }

    /// Adds a value: its type, its contents, and whether it expires.
    mutating func add(valueOf entry: Entry) {
        addOrdered(entry.type == .stream ? 6 : Int(entry.type.rawValue))
        switch entry.type {
        case .string: entry.withString { addOrdered($0) }
        case .set: addMembers(entry)
        case .hash: addFields(entry)
        case .sortedSet: addElements(SortedSet(entry))
        case .list: addElements(of: entry)
        case .stream: addEntries(entry.stream)
        }
        if entry.hasDeadline { addUnordered(ByteView("!!expire!!")) }
    }
}

extension Call {
    /// DEBUG DIGEST: of all databases.
    func debugDigest() {
        let databases = keyspace.databaseCount
        // Keys are unordered within their database: the partitions' shares can be added up one by one.
        var sums = [DebugDigest](repeating: DebugDigest(), count: databases)
        var counts = [Int](repeating: 0, count: databases)
        forEachPartition { partition in
            for database in 0..<databases {
                let access = Access(partition, database: database, moment: state.pointee.moment)
                counts[database] += access.tables.pointee.entries.count
                access.forEachWithValue { entry in
                    var one = DebugDigest()
                    one.addOrdered(entry.key)
                    one.add(valueOf: entry)
                    access.forEachSibling(of: entry.key) { version, _ in version.bytes.withView { one.addUnordered($0) }
                    }
                    one.bytes.withView { sums[database].addUnordered($0) }
                }
            }
        }
        var whole = DebugDigest()
        for database in 0..<databases where counts[database] > 0 {
            whole.add(database: database, sums[database])
        }
        reply.simple(whole.text)
    }

    /// DEBUG DIGEST-VALUE: of some keys' values.
    func debugDigestValue() {
        reply.array(count - 2)
        for word in 2..<max(2, count) {
            let key = Key(self[word])
            let text = withPartition(key.partition) { _ in
                var digest = DebugDigest()
                if let entry = access(key).peek(key) { digest.add(valueOf: entry) }
                return digest.text
            }
            reply.simple(text)
        }
    }
}

extension DebugDigest {
    fileprivate mutating func add(database: Int, _ sum: DebugDigest) {
        addOrdered(database)
        combine(sum.bytes)
    }
}
