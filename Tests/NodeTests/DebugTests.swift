import Testing

@testable import Node

/// DEBUG. Digests and replies are those of redis-server 7.0.15 after the same commands.
struct DebugTests {
    @Test func digestsOfContents() throws {
        let server = try ServedNode()
        #expect(server.run("DEBUG DIGEST") == "+0000000000000000000000000000000000000000\r\n")
        for line in ["SET a 1", "SET b hello", "EXPIRE b 100", "SELECT 3", "SET d 12345"] { server.run(line) }
        #expect(server.run("DEBUG DIGEST") == "+adc93e981ac1b176de8e3f58cd6485a3120dc48d\r\n")
        #expect(
            server.run("DEBUG DIGEST-VALUE d nosuch")
                == "*2\r\n+e1cf90774e995ae03de66e8109dc5cb9d9c2dc83\r\n+0000000000000000000000000000000000000000\r\n")
        server.run("SELECT 0")
        #expect(server.run("DEBUG DIGEST-VALUE b") == "*1\r\n+d037c4eb8a8b36b602fbced4000daeab0714c1e3\r\n")
    }

    @Test func digestsOfSequences() throws {
        let server = try ServedNode()
        for line in [
            ["RPUSH", "l", "a", "12", "", "xyz"], ["RPUSH", "l", String(repeating: "y", count: 9000)],
            ["XADD", "s", "5-1", "f", "1", "g", "hello"], ["XADD", "s", "18446744073709551615-7", "other", "2"],
            ["XADD", "t", "1-1", "a", "b"], ["XGROUP", "CREATE", "t", "g", "0"], ["XDEL", "t", "1-1"],
        ] { server.run(line) }
        #expect(
            server.run("DEBUG DIGEST-VALUE l s t")
                == "*3\r\n+125b2eca23dc9bfec13f67fdabd789bdc513f79c\r\n"
                + "+937b88a0721821f1662390be480eb0704af19292\r\n+06bd01623de1d087bbd377851096317b1af476a2\r\n")
    }

    @Test func serializedLengthsOfSequences() throws {
        let server = try ServedNode()
        for line in [
            "XADD s 5-1 a 1 b 2", "XADD s 5-2 a x b yy", "XADD s 6-0 c 3", "XDEL s 5-2", "XGROUP CREATE s g 0",
            "RPUSH l a 12 bc",
        ] {
            #expect(!server.run(line).hasPrefix("-"))
        }
        #expect(server.run("DEBUG OBJECT s").contains(" serializedlength:105 "))
        #expect(server.run("DEBUG OBJECT l").contains(" serializedlength:19 "))
    }

    @Test func objectsStayWhereTheyAre() throws {
        let server = try ServedNode()
        server.run("SET k 12")
        let before = server.run("DEBUG OBJECT k")
        #expect(before.hasPrefix("+Value at:0x"))
        #expect(before.contains(" refcount:1 encoding:int serializedlength:2 lru:"))
        #expect(before.hasSuffix(" lru_seconds_idle:0\r\n"))
        server.run("INCR k")
        #expect(server.run("DEBUG OBJECT k") == before)
        #expect(server.run("DEBUG OBJECT nosuch") == "-ERR no such key\r\n")
    }

    @Test(arguments: [
        ("ab", 3), ("12345", 3), ("300", 3), ("70000", 5), ("99999999999", 12),
        ("abcdefghijklmnop", 17),
    ])
    func serializedLengths(_ value: String, _ expected: Int) throws {
        let server = try ServedNode()
        server.run("SET k " + value)
        #expect(server.run("DEBUG OBJECT k").contains(" serializedlength:\(expected) "))
    }

    /// As redis-server 7.0.15's, compression included.
    @Test(arguments: [
        (["RPUSH k a 1 hello"], 22), (["RPUSH k " + String(repeating: "x", count: 100)], 22),
        (["HSET k f v"], 14), (["SADD k a b"], 5), (["SADD k 1 2 3"], 15), (["ZADD k 1 a"], 13),
    ])
    func serializedLengthsOfCollections(_ commands: [String], _ expected: Int) throws {
        let server = try ServedNode()
        for command in commands { server.run(command) }
        #expect(server.run("DEBUG OBJECT k").contains(" serializedlength:\(expected) "))
    }

    @Test(arguments: [
        ("string", "$11\r\nHello World\r\n", "$11\r\nHello World\r\n"),
        ("double", "$5\r\n3.141\r\n", ",3.141\r\n"),
        ("null", "$-1\r\n", "_\r\n"),
        ("set", "*3\r\n:0\r\n:1\r\n:2\r\n", "~3\r\n:0\r\n:1\r\n:2\r\n"),
        ("map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n", "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"),
        (
            "attrib", "$39\r\nSome real reply following the attribute\r\n",
            "|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n"
        ),
        (
            "push", "-ERR RESP2 is not supported by this command\r\n",
            ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n"
        ),
        ("verbatim", "$25\r\nThis is a verbatim\nstring\r\n", "=29\r\ntxt:This is a verbatim\nstring\r\n"),
        ("true", ":1\r\n", "#t\r\n"),
        (
            "bignum", "$37\r\n1234567999999999999999999999999999999\r\n", "(1234567999999999999999999999999999999\r\n"
        ),
    ])
    func protocolTypes(_ type: String, _ second: String, _ third: String) throws {
        let server = try ServedNode()
        #expect(server.run("DEBUG PROTOCOL " + type) == second)
        server.run("HELLO 3")
        #expect(server.run("DEBUG PROTOCOL " + type) == third)
    }

    @Test func smallThings() throws {
        let server = try ServedNode()
        #expect(server.run("DEBUG LOG hello") == "+OK\r\n")
        #expect(server.log.all.contains { $0.hasSuffix("hello") })
        #expect(server.run("DEBUG ERROR abc") == "-abc\r\n")
        #expect(server.run("DEBUG SET-ACTIVE-EXPIRE 0") == "+OK\r\n")
        #expect(!server.node.activeExpiry.isOn)
        #expect(server.run("DEBUG HTSTATS 99") == "-ERR Out of range database\r\n")
        #expect(
            server.run("DEBUG foo")
                == "-ERR unknown subcommand or wrong number of arguments for 'foo'. Try DEBUG HELP.\r\n")
        #expect(server.run("DEBUG POPULATE 3 p 4") == "+OK\r\n")
        #expect(server.run("GET p:2") == "$4\r\nvalu\r\n")
        #expect(server.run("DBSIZE") == ":3\r\n")
    }

    /// Every value comes back from its payload, in the form that today's limits ask for; nothing else changes.
    @Test func reloadKeepsEverything() throws {
        let server = try ServedNode()
        for line in [
            "SET a 1", "SET b hello", "EXPIRE b 100", "APPEND b x", "SELECT 3", "HSET h f v g 12", "SADD i 1 2 3",
            "SADD s a b c", "SELECT 0", "HSET h f v",
        ] { server.run(line) }
        server.wall += 5000
        let digest = server.run("DEBUG DIGEST")
        let idle = server.run("OBJECT IDLETIME a")
        #expect(idle == ":5\r\n")
        server.run("WATCH h")
        #expect(server.run("DEBUG RELOAD") == "+OK\r\n")
        #expect(server.run("DEBUG RELOAD NOFLUSH MERGE") == "+OK\r\n")
        #expect(server.run("DEBUG DIGEST") == digest)
        #expect(server.run("OBJECT IDLETIME a") == idle)
        #expect(server.run("TTL b") == ":95\r\n")
        #expect(server.run("OBJECT ENCODING h") == "$8\r\nlistpack\r\n")
        server.run("CONFIG SET hash-max-listpack-entries 0")
        server.run("DEBUG RELOAD")
        #expect(server.run("OBJECT ENCODING h") == "$9\r\nhashtable\r\n")
        #expect(server.run("DEBUG DIGEST") == digest)
        #expect(server.run("DEBUG RELOAD NOFLUSH") == "-ERR Error trying to load the RDB dump\r\n")
        #expect(server.run("DEBUG RELOAD NOSAVE").hasPrefix("-ERR DEBUG RELOAD NOSAVE is not possible"))
        #expect(server.run("DEBUG RELOAD X").hasPrefix("-ERR DEBUG RELOAD only supports the MERGE"))
    }

    @Test func refusedUnlessEnabled() throws {
        let server = try ServedNode("--enable-debug-command", "no")
        let refusal =
            "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it "
            + "from a local connection, otherwise you need to set this option in the configuration file, and then "
            + "restart the server.\r\n"
        #expect(server.run("DEBUG SLEEP 0") == refusal)
        server.run("MULTI")
        #expect(server.run("DEBUG SLEEP 0") == refusal)
        #expect(server.run("EXEC") == "-EXECABORT Transaction discarded because of previous errors.\r\n")
    }
}
