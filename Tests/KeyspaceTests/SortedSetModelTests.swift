import Base
import CSystem
import Testing

@testable import Keyspace

/// Random changes of sorted sets against a plain sorted array, in all forms, with pieces so small that they split and
/// merge all the time, and copies that share pieces.
@Suite struct SortedSetModelTests {
    struct Element: Equatable {
        var score: Double
        var member: [UInt8]

        static func < (a: Element, b: Element) -> Bool {
            a.score != b.score ? a.score < b.score : a.member.lexicographicallyPrecedes(b.member)
        }
    }

    /// A set and what it should be.
    struct Model {
        let test: TestKeyspace
        let key: [UInt8]
        var elements: [Element] = []
        var random: PRNG
        /// What scores and members are drawn from.
        let scores: Int
        let members: Int
        let prefix: Bool

        mutating func below(_ n: Int) -> Int { Int(random.below(UInt64(n))) }

        mutating func member() -> [UInt8] {
            let n = below(members)
            switch n % 16 {
            case 0 where !prefix: return Array("\(n)".utf8)
            case 1 where !prefix: return Array(repeating: UInt8(n & 7), count: n % 300)
            case 2: return Array("member:\(n)x".utf8) + Array(repeating: 120, count: n % 40)
            default: return Array("member:\(n)".utf8)
            }
        }

        mutating func score() -> Double {
            let n = Double(below(scores))
            switch below(12) {
            case 0: return n * 1000
            case 1: return -n
            case 2: return n / 8
            case 3: return n * 1e8
            case 4: return below(20) == 0 ? .infinity : n
            default: return n
            }
        }

        mutating func put(_ member: [UInt8], _ score: Double) {
            elements.removeAll { $0.member == member }
            let element = Element(score: score, member: member)
            let at = elements.firstIndex { element < $0 } ?? elements.count
            elements.insert(element, at: at)
            test.with(key) { access, key in
                member.withView { member in
                    guard let slot = access.find(key) else { return _ = access.makeSortedSet(key, member, score) }
                    let editor = SortedSetEditor(access, slot, key)
                    let found = editor.find(member)
                    if found.score == nil {
                        editor.insert(member, score, found)
                    } else if found.score != score {
                        editor.update(member, score, found)
                    }
                }
            }
        }

        mutating func remove(_ member: [UInt8]) {
            let wasThere = elements.contains { $0.member == member }
            elements.removeAll { $0.member == member }
            test.with(key) { access, key in
                guard let slot = access.find(key) else { return }
                let editor = SortedSetEditor(access, slot, key)
                member.withView { member in
                    let found = editor.find(member)
                    #expect((found.score != nil) == wasThere)
                    if found.score != nil { #expect(editor.remove(member, found) == elements.isEmpty) }
                }
            }
        }

        mutating func removeRanks() {
            if elements.isEmpty { return }
            let from = below(elements.count), to = min(elements.count, from + below(below(4) == 0 ? 200 : 5))
            let (removed, all) = (Array(elements[from..<to]), elements.count)
            elements.removeSubrange(from..<to)
            let reversed = below(2) == 0
            test.with(key) { access, key in
                var seen: [Element] = []
                let isGone = SortedSetEditor(access, access.find(key)!, key)
                    .remove(from..<to, reversed: reversed) { seen.append(Element(score: $1, member: $0.bytes)) }
                #expect(isGone == (removed.count == all))
                #expect(seen == (reversed ? removed.reversed() : removed))
            }
        }

        mutating func step() {
            switch below(20) {
            case 0...11: put(member(), score())
            case 12: removeRanks()
            case 13 where !elements.isEmpty:
                // A change that leaves the element about where it is.
                let element = elements[below(elements.count)]
                if element.score.isFinite { put(element.member, element.score + Double(below(3)) - 1) }
            default: remove(below(2) == 0 || elements.isEmpty ? member() : elements[below(elements.count)].member)
            }
        }

        mutating func check() {
            let broken: String? = test.with(key) { access, key in
                guard let entry = access.peek(key) else { return elements.isEmpty ? nil : "a lost key" }
                return SortedSetModelTests.difference(SortedSet(entry), elements)
            }
            #expect(broken == nil)
            look()
        }

        /// Looks at some members and ranges.
        mutating func look() {
            let (member, score, orSame) = (member(), score(), below(2) == 0)
            test.with(key) { access, key in
                guard let entry = access.peek(key) else { return }
                let set = SortedSet(entry)
                member.withView { view in
                    #expect(set.score(of: view) == elements.first { $0.member == member }?.score)
                    #expect(set.rank(of: view) == elements.firstIndex { $0.member == member })
                }
                let expected = elements.count { $0.score < score || (orSame && $0.score == score) }
                #expect(set.rank(below: score, orSame: orSame) == expected)
            }
            if elements.isEmpty { return }
            let from = below(elements.count + 1), to = from + below(elements.count - from + 1)
            let reversed = below(2) == 0
            test.with(key) { access, key in
                var seen: [Element] = []
                SortedSet(access.peek(key)!).forEach(from..<to, reversed: reversed) {
                    seen.append(Element(score: $1, member: $0.bytes))
                }
                #expect(seen == (reversed ? elements[from..<to].reversed() : Array(elements[from..<to])))
            }
        }
    }

