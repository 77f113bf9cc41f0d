import Base
import Testing

@testable import Node

/// SLOWLOG, as redis-server 7.0.15 answers.
struct SlowlogTests {
    /// The words of all entries, the latest first.
    private func logged(_ server: ServedNode) -> [String] {
        server.node.slowlog.latest(-1).map {
            $0.words.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
        }
    }

    @Test func everyCommandWhenTheThresholdIsZero() throws {
        let server = try ServedNode("--slowlog-log-slower-than", "-1")
        server.run("PING")
        server.run("CONFIG SET slowlog-log-slower-than 0")
        server.run("PING")
        server.run("GET")
        server.run("nosuch")
        server.run("CONFIG SET slowlog-log-slower-than -1")
        server.run("PING")
        #expect(logged(server) == ["PING", "CONFIG SET slowlog-log-slower-than 0"])
        #expect(server.run("SLOWLOG LEN") == ":2\r\n")
    }

    @Test func transactionsCommandByCommand() throws {
        let server = try ServedNode("--slowlog-log-slower-than", "0")
        for line in ["MULTI", "PING", "ECHO x", "EXEC"] { server.run(line) }
        #expect(logged(server) == ["ECHO x", "PING", "MULTI"])
    }

    @Test(arguments: [
        ("AUTH user secret", "AUTH (redacted) (redacted)"),
        ("HELLO 3 SETNAME n AUTH default secret", "HELLO 3 SETNAME n AUTH (redacted) (redacted)"),
        ("CONFIG SET maxmemory 0 requirepass secret", "CONFIG SET maxmemory 0 requirepass (redacted)"),
        ("CONFIG SET masterauth secret", "CONFIG SET masterauth (redacted)"),
    ])
    func hidesPasswords(_ line: String, _ expected: String) throws {
        let server = try ServedNode("--slowlog-log-slower-than", "0")
        server.run(line)
        #expect(logged(server) == [expected])
    }

    @Test func shortensLongCommands() throws {
        let server = try ServedNode("--slowlog-log-slower-than", "0")
        server.run("ECHO " + String(repeating: "A", count: 129))
        server.run("MSET " + (1...20).map { "k\($0) v" }.joined(separator: " "))
        #expect(
            logged(server) == [
                "MSET " + (1...15).map { "k\($0) v" }.joined(separator: " ") + " ... (10 more arguments)",
                "ECHO " + String(repeating: "A", count: 128) + "... (1 more bytes)",
            ])
    }

    @Test func repliesAndLimits() throws {
        let server = try ServedNode("--slowlog-log-slower-than", "0", "--slowlog-max-len", "2")
        for line in ["PING", "PING", "ECHO x"] { server.run(line) }
        let reply = server.run("SLOWLOG GET 1")
        #expect(reply.hasPrefix("*1\r\n*6\r\n:2\r\n:1800000000\r\n:"))
        #expect(reply.contains("\r\n*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n"))
        #expect(reply.hasSuffix("\r\n$0\r\n\r\n"))
        #expect(server.run("SLOWLOG LEN") == ":2\r\n")
        #expect(server.run("SLOWLOG GET 0") == "*0\r\n")
        #expect(server.run("SLOWLOG RESET") == "+OK\r\n")
        #expect(logged(server) == ["SLOWLOG RESET"])
    }

    @Test(arguments: [
        ("GET x", "-ERR count should be greater than or equal to -1\r\n"),
        ("GET -2", "-ERR count should be greater than or equal to -1\r\n"),
        ("GET 1 2", "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n"),
        ("LEN x", "-ERR wrong number of arguments for 'slowlog|len' command\r\n"),
        ("FOO", "-ERR unknown subcommand 'FOO'. Try SLOWLOG HELP.\r\n"),
    ])
    func errors(_ words: String, _ expected: String) throws {
        #expect(try ServedNode().run("SLOWLOG " + words) == expected)
    }
}
