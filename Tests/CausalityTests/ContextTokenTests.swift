import Base
import Testing

@testable import Causality

/// Contexts as clients have them (SPEC A8, C2).
@Suite struct ContextTokenTests {
    private let token = ContextToken(secret: (1, 2))
    private var table = ActorTable(capacity: 4)
    private var context = CausalContext()

    init() {
        for low in [2, 1] as [UInt64] { _ = try! table.intern(ActorID(high: 0, low: low)) }
        context = CausalContext(
            VersionVector([ClockEntry(Dot(actor: 0, counter: 3), at: Limits.timestampEpoch + 5)]))
        context.insert(ClockEntry(Dot(actor: 1, counter: 9), at: Limits.timestampEpoch - 1))
    }

    private func text(_ context: CausalContext, database: Int = 3, key: StaticString = "k") -> [UInt8] {
        var output = ByteBuffer()
        token.encode(context, database: database, key: ByteView(key), to: &output, table)
        return output.view.bytes
    }

    private mutating func read(
        _ text: [UInt8], database: Int = 3, key: StaticString = "k", by other: ContextToken? = nil
    ) throws(ContextError) -> CausalContext {
        try text.withView { bytes throws(ContextError) in
            try (other ?? token).decode(bytes, database: database, key: ByteView(key), &table)
        }
    }

    /// Computed by another program, from docs/causality.md.
    private let pinned = "AQIAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAgEBAwoBAAkB6FsThiGkPtTr3K33"

    @Test mutating func textIsPinned() throws {
        #expect(String(decoding: text(context), as: UTF8.self) == pinned)
        #expect(try read(Array(pinned.utf8)) == context)
        let empty = text(CausalContext())
        #expect(try read(empty) == CausalContext())
    }

    @Test mutating func foreignOnesAreRefused() {
        let good = text(context)
        #expect(throws: ContextError.foreign) { try read(good, database: 4) }
        #expect(throws: ContextError.foreign) { try read(good, key: "l") }
        #expect(throws: ContextError.foreign) { try read(good, by: ContextToken(secret: (1, 3))) }
    }

    /// Computed by another program, as docs/causality.md says.
    @Test func theKeyIsOfClusterAndSecret() {
        let made = ContextToken(cluster: ByteView("abc"), secret: ByteView("xyz"))
        let same = ContextToken(secret: (3_866_797_340_321_814_879, 11_439_731_337_171_896_237))
        let texts = [made, same, ContextToken(cluster: ByteView("abcx"), secret: ByteView("yz"))].map { token in
            var output = ByteBuffer()
            token.encode(context, database: 0, key: ByteView("k"), to: &output, table)
            return output.view.bytes
        }
        #expect(texts[0] == texts[1])
        #expect(texts[0] != texts[2])
    }

    /// Whatever is done to a text, it is refused, and no actor gets an index by it.
    @Test mutating func damagedOnesAreRefused() {
        let good = text(context)
        for cut in 0..<good.count {
            #expect(throws: ContextError.malformed) { try read(Array(good.prefix(cut))) }
        }
        for seed in 0..<3_000 as Range<UInt64> {
            var random = PRNG(seed: seed)
            var bad = good
            for _ in 0...random.below(2) {
                let at = Int(random.below(UInt64(bad.count)))
                bad[at] = UInt8(truncatingIfNeeded: seed % 3 == 0 ? random.next() : UInt64(good[Int(random.below(70))]))
            }
            if bad == good { continue }
            #expect(throws: ContextError.self, "seed \(seed)") { try read(bad) }
        }
        for odd in ["", "A", "====", "!", String(repeating: "A", count: 100_000)] {
            #expect(throws: ContextError.malformed) { try read(Array(odd.utf8)) }
        }
        #expect(table.count == 2)
    }

    /// A newer version says so, if it is whole.
    @Test mutating func newerOnesAreRefused() {
        var bytes = ByteBuffer()
        bytes.append(2)
        for _ in 0..<12 { bytes.append(0) }
        let checksum = CRC32C.checksum(bytes.view)
        bytes.append(littleEndian: checksum)
        var text = ByteBuffer()
        Base64URL.encode(bytes.view, to: &text)
        #expect(throws: ContextError.version(2)) { try read(text.view.bytes) }
    }

