import Base
import Testing

@testable import RESP

/// Words of typed lines, as redis-server 7.0.15 splits them.
struct InlineRequestTests {
    private func split(_ line: String) -> [String]? {
        let storage = UnsafeMutablePointer<UInt8>.allocate(capacity: line.utf8.count + 1)
        defer { storage.deallocate() }
        return line.withView { view in
            InlineRequest.split(view, into: storage)?.map(\.text)
        }
    }

    @Test(
        arguments: [
            ("", []), ("   ", []), ("PING", ["PING"]), ("  SET  a\tb ", ["SET", "a", "b"]),
            ("a\u{b}b\u{c}c", ["a", "b", "c"]),
            ("\"\"", [""]), ("SET a ''", ["SET", "a", ""]), ("\"a b\" c", ["a b", "c"]),
            (#""\n\r\t\b\a""#, ["\n\r\t\u{8}\u{7}"]), (#""\x41\x6a\x6A""#, ["Ajj"]),
            (#""\q\"\\""#, [#"q"\"#]), (#""\x4g""#, ["x4g"]), (#"'it\'s'"#, ["it's"]), (#"'a\nb'"#, [#"a\nb"#]),
            (#"a"b"#, nil), (#"pre"fix""#, ["prefix"]), (#"pre'fix'"#, ["prefix"]),
            (#"a\b"#, [#"a\b"#]), ("a\0b", ["a"]),
        ] as [(String, [String]?)])
    func splits(_ line: String, _ words: [String]?) { #expect(split(line) == words) }

    @Test(arguments: [#"""#, "'", #""a"b"#, "'a'b", #""a\""#, #"'a\'"#, #"a "b"#])
    func refusesUnbalancedQuotes(_ line: String) { #expect(split(line) == nil) }
}
