import Base
import Commands
import RESP

/// DEBUG PROTOCOL: a reply of each kind, for tests of clients. The values are Redis', which such tests
/// compare with.
extension Call {
    func debugProtocol() {
        let kind = self[2]
        if kind.isWord("string") { return reply.bulk("Hello World") }
        if kind.isWord("integer") { return reply.integer(12345) }
        if kind.isWord("double") { return reply.double(3.141) }
        if kind.isWord("null") { return reply.null() }
        if kind.isWord("bignum") { return reply.bigNumber(ByteView("1234567999999999999999999999999999999")) }
        if kind.isWord("verbatim") { return reply.verbatim("This is a verbatim\nstring") }
        if kind.isWord("true") { return reply.boolean(true) }
        if kind.isWord("false") { return reply.boolean(false) }
        if kind.isWord("attrib") { return replyWithAttribute() }
        if kind.isWord("push") { return replyWithPush() }
        if kind.isWord("array") {
            reply.array(3)
        } else if kind.isWord("set") {
            reply.set(3)
        } else if kind.isWord("map") {
            reply.map(3)
        } else {
            return fail(
                """
                ERR Wrong protocol type name. Please use one of the following: \
                string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false
                """)
        }
        for i in 0..<3 {
            reply.integer(i)
            if kind.isWord("map") { reply.boolean(i == 1) }
        }
    }

    private func replyWithAttribute() {
        if reply.isRESP3 {
            reply.raw("|1\r\n")
            reply.bulk("key-popularity")
            reply.array(2)
            reply.bulk("key:123")
            reply.integer(90)
        }
        reply.bulk("Some real reply following the attribute")
    }

    private func replyWithPush() {
        if !reply.isRESP3 { return fail("ERR RESP2 is not supported by this command") }
        reply.push(2)
        reply.bulk("server-cpu-usage")
        reply.integer(42)
        reply.bulk("Some real reply following the push reply")
    }
}
