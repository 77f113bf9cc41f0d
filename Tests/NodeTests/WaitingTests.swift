import Base
import Keyspace
import Testing

@testable import Node

/// Clients that wait for keys, on one loop and on two. Expected bytes are those of redis-server 7.0.15.
@Suite struct WaitingTests {
    /// A client on each of two loops, or two on one.
    private static func pair(_ loops: Int, _ options: [String] = []) throws -> (FakeShell, FakeClient, FakeClient) {
        let shell = try FakeShell(loops: loops, options: options)
        return (shell, shell.connect(loop: 0), shell.connect(loop: loops - 1))
    }

    private static func popped(_ key: String, _ value: String) -> String {
        "*2\r\n$\(key.utf8.count)\r\n\(key)\r\n$\(value.utf8.count)\r\n\(value)\r\n"
    }

    private static func bulk(_ value: String) -> String { "$\(value.utf8.count)\r\n\(value)\r\n" }

    @Test(arguments: [1, 2]) func aPushServesWhoWaits(_ loops: Int) throws {
        let (shell, a, b) = try Self.pair(loops)
        #expect(shell.exchange(a, "BLPOP k 0\r\nPING\r\n") == "")
        #expect(shell.exchange(b, "RPUSH k x y\r\nLRANGE k 0 -1\r\n") == ":2\r\n*1\r\n$1\r\ny\r\n")
        #expect(a.take() == Self.popped("k", "x") + "+PONG\r\n")
        #expect(shell.exchange(a, "BRPOP none k 0\r\n") == Self.popped("k", "y"))
        #expect(shell.exchange(b, "EXISTS k\r\n") == ":0\r\n")
    }

