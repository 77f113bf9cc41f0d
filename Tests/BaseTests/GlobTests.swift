import Testing

@testable import Base

/// Patterns, with the answers of redis-server 7.0.15 (KEYS).
struct GlobTests {
    private func matches(_ pattern: String, _ text: String, ignoringCase: Bool = false) -> Bool {
        pattern.withView { pattern in
            text.withView { Glob.matches(pattern, $0, ignoringCase: ignoringCase) }
        }
    }

    @Test(arguments: [
        ("*", "abc"), ("**", "abc"), ("a*c", "abbbc"), ("a*", "a"), ("*c", "abc"), ("a*b*c", "axxbyyc"),
        ("?", "a"), ("a?c", "abc"), ("[abc]", "b"), ("[a-c]x", "bx"), ("[c-a]", "b"), ("[^a]", "b"),
        ("h[^e]llo", "hallo"),
        (#"\*"#, "*"), (#"a\?"#, "a?"), (#"[\]]"#, "]"), (#"[\-a]"#, "-"), ("[abc", "a"), ("", ""),
        ("*a*a*b", "aaaaab"),
    ])
    func accepts(_ pattern: String, _ text: String) { #expect(matches(pattern, text)) }

    @Test(arguments: [
        ("", "a"), ("a", ""), ("?", ""), ("*", ""), ("**", ""), ("a*c", "ab"), ("[abc]", "d"), ("[^a]", "a"),
        (#"\*"#, "a"), ("a", "A"),
        ("[a-c]", "B"), ("a?", "a"), ("abc", "ab"), ("ab", "abc"), ("*b", "abc"),
    ])
    func refuses(_ pattern: String, _ text: String) { #expect(!matches(pattern, text)) }

    @Test(arguments: [("ABC", "abc"), ("[A-C]", "b"), ("*X", "aax")])
    func ignoresCase(_ pattern: String, _ text: String) { #expect(matches(pattern, text, ignoringCase: true)) }

    /// A backtracking matcher needs 2^n steps for these; a minute would be long past.
    @Test(.timeLimit(.minutes(1)))
    func takesBoundedTime() {
        let text = String(repeating: "a", count: 1000)
        #expect(!matches(String(repeating: "a*", count: 200) + "b", text))
        #expect(!matches(String(repeating: "*?", count: 200) + "b", text))
        #expect(matches(String(repeating: "*a", count: 200) + "*", text))
    }

    /// Redis gives up beyond 1000 nested stars (CVE-2022-36021); stars in a row count once, a last one not at all.
    @Test func tooManyStarsMatchNothing() {
        let text = String(repeating: "a", count: 3000)
        #expect(matches(String(repeating: "*?", count: 1000), text))
        #expect(!matches(String(repeating: "*?", count: 1001), text))
        #expect(matches(String(repeating: "*?", count: 1000) + "*", text))
        #expect(matches(String(repeating: "*", count: 2000) + "a", text))
    }
}
