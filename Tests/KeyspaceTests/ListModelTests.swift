import Base
import CSystem
import Causality
import Testing

@testable import Keyspace

/// Random changes of a list, against an array.
@Suite struct ListModelTests {
    private final class Subject {
        let sink = RecordingSink()
        let test: TestKeyspace
        var random: PRNG
        var model: [[UInt8]] = []
        let name = Array("list".utf8)
        private let lengths: [Int]

        init(_ seed: UInt64, lengths: [Int], listSize: Int, plainBytes: Int) {
            test = TestKeyspace(sink: sink)
            random = PRNG(seed: seed)
            self.lengths = lengths
            test.keyspace.shared.pointee.packing[.listSize] = listSize
            test.keyspace.shared.pointee.packing[.plainElementBytes] = plainBytes
        }

        func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

        var side: ListSide { below(2) == 0 ? .front : .back }

        func element() -> [UInt8] {
            if below(3) == 0 { return Array("\(Int64(bitPattern: random.next()) >> Int64(below(64)))".utf8) }
            return [UInt8](repeating: UInt8(97 + below(4)), count: lengths[below(lengths.count)])
        }

        /// Runs `body` on the list, if there is one.
        func onList(_ body: (ListValue) -> Void) {
            test.with(name) { access, key in
                if let slot = access.find(key) { body(ListValue(access, slot, key)) }
            }
        }

        func push(_ elements: [[UInt8]], _ side: ListSide) {
            let all = elements.flatMap { $0 }
            all.withUnsafeBufferPointer { buffer in
                var at = buffer.baseAddress ?? UnsafePointer(bitPattern: 64)!
                let views = elements.map { element in
                    defer { at += element.count }
                    return ByteView(at, element.count)
                }
                let count = test.with(name) { access, key in
                    access.pushToList(key, access.find(key), views, views.count, side)
                }
                for element in elements { model.insert(element, at: side == .front ? 0 : model.count) }
                #expect(count == model.count)
            }
        }

        func pop(_ count: Int, _ side: ListSide) {
            onList { list in
                let end = list.withEnd(side) { $0.withView { $0.bytes } }
                #expect(end == (side == .front ? model.first : model.last))
                let isGone = list.pop(count, side)
                if side == .front { model.removeFirst(count) } else { model.removeLast(count) }
                #expect(isGone == model.isEmpty)
            }
        }

        func insert() {
            onList { list in
                let (element, index) = (element(), below(model.count + 1))
                element.withView { list.insert($0, at: index) }
                model.insert(element, at: index)
            }
        }

        func set() {
            onList { list in
                let (element, index) = (element(), below(model.count))
                element.withView { list.set($0, at: index) }
                model[index] = element
            }
        }

        func remove() {
            onList { list in
                let index = below(model.count)
                let count = 1 + below(min(model.count - index, below(4) == 0 ? 1000 : 3))
                list.remove(at: index, count: count)
                model.removeSubrange(index..<index + count)
            }
        }

        func removeEqual() {
            onList { list in
                let (value, limit, side) = (model[below(model.count)], below(3) == 0 ? Int.max : 1 + below(5), side)
                let (removed, isGone) = value.withView { list.removeAll($0, limit: limit, from: side) }
                var places = model.indices.filter { model[$0] == value }
                places =
                    limit >= places.count ? places : side == .front ? Array(places.prefix(limit)) : places.suffix(limit)
                for index in places.reversed() { model.remove(at: index) }
                #expect(removed == places.count)
                #expect(isGone == model.isEmpty)
            }
        }

        func step() {
            let grows = model.count < 40 || below(2) == 0
            switch below(12) {
            case 0...3: if grows { push((0..<1 + below(below(3) == 0 ? 30 : 2)).map { _ in element() }, side) }
            case 4, 5: if !model.isEmpty { pop(min(model.count, 1 + below(grows ? 2 : 40)), side) }
            case 6, 7: insert()
            case 8: set()
            case 9: remove()
            case 10: removeEqual()
            default: read()
            }
        }

        /// Compares parts of the list, read in all ways.
        func read() {
            onList { list in
                let index = below(model.count)
                let entry = list.access.entry(list.slot)
                #expect(entry.withListElement(at: index) { $0.withView { $0.bytes } } == model[index])
                var cursor = entry.listCursor(from: index, towards: .front)
                var backwards: [[UInt8]] = []
                while let element = cursor.next() { backwards.append(element.withView { $0.bytes }) }
                #expect(backwards == model[0...index].reversed())
                let length = 1 + below(model.count - index)
                var forwards: [[UInt8]] = []
                entry.forEachListRun(from: index, length) { forwards += $0.elements }
                #expect(forwards == Array(model[index..<index + length]))
            }
        }

        /// What must be true between any two changes.
        func check() {
            let entry = test.with(name) { access, key in access.peek(key) }
            #expect((entry == nil) == model.isEmpty)
            guard let entry else { return }
            #expect(entry.listElements == model)
            #expect(entry.listCount == model.count)
            if entry.encoding != .pieces { return }
            #expect(entry.listSpine.pointee.brokenInvariant() == nil)
            var ids: Set<UInt64> = []
            entry.forEachPiece { piece in
                #expect(piece.elements > 0)
                #expect(ids.insert(piece.id).inserted)
            }
        }

        /// The mutations rebuild the list.
        func checkReplay() {
            let replica = TestKeyspace()
            for mutation in sink.mutations { mutation.apply(to: replica.keyspace) }
            #expect(replica.state == test.state)
        }
    }

    @Test(
        arguments: [
            ([0, 1, 5, 20], -2), ([0, 1, 5, 20], 1), ([1, 9, 30], 4), ([1, 60, 200, 1000], -1),
            ([1, 40, 300, 5000, 9000], -2), ([3, 100, 20000], -3), ([2, 11], -2), ([0, 2], 0),
        ] as [([Int], Int)], [1, 2] as [UInt64])
    func randomChanges(_ shape: ([Int], Int), seed: UInt64) {
        // Plain elements of 10 bytes and more in one of the shapes.
        let subject = Subject(seed, lengths: shape.0, listSize: shape.1, plainBytes: shape.0 == [2, 11] ? 10 : 1 << 30)
        for step in 0..<3000 {
            subject.step()
            if step % 10 == 0 { subject.check() }
        }
        subject.check()
        subject.checkReplay()
    }

    /// A queue that never holds much keeps its memory small however much goes through it.
    @Test(arguments: [ListSide.front, .back]) func aQueueStaysSmall(_ side: ListSide) {
        let subject = Subject(3, lengths: [30], listSize: -2, plainBytes: 1 << 30)
        for _ in 0..<600 { subject.push([subject.element()], side) }
        for _ in 0..<20_000 {
            subject.push([subject.element()], side)
            subject.pop(1, side == .front ? .back : .front)
        }
        subject.check()
        subject.onList { list in
            #expect(list.access.entry(list.slot).memoryBytes() < 50_000)
        }
        subject.pop(595, .front)
        subject.onList { #expect($0.access.entry($0.slot).encoding == .packed) }
    }
}

extension ListRun {
    fileprivate var elements: [[UInt8]] {
        if let plain { return [plain.bytes] }
        var all: [[UInt8]] = []
        var at = at
        for _ in 0..<count {
            all.append(pack.element(at).withView { $0.bytes })
            at = pack.next(at)
        }
        return all
    }
}
