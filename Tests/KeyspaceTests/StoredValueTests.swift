import Base
import CSystem
import Testing

@testable import Keyspace

/// Large values saved piece by piece and built again.
@Suite struct StoredValueTests {
    static let types: [ValueType] = [.list, .set, .sortedSet, .hash, .stream]

    static let cases: [(ValueType, UInt64)] = types.flatMap { type in (1...3).map { (type, $0) } }

    /// Saves a value that does not change meanwhile.
    static func save(_ subject: StoredSubject, _ records: inout StoredRecords, gone: [UInt64] = []) -> Int {
        subject.onEntry { entry in
            var saving = ValueSaving(budget: .max, finalBudget: .max)
            Self.expectCut(&saving, entry)
            return records.take(saving, gone: gone)
        }
    }

    private static func expectCut(_ saving: inout ValueSaving, _ entry: Entry) {
        let isCut = saving.slice(entry)
        #expect(isCut)
    }

    /// What the records say, having seen to it that it is sound.
    static func loaded(_ records: StoredRecords, _ subject: StoredSubject) throws -> [UInt8] {
        try subject.with { access, key in
            let entry = access.makeDetached(key, try records.load(subject.type), deadline: nil)
            defer { access.discard(entry) }
            #expect(entry.brokenPieces == nil)
            #expect(entry.savedPieceIDs == records.pieces.keys.sorted())
            #expect(entry.pieces.dirtyPieces(entry.head) <= (records.pieces.count == 1 ? 1 : 0))
            return entry.contentsShown
        }
    }

    /// A value that changes between the slices is on disk as it was at the cut, and nothing else of it. Some savings fail
    /// and are done again; now and then the value is dropped and loaded.
    @Test(arguments: cases) func changesBetweenSlices(type: ValueType, seed: UInt64) throws {
        let subject = StoredSubject(type, TestKeyspace(), seed: seed)
        var records = StoredRecords()
        for round in 0..<10 {
            let isShort = subject.below(3) == 0
            var saving = ValueSaving(
                budget: 1 + subject.below(9000), finalBudget: isShort ? 1 : 1 + subject.below(20_000))
            var slices = 1
            while !subject.onEntry({ saving.slice($0) }) {
                subject.change(subject.below(9))
                slices += 1
                // Whatever has a record can be told to go.
                if slices % 8 == 0 {
                    #expect(subject.onEntry { Set($0.savedPieceIDs).isSuperset(of: records.pieces.keys) })
                }
            }
            #expect(slices < 2000)
            if subject.below(5) == 0 {
                subject.change(subject.below(10))
                subject.onEntry { saving.giveBack($0) }
                continue
            }
            let cut = subject.contents
            records.take(saving)
            #expect(try Self.loaded(records, subject) == cut, "\(type) \(seed), round \(round)")
            if subject.below(4) == 0 { subject.replace(try records.load(type)) }
            subject.change([0, 1, 5, 200][subject.below(4)])
            #expect(subject.onEntry { $0.brokenPieces } == nil)
        }
    }

    /// Copies share pieces, but each is saved by itself, under its own key.
    @Test(arguments: cases) func copiesAreSavedByThemselves(type: ValueType, seed: UInt64) throws {
        let test = TestKeyspace()
        let subjects = ["{a}", "{a}b", "c"].map { StoredSubject(type, test, name: $0, seed: seed, elements: 150) }
        var records = subjects.map { _ in StoredRecords() }
        var gone = subjects.map { _ in [UInt64]() }
        var random = PRNG(seed: seed)
        func below(_ n: Int) -> Int { Int(random.below(UInt64(n))) }
        for step in 0..<80 {
            let i = below(3)
            switch below(8) {
            case 0:
                let other = (i + 1 + below(2)) % 3
                gone[other] += subjects[other].onEntry { $0.savedPieceIDs }
                subjects[i].onEntry { source in
                    subjects[other].with { access, key in access.putCopy(of: source, key, access.find(key)) }
                }
            case 1...3: subjects[i].change(1 + below(20))
            case 4:
                // The value begins under another key, and comes back: none of its records counts any more.
                gone[i] += subjects[i].onEntry { $0.forgetSaved() }
                #expect(subjects[i].onEntry { $0.savedPieceIDs }.isEmpty)
            default:
                _ = Self.save(subjects[i], &records[i], gone: gone[i])
                gone[i] = []
                let found = try Self.loaded(records[i], subjects[i])
                #expect(found == subjects[i].contents, "\(type) \(seed), step \(step)")
            }
            let broken = subjects.lazy.compactMap { $0.onEntry { $0.brokenPieces } }.first
            #expect(broken == nil)
        }
    }

