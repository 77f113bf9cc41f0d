import Base
import Testing

@testable import RESP

/// What goes over the wire in both protocol versions (redis.io, "RESP protocol specification").
struct ReplyWriterTests {
    private func written(_ version: UInt8, _ body: (ReplyWriter) -> Void) -> String {
        var output = OutputBuffer()
        defer { output.reset() }
        return withUnsafeMutablePointer(to: &output) { pointer in
            body(ReplyWriter(pointer, version: version))
            return pointer.pointee.unsent?.text ?? ""
        }
    }

    private func expect(_ two: String, _ three: String, _ body: (ReplyWriter) -> Void) {
        #expect(written(2, body) == two)
        #expect(written(3, body) == three)
    }

    private func expectSame(_ text: String, _ body: (ReplyWriter) -> Void) { expect(text, text, body) }

    @Test func plain() {
        expectSame("+OK\r\n") { $0.ok() }
        expectSame("+PONG\r\n") { $0.simple("PONG") }
        expectSame("-ERR syntax error\r\n") { $0.error("ERR syntax error" as StaticString) }
        expectSame("*3\r\n") { $0.array(3) }
        expectSame("$3\r\nabc\r\n") { $0.bulk("abc" as StaticString) }
        expectSame("$0\r\n\r\n") { $0.bulk([UInt8]()) }
        expectSame("$2\r\n-7\r\n") { $0.bulkInteger(-7) }
    }

    /// Nobody can end a line early and have the rest taken for another reply.
    @Test func errorsAreOneLine() {
        expectSame("-ERR a  b c\r\n") { $0.error("ERR a\r\nb\nc" as String) }
    }

    @Test(
        arguments: [
            (0, "0"), (9, "9"), (10, "10"), (-1, "-1"), (Int64.max, "9223372036854775807"),
            (Int64.min, "-9223372036854775808"),
        ] as [(Int64, String)])
    func integers(_ value: Int64, _ text: String) { expectSame(":\(text)\r\n") { $0.integer(value) } }

    @Test func typesOfTheThirdVersion() {
        expect("$-1\r\n", "_\r\n") { $0.null() }
        expect("*-1\r\n", "_\r\n") { $0.nullArray() }
        expect("*4\r\n", "%2\r\n") { $0.map(2) }
        expect("*2\r\n", "~2\r\n") { $0.set(2) }
        expect("*2\r\n", ">2\r\n") { $0.push(2) }
        expect(":1\r\n", "#t\r\n") { $0.boolean(true) }
        expect(":0\r\n", "#f\r\n") { $0.boolean(false) }
        expect("$3\r\n123\r\n", "(123\r\n") { $0.bigNumber(ByteView("123")) }
        expect("$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n") { $0.verbatim("hi") }
        expect("$2\r\nhi\r\n", "=6\r\nmkd:hi\r\n") { $0.verbatim("hi", format: "mkd") }
    }

    @Test(arguments: [
        (1.5, "1.5"), (3.0, "3"), (-0.25, "-0.25"), (Double.infinity, "inf"), (-Double.infinity, "-inf"),
        (3.141, "3.141"),
    ])
    func doubles(_ value: Double, _ text: String) {
        expect("$\(text.utf8.count)\r\n\(text)\r\n", ",\(text)\r\n") { $0.double(value) }
    }
}
