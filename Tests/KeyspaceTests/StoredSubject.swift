import Base
import CSystem
import Testing

@testable import Keyspace

/// The records of one key as they would be on disk.
struct StoredRecords: Equatable {
    var head: [UInt8] = []
    var pieces: [UInt64: [UInt8]] = [:]

    var byteCount: Int { head.count + pieces.values.reduce(0) { $0 + $1.count } }

    /// Takes what was saved over. Answers how many bytes that was, and that no id came twice or out of order.
    @discardableResult
    mutating func take(_ saving: borrowing ValueSaving, gone: [UInt64] = []) -> Int {
        head = saving.head.bytes
        var bytes = head.count
        var last: UInt64?
        var pieces = pieces
        saving.forEachRecord(gone: gone) { id, record in
            if let last { #expect(id > last) }
            last = id
            pieces[id] = record?.bytes
            bytes += record?.count ?? 0
        }
        self.pieces = pieces
        return bytes
    }

    /// Builds the value again.
    func load(_ type: ValueType) throws(StoredValueError) -> StoredValue {
        var loader = try head.withView { view throws(StoredValueError) in try StoredValueLoader(type, view) }
        for (id, record) in pieces.sorted(by: { $0.key < $1.key }) {
            try record.withView { view throws(StoredValueError) in try loader.add(id, view) }
        }
        return try loader.finish()
    }
}

extension Entry {
    /// What is wrong with a large value, nil if nothing.
    var brokenPieces: String? {
        switch type {
        case .set: members.brokenInvariant() ?? members.hiddenDirt
        case .hash: fields.brokenInvariant() ?? fields.hiddenDirt
        case .list: listSpine.pointee.brokenInvariant() ?? listSpine.pointee.hiddenDirt
        case .sortedSet:
            SortedSet(self).tree.brokenInvariant() ?? SortedSet(self).tree.head.pointee.spine.hiddenDirt
        case .stream:
            stream.brokenInvariant() ?? stream.spine.hiddenDirt
                ?? stream.groups.lazy.compactMap { $0.pendingSpine.pointee.hiddenDirt }.first
        case .string: "a string"
        }
    }
}

extension Spine {
    /// A piece that is one's own and dirty is marked: otherwise its next change would not be saved.
    fileprivate var hiddenDirt: String? {
        var place = first
        while let here = place {
            if !here.piece.isShared && here.piece.header.pointee.isDirty && !isDirty(here) { return "hidden dirt" }
            place = next(here)
        }
        return nil
    }
}

extension MemberTable {
    fileprivate var hiddenDirt: String? {
        for i in 0..<pieceCount where !piece(i).base.isShared && piece(i).base.header.pointee.isDirty {
            if !fields.pointee.book.isDirty(i) { return "hidden dirt" }
        }
        return nil
    }
}

/// A large value of some type under a key, changed at random but never so much that it becomes small.
final class StoredSubject {
    let test: TestKeyspace
    let type: ValueType
    let name: [UInt8]
    var random: PRNG
    private let elements: Int
    private var nextID = StreamID(1, 0)

    /// Small pieces; `elements`: about how many the value has.
    init(_ type: ValueType, _ test: TestKeyspace, name: String = "key", seed: UInt64, elements: Int = 400) {
        (self.type, self.test, self.elements) = (type, test, elements)
        self.name = Array(name.utf8)
        random = PRNG(seed: seed)
        let packing = test.keyspace.shared.pointee.packing
        packing[.listSize] = 6
        packing[.plainElementBytes] = 900
        packing[.sortedSetPiece] = 8
        packing[.sortedSetEntries] = 4
        packing[.hashEntries] = 4
        packing[.setEntries] = 4
        packing[.setIntegers] = 4
        packing[.streamNodeEntries] = 5
        for _ in 0..<elements { step(growing: true) }
    }

    func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

    func with<R>(_ body: (Access, Key) throws -> R) rethrows -> R { try test.with(name, 0, body) }

    /// The entry, which is there and in pieces.
    func onEntry<R>(_ body: (Entry) throws -> R) rethrows -> R {
        try with { access, key in
            let entry = access.peek(key)!
            #expect(entry.encoding == .pieces)
            return try body(entry)
        }
    }

    var contents: [UInt8] { onEntry { $0.contentsShown } }

    /// Puts another value in the place of the key's, and frees that.
    func replace(_ value: StoredValue) {
        with { access, key in
            let slot = access.find(key)!
            let new = access.stamped(
                access.makeDetached(key, value, deadline: nil), key, access.entry(slot).dot, access.moment)
            access.install(new, key, slot)
        }
    }

    private var count: Int {
        with { access, key in access.peek(key).map { $0.encoding == .pieces ? $0.pieces.count($0.head) : 0 } ?? 0 }
    }

    private func text() -> [UInt8] {
        switch below(20) {
        case 0: Array("\(Int64(bitPattern: random.next()) >> Int64(below(64)))".utf8)
        case 1: [UInt8](repeating: UInt8(97 + below(9)), count: 1000 + below(200))
        default: [UInt8](repeating: UInt8(97 + below(26)), count: below(90))
        }
    }

