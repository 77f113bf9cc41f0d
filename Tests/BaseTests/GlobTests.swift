import Testing

@testable import Base

struct GlobTests {
    /// KEYS' answers of redis-server 7.0.15.
    @Test(arguments: [
        ("*", "", true), ("", "", true), ("", "a", false), ("**a**", "bab", true), ("a*b*c", "aXbYbZc", true),
        ("a*b*c", "aXbYbZ", false), ("?*?", "a", false), ("[a-c]*", "bx", true), ("[^a-c]*", "bx", false),
        ("\\*", "*", true), ("\\*", "a", false), ("[a", "a", true), ("*a*", "xxx", false),
    ])
    func matchesLikeRedis(_ pattern: String, _ text: String, _ expected: Bool) {
        #expect(pattern.withView { pattern in text.withView { Glob.matches(pattern, $0) } } == expected)
    }

    /// Redis gives up beyond 1000 nested stars (CVE-2022-36021); stars in a row count once, a last one not at all.
    @Test func tooManyStarsMatchNothing() {
        func matches(_ pattern: String, _ text: String) -> Bool {
            pattern.withView { pattern in text.withView { Glob.matches(pattern, $0) } }
        }
        let text = String(repeating: "a", count: 3000)
        #expect(matches(String(repeating: "*?", count: 1000), text))
        #expect(!matches(String(repeating: "*?", count: 1001), text))
        #expect(matches(String(repeating: "*?", count: 1000) + "*", text))
        #expect(matches(String(repeating: "*", count: 2000) + "a", text))
    }
}
