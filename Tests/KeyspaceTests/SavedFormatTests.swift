import Base
import Causality
import Testing

@testable import Keyspace

/// docs/storage-format.md, "Keys in the tree": bytes that are on disks must be readable for ever.
@Suite struct SavedFormatTests {
    private func bytes(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
        var output = ByteBuffer()
        write(&output)
        return output.view.bytes
    }

    @Test func namesArePinned() {
        let prefix: [UInt8] = [0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 2]
        let key: [UInt8] = [0x61, 0, 0x62]
        let stem = bytes { output in
            key.withView { StoredKey.append(slot: 0x1234, space: 1 << 32 | 2, $0, to: &output) }
        }
        #expect(stem == prefix + [0x61, 0, 0xff, 0x62, 0, 1])
        let piece = bytes { output in stem.withView { StoredKey.append($0, piece: 258, to: &output) } }
        #expect(piece == stem + [0, 0, 0, 0, 0, 0, 1, 2])
        let end = bytes { output in stem.withView { StoredKey.appendEnd(of: $0, to: &output) } }
        #expect(end == prefix + [0x61, 0, 0xff, 0x62, 0, 2])
        var found = ByteBuffer()
        let parts = piece.withView { StoredKey.parse($0, key: &found) }
        #expect(parts == StoredKey.Parts(slot: 0x1234, space: 1 << 32 | 2, piece: 258, stem: stem.count))
        #expect(found.view.bytes == key)
    }

    @Test func headsArePinned() throws {
        let test = TestKeyspace()
        let limits = Limits.timestampEpoch + 300
        func head(_ name: String, _ fill: (Access, Key) -> Void) -> [UInt8] {
            test.now = limits
            return test.with(Array(name.utf8)) { access, key in
                fill(access, key)
                let entry = access.peek(key)!
                return bytes { SavedEntry.write(entry, to: &$0) }
            }
        }
        // Actor 1, the slot's first write, 300 ms.
        let common: [UInt8] = [1, 1, 0xd8, 4]
        #expect(head("a") { $0.putString($1, ByteView("vw"), nil) } == [1] + common + [0x76, 0x77])
        #expect(head("b") { $0.putRawString($1, ByteView("vw"), nil) } == [2] + common + [0x76, 0x77])
        #expect(
            head("c") { $0.putInteger($1, -3, nil, deadline: .set(limits + 5)) } == [0x83] + common + [10, 5])
    }

    @Test func largeHeadsSayTheirType() {
        let bytes: [UInt8] = [5, 1, 1, 0xd8, 4, 4, 9, 8]
        bytes.withView { view in
            let head = SavedEntry(view)
            #expect(head?.isLarge == true)
            #expect(head?.large?.type == .hash)
            #expect(head?.large?.head.bytes == [9, 8])
        }
        // Strings have no pieces.
        [5, 1, 1, 0xd8, 4, 0, 9].withView { #expect(SavedEntry($0)?.large == nil) }
    }

    @Test(arguments: [[], [0], [0, 1, 2], [5], [1, 2, 300, 301, 302, 1 << 40]] as [[UInt64]])
    func pieceNumbers(_ ids: [UInt64]) {
        var found: [UInt64] = []
        bytes { PieceNumbers.append(ids, to: &$0) }.withView { PieceNumbers.forEach($0) { found.append($0) } }
        #expect(found == ids)
    }

    @Test func pieceNumbersAreRuns() {
        #expect(bytes { PieceNumbers.append([1, 2, 3, 10], to: &$0) } == [1, 3, 6, 1])
    }

    // MARK: the state

    private var state: SavedState {
        var state = SavedState(logPosition: 300, isComplete: true, cuts: [])
        for i in 0..<Limits.partitions {
            var cut = PartitionCut()
            cut.clocks = (0..<64).map { $0 == 1 ? UInt64(i) : 0 }
            cut.spaces = [0, 1 << 32]
            cut.nextSpace = 1 << 32 | 1
            state.cuts.append(cut)
        }
        return state
    }

    /// By hand, from the document.
    private func encoded(version: UInt8, libraries: [UInt8]) -> [UInt8] {
        var expected: [UInt8] = [version, 1, 0xac, 2, 0x80, 2]
        for i in 0..<Limits.partitions {
            expected += [0] + (i < 128 ? [UInt8(i)] : [UInt8(i & 127) | 0x80, 1]) + [UInt8](repeating: 0, count: 62)
            expected += [2, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0x81, 0x80, 0x80, 0x80, 0x10]
            if version >= 3 { expected += i == 3 ? [0xc8, 1, 1, 5, 2, 8, 9] : [0, 0] }
        }
        return expected + libraries
    }

    /// The own actor's index, the table's frame (docs/causality.md): nobody, and one that is live.
    private static let actors: [UInt8] = {
        var bytes: [UInt8] = [0x41, 1, 2] + [UInt8](repeating: 0, count: 17)
        bytes += [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0]
        let checksum = bytes.withView { CRC32C.checksum($0) }
        return [1] + bytes + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> UInt32(8 * $0)) }
    }()

    @Test func theStateIsPinned() {
        var state = state
        state.libraries = SavedLibraries(version: 7, payload: [1, 2, 3])
        state.cuts[3].revision = 200
        state.cuts[3].others = [5: [8, 9]]
        state.actors = Self.actors
        let expected = encoded(version: 3, libraries: [7, 3, 1, 2, 3, UInt8(Self.actors.count)] + Self.actors)
        #expect(bytes { state.encode(to: &$0) } == expected)
        #expect(expected.withView { SavedState($0) } == state)
        for count in [0, 1, 5, expected.count - 1] {
            #expect(Array(expected.prefix(count)).withView { SavedState($0) } == nil)
        }
    }

    /// Numbers that nobody has given, with which sums would overflow or keys would get each other's names.
    @Test func statesThatCannotBeAreRefused() {
        func isRead(_ change: (inout SavedState) -> Void) -> Bool {
            var changed = state
            change(&changed)
            return bytes { changed.encode(to: &$0) }.withView { SavedState($0) } != nil
        }
        #expect(isRead { _ in })
        #expect(!isRead { $0.logPosition = .max })
        #expect(!isRead { $0.cuts[3].clocks[5] = 1 << 48 })
        #expect(!isRead { $0.cuts[3].spaces[1] = $0.cuts[3].nextSpace })
        #expect(!isRead { $0.cuts[3].spaces[1] = 0 })
        #expect(!isRead { $0.cuts[3].nextSpace = .max })
    }

    @Test func theActorsAreWhatAKeySpaceHas() {
        let keyspace = Keyspace(
            databases: 1, reclaimer: Reclaimer(readers: 1), disposer: Disposer(), actor: ActorID(high: 7, low: 9))
        #expect(keyspace.actorRecord == Self.actors)
    }

    @Test func statesOfEarlierVersionsAreRead() {
        #expect(encoded(version: 1, libraries: []).withView { SavedState($0) } == state)
        var state = state
        state.libraries = SavedLibraries(version: 7, payload: [1, 2, 3])
        #expect(encoded(version: 2, libraries: [7, 3, 1, 2, 3]).withView { SavedState($0) } == state)
        #expect(encoded(version: 4, libraries: [0, 0]).withView { SavedState($0) } == nil)
    }
}