    /// How a set differs from what it should be, nil if it does not.
    static func difference(_ set: SortedSet, _ elements: [Element]) -> String? {
        var found: [Element] = []
        if set.count > 0 { set.forEach(0..<set.count) { found.append(Element(score: $1, member: $0.bytes)) } }
        if found != elements { return "\(found.count) elements for \(elements.count), or others" }
        if set.isSmall {
            return set.run.byteCount == set.entry.packedBytes ? nil : "the run's length"
        }
        return set.tree.brokenInvariant()
    }

    private static func keyspace(small: Int, piece: Int) -> TestKeyspace {
        let test = TestKeyspace()
        test.keyspace.shared.pointee.packing[.sortedSetEntries] = small
        test.keyspace.shared.pointee.packing[.sortedSetValue] = 100
        test.keyspace.shared.pointee.packing[.sortedSetPiece] = piece
        return test
    }

    @Test(arguments: 1...24 as ClosedRange<UInt64>)
    func randomChanges(seed: UInt64) {
        let kinds = [(128, 128), (0, 8), (20, 16), (5, 40)]
        let (small, piece) = kinds[Int(seed) % kinds.count]
        let test = Self.keyspace(small: small, piece: piece)
        var model = Model(
            test: test, key: Array("z".utf8), random: PRNG(seed: seed), scores: seed % 3 == 0 ? 2 : 500,
            members: seed % 5 == 0 ? 3000 : 400, prefix: seed % 2 == 0)
        for step in 0..<4000 {
            model.step()
            if step % 40 == 0 { model.check() }
        }
        model.check()
    }

    /// A copy and its original go their own ways, whichever changes first.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func copiesAreIndependent(seed: UInt64) {
        let test = Self.keyspace(small: 10, piece: 16)
        var first = Model(
            test: test, key: Array("{a}1".utf8), random: PRNG(seed: seed), scores: 100, members: 1000, prefix: true)
        for _ in 0..<1500 { first.step() }
        test.with(first.key) { source, key in
            test.with(Array("{a}2".utf8)) { target, other in target.putCopy(of: source.peek(key)!, other, nil) }
        }
        var second = Model(
            test: test, key: Array("{a}2".utf8), elements: first.elements, random: PRNG(seed: seed + 99), scores: 100,
            members: 1000, prefix: true)
        second.check()
        for step in 0..<1500 {
            first.step()
            if step % 2 == 0 { second.step() }
            if step % 50 == 0 {
                first.check()
                second.check()
            }
        }
        test.remove("{a}1")
        second.check()
    }