    private func member() -> [UInt8] {
        let n = below(elements * 2)
        return Array("member \(n)".utf8) + [UInt8](repeating: 120, count: n % 7 == 0 ? n % 1300 : n % 90)
    }

    /// Some changes.
    func change(_ count: Int) { for _ in 0..<count { step(growing: self.count < elements / 2) } }

    private func step(growing: Bool) {
        let shrinks = !growing && below(2) == 0
        switch type {
        case .set, .hash: changeTable(shrinks)
        case .sortedSet: changeSortedSet(shrinks)
        case .list: changeList(shrinks)
        case .stream: changeStream(shrinks)
        case .string: break
        }
    }

    private func changeTable(_ shrinks: Bool) {
        member().withView { member in
            text().withView { value in
                with { access, key in
                    if type == .set {
                        var set = SetValue(access, key, access.find(key))
                        _ = shrinks ? set.remove(member) : set.add(member)
                    } else {
                        var hash = HashValue(access, key, access.find(key))
                        _ = shrinks ? hash.remove(member) : hash.set(member, value)
                    }
                }
            }
        }
    }

    private func changeSortedSet(_ shrinks: Bool) {
        let score = below(3) == 0 ? Double(below(100)) / 8 : below(50) == 0 ? -.infinity : Double(below(3000) - 9)
        let (first, length) = (below(max(1, count - 12)), below(10))
        member().withView { member in
            with { access, key in
                guard let slot = access.find(key) else { return _ = access.makeSortedSet(key, member, score) }
                let editor = SortedSetEditor(access, slot, key)
                let found = editor.find(member)
                if shrinks && length == 0 {
                    _ = editor.remove(first..<first + 9) { _, _ in }
                } else if shrinks {
                    if found.score != nil { editor.remove(member, found) }
                } else if found.score == nil {
                    editor.insert(member, score, found)
                } else if found.score != score {
                    editor.update(member, score, found)
                }
            }
        }
    }

    private func changeList(_ shrinks: Bool) {
        let (kind, index, many) = (below(12), below(max(1, count - 20)), below(8) == 0 ? 1 + below(15) : 1)
        let side: ListSide = below(2) == 0 ? .front : .back
        text().withView { element in
            with { access, key in
                guard let slot = access.find(key), access.entry(slot).encoding == .pieces, kind > 5 || shrinks else {
                    return withUnsafePointer(to: element) {
                        _ = access.pushToList(key, access.find(key), $0, 1, side)
                    }
                }
                let list = ListValue(access, slot, key)
                switch (shrinks, kind) {
                case (true, 0...5): list.pop(many, side)
                case (true, _): list.remove(at: index, count: many)
                case (false, 6...8): list.insert(element, at: index)
                default: list.set(element, at: index)
                }
            }
        }
    }

    private func changeStream(_ shrinks: Bool) {
        let kind = below(10)
        with { access, key in
            guard let slot = access.find(key), kind < 6 || shrinks else { return addEntry(access, key) }
            if kind >= 3 { return changeGroup(access, slot, key) }
            if !shrinks { return addEntry(access, key) }
            if kind == 0 { return _ = access.trimStream(slot, key, .oldest(1 + below(6))) }
            _ = access.deleteStreamEntry(slot, key, someID())
        }
    }

    private func someID() -> StreamID { StreamID(1 + UInt64(below(Int(nextID.ms))), 0) }

    private func addEntry(_ access: Access, _ key: Key) {
        var words: [[UInt8]] = []
        for i in 0..<1 + below(3) { words += [below(5) == 0 ? text() : Array("f\(i)".utf8), text()] }
        let slot = access.find(key) ?? access.makeStream(key)
        nextID = StreamID(access.entry(slot).stream.lastID.ms + 1, below(9) == 0 ? random.next() : 0)
        RecordedMutation.withViews(words) {
            access.addStreamEntry(slot, key, nextID, StreamFields($0, count: words.count / 2))
        }
    }

    private func changeGroup(_ access: Access, _ slot: Access.Slot, _ key: Key) {
        let stream = access.entry(slot).stream
        let name = ["g1", "group two"][below(2)]
        Array(name.utf8).withView { name in
            guard let group = stream.group(name) else {
                return access.createGroup(slot, key, name, someID(), below(2) == 0 ? nil : Int64(below(90)))
            }
            Array("consumer \(below(9))".utf8).withView { name in
                let kind = below(200)
                if kind == 0 { return _ = access.destroyGroup(slot, key, group.name) }
                if kind < 4 { return access.deleteConsumer(slot, key, group, name) }
                if kind < 8 { return access.setGroup(slot, key, group, someID(), Int64(below(50))) }
                if kind < 70 { return _ = access.acknowledge(slot, key, group, someID()) }
                let consumer = group.consumer(name) ?? access.createConsumer(slot, key, group, name)
                let ids = (0..<1 + below(9)).map { _ in someID() }
                for id in ids {
                    access.claim(slot, key, group, consumer, id, time: Int64(below(9999)), deliveries: Int64(below(5)))
                }
            }
        }
    }
}
