import Testing

@testable import Node

/// COMMAND. The expected replies are what redis-server 7.0.15 sends.
struct CommandCommandTests {
    private let getInfo2 =
        "*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n+@fast\r\n"
        + "*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n"
        + "$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n"
        + "$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n"

    private let getInfo3 =
        "*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n+@read\r\n+@string\r\n+@fast\r\n"
        + "~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n"
        + "$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n"
        + "$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n"

    @Test func infoOfOneCommand() throws {
        let server = try ServedNode()
        #expect(
            server.run("COMMAND INFO get nosuch config|nosuch x|y") == "*4\r\n" + getInfo2 + "$-1\r\n$-1\r\n$-1\r\n")
        server.run("HELLO 3")
        #expect(server.run("COMMAND INFO GET nosuch") == "*2\r\n" + getInfo3 + "_\r\n")
    }

    @Test func infoOfContainersAndSubcommands() throws {
        let server = try ServedNode()
        server.run("HELLO 3")
        let len =
            "*10\r\n$11\r\nslowlog|len\r\n:2\r\n~3\r\n+admin\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n~3\r\n+@admin\r\n"
            + "+@slow\r\n+@dangerous\r\n~3\r\n$24\r\nrequest_policy:all_nodes\r\n$23\r\nresponse_policy:agg_sum\r\n"
            + "$23\r\nnondeterministic_output\r\n~0\r\n~0\r\n"
        #expect(server.run("COMMAND INFO SLOWLOG|LEN") == "*1\r\n" + len)
        let container = server.run("COMMAND INFO slowlog")
        #expect(
            container.hasPrefix(
                "*1\r\n*10\r\n$7\r\nslowlog\r\n:-2\r\n~0\r\n:0\r\n:0\r\n:0\r\n~1\r\n+@slow\r\n~0\r\n~0\r\n*4\r\n*10\r\n"
            ))
        #expect(container.contains(len))
    }

    @Test func documentation() throws {
        let server = try ServedNode()
        server.run("HELLO 3")
        #expect(server.run("COMMAND DOCS nosuch") == "%0\r\n")
        let slaveof = server.run("COMMAND DOCS slaveof")
        #expect(slaveof.hasPrefix("%1\r\n$7\r\nslaveof\r\n%8\r\n$7\r\nsummary\r\n"))
        let expected = """
            $5 since $5 1.0.0 $5 group $6 server $10 complexity $4 O(1) $9 doc_flags ~1 +deprecated \
            $16 deprecated_since $5 5.0.0 $11 replaced_by $11 `REPLICAOF` $9 arguments *1 \
            %3 $4 name $4 args $4 type $5 oneof $9 arguments *2 \
            %3 $4 name $9 host-port $4 type $5 block $9 arguments *2 \
            %2 $4 name $4 host $4 type $6 string %2 $4 name $4 port $4 type $7 integer \
            %3 $4 name $6 no-one $4 type $5 block $9 arguments *2 \
            %3 $4 name $2 no $4 type $10 pure-token $5 token $2 NO \
            %3 $4 name $3 one $4 type $10 pure-token $5 token $3 ONE
            """
        let lines = expected.split(separator: " ").map { $0 + "\r\n" }.joined()
        #expect(slaveof.hasSuffix(lines))
    }

    @Test(arguments: [
        ("get k", "*1\r\n$1\r\nk\r\n"),
        ("mset a b c d", "*2\r\n$1\r\na\r\n$1\r\nc\r\n"),
        ("GET k extra", "-ERR Invalid number of arguments specified for command\r\n"),
        ("nosuch k", "-ERR Invalid command specified\r\n"),
        ("config nosuch x", "-ERR Invalid command specified\r\n"),
        ("config get x", "-ERR The command has no key arguments\r\n"),
        ("get", "-ERR wrong number of arguments for 'command|getkeys' command\r\n"),
        ("object encoding k", "*1\r\n$1\r\nk\r\n"),
    ])
    func keys(_ command: String, _ expected: String) throws {
        #expect(try ServedNode().run("COMMAND GETKEYS " + command) == expected)
    }

    @Test(arguments: [
        ("set k v", "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+OW\r\n+update\r\n"),
        ("set a b xx get", "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n"),
        ("set a get", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n"),
        ("bitfield k get u8 0", "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+RO\r\n+access\r\n"),
        ("bitfield k set u8 0 1", "*1\r\n*2\r\n$1\r\nk\r\n*3\r\n+RW\r\n+access\r\n+update\r\n"),
    ])
    func keysAndFlags(_ command: String, _ expected: String) throws {
        #expect(try ServedNode().run("COMMAND GETKEYSANDFLAGS " + command) == expected)
    }

    @Test(arguments: [
        ("FILTERBY MODULE foo", "*0\r\n"),
        ("FILTERBY ACLCAT nosuch", "*0\r\n"),
        ("FILTERBY ACLCAT @transaction", "*0\r\n"),
        (
            "FILTERBY ACLCAT TRANSACTION",
            "*5\r\n$5\r\nmulti\r\n$4\r\nexec\r\n$7\r\ndiscard\r\n$5\r\nwatch\r\n$7\r\nunwatch\r\n"
        ),
        ("FILTERBY PATTERN CONF*|G*", "*1\r\n$10\r\nconfig|get\r\n"),
        ("FILTERBY PATTERN", "-ERR syntax error\r\n"),
        ("FOO", "-ERR syntax error\r\n"),
    ])
    func lists(_ filter: String, _ expected: String) throws {
        #expect(try ServedNode().run("COMMAND LIST " + filter) == expected)
    }

    @Test func countMatchesTheListing() throws {
        let server = try ServedNode()
        // CR LF is one Character.
        let count = server.run("COMMAND COUNT").dropFirst().dropLast()
        #expect(server.run("COMMAND").hasPrefix("*\(count)\r\n"))
    }
}
