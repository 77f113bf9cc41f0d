import Base
import Causality
import Replication
import Testing

@Suite struct WriteBatchTests {
    private struct Seen: Equatable {
        var dot: Dot
        var timestamp: Int64
        var predecessor: Dot?
        var form: String
        var context: CausalContext
    }

    private func id(_ number: UInt64) -> ActorID { ActorID(high: number, low: ~number) }

    private func describe(_ form: TravellingWrite.Form) -> String {
        switch form {
        case .nothing: "nothing"
        case .mutation(let bytes): "mutation \(bytes.text)"
        case .state(let bytes): "state \(bytes.text)"
        }
    }

    private func read(_ bytes: ByteView, _ table: inout ActorTable) throws(CausalityError) -> (slot: Int, [Seen]) {
        var seen: [Seen] = []
        var slot = -1
        try WriteBatch.read(
            bytes,
            dictionary: { (reader) throws(CausalityError) in try ActorDictionary(&reader, &table) }
        ) { (ofSlot, write, context) throws(CausalityError) in
            slot = ofSlot
            seen.append(
                Seen(
                    dot: write.dot, timestamp: write.timestamp, predecessor: write.predecessor,
                    form: describe(write.form), context: context))
        }
        return (slot, seen)
    }

    /// Two nodes that number actors differently; the context and what comes out of it by hand.
    private func batch(_ output: inout ByteBuffer) throws {
        var sender = ActorTable()
        let me = try sender.intern(id(7))
        let other = try sender.intern(id(3))
        var context = CausalContext()
        context.raise(to: ClockEntry(Dot(actor: me, counter: 9), at: 1_700_000_000_001))
        context.raise(to: ClockEntry(Dot(actor: other, counter: 4), at: 1_700_000_000_002))
        ByteView("one").bytes.withView { one in
            ByteView("all of it").bytes.withView { state in
                let writes = [
                    TravellingWrite(
                        Dot(actor: me, counter: 10), at: 1_700_000_000_003, after: Dot(actor: other, counter: 8),
                        .mutation(one)),
                    TravellingWrite(Dot(actor: me, counter: 12), at: 1_700_000_000_004, after: nil, .state(state)),
                    TravellingWrite(
                        Dot(actor: me, counter: 13), at: 1_700_000_000_005, after: Dot(actor: me, counter: 12), .nothing
                    ),
                ]
                let batch = WriteBatch(slot: 16383, context: context)
                var dictionaries = ActorDictionaryCache()
                let dictionary = dictionaries.dictionary(sender) { batch.collectActors(of: writes, into: &$0) }
                batch.encode(writes, to: &output, dictionary)
            }
        }
    }

    @Test func anotherNodeReadsIt() throws {
        var bytes = ByteBuffer()
        try batch(&bytes)
        var table = ActorTable()
        _ = try table.intern(id(100))
        let (slot, seen) = try read(bytes.view, &table)
        #expect(slot == 16383)
        let me = try #require(table.index(of: id(7)))
        let other = try #require(table.index(of: id(3)))
        #expect(seen.map(\.dot) == [10, 12, 13].map { Dot(actor: me, counter: $0) })
        #expect(seen.map(\.timestamp) == [1_700_000_000_003, 1_700_000_000_004, 1_700_000_000_005])
        #expect(seen.map(\.form) == ["mutation one", "state all of it", "nothing"])
        #expect(seen.map(\.predecessor) == [Dot(actor: other, counter: 8), nil, Dot(actor: me, counter: 12)])
        for (write, before) in zip(seen, [9, 11, 12] as [UInt64]) {
            #expect(write.context.base.counter(of: me) == before)
            #expect(write.context.base.counter(of: other) == 4)
            #expect(!write.context.covers(write.dot))
        }
        // 8 is seen, 5 to 7 are not.
        #expect(seen[0].context.covers(Dot(actor: other, counter: 8)))
        #expect(!seen[0].context.covers(Dot(actor: other, counter: 6)))
        #expect(!seen[1].context.covers(Dot(actor: other, counter: 8)))
    }

    @Test func atAGlance() throws {
        var bytes = ByteBuffer()
        try batch(&bytes)
        #expect(WriteBatch.firstMutation(of: bytes.view)?.text == "one")
        // Cut anywhere, it is the same or nothing.
        for count in 0..<bytes.count {
            let seen = WriteBatch.firstMutation(of: bytes.view.slice(0, count))
            #expect(seen == nil || seen?.text == "one")
        }
    }

    @Test func otherMessagesAtAGlance() {
        var command = ByteBuffer()
        ForwardedCommand(hops: 1, version: 3, Consistency(), [ByteView("GET"), ByteView("name")]).encode(to: &command)
        #expect(ForwardedCommand.firstArgument(of: command.view)?.text == "name")
        #expect(ForwardedCommand.firstArgument(of: command.view.slice(0, command.count - 1)) == nil)
        var alone = ByteBuffer()
        ForwardedCommand(hops: 0, version: 2, Consistency(), [ByteView("PING")]).encode(to: &alone)
        #expect(ForwardedCommand.firstArgument(of: alone.view) == nil)
        var table = ActorTable()
        guard let actor = try? table.intern(id(5)) else { return #expect(Bool(false), "a table that is full") }
        var comparison = ByteBuffer()
        let one = [Comparison(ByteView("name"), [Dot(actor: actor, counter: 3)])]
        Comparison.encode(one, to: &comparison, ActorDictionary(of: [actor], table))
        #expect(Comparison.firstKey(of: comparison.view)?.text == "name")
        #expect(Comparison.firstKey(of: ByteView("")) == nil)
    }

    @Test func nothingElseIsRead() throws {
        var bytes = ByteBuffer()
        try batch(&bytes)
        let whole = bytes.view.bytes
        for count in 0..<whole.count {
            var table = ActorTable()
            _ = Array(whole[..<count]).withView { cut in
                #expect(throws: CausalityError.self) { _ = try read(cut, &table) }
            }
        }
        var table = ActorTable()
        _ = (whole + [0]).withView { longer in #expect(throws: CausalityError.self) { _ = try read(longer, &table) } }
    }

    /// Changed bytes are read as something or refused; contexts never cover their own write.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func damaged(seed: UInt64) throws {
        var bytes = ByteBuffer()
        try batch(&bytes)
        let whole = bytes.view.bytes
        var random = PRNG(seed: seed)
        for _ in 0..<500 {
            var changed = whole
            for _ in 0...random.below(2) {
                changed[Int(random.below(UInt64(changed.count)))] = UInt8(truncatingIfNeeded: random.next())
            }
            var table = ActorTable()
            changed.withView { view in
                guard let (_, seen) = try? read(view, &table) else { return }
                for write in seen { #expect(!write.context.covers(write.dot)) }
            }
        }
    }
}
