import Base

/// Numbers as configuration files write them.
enum Units {
    private static let units: [(String, UInt64)] = [
        ("", 1), ("b", 1), ("k", 1000), ("kb", 1024), ("m", 1_000_000), ("mb", 1 << 20), ("g", 1_000_000_000),
        ("gb", 1 << 30),
    ]

    /// Bytes: digits and an optional unit in any case. Too large a number is the largest one, like C's
    /// strtoull; without digits it is 0, which Redis accepts (`maxmemory ""`).
    static func memory(_ text: String) -> UInt64? {
        let digits = text.utf8.prefix { $0 >= 48 && $0 <= 57 }
        let unit = String(decoding: text.utf8.dropFirst(digits.count), as: UTF8.self).lowercased()
        guard let factor = units.first(where: { $0.0 == unit })?.1 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit - 48))
            if overflow || carry {
                value = .max
                break
            }
            value = sum
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }

    /// The shortest way to write a number of bytes: 1gb rather than 1073741824.
    static func written(_ bytes: UInt64) -> String {
        for (unit, factor) in units.reversed() where factor > 1 && factor & (factor - 1) == 0 {
            if bytes > 0 && bytes % factor == 0 { return "\(bytes / factor)\(unit)" }
        }
        return "\(bytes)"
    }

    static func integer(_ text: String) -> Int64? { text.withView { $0.integer } }

    /// An integer as C's strtoll reads a whole word.
    static func lenientInteger(_ text: String) -> Int64? { Int64(text) }

    /// At most six decimals, without zeros at the end.
    static func decimal(_ value: Double) -> String {
        let scaled = (value * 1_000_000).rounded(.toNearestOrEven)
        let whole = Int64(scaled / 1_000_000)
        var fraction = String(Int64(scaled) - whole * 1_000_000)
        fraction = String(repeating: "0", count: 6 - fraction.count) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return fraction.isEmpty ? "\(whole)" : "\(whole).\(fraction)"
    }
}