    /// Elements that come in order leave full pieces behind; one change dirties one piece.
    @Test func piecesOfAMillion() {
        let test = TestKeyspace()
        let key = Array("big".utf8)
        test.putMillion(key)
        test.with(key) { access, key in
            let entry = access.peek(key)!
            #expect(entry.memoryBytes() < 50_000_000)
            let tree = SortedSet(entry).tree
            SortedSetTree.clean(UnsafeMutableRawPointer(tree.head))
            var pieces = 0
            entry.forEachPiece { figures in
                pieces += 1
                #expect(!figures.isDirty && figures.bytes < 5000)
            }
            #expect(pieces > 8000 && pieces < 12000)
            let slot = access.find(key)!
            let editor = SortedSetEditor(access, slot, key)
            func put(_ name: String, _ score: Double) {
                Array(name.utf8).withView { member in
                    let found = editor.find(member)
                    if found.score == nil {
                        editor.insert(member, score, found)
                    } else {
                        editor.update(member, score, found)
                    }
                }
            }
            func dirty() -> [PieceFigures] {
                var dirty: [PieceFigures] = []
                entry.forEachPiece { if $0.isDirty { dirty.append($0) } }
                SortedSetTree.clean(UnsafeMutableRawPointer(tree.head))
                return dirty
            }
            put("new", 5000.5)
            #expect(dirty().map(\.version) == [access.partition.pointee.slots[key.slot & 63].writes])
            put("new", 5001.5)
            #expect(dirty().count == 1)
            put("new", 9001.5)
            #expect(dirty().count == 2)
            _ = Array("new".utf8).withView { editor.remove($0, editor.find($0)) }
            #expect(dirty().count == 1)
            let started = cs_monotonic_ns()
            let copy = SortedSetTree.copy(UnsafeMutableRawPointer(tree.head))
            let copied = cs_monotonic_ns()
            SortedSetTree.free(copy)
            // A debug build, and perhaps beside others: ten times what a release takes.
            #expect(copied - started < 100_000_000)
        }
    }

    /// What is there all the time is met by a walk, whatever comes and goes.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func walksMeetWhatStays(seed: UInt64) {
        let test = Self.keyspace(small: 10, piece: 16)
        var model = Model(
            test: test, key: Array("z".utf8), random: PRNG(seed: seed), scores: 1000, members: 4000, prefix: true)
        let stay = (0..<500).map { Array("stays:\($0)".utf8) }
        for (i, member) in stay.enumerated() { model.put(member, Double(i)) }
        var seen: Set<[UInt8]> = []
        var cursor: UInt64 = 0
        var steps = 0
        repeat {
            cursor = test.with(model.key) { access, key in
                SortedSet(access.peek(key)!).scan(cursor, count: 1 + model.below(20)) { member, score in
                    seen.insert(member.bytes)
                }
            }
            steps += 1
            for _ in 0..<model.below(60) {
                let member = model.member()
                if model.below(steps % 40 < 20 ? 3 : 8) == 0 { model.remove(member) } else { model.put(member, 5) }
                let moved = stay[model.below(stay.count)]
                model.put(moved, Double(model.below(2000)))
            }
        } while cursor != 0
        #expect(steps > 20)
        #expect(stay.allSatisfy { seen.contains($0) })
    }
}

extension TestKeyspace {
    /// Makes a sorted set of element:0000000 to element:0999999, three with each score.
    fileprivate func putMillion(_ key: [UInt8]) {
        let total = 1_000_000, length = 15
        let text = UnsafeMutablePointer<UInt8>.allocate(capacity: total * length)
        let elements = UnsafeMutableBufferPointer<SortedSetElement>.allocate(capacity: total)
        for i in 0..<total {
            let place = text + i * length
            memcpy(place, "element:", 8)
            var (at, rest) = (length - 1, i)
            while at >= 8 {
                place[at] = UInt8(48 + rest % 10)
                rest /= 10
                at -= 1
            }
            elements[i] = SortedSetElement(Double(i / 3), ByteView(place, length))
        }
        with(key) { access, key in access.putSortedSet(key, UnsafeBufferPointer(elements), nil) }
        elements.deallocate()
        text.deallocate()
    }
}

extension Entry {
    /// Bytes of a packed value, as its entry tells.
    fileprivate var packedBytes: Int { encoding == .packed ? valueCount : block.count }
}
