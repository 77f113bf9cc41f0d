import Base
import Testing

@testable import Keyspace
@testable import Node

/// VGET, VSET, VDEL, VCLOCK on a single node (docs/protocol.md). The replies follow from the document.
@Suite struct VersionCommandTests {
    /// A client that reads VGET's reply.
    private struct Client {
        let server: ServedNode

        init(_ options: String...) throws {
            server = try ServedNode()
            for i in stride(from: 0, to: options.count, by: 2) {
                #expect(server.run("CONFIG SET \(options[i]) \(options[i + 1])") == "+OK\r\n")
            }
        }

        @discardableResult
        func run(_ line: String) -> String { server.run(line) }

        func get(_ key: String) -> (context: String, values: [String]) {
            let lines = run("VGET \(key)").components("\r\n")
            #expect(lines[0] == "*2" && lines[1].hasPrefix("$"), "\(lines)")
            return (lines[2], stride(from: 5, to: lines.count, by: 2).map { lines[$0] })
        }

        /// The context that VSET or VDEL answers.
        func context(_ line: String) -> String {
            let lines = run(line).components("\r\n")
            #expect(lines.count == 3 && lines[0].hasPrefix("$"), "\(line): \(lines)")
            return lines.count > 1 ? lines[1] : ""
        }

        func info(_ field: String) -> Int? {
            run("INFO versions").components("\r\n").first { $0.hasPrefix(field + ":") }
                .flatMap { Int($0.dropFirst(field.count + 1)) }
        }

        /// (counter, ms) of each node, of each version.
        func clocks(_ key: String) -> [[(Int, Int)]] {
            var lines = run("VCLOCK \(key)").components("\r\n")[...]
            func number() -> Int { Int(lines.removeFirst().dropFirst())! }
            return (0..<number()).map { _ in
                (0..<number()).map { _ in
                    #expect(number() == 3 && number() == 32 && lines.removeFirst().count == 32)
                    return (number(), number())
                }
            }
        }
    }

    @Test func versionsWithoutContextAreSiblings() throws {
        let client = try Client()
        let first = client.context("VSET k a")
        #expect(client.get("k").values == ["a"])
        client.server.wall += 1
        _ = client.context("VSET k b")
        // GET answers the latest; VGET shows it first.
        #expect(client.run("GET k") == "$1\r\nb\r\n")
        let (context, values) = client.get("k")
        #expect(values == ["b", "a"])
        #expect(client.info("siblings") == 1 && client.info("unsettled_keys") == 1)
        // What the first writer had seen was its own write only.
        _ = client.context("VSET k c CONTEXT \(first)")
        #expect(client.get("k").values.sorted() == ["b", "c"])
        // An older context supersedes what it covers, and no more.
        _ = client.context("VSET k d CONTEXT \(context)")
        #expect(client.get("k").values.sorted() == ["c", "d"])
        let all = client.context("VSET k e CONTEXT \(client.get("k").context)")
        #expect(client.get("k").values == ["e"])
        #expect(client.info("siblings") == 0 && client.info("unsettled_keys") == 0)
        _ = client.context("VSET k f CONTEXT \(all)")
        #expect(client.get("k").values == ["f"])
    }

    @Test func plainCommandsSupersedeAll() throws {
        for (line, left) in [
            ("SET k x", ["x"]), ("DEL k", []), ("APPEND k x", ["bx"]), ("EXPIRE k 100", ["b"]), ("RENAME k l", []),
            ("GETDEL k", []), ("INCRBY k 5", ["b"]), ("COPY other k REPLACE", ["o"]),
        ] {
            let client = try Client()
            client.run("SET other o")
            for value in ["a", "b"] {
                client.run("VSET k \(value)")
                client.server.wall += 1
            }
            client.run(line)
            let isRefused = line.hasPrefix("INCRBY")
            #expect(client.get("k").values == (isRefused ? ["b", "a"] : left), "\(line)")
            #expect(client.info("siblings") == (isRefused ? 1 : 0), "\(line)")
        }
    }

    @Test func deleting() throws {
        let client = try Client()
        let nothing = client.get("k")
        #expect(nothing.values.isEmpty)
        client.run("VSET k a")
        let seen = client.get("k").context
        client.server.wall += 1
        client.run("VSET k b")
        // What the context does not cover survives.
        _ = client.context("VDEL k CONTEXT \(seen)")
        #expect(client.get("k").values == ["b"])
        client.run("VSET k c")
        let gone = client.context("VDEL k")
        #expect(client.get("k").values.isEmpty && client.run("EXISTS k") == ":0\r\n")
        #expect(client.run("DBSIZE") == ":0\r\n")
        _ = client.context("VSET k d CONTEXT \(gone)")
        #expect(client.get("k").values == ["d"])
        _ = client.context("VDEL missing")
        #expect(client.info("unsettled_keys") == 0)
    }