    /// What has not changed is not written again.
    @Test(arguments: types) func onlyWhatChangedIsWritten(type: ValueType) {
        let subject = StoredSubject(type, TestKeyspace(), seed: 5, elements: 3000)
        var records = StoredRecords()
        let all = Self.save(subject, &records)
        #expect(all == records.byteCount && records.pieces.count > 30)
        let none = Self.save(subject, &records)
        #expect(none == records.head.count && none < 60)
        subject.change(3)
        #expect(Self.save(subject, &records) < all / 10)
    }

    /// One slice of a value with many pieces, few of them dirty, does not look at the others.
    @Test func saved() throws {
        let test = TestKeyspace(databases: 1)
        try test.with(Array("h".utf8)) { access, key in
            var hash = HashValue(access, key, nil)
            func set(_ field: String, _ value: String) {
                _ = Array(field.utf8).withView { field in Array(value.utf8).withView { hash.set(field, $0) } }
            }
            for i in 0..<1_000_000 { set("field:\(i)", "a value of some length") }
            let entry = access.peek(key)!
            var records = StoredRecords()
            var saving = ValueSaving(budget: .max, finalBudget: .max)
            Self.expectCut(&saving, entry)
            let all = records.take(saving)
            for i in 0..<100 { set("field:\(i * 9973)", "a new value, longer than") }
            saving = ValueSaving()
            Self.expectCut(&saving, entry)
            let changed = records.take(saving)
            #expect(changed < 1_000_000 && changed > 100 * 1000, "\(changed) of \(all) bytes")
            let started = cs_monotonic_ns()
            let value = try records.load(.hash)
            let loading = cs_monotonic_ns() - started
            let copy = access.makeDetached(key, value, deadline: nil)
            defer { access.discard(copy) }
            #expect(copy.fieldCount == 1_000_000 && copy.brokenPieces == nil)
            print("100 changes: \(changed) bytes of \(all); loading: \(loading / 1_000_000) ms")
        }
    }

    /// Under other hash secrets, elements are dealt out to new pieces, and the old ones go with the next saving.
    @Test(arguments: [ValueType.set, .hash]) func otherHashSecrets(type: ValueType) throws {
        let subject = StoredSubject(type, TestKeyspace(), seed: 3, elements: 800)
        var records = StoredRecords()
        _ = Self.save(subject, &records)
        let old = records
        records.head[records.head.count - 1] ^= 1
        let value = try records.load(type)
        #expect(value.isDirty)
        let before = subject.contents
        subject.replace(value)
        #expect(subject.contents == before && subject.onEntry { $0.brokenPieces } == nil)
        _ = Self.save(subject, &records)
        #expect(Set(old.pieces.keys).isDisjoint(with: records.pieces.keys))
        #expect(try Self.loaded(records, subject) == before)
    }

