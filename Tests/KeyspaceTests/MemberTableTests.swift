import Base
import CSystem
import Testing

@testable import Keyspace

/// Records of fixed size with a hash given by the caller, as an index keeps them: 4 bytes of hash, 8 of payload.
private enum IndexRecord: TableRecord {
    static func byteCount(_ record: UnsafePointer<UInt8>) -> Int { 12 }
    static func hash(_ record: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(UnsafeRawPointer(record).loadUnaligned(as: UInt32.self)) << 32
    }
    static func outside(_ record: UnsafePointer<UInt8>) -> LongRecord? { nil }
    static func payload(_ record: UnsafePointer<UInt8>) -> UInt64 {
        UnsafeRawPointer(record).loadUnaligned(fromByteOffset: 4, as: UInt64.self)
    }
}

extension MemberTable where Record == IndexRecord {
    fileprivate func add(_ hash: UInt64, _ payload: UInt64) {
        let place = UnsafeMutableRawPointer(insert(hash, 12, version: 1))
        place.storeBytes(of: UInt32(hash >> 32), as: UInt32.self)
        place.storeBytes(of: payload, toByteOffset: 4, as: UInt64.self)
    }
}

@Suite struct MemberTableTests {
    private static func text(_ number: Int) -> [UInt8] { Array("member:\(number)".utf8) }

    private func insert(_ table: MemberPieces, _ number: Int, version: UInt64 = 1) -> Bool {
        Self.text(number).withView { table.add($0, version: version) }
    }

    private func remove(_ table: MemberPieces, _ number: Int, version: UInt64 = 1) -> Bool {
        Self.text(number).withView { view in
            guard let place = table.find(view, MemberRecord.hash(of: view)) else { return false }
            table.remove(place, version: version)
            return true
        }
    }

    private func contents(_ table: FieldPieces) -> [[UInt8]: [UInt8]] {
        var all: [[UInt8]: [UInt8]] = [:]
        table.forEach {
            let old = all.updateValue(FieldRecord.value($0).bytes, forKey: FieldRecord.field($0).bytes)
            #expect(old == nil, "a field twice")
            return true
        }
        return all
    }

    /// Random changes, growing and shrinking, copies among them, against a dictionary.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func behavesLikeADictionary(seed: UInt64) {
        var random = PRNG(seed: seed)
        var table = FieldPieces.make(version: 1)
        var model: [[UInt8]: [UInt8]] = [:]
        var twin: (FieldPieces, [[UInt8]: [UInt8]])?
        let lengths = [0, 1, 3, 20, 60, 239, 240, 700, 1020, 1024, 1025, 5000]
        for step in 0..<12_000 {
            let grows = step / 2000 % 2 == 0
            let field = Self.text(Int(random.below(3000)))
            if random.below(10) < (grows ? 8 : 2) {
                let longest = seed % 2 == 0 ? lengths.count : 5
                let length = lengths[Int(random.below(UInt64(longest)))]
                let value = [UInt8](repeating: UInt8(step & 255), count: length)
                let isNew = field.withView { field in value.withView { table.set(field, $0, version: 1) } }
                #expect(isNew == (model.updateValue(value, forKey: field) == nil))
            } else {
                let place = field.withView { table.find($0, FieldRecord.hash(of: $0)) }
                #expect((place != nil) == (model.removeValue(forKey: field) != nil))
                if let place { table.remove(place, version: 1) }
            }
            #expect(field.withView { table.value($0)?.bytes } == model[field])
            if step % 1000 == 999 { #expect(table.brokenInvariant() == nil) }
            if step % 1500 == 700 {
                // Go on with the copy; what is left behind must stay as it is.
                if let (old, expected) = twin {
                    #expect(contents(old) == expected)
                    FieldPieces.free(old.head)
                }
                twin = (table, model)
                table = FieldPieces(FieldPieces.copy(table.head))
            }
        }
        #expect(contents(table) == model && table.count == model.count)
        if let (old, expected) = twin {
            #expect(contents(old) == expected && old.brokenInvariant() == nil)
            FieldPieces.free(old.head)
        }
        FieldPieces.free(table.head)
    }