    @Test func contextsAreChecked() throws {
        let client = try Client()
        let context = client.context("VSET k a")
        let damaged = String(context.dropLast()) + (context.last == "A" ? "B" : "A")
        for (text, error) in [
            ("nonsense!", "the context is malformed or damaged"), (damaged, "the context is malformed or damaged"),
            (String(context.dropLast(4)), "the context is malformed or damaged"),
            ("", "the context is malformed or damaged"),
        ] {
            for words in [["VSET", "k", "b", "CONTEXT", text], ["VDEL", "k", "CONTEXT", text]] {
                #expect(client.server.run(words) == "-BADCONTEXT \(error)\r\n")
            }
        }
        let foreign = "-BADCONTEXT the context belongs to another cluster or key\r\n"
        #expect(client.run("VSET other b CONTEXT \(context)") == foreign)
        client.run("SELECT 1")
        #expect(client.run("VSET k b CONTEXT \(context)") == foreign)
        client.run("SELECT 0")
        // Of another process, which has no directory.
        #expect(try Client().run("VSET k b CONTEXT \(context)") == foreign)
        #expect(client.get("k").values == ["a"])
        #expect(client.run("EXISTS other") == ":0\r\n")
    }

    @Test func options() throws {
        let client = try Client()
        let syntax = "-ERR syntax error\r\n"
        for line in [
            "VSET k v CONTEXT", "VSET k v W", "VSET k v EX", "VSET k v EX 1 KEEPTTL", "VSET k v NX", "VSET k v R 1",
            "VSET k v W 1 W 1", "VGET k W 1", "VGET k R", "VDEL k EX 1", "VDEL k KEEPTTL", "VGET k R 1 R 1",
        ] {
            #expect(client.run(line) == syntax, "\(line)")
        }
        #expect(client.run("VSET k v W 2") == "-ERR W is more than there are replicas\r\n")
        #expect(client.run("VGET k R 3") == "-ERR R is more than there are replicas\r\n")
        #expect(client.run("VDEL k W 0") == "-ERR W must be a number from 1 on, ONE, QUORUM, ALL or ANY\r\n")
        #expect(client.run("VGET k R any") == "-ERR R must be a number from 1 on, ONE, QUORUM or ALL\r\n")
        #expect(client.run("VSET k v EX 0") == "-ERR invalid expire time in 'vset' command\r\n")
        #expect(client.run("EXISTS k") == ":0\r\n")
        for line in ["VSET k v w 1 ex 100", "VSET k v W ANY", "VSET k v W all", "VGET k r ONE", "VDEL k W quorum"] {
            #expect(!client.run(line).hasPrefix("-"), "\(line)")
        }
    }

    @Test func eachVersionHasItsDeadline() throws {
        let client = try Client()
        client.run("VSET k stays")
        client.server.wall += 1
        client.run("VSET k goes PX 100")
        #expect(client.run("PTTL k") == ":100\r\n")
        client.server.wall += 101
        // The deadline is that version's only: the other one is what the key holds now.
        #expect(client.run("GET k") == "$5\r\nstays\r\n")
        #expect(client.get("k").values == ["stays"])
        #expect(client.run("PTTL k") == ":-1\r\n")
        // One that does not win is hidden when its deadline has passed.
        client.run("VSET k later PX 50")
        client.server.wall += 20
        client.run("VSET k latest")
        #expect(client.get("k").values == ["latest", "later", "stays"])
        client.server.wall += 50
        #expect(client.get("k").values == ["latest", "stays"])
        client.run("VSET k kept CONTEXT \(client.get("k").context) EX 10")
        client.run("VSET k again CONTEXT \(client.get("k").context) KEEPTTL")
        #expect(client.run("TTL k") == ":10\r\n")
        client.run("VSET k last CONTEXT \(client.get("k").context)")
        #expect(client.run("TTL k") == ":-1\r\n" && client.get("k").values == ["last"])
        #expect(client.info("unsettled_keys") == 0)
    }

