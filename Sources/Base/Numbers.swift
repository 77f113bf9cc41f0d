import CSystem

extension ByteView {
    /// A decimal signed integer in Redis' strict form: no spaces, no plus sign, no leading zeros.
    @inline(__always)
    public var integer: Int64? {
        if count == 1 {
            let digit = start[0] &- 48
            return digit <= 9 ? Int64(digit) : nil
        }
        return strictInteger()
    }

    @usableFromInline
    @inline(never)
    func strictInteger() -> Int64? {
        if count == 0 || count > 20 { return nil }
        let negative = start[0] == 45
        var i = negative ? 1 : 0
        if i == count || start[i] &- 49 > 8 { return nil }
        var magnitude: UInt64 = 0
        while i < count {
            let digit = start[i] &- 48
            if digit > 9 { return nil }
            let (shifted, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            magnitude = sum
            i += 1
        }
        if negative {
            return magnitude <= UInt64(Int64.max) + 1 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
        }
        return magnitude <= UInt64(Int64.max) ? Int64(magnitude) : nil
    }

    /// A decimal unsigned integer as C's strtoull reads one with nothing after it (cursors).
    public var unsignedInteger: UInt64? {
        if count == 0 || count > 20 { return nil }
        var value: UInt64 = 0
        var i = 0
        while i < count {
            let digit = start[i] &- 48
            if digit > 9 { return nil }
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
            i += 1
        }
        return value
    }

    /// A floating-point number as Redis accepts one: C's strtod over the whole text, no NaN.
    public var double: Double? {
        var value = 0.0
        let rest = UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self)
        return cs_parse_double(rest, count, &value) == 0 ? value : nil
    }
}

/// Writing numbers as decimal text, without String.
public enum Decimal {
    /// The longest text of an Int64.
    public static let lengthMax = 20

    /// Writes `value` at `out`; answers the length. `out` has room for `lengthMax` bytes.
    @inline(__always)
    public static func write(_ value: Int64, _ out: UnsafeMutablePointer<UInt8>) -> Int {
        if value >= 0 && value < 10 {
            out[0] = UInt8(truncatingIfNeeded: 48 &+ value)
            return 1
        }
        return writeLong(value, out)
    }

    @inline(never)
    @usableFromInline
    static func writeLong(_ value: Int64, _ out: UnsafeMutablePointer<UInt8>) -> Int {
        var magnitude = value.magnitude
        let length = length(value)
        var at = length
        while magnitude >= 10 {
            let (quotient, digit) = magnitude.quotientAndRemainder(dividingBy: 10)
            at &-= 1
            out[at] = UInt8(truncatingIfNeeded: 48 &+ digit)
            magnitude = quotient
        }
        at &-= 1
        out[at] = UInt8(truncatingIfNeeded: 48 &+ magnitude)
        if value < 0 { out[0] = 45 }
        return length
    }

    /// The length of the decimal text of `value`.
    public static func length(_ value: Int64) -> Int {
        var magnitude = value.magnitude
        var length = value < 0 ? 2 : 1
        while magnitude >= 10 {
            magnitude /= 10
            length &+= 1
        }
        return length
    }
}
