import Base
import Testing

@testable import Keyspace

@Suite struct ListpackTests {
    private static func bytes(_ hex: String) -> [UInt8] {
        hex.split(separator: " ").map { UInt8($0, radix: 16)! }
    }

    private static func contents(_ pack: Listpack) -> [[UInt8]] {
        var all: [[UInt8]] = []
        var at = pack.first
        while at != pack.end {
            pack.element(at).withView { all.append($0.bytes) }
            at = pack.next(at)
        }
        return all
    }

    private static func backwards(_ pack: Listpack) -> [[UInt8]] {
        var all: [[UInt8]] = []
        var at = pack.end
        while at != pack.first {
            at = pack.previous(at)
            pack.element(at).withView { all.append($0.bytes) }
        }
        return all
    }

    /// Bytes that redis-server 7.0.15 keeps for these elements (taken from DUMP of a hash or sorted set).
    @Test func layoutIsThatOfRedis() {
        var block = PackedBlock()
        defer { block.free() }
        for text in ["f", "1", "-1", "300", "40000", "100000", "5000000000", "v"] {
            Array(text.utf8).withView { block.append(Listpack.NewElement($0)) }
        }
        let expected = Self.bytes(
            """
            29 00 00 00 08 00 81 66 02 01 01 df ff 02 c1 2c 02 f2 40 9c 00 04 f2 a0 86 01 04 \
            f4 00 f2 05 2a 01 00 00 00 09 81 76 02 ff
            """)
        let pack = block.pack
        let made = ByteView(UnsafePointer(pack.start), pack.byteCount).bytes
        #expect(made == expected)
        #expect(made.withView { Listpack.isValid($0) })
    }

    private static func value(_ random: inout PRNG) -> [UInt8] {
        switch random.below(8) {
        case 0: return Array("\(Int64(bitPattern: random.next()) >> Int64(random.below(64)))".utf8)
        case 1: return Array("\(random.below(128))".utf8)
        case 2: return Array("0\(random.below(100))".utf8)
        case 3: return [UInt8](repeating: 120, count: [63, 64, 126, 127, 128, 4095, 4096][Int(random.below(7))])
        case 4: return [UInt8](repeating: 121, count: Int(random.below(20000)))
        default: return [UInt8](repeating: 97 + UInt8(random.below(26)), count: Int(random.below(30)))
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func behavesLikeAnArray(seed: UInt64) {
        var random = PRNG(seed: seed)
        var block = PackedBlock()
        defer { block.free() }
        var model: [[UInt8]] = []
        for _ in 0..<300 {
            let value = Self.value(&random)
            let i = Int(random.below(UInt64(model.count + 1)))
            let at = i == model.count ? block.pack.end : block.pack.seek(i)!
            switch random.below(5) {
            case 0 where i < model.count:
                let count = 1 + Int(random.below(UInt64(min(3, model.count - i))))
                block.remove(at: at, count: count)
                model.removeSubrange(i..<i + count)
            case 1 where i < model.count:
                let next = value.withView { block.replace(at: at, with: Listpack.NewElement($0)) }
                model[i] = value
                #expect(next == (i + 1 == model.count ? block.pack.end : block.pack.seek(i + 1)!))
            default:
                value.withView { _ = block.insert(Listpack.NewElement($0), at: at) }
                model.insert(value, at: i)
            }
            #expect(block.pack.count == model.count)
            let found = value.withView { block.pack.find(Listpack.Probe($0), from: block.pack.first, step: 1) }
            #expect(found == (model.firstIndex(of: value).map { block.pack.seek($0)! } ?? block.pack.end))
        }
        #expect(Self.contents(block.pack) == model)
        #expect(Self.backwards(block.pack) == model.reversed())
        #expect(ByteView(UnsafePointer(block.start), block.pack.byteCount).bytes.withView { Listpack.isValid($0) })
    }

    @Test func countsPastItsHeader() {
        var block = PackedBlock()
        defer { block.free() }
        for i in 0..<70_000 { block.append(Listpack.NewElement(integer: Int64(i % 100))) }
        #expect(block.pack.count == 70_000)
        block.remove(at: block.pack.first, count: 69_990)
        #expect(block.pack.count == 10)
    }

    /// Whatever single byte is wrong, nothing outside the listpack is ever read: `isValid` decides first.
    @Test func damageIsRefusedOrHarmless() {
        var block = PackedBlock()
        defer { block.free() }
        var random = PRNG(seed: 5)
        for _ in 0..<12 { Self.value(&random).prefix(200).withView { block.append(Listpack.NewElement($0)) } }
        let good = ByteView(UnsafePointer(block.start), block.pack.byteCount).bytes
        var refused = 0
        for i in good.indices {
            for bit in 0..<8 {
                var bad = good
                bad[i] ^= 1 << UInt8(bit)
                bad.withView { view in
                    guard Listpack.isValid(view) else {
                        refused += 1
                        return
                    }
                    let pack = Listpack(UnsafeMutablePointer(mutating: view.start))
                    #expect(Self.contents(pack).count == Self.backwards(pack).count)
                }
            }
        }
        #expect(refused > 100)
        for length in 0..<good.count {
            #expect(Array(good[..<length]).withView { !Listpack.isValid($0) })
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func withView(_ body: (ByteView) -> Void) { Array(self).withView(body) }
}
