import Base
import Testing

@testable import Keyspace

/// The spine against a plain array of pieces.
@Suite struct SpineTests {
    /// A piece as the test knows it: an identity, elements, an order key.
    private struct Known: Equatable {
        var name: Int
        var count: Int
        var key: UInt64
    }

    private final class Pair {
        var spine = Spine()
        var model: [Known] = []
        var random: PRNG
        var names = 0
        /// Places of a piece's name in memory, so that a piece is an address that can be read.
        var memory: [UnsafeMutablePointer<Int>] = []

        init(seed: UInt64) { random = PRNG(seed: seed) }

        deinit {
            spine.free()
            memory.forEach { $0.deallocate() }
        }

        func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

        func makePiece() -> Piece {
            let place = UnsafeMutablePointer<Int>.allocate(capacity: 1)
            place.initialize(to: names)
            names += 1
            memory.append(place)
            return UnsafeMutableRawPointer(place)
        }

        /// The place of the model's `i`th piece, reached by walking from one end or the other.
        func place(_ i: Int) -> Spine.Place {
            if i < model.count / 2 {
                var place = spine.first!
                for _ in 0..<i { place = spine.next(place)! }
                return place
            }
            var place = spine.last!
            for _ in i..<model.count - 1 { place = spine.previous(place)! }
            return place
        }

        func insert() {
            let i = below(model.count + 1)
            let low = i == 0 ? 0 : model[i - 1].key
            let high = i == model.count ? low + 3 : model[i].key
            let new = Known(name: names, count: 1 + below(9), key: low + UInt64(below(Int(high - low) + 1)))
            let piece = makePiece()
            if i == 0 {
                spine.prepend(piece, count: new.count, key: new.key)
            } else if i == model.count {
                spine.append(piece, count: new.count, key: new.key)
            } else {
                spine.insert(piece, count: new.count, key: new.key, after: place(i - 1))
            }
            model.insert(new, at: i)
        }

        func step(growing: Bool) {
            switch below(10) {
            case 0..<(growing ? 6 : 2): insert()
            case 7 where !model.isEmpty: grow(below(model.count), by: below(5))
            case 8 where !model.isEmpty: growEnd(by: 1 + below(3))
            case _ where growing || model.isEmpty: insert()
            default:
                let i = below(model.count)
                spine.remove(place(i))
                model.remove(at: i)
            }
        }

        private func grow(_ i: Int, by elements: Int) {
            spine.add(elements, at: place(i))
            model[i].count += elements
        }

        private func growEnd(by elements: Int) {
            if below(2) == 0 {
                spine.addToFirst(elements)
                model[0].count += elements
            } else {
                spine.addToLast(elements)
                model[model.count - 1].count += elements
            }
        }

        func name(_ place: Spine.Place) -> Int { place.piece.load(as: Int.self) }

        func checkWalk() {
            #expect(spine.brokenInvariant() == nil)
            #expect(spine.pieceCount == model.count)
            #expect(spine.count == model.reduce(0) { $0 + $1.count })
            var names: [Int] = []
            var place = spine.first
            while let here = place {
                names.append(name(here))
                place = spine.next(here)
            }
            #expect(names == model.map(\.name))
            var backwards: [Int] = []
            place = spine.last
            while let here = place {
                backwards.append(name(here))
                place = spine.previous(here)
            }
            #expect(backwards == names.reversed())
        }

        func checkPositions() {
            if spine.count == 0 { return }
            var start = 0
            for known in model {
                let offset = below(known.count)
                let found = spine.locate(start + offset)
                #expect(name(found.place) == known.name && found.offset == offset)
                #expect(spine.position(of: found.place) == start)
                start += known.count
            }
        }

        /// The order among equal keys is that of the model; the closure tells it by name.
        func checkSearch() {
            if model.isEmpty { return }
            let target = below(model.count)
            let order = Dictionary(uniqueKeysWithValues: model.enumerated().map { ($1.name, $0) })
            let found = spine.search(model[target].key) { order[$0.load(as: Int.self)]! <= target }
            #expect(found.map { name($0) } == model[target].name)
        }
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func behavesLikeAnArrayOfPieces(seed: UInt64) {
        let pair = Pair(seed: seed)
        for step in 0..<3000 {
            pair.step(growing: (step / 500) % 2 == 0)
            if step % 50 == 0 {
                pair.checkWalk()
                pair.checkPositions()
            }
            pair.checkSearch()
        }
        var shared = 0
        let copy = pair.spine.copy { _ in shared += 1 }
        #expect(shared == pair.model.count && copy.brokenInvariant() == nil && copy.count == pair.spine.count)
        copy.free()
        while !pair.model.isEmpty {
            let i = pair.below(pair.model.count)
            pair.spine.remove(pair.place(i))
            pair.model.remove(at: i)
        }
        pair.checkWalk()
        #expect(pair.spine.first == nil)
    }

    @Test func appendingFillsNodes() {
        let pair = Pair(seed: 1)
        for _ in 0..<62 * 62 { pair.spine.append(pair.makePiece(), count: 1) }
        #expect(pair.spine.brokenInvariant() == nil)
        // 24 bytes per piece in a full node: next to nothing is left empty.
        #expect(pair.spine.memoryBytes < 62 * 62 * 28)
        #expect(pair.spine.locate(3000).place.piece.load(as: Int.self) == 3000)
    }
}