    @Test(arguments: [1, 2]) func firstComeFirstServed(_ loops: Int) throws {
        let shell = try FakeShell(loops: loops)
        let clients = (0..<6).map { shell.connect(loop: $0 % loops) }
        for client in clients { #expect(shell.exchange(client, "BLPOP other k 0\r\n") == "") }
        let pusher = shell.connect(loop: loops - 1)
        #expect(shell.exchange(pusher, "RPUSH k 0 1 2\r\nLPUSH other 3\r\nRPUSH k 4 5\r\n") == ":3\r\n:1\r\n:2\r\n")
        for (i, client) in clients.enumerated() {
            #expect(client.take() == Self.popped(i == 3 ? "other" : "k", "\(i)"))
        }
        #expect(shell.exchange(pusher, "EXISTS k other\r\n") == ":0\r\n")
    }

    /// Whoever waits in the same batch is served by what comes later in it.
    @Test func withinOneBatch() throws {
        let (shell, a, b) = try Self.pair(1)
        a.unread += Array("BLPOP k 0\r\nSET done 1\r\n".utf8)
        b.unread += Array("RPUSH k x\r\nGET done\r\n".utf8)
        shell.settle()
        #expect(a.take() == Self.popped("k", "x") + "+OK\r\n")
        #expect(b.take() == ":1\r\n$-1\r\n")
    }

    @Test(arguments: [1, 2]) func timesOut(_ loops: Int) throws {
        let (shell, a, b) = try Self.pair(loops)
        for (command, null) in [
            ("BLPOP k 0.5", "*-1\r\n"), ("BLMOVE k l LEFT LEFT 0.5", "*-1\r\n"), ("BRPOPLPUSH k l 0.5", "*-1\r\n"),
            ("BLMPOP 0.5 1 k LEFT", "*-1\r\n"),
        ] {
            #expect(shell.exchange(a, command + "\r\n") == "")
            // Of the milliseconds that the clock says, the first may have begun before the wait.
            shell.now += 500
            shell.settle()
            #expect(a.take() == "")
            shell.now += 1
            shell.settle()
            #expect(a.take() == null)
            #expect(shell.exchange(b, "RPUSH k x\r\nDEL k\r\n") == ":1\r\n:1\r\n")
        }
        _ = shell.exchange(a, "HELLO 3\r\n")
        #expect(shell.exchange(a, "BLPOP k 0.001\r\n") == "")
        shell.now += 2
        shell.settle()
        #expect(a.take() == "_\r\n")
    }

    /// The loop sleeps until the earliest deadline, not longer.
    @Test func sleepsUntilTheDeadline() throws {
        let (shell, a, b) = try Self.pair(1)
        _ = shell.exchange(a, "BLPOP k 0.9\r\n")
        _ = shell.exchange(b, "BLPOP k 0.007\r\n")
        let executor = shell.node.executors[0]
        #expect(executor.sleepTime(UInt64(shell.now) * 1_000_000) <= 8)
        shell.now += 8
        shell.settle()
        #expect(b.take() == "*-1\r\n")
        #expect(executor.deadlines.earliest == shell.now + 893)
    }

    @Test(arguments: [1, 2]) func movesToAnotherPartition(_ loops: Int) throws {
        let (shell, a, b) = try Self.pair(loops)
        // Partitions of keys in both orders.
        for (source, target) in [("a", "b"), ("b", "a"), ("k1", "k2"), ("k2", "k1"), ("z", "z")] {
            _ = shell.exchange(b, "FLUSHALL\r\n")
            #expect(shell.exchange(a, "BLMOVE \(source) \(target) LEFT RIGHT 0\r\n") == "")
            #expect(shell.exchange(b, "RPUSH \(source) x\r\n") == ":1\r\n")
            #expect(a.take() == Self.bulk("x"))
            #expect(shell.exchange(b, "LRANGE \(target) 0 -1\r\n") == "*1\r\n$1\r\nx\r\n")
        }
    }

    /// One move makes the next possible, through clients on all loops.
    @Test(arguments: [1, 2, 3]) func movesInAChain(_ loops: Int) throws {
        let shell = try FakeShell(loops: loops)
        let movers = (0..<5).map { shell.connect(loop: $0 % loops) }
        for (i, mover) in movers.enumerated() {
            #expect(shell.exchange(mover, "BRPOPLPUSH k\(i) k\(i + 1) 0\r\n") == "")
        }
        let popper = shell.connect(loop: loops - 1)
        #expect(shell.exchange(popper, "BLPOP k5 0\r\n") == "")
        let pusher = shell.connect()
        #expect(shell.exchange(pusher, "LPUSH k0 x\r\n") == ":1\r\n")
        for mover in movers { #expect(mover.take() == Self.bulk("x")) }
        #expect(popper.take() == Self.popped("k5", "x"))
        #expect(shell.exchange(pusher, "DBSIZE\r\n") == ":0\r\n")
    }

    @Test(arguments: [1, 2]) func aWrongDestinationIsAnError(_ loops: Int) throws {
        let (shell, a, b) = try Self.pair(loops)
        _ = shell.exchange(b, "SET target 1\r\n")
        #expect(shell.exchange(a, "BRPOPLPUSH k target 0\r\n") == "")
        #expect(shell.exchange(b, "RPUSH k x\r\nLLEN k\r\n") == ":1\r\n:1\r\n")
        #expect(a.take() == "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")
    }

    @Test(arguments: [1, 2]) func transactionsServeAtTheirEnd(_ loops: Int) throws {
        let (shell, a, b) = try Self.pair(loops)
        let c = shell.connect()
        #expect(shell.exchange(a, "BLPOP k 0\r\n") == "")
        #expect(shell.exchange(c, "BLPOP other k 0\r\n") == "")
        // Gone again before the end: nobody is served.
        #expect(shell.exchange(b, "MULTI\r\nRPUSH k x\r\nDEL k\r\nEXEC\r\n").hasSuffix("*2\r\n:1\r\n:1\r\n"))
        #expect(a.take() == "")
        #expect(
            shell.exchange(b, "MULTI\r\nRPUSH k x\r\nLPUSH k y\r\nLPUSH other z\r\nEXEC\r\n").hasSuffix(":2\r\n:1\r\n"))
        #expect(a.take() == Self.popped("k", "y"))
        #expect(c.take() == Self.popped("k", "x"))
        #expect(shell.exchange(b, "LRANGE other 0 -1\r\n") == "*1\r\n$1\r\nz\r\n")
        // Inside, nothing waits.
        let replies = shell.exchange(a, "MULTI\r\nBLPOP k 0\r\nBLMOVE k l LEFT LEFT 0\r\nEXEC\r\n")
        #expect(replies.hasSuffix("*2\r\n*-1\r\n$-1\r\n"))
    }

    /// Every way in which a list can appear under a name.
    @Test(arguments: [1, 2]) func whateverMakesAListServes(_ loops: Int) throws {
        for make in ["RENAME src k", "COPY src k", "LMOVE src k LEFT LEFT", "SWAPDB 0 1", "MOVE"] {
            let (shell, a, b) = try Self.pair(loops)
            _ = shell.exchange(b, "RPUSH src x\r\n")
            if make == "SWAPDB 0 1" { _ = shell.exchange(b, "SELECT 1\r\nRPUSH k x\r\nSELECT 0\r\n") }
            if make == "MOVE" { _ = shell.exchange(b, "SELECT 1\r\nRPUSH k x\r\n") }
            #expect(shell.exchange(a, "BLPOP k 0\r\n") == "")
            _ = shell.exchange(b, (make == "MOVE" ? "MOVE k 0" : make) + "\r\n")
            #expect(a.take() == Self.popped("k", "x"), "\(make)")
        }
    }

    @Test(arguments: [1, 2]) func otherTypesServeNobody(_ loops: Int) throws {
        let (shell, a, b) = try Self.pair(loops)
        #expect(shell.exchange(a, "BLPOP k 0\r\n") == "")
        #expect(shell.exchange(b, "SET k 1\r\nAPPEND k 2\r\nDEL k\r\nFLUSHALL\r\n") == "+OK\r\n:2\r\n:1\r\n+OK\r\n")
        #expect(a.take() == "")
        #expect(shell.exchange(b, "RPUSH k x\r\n") == ":1\r\n")
        #expect(a.take() == Self.popped("k", "x"))
    }

    @Test(arguments: [1, 2]) func unblocksOnRequest(_ loops: Int) throws {
        let (shell, a, b) = try Self.pair(loops)
        #expect(shell.exchange(a, "BLPOP k 0\r\nPING\r\n") == "")
        #expect(shell.exchange(b, "CLIENT UNBLOCK \(a.id)\r\n") == ":1\r\n")
        #expect(a.take() == "*-1\r\n+PONG\r\n")
        #expect(shell.exchange(a, "BLMOVE k l LEFT LEFT 0\r\n") == "")
        #expect(shell.exchange(b, "CLIENT UNBLOCK \(a.id) ERROR\r\nCLIENT UNBLOCK \(a.id)\r\n") == ":1\r\n:0\r\n")
        #expect(a.take() == "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")
        #expect(shell.exchange(b, "RPUSH k x\r\nLLEN k\r\n") == ":1\r\n:1\r\n")
        #expect(shell.node.rooms.allSatisfy { $0.isEmpty })
    }

    /// Killed or gone, a client is served no more, and nothing of it is left.
    @Test(arguments: [1, 2]) func clientsThatGoTakeNothing(_ loops: Int) throws {
        let (shell, a, b) = try Self.pair(loops)
        #expect(shell.exchange(a, "BLPOP k j i 0\r\n") == "")
        #expect(shell.exchange(b, "CLIENT KILL ID \(a.id)\r\nRPUSH k x\r\n") == ":1\r\n:1\r\n")
        #expect(!a.isOpen)
        #expect(shell.exchange(b, "LLEN k\r\n") == ":1\r\n")
        #expect(shell.node.rooms.allSatisfy { $0.isEmpty })
        for i in 0..<Limits.partitions { #expect(shell.node.keyspace.partitions[i].waiting == 0) }
        #expect(shell.node.executors.allSatisfy { $0.deadlines.isEmpty })
    }

    /// A client that goes while another loop serves it, with a message kept for it, leaves nothing behind.
    @Test func goesWhileItIsServed() throws {
        let (shell, a, b) = try Self.pair(1)
        _ = shell.exchange(a, "HELLO 3\r\nSUBSCRIBE c\r\n")
        #expect(shell.exchange(a, "BLPOP k 0\r\n") == "")
        let session = a.link.pointee.session!.assumingMemoryBound(to: Session.self)
        guard case .waiting(let waiter) = session.pointee.details.block else {
            Issue.record("it does not wait")
            return
        }
        // As the other loop would.
        #expect(waiter.claim())
        #expect(shell.exchange(b, "PUBLISH c x\r\n") == ":1\r\n")
        #expect(shell.node.executors[0].pushes.areUnfinished)
        #expect(shell.exchange(b, "CLIENT KILL ID \(a.id)\r\nPING\r\n") == ":1\r\n+PONG\r\n")
        #expect(!a.isOpen)
        #expect(!shell.node.executors[0].pushes.areUnfinished)
    }

    @Test func showsWhoWaits() throws {
        let (shell, a, b) = try Self.pair(2)
        _ = shell.exchange(a, "BLPOP k 100\r\n")
        let info = shell.exchange(b, "INFO clients\r\n")
        #expect(info.contains("\r\nblocked_clients:1\r\n") && info.contains("\r\nclients_in_timeout_table:1\r\n"))
        #expect(shell.exchange(b, "CLIENT LIST ID \(a.id)\r\n").contains(" flags=b "))
        // Not counted before it is over.
        #expect(!shell.exchange(b, "INFO commandstats\r\n").contains("cmdstat_blpop"))
        _ = shell.exchange(b, "RPUSH k x\r\n")
        #expect(shell.exchange(b, "INFO commandstats\r\n").contains("cmdstat_blpop:calls=1,"))
        #expect(shell.exchange(b, "INFO clients\r\n").contains("\r\nblocked_clients:0\r\n"))
    }

    @Test(arguments: [1, 2]) func repliesInItsOwnProtocol(_ loops: Int) throws {
        let (shell, a, b) = try Self.pair(loops)
        _ = shell.exchange(a, "HELLO 3\r\n")
        #expect(shell.exchange(a, "CLIENT REPLY SKIP\r\nBLPOP k 0\r\nBLPOP k 0\r\n") == "")
        _ = shell.exchange(b, "SELECT 3\r\nRPUSH k other\r\nSELECT 0\r\nRPUSH k x y\r\n")
        #expect(a.take() == Self.popped("k", "y"))
    }

    /// Watchers of the key hear of what was popped on another's behalf.
    @Test func watchersHearOfIt() throws {
        let (shell, a, b) = try Self.pair(2)
        let c = shell.connect()
        _ = shell.exchange(a, "BLMOVE k target LEFT LEFT 0\r\n")
        _ = shell.exchange(c, "WATCH target\r\nMULTI\r\nPING\r\n")
        _ = shell.exchange(b, "RPUSH k x\r\n")
        #expect(shell.exchange(c, "EXEC\r\n") == "*-1\r\n")
    }

    /// Many clients, keys and pushes at random: nothing is lost, nothing doubled, nobody overtaken.
    @Test(arguments: [1, 2, 3] as [UInt64]) func nothingIsLost(seed: UInt64) throws {
        let shell = try FakeShell(loops: 3)
        var random = PRNG(seed: seed)
        let poppers = (0..<12).map { shell.connect(loop: $0 % 3) }
        let pushers = (0..<3).map { shell.connect(loop: $0) }
        var got: [String] = []
        var sent = 0
        for _ in 0..<400 {
            for client in poppers where random.below(3) == 0 {
                let keys = (0...random.below(3)).map { _ in "k\(random.below(6))" }.joined(separator: " ")
                let move = "BLMOVE k\(random.below(6)) k\(random.below(6)) LEFT RIGHT 0.01\r\n"
                client.unread += Array((random.below(4) == 0 ? move : "BLPOP \(keys) 0.02\r\n").utf8)
            }
            for client in pushers where random.below(2) == 0 {
                client.unread += Array("RPUSH k\(random.below(6)) v\(sent)\r\n".utf8)
                sent += 1
            }
            shell.now += Int64(random.below(4))
            shell.settle()
            for client in poppers { got += Self.values(client.take()) }
        }
        shell.now += 100
        shell.settle()
        for client in poppers { got += Self.values(client.take()) }
        for key in 0..<6 { got += Self.values(shell.exchange(pushers[0], "LPOP k\(key) 10000\r\n"), all: true) }
        #expect(got.count == sent)
        #expect(Set(got).count == sent)
    }

    /// The values in replies of BLPOP; those of BLMOVE are in lists still.
    private static func values(_ replies: String, all: Bool = false) -> [String] {
        var found: [String] = []
        var isPop = all
        for line in replies.split(separator: "\r\n") {
            if line == "*2" { isPop = true }
            if line.hasPrefix("v") {
                if isPop { found.append(String(line)) }
                isPop = all
            }
        }
        return found
    }
}
