import Testing

@testable import Base

struct NumbersTests {
    private func integer(_ text: String) -> Int64? { text.withView { $0.integer } }

    @Test(
        arguments: [
            ("0", 0), ("7", 7), ("-1", -1), ("10", 10), ("123456789012345678", 123_456_789_012_345_678),
            ("9223372036854775807", .max), ("-9223372036854775808", .min),
        ] as [(String, Int64)])
    func readsIntegers(_ text: String, _ value: Int64) { #expect(integer(text) == value) }

    /// Another spelling of a number is not that number: it would not come back as it was stored.
    @Test(arguments: [
        "", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "-9223372036854775809",
        "18446744073709551616", "99999999999999999999", "999999999999999999999", "a", "1a", "\u{0}",
    ])
    func refusesOtherSpellings(_ text: String) { #expect(integer(text) == nil) }

    @Test(
        arguments: [
            ("0", 0), ("00", 0), ("007", 7), ("18446744073709551615", .max),
        ] as [(String, UInt64)])
    func readsCursors(_ text: String, _ value: UInt64) { #expect(text.withView { $0.unsignedInteger } == value) }

    @Test(arguments: ["", "-1", "18446744073709551616", "1x", "000000000000000000000"])
    func refusesCursors(_ text: String) { #expect(text.withView { $0.unsignedInteger } == nil) }

    @Test(arguments: [("1.5", 1.5), ("-3", -3), ("1e3", 1000), ("inf", .infinity), ("0x10", 16)] as [(String, Double)])
    func readsDoubles(_ text: String, _ value: Double) { #expect(text.withView { $0.double } == value) }

    @Test(arguments: ["", "abc", "1.5x", "nan", " 1"])
    func refusesDoubles(_ text: String) { #expect(text.withView { $0.double } == nil) }

    @Test(arguments: [0, 9, 10, 99, 100, -1, -10, 999_999_999, .max, .min, .max - 1] as [Int64])
    func writesIntegers(_ value: Int64) {
        var digits = [UInt8](repeating: 0, count: Decimal.lengthMax)
        let count = Decimal.write(value, &digits)
        #expect(String(decoding: digits[..<count], as: UTF8.self) == "\(value)")
        #expect(Decimal.length(value) == count)
    }

    @Test func writesEveryPowerOfTen() {
        var value: Int64 = 1
        var digits = [UInt8](repeating: 0, count: Decimal.lengthMax)
        for _ in 0..<18 {
            for near in [value - 1, value, -value, 1 - value] {
                let count = Decimal.write(near, &digits)
                #expect(String(decoding: digits[..<count], as: UTF8.self) == "\(near)")
            }
            value *= 10
        }
    }
}