    /// Numbers of a sorted set's pieces and of a group's consumers are indices: if few of many are left, they are given
    /// out anew.
    @Test func sparseNumbers() throws {
        let test = TestKeyspace()
        let zset = StoredSubject(.sortedSet, test, name: "z", seed: 1, elements: 6000)
        var records = StoredRecords()
        zset.with { access, key in
            let editor = SortedSetEditor(access, access.find(key)!, key)
            _ = editor.remove(20..<editor.set.count - 20) { _, _ in }
        }
        _ = Self.save(zset, &records)
        let value = try records.load(.sortedSet)
        #expect(value.isDirty)
        let contents = zset.contents
        zset.replace(value)
        #expect(zset.contents == contents)
        _ = Self.save(zset, &records)
        #expect(try Self.loaded(records, zset) == contents)

        let stream = StoredSubject(.stream, test, name: "s", seed: 1, elements: 20)
        stream.with { access, key in
            let slot = access.find(key)!
            access.createGroup(slot, key, ByteView("many"), .zero, nil)
            let group = access.entry(slot).stream.group(ByteView("many"))!
            let names = (0..<3000).map { Array("c\($0)".utf8) }
            for name in names { name.withView { _ = access.createConsumer(slot, key, group, $0) } }
            let last = names[2999].withView { group.consumer($0)! }
            access.claim(slot, key, group, last, StreamID(5, 5), time: 1, deliveries: 2)
            for name in names.dropLast() { name.withView { access.deleteConsumer(slot, key, group, $0) } }
        }
        records = StoredRecords()
        _ = Self.save(stream, &records)
        let loaded = try records.load(.stream)
        #expect(loaded.isDirty)
        let shown = stream.contents
        stream.replace(loaded)
        #expect(stream.contents == shown && stream.onEntry { $0.brokenPieces } == nil)
        _ = Self.save(stream, &records)
        #expect(try Self.loaded(records, stream) == shown)
    }

    // MARK: damage

    @Test(arguments: types) func missingAndSurplusPieces(type: ValueType) throws {
        let subject = StoredSubject(type, TestKeyspace(), seed: 2)
        var records = StoredRecords()
        _ = Self.save(subject, &records)
        for id in records.pieces.keys {
            var fewer = records
            fewer.pieces[id] = nil
            #expect(throws: StoredValueError.missingPieces(1)) { try fewer.load(type) }
            // One is there instead that is older, or another's.
            fewer.pieces[id == 0 ? 1 : id - 1] = records.pieces[id]
            if fewer.pieces.count == records.pieces.count {
                if let value = try? fewer.load(type) { value.free() }
            }
        }
        var more = records
        more.pieces[1 << 40] = more.pieces.values.first
        #expect(throws: StoredValueError.surplusPiece(1 << 40)) { try more.load(type) }
    }

    /// Nothing that bytes may say brings the loader down; what it lets through is sound.
    @Test(arguments: cases) func damagedBytes(type: ValueType, seed: UInt64) throws {
        let subject = StoredSubject(type, TestKeyspace(), seed: seed, elements: 120)
        var records = StoredRecords()
        _ = Self.save(subject, &records)
        var (refused, random) = (0, PRNG(seed: seed))
        func below(_ n: Int) -> Int { Int(random.below(UInt64(n))) }
        func damage(_ bytes: inout [UInt8]) {
            switch below(5) {
            case 0: bytes.removeLast(1 + below(bytes.count))
            case 1: bytes.append(UInt8(below(256)))
            case 2: bytes.insert(contentsOf: [255, 255, 255, 255, 15], at: below(bytes.count))
            default: bytes[below(min(bytes.count, below(2) == 0 ? 30 : .max))] = UInt8(below(256))
            }
        }
        let ids = records.pieces.keys.sorted()
        for _ in 0..<200 {
            var bad = records
            if below(4) == 0 { damage(&bad.head) } else { damage(&bad.pieces[ids[below(ids.count)]]!) }
            guard let value = try? bad.load(type) else {
                refused += 1
                continue
            }
            subject.with { access, key in
                let entry = access.makeDetached(key, value, deadline: nil)
                #expect(entry.brokenPieces == nil)
                access.discard(entry)
            }
        }
        #expect(refused > 30)
    }
}
