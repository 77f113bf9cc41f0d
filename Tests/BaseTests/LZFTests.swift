import Base
import Testing

@Suite struct LZFTests {
    private func compressed(_ bytes: [UInt8], room: Int) -> [UInt8]? {
        var output = [UInt8](repeating: 0xee, count: room + 8)
        let count = bytes.withView { view in
            output.withUnsafeMutableBufferPointer { LZF.compress(view, into: $0.baseAddress!, room: room) }
        }
        // Nothing is written past the room.
        #expect(output[room...].allSatisfy { $0 == 0xee })
        return count.map { Array(output[..<$0]) }
    }

    private func expanded(_ bytes: [UInt8]) -> [UInt8]? {
        bytes.withView { view -> [UInt8]? in
            guard let count = LZF.expandedCount(view) else { return nil }
            var output = [UInt8](repeating: 0xee, count: count + 8)
            output.withUnsafeMutableBufferPointer { LZF.expand(view, into: $0.baseAddress!) }
            #expect(output[count...].allSatisfy { $0 == 0xee })
            return Array(output[..<count])
        }
    }

    /// Streams made by redis-server 7.0.15, and what they stand for.
    @Test func redisStreamsExpand() {
        // 100 times "a"; "0123456789" five times.
        #expect(expanded([0x01, 0x61, 0x61, 0xe0, 0x57, 0x00, 0x01, 0x61, 0x61]) == Array(repeating: 0x61, count: 100))
        let digits = Array("0123456789".utf8)
        #expect(
            expanded([0x0a] + digits + [0x30, 0xe0, 0x1c, 0x09, 0x01, 0x38, 0x39])
                == Array(Array(repeating: digits, count: 5).joined()))
    }

    @Test func whatWasCompressedExpands() {
        var random = PRNG(seed: 3)
        for _ in 0..<2000 {
            let letters = 1 + random.below(random.below(2) == 0 ? 4 : 250)
            var bytes: [UInt8] = []
            let length = 4 + Int(random.below(3000))
            while bytes.count < length {
                if bytes.count > 10 && random.below(3) == 0 {
                    let from = Int(random.below(UInt64(bytes.count - 5)))
                    bytes += bytes[from..<min(bytes.count, from + Int(random.below(400)))]
                } else {
                    bytes.append(UInt8(random.below(letters)))
                }
            }
            let room = random.below(2) == 0 ? bytes.count - 4 : bytes.count * 2
            guard let packed = compressed(bytes, room: room) else {
                #expect(room < bytes.count)
                continue
            }
            #expect(packed.count <= room)
            #expect(expanded(packed) == bytes)
        }
        let long = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        #expect(expanded(compressed(long, room: 99_996)!) == long)
        #expect(compressed(Array(repeating: 0, count: 100_000), room: 99_996)!.count < 1500)
    }

    @Test func badStreamsAreRefused() {
        #expect(expanded([0x05, 1, 2, 3]) == nil)
        #expect(expanded([0x20]) == nil)
        #expect(expanded([0x00, 1, 0xe0]) == nil)
        #expect(expanded([0x00, 1, 0xe0, 5]) == nil)
        // Two bytes back, when one is there.
        #expect(expanded([0x00, 1, 0x20, 1]) == nil)
        #expect(expanded([0x00, 1, 0x20, 0]) == [1, 1, 1, 1])
        var random = PRNG(seed: 4)
        for _ in 0..<20_000 {
            let bytes = (0..<Int(random.below(30))).map { _ in UInt8(random.below(random.below(2) == 0 ? 40 : 256)) }
            _ = expanded(bytes)
        }
    }
}
