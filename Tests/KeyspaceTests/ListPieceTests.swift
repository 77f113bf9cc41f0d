import Base
import CSystem
import Testing

@testable import Keyspace

@Suite struct ListPieceTests {
    private static let million = 1_000_000

    private func fill(_ test: TestKeyspace, _ name: String, _ count: Int) {
        test.with(Array(name.utf8)) { access, key in
            for i in 0..<count {
                Array("element:\(i)".utf8).withView { view in
                    withUnsafePointer(to: view) { _ = access.pushToList(key, access.find(key), $0, 1, .back) }
                }
            }
        }
    }

    private func onList(_ test: TestKeyspace, _ name: String, _ body: (ListValue) -> Void) {
        test.with(Array(name.utf8)) { access, key in
            if let slot = access.find(key) { body(ListValue(access, slot, key)) }
        }
    }

    private func dirty(_ list: ListValue) -> [PieceFigures] {
        var found: [PieceFigures] = []
        list.access.entry(list.slot).forEachPiece { if $0.isDirty { found.append($0) } }
        return found
    }

    /// The bytes of a piece: header, block size, start, listpack.
    @Test func layout() {
        var piece = ListPiece(room: 40, .back, PieceHeader(id: 5, version: 7))
        defer { piece.free() }
        Array("ab".utf8).withView { piece.append(Listpack.NewElement($0)) }
        #expect(piece.base.load(fromByteOffset: 24, as: UInt32.self) == 80)
        #expect(piece.base.load(fromByteOffset: 28, as: UInt32.self) == 32)
        let bytes = (0..<11).map { piece.base.load(fromByteOffset: 32 + $0, as: UInt8.self) }
        #expect(bytes == [11, 0, 0, 0, 1, 0, 0x82, 97, 98, 3, 255])
        #expect(piece.base.header.pointee.id == 5)
        #expect(piece.base.header.pointee.version == 7)
        let plain = Array("xyz".utf8).withView { ListPiece(plain: $0, PieceHeader(id: 6, version: 7)) }
        defer { plain.free() }
        #expect(plain.base.load(fromByteOffset: 28, as: UInt32.self) == 0)
        #expect(plain.base.load(fromByteOffset: 32, as: Int.self) == 3)
        #expect(plain.base.load(fromByteOffset: 40, as: UInt8.self) == 120)
    }

    /// One change of a list of a million elements dirties one piece of a few KB, whatever the change.
    @Test func oneChangeDirtiesOnePiece() {
        let test = TestKeyspace()
        fill(test, "l", Self.million)
        let value = Array("changed!".utf8)
        let changes: [(ListValue) -> Void] = [
            { list in value.withView { list.push($0, .front) } },
            { list in value.withView { list.push($0, .back) } },
            { list in list.pop(1, .front) },
            { list in list.pop(1, .back) },
            { list in value.withView { list.set($0, at: 500_000) } },
            { list in list.remove(at: 250_000, count: 1) },
            { list in value.withView { list.insert($0, at: 250_000) } },
        ]
        for (i, change) in changes.enumerated() {
            onList(test, "l") { ListPieces.clean($0.access.entry($0.slot).head) }
            onList(test, "l") { list in
                #expect(dirty(list).isEmpty)
                let version = list.access.nextVersion(list.key)
                let pieces = list.access.entry(list.slot).listSpine.pointee.pieceCount
                change(list)
                let touched = dirty(list)
                // What was pushed before may have been in a piece of its own, which is gone with it.
                let isDropped = list.access.entry(list.slot).listSpine.pointee.pieceCount == pieces - 1
                #expect(touched.count == (isDropped ? 0 : 1), "change \(i)")
                #expect(touched.allSatisfy { $0.version == version && $0.bytes <= 7168 })
            }
        }
    }

    /// A copy shares its pieces until either side changes one.
    @Test func copiesAreIndependent() {
        let test = TestKeyspace()
        fill(test, "a", 100_000)
        test.with(Array("a".utf8)) { access, key in
            let source = access.peek(key)!
            Array("b".utf8).withView { name in
                let other = Access(test.keyspace.partition(of: Key(name)), database: 0, moment: access.moment)
                other.putCopy(of: source, Key(name), nil)
            }
        }
        let value = Array("changed!".utf8)
        onList(test, "b") { list in
            value.withView { list.set($0, at: 5000) }
            list.pop(1, .back)
            value.withView { list.push($0, .front) }
            list.remove(at: 40_000, count: 3000)
        }
        onList(test, "a") { list in
            let elements = list.access.entry(list.slot).listElements
            #expect(elements.count == 100_000)
            #expect(elements.indices.allSatisfy { elements[$0] == Array("element:\($0)".utf8) })
        }
        onList(test, "b") { list in
            let elements = list.access.entry(list.slot).listElements
            #expect(elements.count == 97_000)
            #expect(elements[0] == value && elements[5001] == value)
            #expect(list.access.entry(list.slot).listSpine.pointee.brokenInvariant() == nil)
        }
        test.remove("a")
        onList(test, "b") { list in #expect(list.access.entry(list.slot).listElements.count == 97_000) }
    }

    /// Copying a million elements takes a small part of the 10 ms that a loop turn may take, in a debug build even.
    @Test func copyingIsQuick() {
        let test = TestKeyspace()
        fill(test, "l", Self.million)
        onList(test, "l") { list in
            let start = cs_monotonic_ns()
            let copy = ListPieces.copy(list.access.entry(list.slot).head)
            #expect(cs_monotonic_ns() - start < 10_000_000)
            ListPieces.free(copy)
        }
    }

    /// Pieces of a large list are full: what is not elements is a small part of its memory.
    @Test(arguments: [ListSide.front, .back]) func memoryIsDense(_ side: ListSide) {
        let test = TestKeyspace()
        test.with(Array("l".utf8)) { access, key in
            for _ in 0..<100_000 {
                Array("sixteen bytes ok".utf8).withView { view in
                    withUnsafePointer(to: view) { _ = access.pushToList(key, access.find(key), $0, 1, side) }
                }
            }
        }
        onList(test, "l") { list in
            // 18 bytes each in a listpack.
            #expect(list.access.entry(list.slot).memoryBytes() < 1_800_000 * 102 / 100)
        }
    }
}
