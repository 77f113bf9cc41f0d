import CSystem
import Testing

@testable import Base

/// Slots as in the Redis Cluster specification (the values also from redis-server 7.0.15's CLUSTER KEYSLOT).
struct KeyTests {
    private func slot(_ key: String) -> Int { key.withView { Key($0).slot } }

    @Test func computesTheSpecificationsCRC() {
        #expect("123456789".withView { cs_crc16($0.start, $0.count) } == 0x31C3)
        #expect("".withView { cs_crc16($0.start, $0.count) } == 0)
        #expect(slot("123456789") == 0x31C3)
    }

    /// The sliced computation against one bit at a time, over all lengths that take different ways.
    @Test func slicesRightly() {
        var random = PRNG(seed: 7)
        for count in 0...100 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var crc: UInt16 = 0
            for byte in bytes {
                crc ^= UInt16(byte) << 8
                for _ in 0..<8 { crc = crc & 0x8000 != 0 ? crc << 1 ^ 0x1021 : crc << 1 }
            }
            #expect(bytes.withView { cs_crc16($0.start, $0.count) } == crc)
        }
    }

    @Test(arguments: [
        ("foo", 12182), ("bar", 5061), ("hello", 866), ("", 0), ("somekey", 11058), ("foo{hash_tag}", 2515),
        ("bar{hash_tag}", 2515), ("{}foo", 9500),
    ])
    func findsSlots(_ key: String, _ expected: Int) { #expect(slot(key) == expected) }

    @Test(arguments: [
        ("{user1000}.following", "user1000"), ("foo{{bar}}zap", "{bar"), ("foo{bar}{zap}", "bar"), ("{a}b}", "a"),
        ("a-key-longer-than-sixteen-bytes{tag}", "tag"), ("0123456{tag}", "tag"),
        ("{0123456789012345678901234567890}", "0123456789012345678901234567890"),
    ])
    func hashesTheTagOnly(_ key: String, _ tag: String) { #expect(slot(key) == slot(tag)) }

    /// No tag, or an empty one: the whole key counts.
    @Test(arguments: ["foo{}{bar}", "foo{bar", "foo}bar{", "{}", "foo{}"])
    func hashesTheWholeKey(_ key: String) {
        let whole = key.withView { Int(cs_crc16($0.start, $0.count) & 16383) }
        #expect(slot(key) == whole)
    }
}

struct ReclaimerTests {
    private func memory() -> UnsafeMutableRawPointer { cs_allocate_zeroed_lines(64)! }

    @Test func waitsForReadersOfItsTime() {
        let reclaimer = Reclaimer(readers: 2)
        reclaimer.enter(0)
        reclaimer.enter(1)
        reclaimer.retire(memory(), size: 64)
        reclaimer.leave(0)
        #expect(reclaimer.waitingCount == 1)
        // A turn that begins after the memory was retired cannot reach it, and does not hold it up.
        reclaimer.enter(0)
        reclaimer.leave(1)
        #expect(reclaimer.waitingCount == 0)
        reclaimer.leave(0)
    }

    @Test func freesAtOnceWhenNobodyReads() {
        let reclaimer = Reclaimer(readers: 3)
        reclaimer.retire(memory(), size: 64)
        reclaimer.collect()
        #expect(reclaimer.waitingCount == 0)
    }

    @Test func keepsLaterMemoryForLaterReaders() {
        let reclaimer = Reclaimer(readers: 1)
        reclaimer.retire(memory(), size: 64)
        reclaimer.enter(0)
        reclaimer.retire(memory(), size: 64)
        reclaimer.collect()
        #expect(reclaimer.waitingCount == 1)
        reclaimer.leave(0)
        #expect(reclaimer.waitingCount == 0)
    }
}
