import Base
import FuzzOracles
import Testing

@testable import RESP

/// Requests and errors as redis-server 7.0.15 sees them, whole and cut at every byte.
struct RequestParserTests {
    typealias Event = RequestOracle.Event

    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    static func request(_ words: String...) -> Event { .request(words.map { bytes($0) }) }

    static func failed(_ error: ProtocolError, _ unexpected: UInt8 = 0) -> Event {
        .failed(error, unexpected: unexpected)
    }

    static func wire(_ words: [String]) -> String {
        "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    }

    static func parse(_ stream: [UInt8], pieces: [Int], _ rules: RequestParser.Rules = .init()) -> [Event] {
        var problem: String?
        let events = RequestOracle.events(of: stream, pieces: pieces, rules, &problem)
        #expect(problem == nil)
        return events
    }

    /// Whole, byte by byte, and in two pieces cut at every place.
    private func expect(_ text: String, _ expected: [Event], _ rules: RequestParser.Rules = .init()) {
        let stream = Self.bytes(text)
        #expect(Self.parse(stream, pieces: [stream.count], rules) == expected)
        #expect(Self.parse(stream, pieces: [1], rules) == expected)
        for cut in 1..<max(2, stream.count) {
            #expect(Self.parse(stream, pieces: [cut, stream.count], rules) == expected, "cut at \(cut)")
        }
    }

    @Test(
        arguments: [
            ("*1\r\n$4\r\nPING\r\n", [request("PING")]),
            ("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n", [request("SET", "k", "")]),
            ("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n", [request("PING"), request("ECHO", "hi")]),
            ("*0\r\n*1\r\n$4\r\nPING\r\n", [.empty, request("PING")]),
            ("*-5\r\n*1\r\n$4\r\nPING\r\n", [.empty, request("PING")]),
            ("PING\r\nECHO \"a b\"\n\r\n", [request("PING"), request("ECHO", "a b"), .empty]),
            // What a string holds is never looked at, line ends included.
            ("*2\r\n$4\r\nECHO\r\n$7\r\n\r\n$1\r\n*\r\n", [request("ECHO", "\r\n$1\r\n*")]),
            // Only the carriage return of a line's end counts.
            ("*1\rX$4\rXPINGXX", [request("PING")]),
        ] as [(String, [Event])])
    func parses(_ text: String, _ expected: [Event]) { expect(text, expected) }

    @Test(
        arguments: [
            ("*x\r\n", .invalidArrayLength), ("*\r\n", .invalidArrayLength), ("*1 \r\n", .invalidArrayLength),
            ("*+1\r\n", .invalidArrayLength), ("*01\r\n", .invalidArrayLength),
            ("*2147483648\r\n", .invalidArrayLength), ("*99999999999999999999\r\n", .invalidArrayLength),
            ("*1\r\n$-1\r\n", .invalidBulkLength), ("*1\r\n$x\r\n", .invalidBulkLength),
            ("*1\r\n$\r\n", .invalidBulkLength), ("*1\r\n$04\r\nPING\r\n", .invalidBulkLength),
            ("*1\r\n$536870913\r\n", .invalidBulkLength), ("*1\r\n$99999999999999999999\r\n", .invalidBulkLength),
            ("SET a \"b\r\n", .unbalancedQuotes), ("SET a 'b\r\n", .unbalancedQuotes),
            ("SET \"a\"b\r\n", .unbalancedQuotes),
        ] as [(String, ProtocolError)])
    func refuses(_ text: String, _ error: ProtocolError) { expect(text, [Self.failed(error)]) }

    @Test func namesTheUnexpectedByte() {
        expect("*1\r\n:1\r\n", [Self.failed(.expectedBulk, 58)])
        expect("*2\r\n$1\r\na\r\nPING\r\n", [Self.failed(.expectedBulk, 80)])
    }

    /// A place kept inside one request's first line must not be taken for one inside a later request.
    @Test func forgetsItsPlaceWithTheRequest() {
        let words = (0..<12).map { "\($0)" }
        let stream = Self.bytes(Self.wire(words) + Self.wire(["PING"]) + Self.wire(["PING"]))
        let first = Self.wire(words).utf8.count
        for cut in 1...4 {
            for later in 0...12 where first + later > cut {
                let pieces = [cut, first + later - cut, stream.count]
                #expect(Self.parse(stream, pieces: pieces).count == 3, "cut at \(cut), then \(later)")
            }
        }
    }

    @Test func limitsClientsThatHaveNotAuthenticated() {
        var rules = RequestParser.Rules()
        rules.authenticated = false
        let ten = Array(repeating: "a", count: 10)
        expect(Self.wire(ten), [.request(ten.map { Self.bytes($0) })], rules)
        expect("*11\r\n", [Self.failed(.unauthenticatedArrayLength)], rules)
        expect("*1\r\n$16385\r\n", [Self.failed(.unauthenticatedBulkLength)], rules)
        let longest = String(repeating: "a", count: 16384)
        let stream = Self.bytes(Self.wire([longest]))
        #expect(Self.parse(stream, pieces: [100], rules) == [Self.request(longest)])
    }

    @Test func obeysTheLongestString() {
        var rules = RequestParser.Rules()
        rules.bulkBytesMax = 5
        expect(Self.wire(["abcde"]), [Self.request("abcde")], rules)
        expect("*1\r\n$6\r\n", [Self.failed(.invalidBulkLength)], rules)
    }

    /// A line may be 64 KiB long; one byte more without an end of line is refused.
    @Test(arguments: [
        ("*", "", ProtocolError.tooBigArrayLine), ("$", "*1\r\n", .tooBigBulkLine), ("", "", .tooBigInline),
    ])
    func limitsLines(_ kind: String, _ before: String, _ error: ProtocolError) {
        let line = kind + String(repeating: "1", count: Limits.inlineBytes - kind.utf8.count)
        let longest = Self.bytes(before + line)
        #expect(Self.parse(longest, pieces: [longest.count]) == [])
        #expect(Self.parse(longest + [49], pieces: [longest.count + 1]) == [Self.failed(error)])
        #expect(Self.parse(longest + [49], pieces: [4096]) == [Self.failed(error)])
    }

    /// Around the number of arguments that fit the batch, where the two paths meet.
    @Test(arguments: [1, 9, 10, 255, 256, 257, 1000])
    func takesManyArguments(_ count: Int) {
        let words = (0..<count).map { "w\($0)" }
        let stream = Self.bytes(Self.wire(words) + Self.wire(["PING"]))
        let expected: [Event] = [.request(words.map { Self.bytes($0) }), Self.request("PING")]
        for piece in [stream.count, 1, 7, 4096] { #expect(Self.parse(stream, pieces: [piece]) == expected) }
    }

    @Test func announcedLengthsTakeNoMemory() {
        var parser = RequestParser()
        defer { parser.reset() }
        let room = UnsafeMutablePointer<ByteView>.allocate(capacity: Limits.requestArgumentsInBatch)
        defer { room.deallocate() }
        var stream = Self.bytes("*2147483647\r\n$536870912\r\nabc")
        let count = stream.count
        stream.withUnsafeMutableBufferPointer { buffer in
            guard case .incomplete = parser.next(buffer.baseAddress!, count, rules: .init(), room: room) else {
                Issue.record("an unfinished request was answered")
                return
            }
        }
        #expect(parser.pendingArgumentBytes < 1024)
    }

    @Test func textsAreTheProtocols() {
        let texts: [(ProtocolError, String)] = [
            (.tooBigArrayLine, "too big mbulk count string"), (.invalidArrayLength, "invalid multibulk length"),
            (.unauthenticatedArrayLength, "unauthenticated multibulk length"), (.expectedBulk, "expected '$', got '"),
            (.tooBigBulkLine, "too big bulk count string"), (.invalidBulkLength, "invalid bulk length"),
            (.unauthenticatedBulkLength, "unauthenticated bulk length"),
            (.tooBigInline, "too big inline request"), (.unbalancedQuotes, "unbalanced quotes in request"),
        ]
        for (error, text) in texts { #expect("\(error.text)" == text) }
    }
}
