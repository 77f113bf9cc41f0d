import Base
import Testing

@testable import Node

/// Publishing and subscribing. Expected bytes are those of redis-server 7.0.15.
struct PubSubTests {
    private static func message(_ channel: String, _ text: String, _ kind: String = "message", push: Bool = false)
        -> String
    {
        (push ? ">" : "*") + "3\r\n" + [kind, channel, text].map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    }

    private static func confirmation(_ kind: String, _ name: String, _ count: Int, push: Bool = false) -> String {
        (push ? ">" : "*") + "3\r\n$\(kind.utf8.count)\r\n\(kind)\r\n$\(name.utf8.count)\r\n\(name)\r\n:\(count)\r\n"
    }

    // MARK: who gets what

    @Test(arguments: [1, 2])
    func messagesReachListenersOfAllLoops(_ loops: Int) throws {
        let shell = try FakeShell(loops: loops)
        let listeners = (0..<4).map { shell.connect(loop: $0 % loops) }
        for listener in listeners {
            #expect(shell.exchange(listener, "SUBSCRIBE c\r\n") == Self.confirmation("subscribe", "c", 1))
        }
        let publishers = (0..<2).map { shell.connect(loop: $0 % loops) }
        for (i, publisher) in publishers.enumerated() {
            #expect(shell.exchange(publisher, "PUBLISH c m\(i)\r\nPUBLISH d x\r\n") == ":4\r\n:0\r\n")
        }
        for listener in listeners {
            #expect(listener.take() == Self.message("c", "m0") + Self.message("c", "m1"))
        }
        #expect(shell.exchange(publishers[0], "PUBSUB NUMSUB c d\r\n") == "*4\r\n$1\r\nc\r\n:4\r\n$1\r\nd\r\n:0\r\n")
        for (i, listener) in listeners.enumerated() {
            #expect(shell.exchange(listener, "UNSUBSCRIBE c\r\n").hasSuffix(Self.confirmation("unsubscribe", "c", 0)))
            #expect(shell.exchange(publishers[1], "PUBLISH c x\r\n") == ":\(3 - i)\r\n")
        }
        #expect(shell.node.broker.count(.channel) == 0)
    }