    @Test mutating func fullTablesRefuse() throws {
        var elsewhere = ActorTable(capacity: 2)
        _ = try elsewhere.intern(ActorID(high: 9, low: 9))
        let good = text(context)
        #expect(throws: ContextError.tooManyActors) {
            try good.withView { bytes throws(ContextError) in
                try token.decode(bytes, database: 3, key: ByteView("k"), &elsewhere)
            }
        }
    }

    /// The vectors of the paper's appendix and of its reference program.
    @Test func sipHash() {
        for (count, expected) in [
            (0, 0x726f_db47_dd0e_0e31), (1, 0x74f8_39c5_93dc_67fd), (15, 0xa129_ca61_49be_45e5),
        ] as [(UInt8, UInt64)] {
            var hash = SipHash(key: (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908))
            for byte in 0..<count { hash.append(byte) }
            #expect(hash.finish() == expected, "\(count) bytes")
        }
    }

    /// RFC 4648, section 10, without the padding; and what only the URL alphabet has.
    @Test func base64() {
        for (plain, text) in [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"), ("\u{3e}\u{3f}\u{3f}\u{3e}", "Pj8_Pg"),
        ] {
            var output = ByteBuffer()
            plain.withView { Base64URL.encode($0, to: &output) }
            #expect(output.view.text == text)
            var back = ByteBuffer()
            #expect(text.withView { Base64URL.decode($0, to: &back) })
            #expect(back.view.text == plain)
        }
        var back = ByteBuffer()
        // Bits that stand for nothing.
        #expect(!"Zh".withView { Base64URL.decode($0, to: &back) })
        #expect(!"Zm9vYg==".withView { Base64URL.decode($0, to: &back) })
    }

    // MARK: truncation

    private func version(_ actor: UInt64, _ counter: UInt64, at time: Int64) -> Sibling<Int> {
        Sibling(Dot(actor: actor, counter: counter), at: time, 0, after: CausalContext())
    }

    @Test func theOldestEntriesGo() {
        var context = CausalContext(
            VersionVector((0..<6).map { ClockEntry(Dot(actor: $0, counter: 4), at: 100 - Int64($0)) }))
        context.insert(ClockEntry(Dot(actor: 7, counter: 9), at: 50))
        let set = SiblingSet([version(5, 2, at: 1), version(7, 9, at: 50)], context: context)
        let (shown, removed) = set.contextForClient(entriesMax: 4)
        #expect(removed == 3)
        // The oldest are 7, 5, 4, 3, 2: those of 7 and 5 are being returned.
        #expect(shown.base.entries.map(\.actor) == [0, 1, 5])
        #expect(shown.dots.map(\.actor) == [7])
        // Never more than there was, and all that is returned.
        #expect(context.covers(shown) && set.versions.allSatisfy { shown.covers($0.dot) })
    }

    @Test func returnedVersionsStayHoweverManyThereAre() {
        let versions = (0..<5).map { version($0, 3, at: Int64($0)) }
        let set = SiblingSet(
            versions, context: CausalContext(VersionVector([ClockEntry(Dot(actor: 9, counter: 1), at: 99)])))
        let (shown, removed) = set.contextForClient(entriesMax: 2)
        #expect(removed == 1)
        #expect(shown.base.isEmpty && shown.dots.map(\.actor) == [0, 1, 2, 3, 4])
    }

    /// A truncated context costs a sibling at worst, and no write (SPEC C2).
    @Test func truncationLosesNothing() throws {
        for seed in 0..<500 as Range<UInt64> {
            var random = RandomCausality(seed: seed, actors: 6)
            var set = random.siblings()
            let before = set.versions.map(\.dot)
            let (shown, _) = set.contextForClient(entriesMax: 2)
            let dot = Dot(actor: 6, counter: 1)
            var (clock, key) = (SlotClock(), StoredSiblings<Int>())
            key.absorb(set, clock: &clock)
            key.apply(try WriteEvent(dot, at: 0, 1, superseding: shown), clock: &clock)
            #expect(key.dots == [dot], "seed \(seed): \(before)")
            set.merge(random.siblings())
            #expect(set.context.covers(shown), "seed \(seed)")
        }
    }
}
