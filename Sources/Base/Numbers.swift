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

    /// Lends the decimal text of `value`.
    ///
    /// The digits are a local variable: nested `withUnsafeTemporaryAllocation`s of functions that rethrow are
    /// miscompiled in release builds (Swift 6.3.1 releases a result as if it were an error).
    @inline(__always)
    public static func withText<R>(_ value: Int64, _ body: (ByteView) throws -> R) rethrows -> R {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        return try withUnsafeMutableBytes(of: &digits) { bytes in
            let start = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            return try body(ByteView(UnsafePointer(start), write(value, start)))
        }
    }

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
        let pairs = Decimal.pairs.utf8Start
        var at = length
        while magnitude >= 100 {
            let quotient = magnitude / 100
            let pair = pairs + Int(truncatingIfNeeded: magnitude &- quotient &* 100) &* 2
            at &-= 2
            out[at] = pair[0]
            out[at &+ 1] = pair[1]
            magnitude = quotient
        }
        if magnitude >= 10 {
            let pair = pairs + Int(truncatingIfNeeded: magnitude) &* 2
            out[at &- 2] = pair[0]
            out[at &- 1] = pair[1]
        } else {
            out[at &- 1] = UInt8(truncatingIfNeeded: 48 &+ magnitude)
        }
        if value < 0 { out[0] = 45 }
        return length
    }

    /// "00", "01", ... "99".
    private static var pairs: StaticString {
        """
        00010203040506070809101112131415161718192021222324252627282930313233343536373839\
        40414243444546474849505152535455565758596061626364656667686970717273747576777879\
        8081828384858687888990919293949596979899
        """
    }

    /// The length of the decimal text of `value`.
    public static func length(_ value: Int64) -> Int {
        let magnitude = value.magnitude
        var length = 1
        var limit: UInt64 = 10
        while magnitude >= limit {
            length &+= 1
            // An Int64 has 19 digits at most: the next limit is the last that fits.
            if length == 19 { break }
            limit &*= 10
        }
        return value < 0 ? length &+ 1 : length
    }
}

extension UInt64 {
    /// The same bits from the other end: scans count with the highest bit first.
    @inline(__always)
    public var bitsReversed: UInt64 {
        var v = self
        v = (v >> 1) & 0x5555_5555_5555_5555 | (v & 0x5555_5555_5555_5555) << 1
        v = (v >> 2) & 0x3333_3333_3333_3333 | (v & 0x3333_3333_3333_3333) << 2
        v = (v >> 4) & 0x0f0f_0f0f_0f0f_0f0f | (v & 0x0f0f_0f0f_0f0f_0f0f) << 4
        return v.byteSwapped
    }
}
