import Testing

@testable import Node

/// What clients ask of any server, answered as redis-server 7.0.15 does.
struct AnyServerTests {
    @Test(arguments: [
        ("FUNCTION FLUSH", "+OK\r\n"),
        ("FUNCTION FLUSH async", "+OK\r\n"),
        ("FUNCTION FLUSH FOO", "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option\r\n"),
        (
            "FUNCTION FLUSH ASYNC x",
            "-ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try FUNCTION HELP.\r\n"
        ),
        ("FUNCTION LIST WITHCODE LIBRARYNAME a", "*0\r\n"),
        ("FUNCTION LIST LIBRARYNAME", "-ERR library name argument was not given\r\n"),
        ("FUNCTION LIST WITHCODE WITHCODE", "-ERR Unknown argument WITHCODE\r\n"),
        ("MODULE LIST", "*0\r\n"),
        ("CLUSTER INFO", "-ERR This instance has cluster support disabled\r\n"),
        ("CLUSTER MYID x", "-ERR wrong number of arguments for 'cluster|myid' command\r\n"),
        ("READONLY", "-ERR This instance has cluster support disabled\r\n"),
        ("ACL WHOAMI", "$7\r\ndefault\r\n"),
        ("ACL CAT @transaction", "-ERR Unknown category '@transaction'\r\n"),
        ("ACL CAT a b", "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP.\r\n"),
        ("REPLICAOF no one", "+OK\r\n"),
        ("SLAVEOF NO ONE", "+OK\r\n"),
        ("REPLICAOF a b", "-ERR Invalid master port\r\n"),
        ("LOLWUT VERSION x", "-ERR value is not an integer or out of range\r\n"),
    ])
    func answers(_ line: String, _ expected: String) throws {
        #expect(try ServedNode().run(line) == expected)
    }

    @Test func categoriesListTheirCommands() throws {
        let server = try ServedNode()
        #expect(server.run("ACL CAT").hasPrefix("*21\r\n$8\r\nkeyspace\r\n$4\r\nread\r\n"))
        #expect(server.run("ACL CAT TRANSACTION").hasPrefix("*5\r\n"))
    }

    @Test func replicationIsRefused() throws {
        let server = try ServedNode()
        for line in ["SYNC", "PSYNC ? -1", "REPLICAOF 127.0.0.1 6379"] {
            #expect(server.run(line).hasPrefix("-ERR this server"))
        }
    }

    /// Commands that walk all partitions must know which of them EXEC holds already.
    @Test(.timeLimit(.minutes(1)), arguments: ["CONFIG RESETSTAT", "DEBUG SLEEP 0", "DEBUG SET-ACTIVE-EXPIRE 1"])
    func insideATransaction(_ line: String) throws {
        let server = try ServedNode()
        for queued in ["MULTI", "SET a 1", line] { server.run(queued) }
        #expect(server.run("EXEC") == "*2\r\n+OK\r\n+OK\r\n")
    }

    @Test func lolwutTellsTheVersion() throws {
        let server = try ServedNode()
        #expect(server.run("LOLWUT").contains("\nMartlet ver. \(Version.martlet)"))
        server.run("HELLO 3")
        #expect(server.run("LOLWUT VERSION 5").hasPrefix("="))
    }
}
