import Base
import CSystem

/// Writes replies in the protocol version the client speaks, straight into its output buffer.
///
/// A trivial value: copies write to the same buffer. What RESP2 lacks is written as Redis maps it
/// (map: flat array; double, big number, verbatim: bulk string; boolean: 1 or 0).
public struct ReplyWriter {
    public let output: UnsafeMutablePointer<OutputBuffer>
    /// 2 or 3.
    public var version: UInt8

    @inline(__always)
    public init(_ output: UnsafeMutablePointer<OutputBuffer>, version: UInt8) {
        self.output = output
        self.version = version
    }

    @inline(__always)
    public var isRESP3: Bool { version == 3 }

    /// Bytes that are a reply already, or a part of one.
    @inline(__always)
    public func raw(_ text: StaticString) { output.pointee.append(text) }

    @inline(__always)
    public func raw(_ view: ByteView) { output.pointee.append(view) }

    /// The simple string OK.
    @inline(__always)
    public func ok() { raw("+OK\r\n") }

    /// A simple string. `text` holds no CR or LF.
    public func simple(_ text: StaticString) {
        raw("+")
        raw(text)
        raw("\r\n")
    }

    public func simple(_ text: String) { line("+", text.utf8) }

    /// An error, code included ("ERR syntax error"). Counted by the executor.
    public func error(_ text: StaticString) {
        output.pointee.noteError()
        raw("-")
        raw(text)
        raw("\r\n")
    }

    /// An error with parts that came from outside: CR and LF become spaces.
    public func error(_ text: String) {
        output.pointee.noteError()
        line("-", text.utf8)
    }

    /// The same for text that need not be UTF-8.
    public func error(_ bytes: [UInt8]) {
        output.pointee.noteError()
        line("-", bytes)
    }

    private func line(_ kind: StaticString, _ text: some Sequence<UInt8>) {
        raw(kind)
        for byte in text { output.pointee.append(byte == 13 || byte == 10 ? 32 : byte) }
        raw("\r\n")
    }

    /// An integer.
    @inline(__always)
    public func integer(_ value: Int) { number(58, Int64(value)) }

    @inline(__always)
    public func integer(_ value: Int64) { number(58, value) }

    /// A type byte, a number, CRLF.
    @inline(__always)
    private func number(_ kind: UInt8, _ value: Int64) {
        let at = output.pointee.reserve(Decimal.lengthMax + 3)
        at[0] = kind
        let length = Decimal.write(value, at + 1)
        at[length &+ 1] = 13
        at[length &+ 2] = 10
        output.pointee.advance(length &+ 3)
    }

    /// A bulk string.
    @inline(__always)
    public func bulk(_ view: ByteView) {
        let count = view.count
        let at = output.pointee.reserve(count &+ Decimal.lengthMax &+ 5)
        at[0] = 36
        var length = 1 &+ Decimal.write(Int64(count), at + 1)
        at[length] = 13
        at[length &+ 1] = 10
        length &+= 2
        memcpy(at + length, view.start, count)
        length &+= count
        at[length] = 13
        at[length &+ 1] = 10
        output.pointee.advance(length &+ 2)
    }

    /// Two runs of bytes as one bulk string.
    @inline(__always)
    public func bulk(_ first: ByteView, _ second: ByteView) {
        let count = first.count &+ second.count
        let at = output.pointee.reserve(count &+ Decimal.lengthMax &+ 5)
        at[0] = 36
        var length = 1 &+ Decimal.write(Int64(count), at + 1)
        at[length] = 13
        at[length &+ 1] = 10
        length &+= 2
        memcpy(at + length, first.start, first.count)
        memcpy(at + (length &+ first.count), second.start, second.count)
        length &+= count
        at[length] = 13
        at[length &+ 1] = 10
        output.pointee.advance(length &+ 2)
    }

    public func bulk(_ text: StaticString) { bulk(ByteView(text)) }

    public func bulk(_ text: String) { text.withView { bulk($0) } }

    public func bulk(_ bytes: [UInt8]) { bytes.withView { bulk($0) } }

    /// An integer as a bulk string of its decimal text.
    @inline(__always)
    public func bulkInteger(_ value: Int64) {
        Decimal.withText(value) { bulk($0) }
    }

    /// The null of either version: `$-1` or `_`.
    @inline(__always)
    public func null() {
        if version == 3 { raw("_\r\n") } else { raw("$-1\r\n") }
    }

    /// The null of an array reply: `*-1` or `_`.
    public func nullArray() {
        if version == 3 { raw("_\r\n") } else { raw("*-1\r\n") }
    }

    /// An array's head; its `count` elements follow.
    @inline(__always)
    public func array(_ count: Int) { number(42, Int64(count)) }

    /// A map of `count` pairs.
    public func map(_ count: Int) {
        if version == 3 { number(37, Int64(count)) } else { number(42, Int64(count * 2)) }
    }

    /// A set's head (RESP2: an array's).
    public func set(_ count: Int) { number(version == 3 ? 126 : 42, Int64(count)) }

    /// An out-of-band message of `count` parts (RESP2: an ordinary array).
    public func push(_ count: Int) { number(version == 3 ? 62 : 42, Int64(count)) }

    /// `#t` or `#f` (RESP2: 1 or 0).
    public func boolean(_ value: Bool) {
        if version == 3 { raw(value ? "#t\r\n" : "#f\r\n") } else { raw(value ? ":1\r\n" : ":0\r\n") }
    }

    /// A double (RESP2: a bulk string of its text).
    public func double(_ value: Double) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            let start = text.baseAddress.unsafelyUnwrapped
            let count = Int(cs_format_double(value, start, 64))
            let view = ByteView(raw: UnsafeRawPointer(start), count)
            if version == 3 {
                raw(",")
                raw(view)
                raw("\r\n")
            } else {
                bulk(view)
            }
        }
    }

    /// A big number given as its decimal text.
    public func bigNumber(_ digits: ByteView) {
        if version != 3 { return bulk(digits) }
        raw("(")
        raw(digits)
        raw("\r\n")
    }

    /// Text meant for people; `format` has three letters ("txt", "mkd").
    public func verbatim(_ text: String, format: StaticString = "txt") {
        text.withView { view in
            if version != 3 { return bulk(view) }
            number(61, Int64(view.count + 4))
            raw(format)
            raw(":")
            raw(view)
            raw("\r\n")
        }
    }
}