    @Test func emptiedTablesAreSmallAgain() {
        let table = MemberPieces.make(version: 1)
        for number in 0..<20_000 { #expect(insert(table, number)) }
        let full = MemberPieces.memoryBytes(table.head, samples: 0)
        #expect(full < 20_000 * 20, "\(full) bytes for 20000 members of 12 bytes")
        for number in 0..<19_990 { #expect(remove(table, number)) }
        #expect(table.brokenInvariant() == nil)
        #expect(table.pieceCount < 8)
        #expect(MemberPieces.memoryBytes(table.head, samples: 0) < 4096)
        for number in 19_990..<20_000 { #expect(remove(table, number)) }
        #expect(table.count == 0 && table.brokenInvariant() == nil)
        MemberPieces.free(table.head)
    }

    @Test func memoryIsEstimatedFromSamples() {
        let table = MemberPieces.make(version: 1)
        for number in 0..<20_000 { _ = insert(table, number) }
        let exact = MemberPieces.memoryBytes(table.head, samples: 0)
        let guess = MemberPieces.memoryBytes(table.head, samples: 20)
        #expect(abs(exact - guess) < exact / 5)
        MemberPieces.free(table.head)
    }

    /// A walk meets what is there all the time exactly once, whatever comes and goes meanwhile.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func scanKeepsItsGuarantee(seed: UInt64) {
        var random = PRNG(seed: seed)
        let table = MemberPieces.make(version: 1)
        for number in 0..<1000 { _ = insert(table, number) }
        var others = 1000
        for round in 0..<12 {
            let grows = (round + Int(seed)) % 2 == 0
            var met: [[UInt8]: Int] = [:]
            var cursor: UInt64 = 0
            var steps = 0
            repeat {
                cursor = table.scan(cursor) { met[MemberRecord.member($0).bytes, default: 0] += 1 }
                steps += 1
                for _ in 0..<random.below(400) {
                    if grows {
                        _ = insert(table, others)
                        others += 1
                    } else if others > 1000 {
                        others -= 1
                        _ = remove(table, others)
                    }
                }
            } while cursor != 0 && steps < 100_000
            #expect(table.brokenInvariant() == nil)
            for number in 0..<1000 where met[Self.text(number)] != 1 {
                Issue.record("member \(number) met \(met[Self.text(number)] ?? 0) times")
                break
            }
        }
        MemberPieces.free(table.head)
    }

    /// Any number is a cursor.
    @Test func foreignCursorsAreHarmless() {
        var random = PRNG(seed: 1)
        let table = MemberPieces.make(version: 1)
        for number in 0..<5000 { _ = insert(table, number) }
        for _ in 0..<1000 {
            var cursor = random.next() >> random.below(64)
            var steps = 0
            repeat {
                cursor = table.scan(cursor) { _ in }
                steps += 1
            } while cursor != 0
            #expect(steps <= table.pieceCount)
        }
        MemberPieces.free(table.head)
    }

    /// Chi-squared over all members: with this seed and a fair draw it is well within bounds.
    @Test func randomPlacesAreUniform() {
        let table = MemberPieces.make(version: 1)
        let members = 3000, draws = 300_000
        for number in 0..<members { _ = insert(table, number) }
        var random = PRNG(seed: 5)
        var seen: [[UInt8]: Int] = [:]
        for _ in 0..<draws { seen[MemberRecord.member(table.record(table.random(&random))).bytes, default: 0] += 1 }
        let expected = Double(draws) / Double(members)
        let sum = (0..<members).reduce(0.0) { sum, number in
            let difference = Double(seen[Self.text(number)] ?? 0) - expected
            return sum + difference * difference / expected
        }
        // Mean 2999, standard deviation 77.
        #expect(sum > 2650 && sum < 3350, "chi-squared \(sum)")
        MemberPieces.free(table.head)
    }

    /// Equal hashes, which only an attacker who knew the secret could make, cost time, but not the directory.
    @Test func equalHashesGrowAPiece() {
        let table = MemberTable<IndexRecord>.make(version: 1)
        for number in 0..<6000 as Range<UInt64> { table.add(0xabcd_ef01_2345_6789, number) }
        for number in 0..<100 as Range<UInt64> { table.add(cs_fold(number, 0x9e37_79b9_7f4a_7c15), 10_000 + number) }
        #expect(table.brokenInvariant() == nil)
        #expect(table.depth < 8 && table.count == 6100)
        for number in 0..<6000 as Range<UInt64> {
            let place = table.find(0xabcd_ef01_2345_6789) { IndexRecord.payload($0) == number }
            #expect(place != nil)
            if number % 3 != 0, let place { table.remove(place, version: 1) }
        }
        #expect(table.count == 2100 && table.brokenInvariant() == nil)
        var random = PRNG(seed: 3)
        for _ in 0..<100 { _ = table.random(&random) }
        MemberTable<IndexRecord>.free(table.head)
    }

    /// Saving is to cost what changed: one change of a million members dirties one piece.
    @Test func aChangeDirtiesOnePiece() {
        let table = MemberPieces.make(version: 1)
        let members = 1_000_000
        for number in 0..<members { _ = insert(table, number) }
        var figures: [PieceFigures] = []
        MemberPieces.forEachPiece(table.head) { figures.append($0) }
        #expect(figures.reduce(0) { $0 + $1.elements } == members)
        #expect(Set(figures.map(\.id)).count == figures.count)
        #expect(figures.allSatisfy { $0.isDirty && $0.bytes <= 4096 && $0.elements < 192 })
        func dirty() -> [PieceFigures] {
            var dirty: [PieceFigures] = []
            MemberPieces.forEachPiece(table.head) { if $0.isDirty { dirty.append($0) } }
            return dirty
        }
        MemberPieces.clean(table.head)
        #expect(dirty().isEmpty)
        for number in 0..<20 {
            _ = remove(table, number, version: 77)
            #expect(dirty().map(\.version) == [77])
            MemberPieces.clean(table.head)
        }
        let before = cs_monotonic_ns()
        let twin = MemberPieces(MemberPieces.copy(table.head))
        let elapsed = cs_monotonic_ns() - before
        #expect(elapsed < 50_000_000, "copying took \(elapsed) ns")
        _ = remove(twin, 500, version: 9)
        #expect(twin.count == members - 21 && table.count == members - 20 && dirty().isEmpty)
        MemberPieces.free(twin.head)
        MemberPieces.free(table.head)
    }
}