    @Test func siblingsAreLimited() throws {
        let client = try Client()
        for i in 1...24 { client.run("VSET k \(i)") }
        #expect(client.info("sibling_warnings") == 0)
        for i in 25...99 { client.run("VSET k \(i)") }
        #expect(client.info("sibling_warnings") == 75 && client.info("siblings") == 98)
        #expect(
            client.run("VSET k more")
                == "-TOOMANYSIBLINGS the key has too many versions: read them by VGET and give VSET its context\r\n")
        #expect(client.info("sibling_refusals") == 1)
        let (context, values) = client.get("k")
        #expect(values.count == 99)
        let usage = try #require(Int(client.run("MEMORY USAGE k").dropFirst().dropLast()))
        #expect(usage > 98 * 96)
        #expect(!client.run("VSET k one CONTEXT \(context)").hasPrefix("-"))
        #expect(client.get("k").values == ["one"])
    }

    @Test func othersThanStrings() throws {
        let client = try Client()
        client.run("RPUSH l a b")
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
        #expect(client.run("VGET l") == wrong)
        #expect(client.run("VSET l x") == wrong)
        #expect(client.clocks("l").map { $0.map(\.0) } == [[2]])
        _ = client.context("VDEL l")
        #expect(client.run("EXISTS l") == ":0\r\n")
        client.run("VSET l 12")
        #expect(client.run("OBJECT ENCODING l") == "$3\r\nint\r\n" && client.get("l").values == ["12"])
    }

    @Test func clocks() throws {
        let client = try Client()
        #expect(client.run("VCLOCK k") == "*0\r\n")
        let start = Int(client.server.wall)
        client.run("SET k a")
        client.run("SET {k}other x")
        client.server.wall += 5
        let context = client.get("k").context
        #expect(client.clocks("k").map { $0.map(\.0) } == [[1]])
        client.run("VSET k b CONTEXT \(context)")
        client.server.wall += 5
        client.run("VSET k c")
        let clocks = client.clocks("k")
        #expect(clocks.map { $0.map(\.0) } == [[4], [3]])
        #expect(clocks.map { $0.map(\.1) } == [[start + 10], [start + 5]])
    }

    @Test func likeOtherWrites() throws {
        let client = try Client("notify-keyspace-events", "AKE")
        client.run("WATCH k")
        client.run("VSET k a")
        client.server.wall += 1
        client.run("MULTI")
        client.run("GET k")
        #expect(client.run("EXEC") == "*-1\r\n")
        client.run("MULTI")
        client.run("VSET k b")
        client.run("VGET k")
        #expect(client.run("EXEC").hasSuffix("*2\r\n$1\r\nb\r\n$1\r\na\r\n"))
        // A script sees what a client sees.
        #expect(
            client.server.run(["EVAL", "return #redis.call('VGET', KEYS[1])[2]", "1", "k"]) == ":2\r\n")
        client.run("HELLO 3")
        client.run("SUBSCRIBE __keyevent@0__:set __keyevent@0__:del __keyevent@0__:expire")
        #expect(client.run("VSET n v EX 5").contains("__keyevent@0__:set\r\n$1\r\nn\r\n"))
        #expect(client.run("VDEL n").contains("__keyevent@0__:del\r\n$1\r\nn\r\n"))
        client.run("CLIENT TRACKING ON")
        client.run("VGET t")
        #expect(client.run("VSET t v").contains("invalidate\r\n*1\r\n$1\r\nt\r\n"))
        client.run("VGET t")
        #expect(client.run("DBSIZE") == ":2\r\n")
    }

    @Test func whenMemoryIsFull() throws {
        let client = try Client("maxmemory", "1")
        #expect(client.run("VSET k v").hasPrefix("-OOM"))
        #expect(!client.run("VDEL k").hasPrefix("-"))
    }

    @Test func databasesAreEmptiedAndExchanged() throws {
        let client = try Client()
        func siblings(_ key: String) {
            client.run("VSET \(key) a")
            client.server.wall += 1
            client.run("VSET \(key) b")
        }
        siblings("k")
        client.run("SELECT 1")
        siblings("m")
        client.run("SWAPDB 0 1")
        #expect(client.get("k").values == ["b", "a"] && client.get("m").values.isEmpty)
        client.run("MOVE k 2")
        #expect(client.get("k").values.isEmpty)
        client.run("SELECT 2")
        #expect(client.get("k").values == ["b"])
        siblings("l")
        client.run("FLUSHDB")
        #expect(client.get("l").values.isEmpty && client.info("siblings") == 1)
        client.run("FLUSHALL")
        #expect(client.info("siblings") == 0 && client.info("unsettled_keys") == 0)
    }

    @Test func contextsAreTruncated() throws {
        let client = try Client()
        #expect(
            client.run("CONFIG GET vector-clock-max-entries") == "*2\r\n$24\r\nvector-clock-max-entries\r\n$2\r\n10\r\n"
        )
        #expect(client.run("CONFIG SET vector-clock-max-entries 0").hasPrefix("-ERR"))
        client.run("CONFIG SET vector-clock-max-entries 1")
        // Writes that do not know each other leave exact dots in the context: of this node, whose version is shown.
        for _ in 0..<5 { client.run("VSET k v") }
        #expect(client.get("k").values.count == 5)
        #expect(client.info("context_entries_truncated") == 0)
    }

    @Test func helpIsThere() throws {
        let client = try Client()
        #expect(client.run("COMMAND DOCS vset").contains("CONTEXT"))
        #expect(client.run("COMMAND GETKEYS VSET k v W 1") == "*1\r\n$1\r\nk\r\n")
        #expect(client.run("ACL CAT string").contains("vget"))
        for (name, flags) in [
            ("vget", ["readonly"]), ("vset", ["write", "denyoom"]), ("vdel", ["write"]), ("vclock", ["readonly"]),
        ] {
            let info = client.run("COMMAND INFO \(name)")
            for flag in flags { #expect(info.contains("+\(flag)\r\n"), "\(name)") }
        }
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        var parts: [String] = []
        var rest = Substring(self)
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
