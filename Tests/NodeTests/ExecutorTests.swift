import Base
import Keyspace
import Testing

@testable import Node

/// The executor driven through links. Expected replies are those of redis-server 7.0.15 to the same bytes.
@Suite struct ExecutorTests {
    private func lines(_ commands: [String]) -> String { commands.map { $0 + "\r\n" }.joined() }

    // MARK: pipelines

    @Test func aPipelineLongerThanABatchKeepsItsOrder() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        let count = Limits.batchCommands * 3 + 7
        let replies = shell.exchange(client, String(repeating: "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n", count: count))
        #expect(replies == (1...count).map { ":\($0)\r\n" }.joined())
    }

    @Test func aPipelineMayBeCutAnywhere() throws {
        let text = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\nx\r\ny\r\n" + "PING\r\n" + "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
        for cut in 1..<text.utf8.count {
            let shell = try FakeShell()
            let client = shell.connect()
            let first = shell.exchange(client, String(decoding: Array(text.utf8)[..<cut], as: UTF8.self))
            let second = shell.exchange(client, String(decoding: Array(text.utf8)[cut...], as: UTF8.self))
            #expect(first + second == "+OK\r\n+PONG\r\n$4\r\nx\r\ny\r\n", "cut at \(cut)")
        }
    }

    @Test func clientsOfOneTurnDoNotMix() throws {
        let shell = try FakeShell()
        let clients = (0..<20).map { _ in shell.connect() }
        for (i, client) in clients.enumerated() {
            client.unread = Array("SET key\(i) \(i)\r\nGET key\(i)\r\n".utf8)
        }
        shell.settle()
        for (i, client) in clients.enumerated() {
            #expect(client.take() == "+OK\r\n$\("\(i)".utf8.count)\r\n\(i)\r\n")
        }
    }

    // MARK: transactions

    @Test func aWatchedKeyChangedOnAnotherLoopAbortsTheTransaction() throws {
        let shell = try FakeShell(loops: 2)
        let one = shell.connect(loop: 0)
        let other = shell.connect(loop: 1)
        #expect(shell.exchange(one, "WATCH k\r\nMULTI\r\nSET k mine\r\n") == "+OK\r\n+OK\r\n+QUEUED\r\n")
        #expect(shell.exchange(other, "SET k theirs\r\n") == "+OK\r\n")
        #expect(shell.exchange(one, "EXEC\r\nGET k\r\n") == "*-1\r\n$6\r\ntheirs\r\n")
        // The watch is used up.
        #expect(shell.exchange(one, "MULTI\r\nSET k mine\r\nEXEC\r\n") == "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n")
        #expect(shell.exchange(other, "GET k\r\n") == "$4\r\nmine\r\n")
    }

    /// What had expired before WATCH may be removed without the transaction failing; what expires later may not.
    @Test(arguments: [
        ("DEL k", true), ("GET k", true), ("FLUSHDB", true), ("SWAPDB 0 1", true), ("SET k v", false),
    ])
    func aStaleWatchedKeyMayGo(_ command: String, _ survives: Bool) throws {
        let shell = try FakeShell()
        let client = shell.connect()
        let other = shell.connect()
        _ = shell.exchange(client, "SET k old PX 10\r\n")
        shell.now += 20
        _ = shell.exchange(client, "WATCH k\r\nMULTI\r\nPING\r\n")
        _ = shell.exchange(other, command + "\r\n")
        #expect(shell.exchange(client, "EXEC\r\n") == (survives ? "*1\r\n+PONG\r\n" : "*-1\r\n"))
    }

    @Test func aKeyThatExpiresAfterWatchAbortsTheTransaction() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        let other = shell.connect()
        for command in ["PING", "GET k", "FLUSHDB"] {
            _ = shell.exchange(client, "SET k v PX 10\r\nWATCH k\r\nMULTI\r\nPING\r\n")
            shell.now += 20
            _ = shell.exchange(other, command + "\r\n")
            _ = client.take()
            #expect(shell.exchange(client, "EXEC\r\n") == "*-1\r\n", "after \(command)")
        }
    }

    @Test func commandsOverAllPartitionsRunInsideTransactions() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        let replies = shell.exchange(client, "MULTI\r\nSET a 1\r\nINFO keyspace\r\nMEMORY STATS\r\nEXEC\r\nPING\r\n")
        #expect(replies.hasPrefix("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n$"))
        #expect(replies.contains("db0:keys=1,expires=0,avg_ttl=0"))
        #expect(replies.hasSuffix("+PONG\r\n"))
    }

    // MARK: CLIENT REPLY

    @Test(arguments: [
        (["client reply skip", "ping a", "ping b"], "$1\r\nb\r\n"),
        (["client reply skip", "client reply skip", "ping a", "ping b", "ping c"], "$1\r\nb\r\n$1\r\nc\r\n"),
        (["client reply off", "ping a", "client reply on", "ping b"], "+OK\r\n$1\r\nb\r\n"),
        (["client reply off", "client reply skip", "client reply on", "ping b"], "+OK\r\n$1\r\nb\r\n"),
        (["client reply off", "get", "nosuch", "client reply on"], "+OK\r\n"),
        (["client reply skip", "client reply on", "ping a"], "+OK\r\n$1\r\na\r\n"),
        (["client reply skip", "multi", "ping", "exec"], "+QUEUED\r\n*1\r\n+PONG\r\n"),
        (["client reply skip", "reset", "ping"], "+PONG\r\n"),
        (["client reply off", "reset", "ping"], "+RESET\r\n+PONG\r\n"),
    ])
    func replyModes(_ commands: [String], _ expected: String) throws {
        // Both all at once and one by one: the first may share its batch with what it silences.
        let shell = try FakeShell()
        #expect(shell.exchange(shell.connect(), lines(commands)) == expected)
        let client = shell.connect()
        #expect(commands.map { shell.exchange(client, $0 + "\r\n") }.joined() == expected)
    }

    @Test func aSkippedReplyOfACommandThatWaitsIsStillSkipped() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        #expect(shell.exchange(client, "CLIENT REPLY SKIP\r\nWAIT 1 50\r\nPING a\r\n") == "")
        shell.now += 51
        #expect(shell.exchange(client, "") == "$1\r\na\r\n")
    }

    @Test func anUnwantedReplyOfSeveralBlocksIsTakenBack() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        _ = shell.exchange(client, "SET big \(String(repeating: "x", count: 60_000))\r\n")
        // The unwanted reply fills the block that wanted ones are in, and more blocks after it.
        let replies = shell.exchange(
            client,
            "GET big\r\nGET big\r\nCLIENT REPLY OFF\r\nMGET\(String(repeating: " big", count: 9))\r\n"
                + "CLIENT REPLY ON\r\nPING\r\n")
        let bulk = "$60000\r\n" + String(repeating: "x", count: 60_000) + "\r\n"
        #expect(replies == bulk + bulk + "+OK\r\n+PONG\r\n")
    }

    // MARK: pauses

    @Test func aPauseHoldsClientsOfAllLoopsAndTheirOrder() throws {
        let shell = try FakeShell(loops: 2)
        let admin = shell.connect(loop: 0)
        let writers = [shell.connect(loop: 0), shell.connect(loop: 1)]
        #expect(shell.exchange(admin, "CLIENT PAUSE 10000 WRITE\r\n") == "+OK\r\n")
        for (i, writer) in writers.enumerated() {
            let text = "GET k\(i)\r\nAPPEND k\(i) a\r\nAPPEND k\(i) b\r\nGET k\(i)\r\n"
            #expect(shell.exchange(writer, text) == "$-1\r\n")
            // More of the same, cut in the middle of a request, while the first waits.
            #expect(shell.exchange(writer, "APPEND k\(i) c\r\nGE") == "")
            #expect(shell.exchange(writer, "T k\(i)\r\n") == "")
        }
        #expect(shell.exchange(admin, "INFO clients\r\n").contains("blocked_clients:2\r\n"))
        #expect(shell.exchange(admin, "CLIENT UNPAUSE\r\n") == "+OK\r\n")
        for writer in writers { #expect(writer.take() == ":1\r\n:2\r\n$2\r\nab\r\n:3\r\n$3\r\nabc\r\n") }
        #expect(shell.exchange(admin, "INFO clients\r\n").contains("blocked_clients:0\r\n"))
    }

    @Test func aPauseEndsByItself() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        // What follows in the same packet waits already, reads included.
        #expect(shell.exchange(client, "CLIENT PAUSE 100\r\nPING\r\nINCR n\r\n") == "+OK\r\n")
        shell.now += 100
        #expect(shell.exchange(client, "PING\r\n") == "+PONG\r\n:1\r\n+PONG\r\n")
        #expect(shell.node.pause.until == 0)
        #expect(shell.node.keyspace.shared.pointee.keepsExpired == 0)
    }

    @Test func aSecondPauseNeverShortensTheFirst() throws {
        let shell = try FakeShell()
        let admin = shell.connect()
        let reader = shell.connect()
        #expect(shell.exchange(admin, "CLIENT PAUSE 1000 ALL\r\n") == "+OK\r\n")
        // The second one waits for the first; it is then in force by itself, for writes only.
        _ = shell.exchange(admin, "CLIENT PAUSE 500 WRITE\r\n")
        #expect(shell.exchange(reader, "PING\r\n") == "")
        shell.now += 1000
        shell.settle()
        #expect(reader.take() == "+PONG\r\n")
        #expect(shell.exchange(reader, "SET a b\r\n") == "")
        shell.now += 500
        #expect(shell.exchange(reader, "") == "+OK\r\n")
    }

    @Test func execWaitsWhenItsCommandsWrite() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        let admin = shell.connect()
        _ = shell.exchange(client, "MULTI\r\nSET a 1\r\n")
        _ = shell.exchange(admin, "CLIENT PAUSE 1000 WRITE\r\n")
        #expect(shell.exchange(client, "EXEC\r\n") == "")
        _ = shell.exchange(admin, "CLIENT UNPAUSE\r\n")
        #expect(client.take() == "*1\r\n+OK\r\n")
    }

    // MARK: waits

    @Test func requestsBehindAWaitRunOnceAndInOrder() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        // The first turn's requests lie in the arena, the second's partly in the client's own input.
        #expect(shell.exchange(client, "INCR n\r\nWAIT 1 100\r\nINCR n\r\nINCR n\r\nINC") == ":1\r\n")
        #expect(shell.exchange(client, "R n\r\nWAIT 1 100\r\nINCR n\r\n") == "")
        shell.now += 101
        #expect(shell.exchange(client, "") == ":0\r\n:2\r\n:3\r\n:4\r\n")
        #expect(shell.exchange(client, "INCR n\r\n") == "")
        shell.now += 101
        #expect(shell.exchange(client, "") == ":0\r\n:5\r\n:6\r\n")
    }

    @Test func anErrorBehindAWaitIsStillReported() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        #expect(shell.exchange(client, "WAIT 1 100\r\nPING\r\n*x\r\n") == "")
        shell.now += 101
        #expect(shell.exchange(client, "") == ":0\r\n+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n")
        #expect(!client.isOpen)
    }

    @Test func unblockEndsAWaitOfAnotherLoopOnce() throws {
        let shell = try FakeShell(loops: 2)
        let waiter = shell.connect(loop: 1)
        for loop in 0...1 {
            let admin = shell.connect(loop: loop)
            #expect(shell.exchange(waiter, "WAIT 1 0\r\nPING\r\n") == "")
            let twice = "CLIENT UNBLOCK \(waiter.id)\r\nCLIENT UNBLOCK \(waiter.id) ERROR\r\n"
            #expect(shell.exchange(admin, twice) == ":1\r\n:0\r\n")
            #expect(waiter.take() == ":0\r\n+PONG\r\n")
            #expect(shell.exchange(waiter, "WAIT 1 0\r\n") == "")
            #expect(shell.exchange(admin, "CLIENT UNBLOCK \(waiter.id) ERROR\r\n") == ":1\r\n")
            #expect(waiter.take() == "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")
        }
    }

    @Test func waitAnswersAtOnceWhereItMayNotWait() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        #expect(shell.exchange(client, "WAIT 0 0\r\nWAIT -1 0\r\n") == ":0\r\n:0\r\n")
        #expect(shell.exchange(client, "MULTI\r\nWAIT 1 0\r\nEXEC\r\n") == "+OK\r\n+QUEUED\r\n*1\r\n:0\r\n")
        #expect(shell.exchange(client, "WAIT 1 -1\r\n") == "-ERR timeout is negative\r\n")
    }

    // MARK: killing

    @Test func killedClientsAreCountedOutAtOnceAndOnce() throws {
        let shell = try FakeShell(loops: 2)
        let admin = shell.connect(loop: 0)
        let others = [shell.connect(loop: 0), shell.connect(loop: 1), shell.connect(loop: 1)]
        #expect(shell.node.clientCount == 4)
        // One batch: the count is right before the other loop has done anything.
        let replies = shell.exchange(admin, "CLIENT KILL TYPE normal\r\nINFO clients\r\nCLIENT KILL TYPE normal\r\n")
        #expect(replies.hasPrefix(":3\r\n"))
        #expect(replies.contains("connected_clients:1\r\n"))
        #expect(replies.hasSuffix("\r\n:0\r\n"))
        #expect(others.allSatisfy { !$0.isOpen })
        #expect(shell.node.clientCount == 1)
    }

    @Test func aClientMayKillItself() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        #expect(shell.exchange(client, "CLIENT KILL ID \(client.id)\r\nPING\r\n") == ":0\r\n+PONG\r\n")
        #expect(shell.exchange(client, "CLIENT KILL ID \(client.id) SKIPME no\r\nPING\r\n") == ":1\r\n")
        #expect(!client.isOpen)
        #expect(shell.node.clientCount == 0)
    }

    @Test func aWaitingClientMayBeKilled() throws {
        let shell = try FakeShell(loops: 2)
        let admin = shell.connect(loop: 0)
        let waiter = shell.connect(loop: 1)
        _ = shell.exchange(waiter, "WAIT 1 100\r\nSET a b\r\n")
        #expect(shell.exchange(admin, "CLIENT KILL ID \(waiter.id)\r\n") == ":1\r\n")
        #expect(!waiter.isOpen)
        shell.now += 200
        #expect(shell.exchange(admin, "EXISTS a\r\n") == ":0\r\n")
    }

    @Test func clientsPastTheLimitAreRefusedAndNotCounted() throws {
        let shell = try FakeShell(options: ["--maxclients", "1"])
        let first = shell.connect()
        let second = shell.connect()
        shell.settle()
        #expect(shell.node.clientCount == 1)
        #expect(shell.exchange(first, "PING\r\n") == "+PONG\r\n")
        _ = second
    }

    @Test func nothingRunsAfterShutdown() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        #expect(shell.exchange(client, "SHUTDOWN NOSAVE\r\nSET a b\r\n") == "")
        #expect(shell.stopCount == 1)
        #expect(shell.exchange(shell.connect(), "EXISTS a\r\n") == ":0\r\n")
    }

    // MARK: before AUTH

    @Test func limitsBeforeAuthentication() throws {
        let shell = try FakeShell(options: ["--requirepass", "secret"])
        let client = shell.connect()
        #expect(shell.exchange(client, "PING\r\n") == "-NOAUTH Authentication required.\r\n")
        let tooMany = shell.connect()
        #expect(
            shell.exchange(tooMany, "*11\r\n") == "-ERR Protocol error: unauthenticated multibulk length\r\n")
        #expect(!tooMany.isOpen)
        let tooLong = shell.connect()
        #expect(
            shell.exchange(tooLong, "*2\r\n$4\r\nAUTH\r\n$16385\r\n")
                == "-ERR Protocol error: unauthenticated bulk length\r\n")
        #expect(!tooLong.isOpen)
        // The limits are gone with AUTH, for what is behind it in the same packet too.
        let long = String(repeating: "v", count: 20_000)
        let text = "AUTH secret\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000\r\n\(long)\r\nSTRLEN k\r\n"
        #expect(shell.exchange(client, text) == "+OK\r\n+OK\r\n:20000\r\n")
    }
}