    @Test(arguments: [1, 2])
    func patternsChannelsAndShardChannelsAreApart(_ loops: Int) throws {
        let shell = try FakeShell(loops: loops)
        let a = shell.connect(loop: 0), b = shell.connect(loop: loops - 1)
        _ = shell.exchange(a, "PSUBSCRIBE n*\r\nSUBSCRIBE news\r\nSSUBSCRIBE news\r\n")
        _ = shell.exchange(b, "PSUBSCRIBE n* [a-n]ews\r\n")
        let publisher = shell.connect()
        #expect(
            shell.exchange(publisher, "PUBLISH news x\r\nSPUBLISH news y\r\nPUBLISH nix z\r\n") == ":4\r\n:1\r\n:2\r\n")
        let viaPattern = "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n"
        #expect(
            a.take() == Self.message("news", "x") + viaPattern + "$4\r\nnews\r\n$1\r\nx\r\n"
                + Self.message("news", "y", "smessage") + viaPattern + "$3\r\nnix\r\n$1\r\nz\r\n")
        #expect(b.take().occurrences(of: "pmessage") == 3)
        #expect(shell.exchange(publisher, "PUBSUB NUMPAT\r\nPUBSUB CHANNELS\r\n") == ":2\r\n*1\r\n$4\r\nnews\r\n")
        #expect(
            shell.exchange(publisher, "PUBSUB SHARDCHANNELS x*\r\nPUBSUB CHANNELS n*\r\n")
                == "*0\r\n*1\r\n$4\r\nnews\r\n")
    }

    @Test func messagesOfOnePublisherKeepTheirOrder() throws {
        let shell = try FakeShell(loops: 2)
        let listener = shell.connect(loop: 1)
        _ = shell.exchange(listener, "SUBSCRIBE c\r\nPSUBSCRIBE *\r\n")
        let publisher = shell.connect(loop: 0)
        _ = shell.exchange(publisher, (0..<300).map { "PUBLISH c \($0)\r\n" }.joined())
        let numbers = listener.take().split(separator: "$1\r\nc\r\n").dropFirst().map {
            String($0.split(separator: "\r\n")[1])
        }
        // Each number twice: by channel, then by pattern.
        #expect(numbers == (0..<300).flatMap { ["\($0)", "\($0)"] })
    }

    @Test func aMessageOfAnotherLoopComesBeforeTheConfirmationThatEndsListening() throws {
        let shell = try FakeShell(loops: 2)
        let listener = shell.connect(loop: 1), publisher = shell.connect(loop: 0)
        _ = shell.exchange(listener, "SUBSCRIBE c\r\n")
        // The message is posted after loop 1 has looked into its inbox for the turn.
        shell.node.executors[1].turnBegan(wall: shell.now * 1000, monotonic: UInt64(shell.now) * 1_000_000)
        shell.node.executors[1].takeMail()
        #expect(shell.node.executors[0].publish(.channel, ByteView("c"), ByteView("m")) == 1)
        var request = Array("UNSUBSCRIBE\r\n".utf8)
        request.withUnsafeMutableBufferPointer {
            shell.node.executors[1].received(listener.link, $0.baseAddress!, $0.count, own: false)
            shell.node.executors[1].execute()
        }
        shell.settle()
        #expect(listener.take() == Self.message("c", "m") + Self.confirmation("unsubscribe", "c", 0))
        _ = publisher
    }

    @Test func closedListenersAreForgotten() throws {
        let shell = try FakeShell(loops: 2)
        let listeners = [shell.connect(loop: 0), shell.connect(loop: 1)]
        for listener in listeners { _ = shell.exchange(listener, "SUBSCRIBE a b\r\nPSUBSCRIBE *\r\nSSUBSCRIBE s\r\n") }
        let other = shell.connect(loop: 0)
        #expect(shell.exchange(other, "PUBLISH a x\r\n") == ":4\r\n")
        for listener in listeners { _ = shell.exchange(listener, "QUIT\r\n") }
        #expect(shell.exchange(other, "PUBLISH a x\r\nSPUBLISH s x\r\nPUBSUB CHANNELS\r\n") == ":0\r\n:0\r\n*0\r\n")
        #expect(TopicKind.allCases.allSatisfy { shell.node.broker.count($0) == 0 })
    }

    /// Random subscriptions of clients on two loops against sets.
    @Test(arguments: [1, 2, 3])
    func countsAgreeWithAModel(_ seed: Int) throws {
        var random = SeededGenerator(seed)
        let shell = try FakeShell(loops: 2)
        let clients = (0..<6).map { shell.connect(loop: $0 % 2) }
        let publisher = shell.connect(loop: 1)
        var channels = [Set<String>](repeating: [], count: 6), patterns = channels
        for _ in 0..<400 {
            let who = Int.random(in: 0..<6, using: &random), name = "c\(Int.random(in: 0..<5, using: &random))"
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                channels[who].insert(name)
                _ = shell.exchange(clients[who], "SUBSCRIBE \(name)\r\n")
            case 2:
                channels[who].remove(name)
                _ = shell.exchange(clients[who], "UNSUBSCRIBE \(name)\r\n")
            case 3:
                patterns[who].insert("[\(name)]*")
                _ = shell.exchange(clients[who], "PSUBSCRIBE [\(name)]*\r\n")
            case 4:
                patterns[who] = []
                _ = shell.exchange(clients[who], "PUNSUBSCRIBE\r\n")
            default:
                channels[who] = []
                patterns[who] = []
                _ = shell.exchange(clients[who], "RESET\r\n")
            }
            // A pattern "[c1]*" matches every name, since all begin with a c.
            let expected = channels.filter { $0.contains(name) }.count + patterns.map(\.count).reduce(0, +)
            #expect(shell.exchange(publisher, "PUBLISH \(name) m\r\n") == ":\(expected)\r\n")
            let got = clients.map { $0.take().occurrences(of: "message\r\n") }
            #expect(got.reduce(0, +) == expected)
        }
        #expect(shell.node.broker.count(.channel) == channels.reduce(Set()) { $0.union($1) }.count)
        #expect(shell.node.broker.count(.pattern) == patterns.reduce(Set()) { $0.union($1) }.count)
    }

    // MARK: what a listening client may do

    @Test func inRESP2OnlySubscribingGoes() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        _ = shell.exchange(client, "SUBSCRIBE c\r\n")
        for (request, shown) in [
            ("GET k", "get"), ("CLIENT LIST", "client|list"), ("HELLO 3", "hello"),
        ] {
            #expect(
                shell.exchange(client, request + "\r\n")
                    == "-ERR Can't execute '\(shown)': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                    + "allowed in this context\r\n")
        }
        #expect(
            shell.exchange(client, "PING\r\nPING x\r\n")
                == "*2\r\n$4\r\npong\r\n$0\r\n\r\n*2\r\n$4\r\npong\r\n$1\r\nx\r\n")
        #expect(shell.exchange(client, "RESET\r\nPING\r\nGET k\r\n") == "+RESET\r\n+PONG\r\n$-1\r\n")
        let unsubscribed = "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n"
        #expect(shell.exchange(client, "UNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nGET k\r\n") == unsubscribed + "$-1\r\n")
    }

    @Test func inRESP3MessagesArePushed() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        _ = shell.exchange(client, "HELLO 3\r\n")
        #expect(
            shell.exchange(client, "SUBSCRIBE c\r\nGET k\r\n") == Self.confirmation("subscribe", "c", 1, push: true)
                + "_\r\n")
        #expect(
            shell.exchange(client, "PUBLISH c x\r\nPING\r\n") == Self.message("c", "x", push: true) + ":1\r\n+PONG\r\n")
        // Inside a transaction a push would be taken for a part of the reply; Redis 7.2 holds it back, too.
        _ = shell.exchange(client, "MULTI\r\nPUBLISH c y\r\nPING\r\n")
        #expect(shell.exchange(client, "EXEC\r\n") == "*2\r\n:1\r\n+PONG\r\n" + Self.message("c", "y", push: true))
        #expect(
            shell.exchange(client, "UNSUBSCRIBE\r\nSUNSUBSCRIBE\r\n").hasSuffix(
                ">3\r\n$12\r\nsunsubscribe\r\n_\r\n:0\r\n"))
    }

    @Test func messagesAndConfirmationsComeThoughRepliesAreOff() throws {
        let shell = try FakeShell()
        let client = shell.connect(), publisher = shell.connect()
        _ = shell.exchange(client, "HELLO 3\r\n")
        let subscribed = Self.confirmation("subscribe", "c", 1, push: true)
        #expect(shell.exchange(client, "CLIENT REPLY OFF\r\nPING\r\nSUBSCRIBE c\r\nPING\r\n") == subscribed)
        _ = shell.exchange(publisher, "PUBLISH c x\r\n")
        #expect(client.take() == Self.message("c", "x", push: true))
        #expect(shell.exchange(client, "PUBLISH c y\r\n") == Self.message("c", "y", push: true))
        #expect(shell.exchange(client, "UNSUBSCRIBE c\r\n") == Self.confirmation("unsubscribe", "c", 0, push: true))
        #expect(
            shell.exchange(client, "CLIENT REPLY ON\r\nCLIENT REPLY SKIP\r\nSUBSCRIBE c\r\nPING\r\n") == "+OK\r\n"
                + subscribed + "+PONG\r\n")
    }

    @Test func subscribingInsideATransaction() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        _ = shell.exchange(client, "MULTI\r\nSUBSCRIBE c\r\nPING\r\nSSUBSCRIBE s\r\n")
        #expect(
            shell.exchange(client, "EXEC\r\n")
                == "*3\r\n" + Self.confirmation("subscribe", "c", 1) + "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
                + "-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n")
    }

    // MARK: what others see of them

    @Test func clientListTellsListenersFromOthers() throws {
        let shell = try FakeShell(loops: 2)
        let listener = shell.connect(loop: 1), other = shell.connect(loop: 0)
        _ = shell.exchange(listener, "SUBSCRIBE a b\r\nPSUBSCRIBE *\r\nSSUBSCRIBE x y z\r\n")
        let line = shell.exchange(other, "CLIENT LIST TYPE pubsub\r\n")
        #expect(line.contains(" id=\(listener.id) ") || line.contains("id=\(listener.id) "))
        #expect(line.contains(" flags=P db=0 sub=2 psub=1 ssub=3 "))
        #expect(!line.contains("id=\(other.id) "))
        #expect(!shell.exchange(other, "CLIENT LIST TYPE normal\r\n").contains("id=\(listener.id) "))
        #expect(shell.exchange(other, "CLIENT KILL TYPE pubsub\r\n") == ":1\r\n")
        #expect(!listener.isOpen)
        #expect(shell.exchange(other, "PUBLISH a x\r\n") == ":0\r\n")
    }

    @Test func aListenerThatDoesNotReadIsClosedAtItsLimit() throws {
        let shell = try FakeShell(options: ["--client-output-buffer-limit", "pubsub 1mb 0 0"])
        let listener = shell.connect(), publisher = shell.connect()
        // What one message makes is more than a turn sends.
        let patterns = (1...50).map { String(repeating: "*", count: $0) }.joined(separator: " ")
        _ = shell.exchange(listener, "PSUBSCRIBE \(patterns)\r\n")
        _ = shell.exchange(publisher, "PUBLISH c \(String(repeating: "x", count: 40_000))\r\n")
        #expect(!listener.isOpen && publisher.isOpen)
        #expect(shell.exchange(publisher, "PUBLISH c x\r\n") == ":0\r\n")
    }

    @Test func listenersAreNotIdle() throws {
        let shell = try FakeShell(options: ["--timeout", "1"])
        let listener = shell.connect(), idle = shell.connect()
        _ = shell.exchange(listener, "SUBSCRIBE c\r\n")
        shell.now += 5000
        shell.settle()
        #expect(listener.isOpen && !idle.isOpen)
    }
}

/// Reproducible random numbers.
private struct SeededGenerator: RandomNumberGenerator {
    private var random: PRNG
    init(_ seed: Int) { random = PRNG(seed: UInt64(seed)) }
    mutating func next() -> UInt64 { random.next() }
}

extension String {
    fileprivate func occurrences(of word: String) -> Int {
        split(separator: word, omittingEmptySubsequences: false).count - 1
    }
}
