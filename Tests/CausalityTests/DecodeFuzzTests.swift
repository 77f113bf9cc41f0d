import Base
import Testing

@testable import Causality

/// Random things survive encoding, on a node with other indexes too; random damage to their bytes is refused, or makes
/// another thing that survives encoding, and stops nobody.
@Suite struct DecodeFuzzTests {
    private static let rounds: Range<UInt64> = 0..<2_000

    private struct Coder: Sendable {
        let name: String
        /// Bytes of something random.
        let make: @Sendable (inout RandomCausality, ActorTable) -> [UInt8]
        /// Encodes again what the bytes stand for.
        let again: @Sendable ([UInt8], inout ActorTable) throws(CausalityError) -> [UInt8]
    }

    private static func bytes(_ body: (inout ByteBuffer) -> Void) -> [UInt8] {
        var output = ByteBuffer()
        body(&output)
        return output.view.bytes
    }

    private static func decode<R>(
        _ bytes: [UInt8], _ body: (ByteView) throws(CausalityError) -> R
    ) throws(CausalityError) -> R {
        try bytes.withView { view throws(CausalityError) in try body(view) }
    }

    private static let putNumber: @Sendable (Int, inout ByteBuffer) -> Void = { $1.append(varint: UInt64($0)) }

    private static let number: @Sendable (ByteView) throws(CausalityError) -> Int = { bytes throws(CausalityError) in
        var at = 0
        guard let value = bytes.varint(at: &at), let small = Int(exactly: value) else { throw .corrupt }
        return small
    }

    private static let coders: [Coder] = [
        Coder(name: "context") { random, table in
            let context = random.context()
            return bytes { context.encode(to: &$0, table) }
        } again: { input, table throws(CausalityError) in
            let context = try decode(input) { b throws(CausalityError) in try CausalContext(b, &table) }
            return bytes { context.encode(to: &$0, table) }
        },
        Coder(name: "clock") { random, table in
            var clock = random.clock()
            _ = clock.flush(random.dot(), at: 7, superseding: random.context())
            if random.below(3) == 0 { clock.drop(VersionVector([ActorTable.everyDot(of: 2)])) }
            return bytes { clock.encode(to: &$0, table) }
        } again: { input, table throws(CausalityError) in
            let clock = try decode(input) { b throws(CausalityError) in try SlotClock(b, &table) }
            return bytes { clock.encode(to: &$0, table) }
        },
        Coder(name: "siblings") { random, table in
            let set = random.siblings()
            return bytes { set.encode(to: &$0, table, payload: putNumber) }
        } again: { input, table throws(CausalityError) in
            let set = try decode(input) { b throws(CausalityError) in try SiblingSet(b, &table, payload: number) }
            return bytes { set.encode(to: &$0, table, payload: putNumber) }
        },
        Coder(name: "write") { random, table in
            var write: WriteEvent<Int>?
            while write == nil { write = random.event(random.dot()) }
            return bytes { write!.encode(to: &$0, table, payload: putNumber) }
        } again: { input, table throws(CausalityError) in
            let write = try decode(input) { b throws(CausalityError) in try WriteEvent(b, &table, payload: number) }
            return bytes { write.encode(to: &$0, table, payload: putNumber) }
        },
        Coder(name: "actors") { random, table in
            var table = table
            table.close(random.below(3))
            return bytes { table.encode(to: &$0) }
        } again: { input, _ throws(CausalityError) in
            let table = try decode(input) { b throws(CausalityError) in try ActorTable(b) }
            return bytes { table.encode(to: &$0) }
        },
        Coder(name: "identity") { random, _ in
            let identity = ActorIdentity(
                after: nil, directory: random.below(9), lastRecord: 0, fresh: ActorID(high: 1, low: random.below(9)))
            let ended = random.below(2) == 0 ? identity : identity.ended(lastRecord: random.below(9))
            return bytes { ended.encode(to: &$0) }
        } again: { input, _ throws(CausalityError) in
            let identity = try decode(input) { b throws(CausalityError) in try ActorIdentity(b) }
            return bytes { identity.encode(to: &$0) }
        },
    ]

    private static func table(_ lows: [UInt64]) -> ActorTable {
        var table = ActorTable(capacity: 8)
        for low in lows { _ = try! table.intern(ActorID(high: low &* 0x1111, low: low)) }
        return table
    }

    @Test func everythingSurvives() throws {
        for coder in Self.coders {
            for seed in Self.rounds {
                var random = RandomCausality(seed: seed)
                let bytes = coder.make(&random, Self.table([5, 3, 4]))
                var elsewhere = Self.table([9, 4, 3])
                #expect(try coder.again(bytes, &elsewhere) == bytes, "\(coder.name), seed \(seed)")
            }
        }
    }

    @Test func damageIsRefused() throws {
        for coder in Self.coders {
            var (refused, taken) = (0, 0)
            for seed in Self.rounds {
                var random = RandomCausality(seed: seed)
                var bytes = coder.make(&random, Self.table([5, 3, 4]))
                Self.damage(&bytes, &random)
                var table = Self.table([9, 4, 3])
                do throws(CausalityError) {
                    let again = try coder.again(bytes, &table)
                    #expect(try coder.again(again, &table) == again, "\(coder.name), seed \(seed)")
                    taken += 1
                } catch {
                    refused += 1
                }
            }
            #expect(refused > Self.rounds.count / 10 && taken > Self.rounds.count / 100, "\(coder.name)")
        }
    }

    /// Some bytes change, go or come; mostly the checksum is made right, so that what is behind it is met.
    private static func damage(_ bytes: inout [UInt8], _ random: inout RandomCausality) {
        for _ in 0...random.below(2) {
            let at = Int(random.below(UInt64(bytes.count - 6))) + 2
            switch random.below(5) {
            case 0: bytes[at] = UInt8(truncatingIfNeeded: random.below(256))
            case 1: bytes[at] = [0, 1, 0x7f, 0x80, 0xff][Int(random.below(5))]
            case 2: bytes[at] ^= 1 << UInt8(random.below(8))
            case 3 where bytes.count > 8: bytes.remove(at: at)
            default: bytes.insert(UInt8(truncatingIfNeeded: random.below(256)), at: at)
            }
        }
        if random.below(10) == 0 { return }
        let checksum = Array(bytes.dropLast(4)).withView { CRC32C.checksum($0) }
        for i in 0..<4 { bytes[bytes.count - 4 + i] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * i)) }
    }
}
