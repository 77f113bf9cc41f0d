import Base
import Causality
import Testing

@Suite struct ActorDictionaryCacheTests {
    private func table(_ count: UInt64) throws -> ActorTable {
        var table = ActorTable()
        // Indexes and ids in opposite orders.
        for number in 0..<count { _ = try table.intern(ActorID(high: 1000 - number, low: number)) }
        return table
    }

    private func bytes(_ dictionary: ActorDictionary) -> [UInt8] {
        var output = ByteBuffer()
        dictionary.encode(to: &output)
        return output.view.bytes
    }

    /// Whether these bytes begin with a dictionary that is kept; the reader stands behind it then.
    private func isKept(_ reader: inout CausalReader, _ cache: inout ActorDictionaryCache) throws -> Bool {
        try cache.read(&reader) != nil
    }

    private func isKept(_ bytes: [UInt8], _ cache: inout ActorDictionaryCache) throws -> Bool {
        try bytes.withView { view in
            var reader = CausalReader(view)
            return try isKept(&reader, &cache)
        }
    }

    @Test func whatIsKeptIsWhatWouldBeMade() throws {
        let table = try table(40)
        var cache = ActorDictionaryCache()
        var random = PRNG(seed: 5)
        for _ in 0..<2000 {
            let actors = (0...random.below(3)).map { _ in random.below(40) }
            let made = cache.dictionary(table) { collection in for actor in actors { collection.insert(actor) } }
            let plain = ActorDictionary(of: actors, table)
            #expect(bytes(made) == bytes(plain))
            for actor in actors { #expect(made.place(of: actor) == plain.place(of: actor)) }
        }
    }

    @Test func whatComesAgainIsNotMadeAgain() throws {
        let table = try table(3)
        var cache = ActorDictionaryCache()
        var lookups = 0
        func read() -> ActorTable {
            lookups += 1
            return table
        }
        for _ in 0..<5 {
            _ = cache.dictionary(read()) { $0.insert(2) }
            _ = cache.dictionary(read()) {
                $0.insert(0)
                $0.insert(2)
                $0.insert(0)
            }
        }
        #expect(lookups == 2)
    }

    @Test func whatHasBeenReadIsKnownAgain() throws {
        var table = try table(3)
        var cache = ActorDictionaryCache()
        let encoded = bytes(ActorDictionary(of: [0, 2], table)) + [7]
        #expect(try !isKept(encoded, &cache))
        try encoded.withView { view in
            var reader = CausalReader(view)
            cache.keep(try ActorDictionary(&reader, &table))
            var again = CausalReader(view)
            let known = try #require(try cache.read(&again))
            #expect(again.rest == 1)
            #expect(try known.actor(at: 0) == 2 && known.actor(at: 1) == 0)
            #expect(throws: CausalityError.self) { try known.actor(at: 2) }
        }
        // One actor fewer, one more, and bytes that end too soon are something else.
        for other in [[0], [0, 1, 2]] as [[UInt64]] {
            #expect(try !isKept(bytes(ActorDictionary(of: other, table)), &cache))
        }
        #expect(try !isKept(Array(encoded.dropLast(2)), &cache))
        #expect(try isKept(encoded, &cache))
    }
}
