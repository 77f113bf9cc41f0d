import Base
import Testing

@testable import Storage

@Suite struct KeyColumnsTests {
    /// Byte by byte, as the format's document says.
    private func expected(_ a: [UInt8], _ b: [UInt8]) -> UInt64 {
        (0..<64).reduce(0) { found, i in
            (i < a.count ? a[i] : 0) != (i < b.count ? b[i] : 0) ? found | 1 << UInt64(i) : found
        }
    }

    @Test func differencesAreThoseOfBytes() {
        var random = PRNG(seed: 1)
        for _ in 0..<5000 {
            let a = (0..<random.below(80)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var b = Array(a.prefix(Int(random.below(UInt64(a.count + 1)))))
            for _ in 0..<random.below(4) { b.append([0, 1, 0x7f, 0x80, 0xff][Int(random.below(5))]) }
            let found = a.withView { a in b.withView { KeyColumns.differences(KeyColumns.padded(a), $0) } }
            #expect(found == expected(a, b), "\(a) \(b)")
            let from = Int(random.below(64))
            let late = a.withView { a in b.withView { KeyColumns.differences(KeyColumns.padded(a), $0, from: from) } }
            #expect(late == expected(a, b) & (UInt64.max << UInt64(from / 8 * 8)))
        }
    }
}
