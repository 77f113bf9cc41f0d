import Base
import Keyspace
import Testing

@testable import Node

/// Client-side caching. Expected bytes and their order are those of redis-server 7.0.15.
struct TrackingTests {
    private static func invalidation(_ keys: String...) -> String {
        ">2\r\n$10\r\ninvalidate\r\n*\(keys.count)\r\n" + keys.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    }

    /// A shell, a client in RESP3 with these options of CLIENT TRACKING, and another client on the last loop.
    private func tracked(_ options: String = "", loops: Int = 2, settings: [String] = []) throws -> (
        shell: FakeShell, client: FakeClient, other: FakeClient
    ) {
        let shell = try FakeShell(loops: loops, options: settings)
        let client = shell.connect(), other = shell.connect(loop: loops - 1)
        _ = shell.exchange(client, "HELLO 3\r\n")
        #expect(shell.exchange(client, "CLIENT TRACKING ON \(options)\r\n") == "+OK\r\n")
        return (shell, client, other)
    }

    // MARK: what is remembered

    @Test(arguments: [1, 2])
    func aKeyThatWasReadIsAnnouncedOnce(_ loops: Int) throws {
        let (shell, client, other) = try tracked(loops: loops)
        _ = shell.exchange(client, "MGET a b\r\nGET c\r\n")
        #expect(shell.node.keyspace.readKeyCount == 3 && shell.node.keyspace.readerCount == 3)
        _ = shell.exchange(other, "SET a 1\r\nSET a 2\r\nDEL b\r\nMSET c 1 d 1\r\n")
        // Deleting what is not there is no change.
        #expect(client.take() == Self.invalidation("a") + Self.invalidation("c"))
        #expect(shell.node.keyspace.readKeyCount == 1)
        // Names count whatever the database.
        _ = shell.exchange(other, "SELECT 5\r\nSET b 1\r\n")
        #expect(client.take() == Self.invalidation("b"))
        #expect(shell.node.keyspace.readerCount == 0)
    }

    @Test(arguments: [
        ("GET k", true), ("EXISTS k", true), ("TTL k", true), ("OBJECT ENCODING k", true), ("BITCOUNT k", true),
        ("SET k 1 GET", false), ("GETEX k", false), ("INCR k", false), ("KEYS *", false), ("PUBLISH k x", false),
        ("MULTI\r\nGET k\r\nEXEC", true), ("MULTI\r\nINCR k\r\nEXEC", false), ("MULTI\r\nGET k\r\nDISCARD", false),
    ])
    func commandsThatReadAreRemembered(_ command: String, _ isRemembered: Bool) throws {
        let (shell, client, other) = try tracked()
        _ = shell.exchange(other, "SET k 1\r\n")
        _ = shell.exchange(client, command + "\r\n")
        _ = shell.exchange(other, "SET k 2\r\n")
        #expect(client.take() == (isRemembered ? Self.invalidation("k") : ""))
    }

    @Test func cachingSaysWhatIsRemembered() throws {
        for (option, word) in [("OPTIN", "YES"), ("OPTOUT", "NO")] {
            let (shell, client, other) = try tracked(option)
            let isOptIn = option == "OPTIN"
            let read = { (request: String) in
                _ = shell.exchange(client, request + "\r\n")
                _ = shell.exchange(other, "SET k 1\r\nSET l 1\r\n")
                return client.take()
            }
            #expect(read("GET k") == (isOptIn ? "" : Self.invalidation("k")))
            #expect(read("CLIENT CACHING \(word)\r\nGET k") == (isOptIn ? Self.invalidation("k") : ""))
            // For the one command after it, other CLIENT commands not counted.
            #expect(read("CLIENT CACHING \(word)\r\nPING\r\nGET k") == (isOptIn ? "" : Self.invalidation("k")))
            let both = Self.invalidation("k") + Self.invalidation("l")
            #expect(
                read("CLIENT CACHING \(word)\r\nCLIENT ID\r\nMULTI\r\nGET k\r\nGET l\r\nEXEC") == (isOptIn ? both : ""))
            #expect(read("GET k\r\nGET l") == (isOptIn ? "" : both))
        }
    }

    @Test func ownChangesAreSparedIfAskedFor() throws {
        for (options, expected) in [("", Self.invalidation("k")), ("NOLOOP", "")] {
            let (shell, client, other) = try tracked(options)
            #expect(shell.exchange(client, "GET k\r\nSET k 1\r\n") == "_\r\n+OK\r\n" + expected)
            _ = shell.exchange(client, "GET k\r\n")
            _ = shell.exchange(other, "SET k 1\r\n")
            #expect(client.take() == Self.invalidation("k"))
        }
    }

    // MARK: order

    @Test func invalidationsFollowTheReply() throws {
        let (shell, client, _) = try tracked()
        _ = shell.exchange(client, "MGET a b\r\n")
        #expect(shell.exchange(client, "SET a 1\r\nPING\r\n") == "+OK\r\n" + Self.invalidation("a") + "+PONG\r\n")
        _ = shell.exchange(client, "MULTI\r\nSET b 1\r\nGET b\r\nINCR b\r\nGET a\r\n")
        #expect(
            shell.exchange(client, "EXEC\r\n")
                == "*4\r\n+OK\r\n$1\r\n1\r\n:2\r\n$1\r\n1\r\n" + Self.invalidation("b") + Self.invalidation("b"))
        #expect(shell.exchange(client, "FLUSHALL\r\nPING\r\n") == "+OK\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n+PONG\r\n")
    }

    @Test func aKeyThatExpiresWhileItIsReadIsAnnouncedBehindTheReply() throws {
        let (shell, client, _) = try tracked()
        _ = shell.exchange(client, "SET a 1\r\nSET b 1 PX 10\r\nMGET a b\r\n")
        shell.now += 20
        #expect(shell.exchange(client, "MGET a b\r\n") == "*2\r\n$1\r\n1\r\n_\r\n" + Self.invalidation("b"))
    }

    @Test func keysThatExpireByThemselvesAreAnnounced() throws {
        let (shell, client, other) = try tracked()
        _ = shell.exchange(other, "SET k 1 PX 100\r\n")
        _ = shell.exchange(client, "GET k\r\n")
        shell.now += 500
        shell.settle()
        shell.settle()
        #expect(client.take() == Self.invalidation("k"))
    }

    @Test func repliesThatAreOffHoldNothingBack() throws {
        let (shell, client, other) = try tracked()
        _ = shell.exchange(client, "GET k\r\nCLIENT REPLY OFF\r\n")
        _ = shell.exchange(other, "SET k 1\r\n")
        #expect(client.take() == Self.invalidation("k"))
        #expect(shell.exchange(client, "GET k\r\nSET k 1\r\nPING\r\n") == Self.invalidation("k"))
    }

    // MARK: BCAST

    @Test func prefixesCollectWhatChangesTogether() throws {
        let (shell, client, other) = try tracked("BCAST PREFIX a PREFIX b:")
        _ = shell.exchange(other, "MSET a2 1 a1 1 b 1 c 1\r\nSET a1 2\r\nSET b:1 1\r\n")
        #expect(client.take() == Self.invalidation("a1", "a2") + Self.invalidation("b:1"))
        // Its own come when its requests have run.
        #expect(
            shell.exchange(client, "SET a 1\r\nDEL a\r\nPING\r\n") == "+OK\r\n:1\r\n+PONG\r\n" + Self.invalidation("a"))
        _ = shell.exchange(other, "FLUSHDB\r\n")
        #expect(client.take() == ">2\r\n$10\r\ninvalidate\r\n_\r\n")
        #expect(shell.node.keyspace.readKeyCount == 0)
    }

    @Test func noPrefixIsEveryKeyUntilTrackingEnds() throws {
        let (shell, client, other) = try tracked("BCAST NOLOOP")
        #expect(shell.exchange(client, "MSET k 1 l 1\r\n") == "+OK\r\n")
        _ = shell.exchange(other, "SET k 1\r\n")
        #expect(client.take() == Self.invalidation("k"))
        // Its time is up, so nobody has removed it.
        _ = shell.exchange(client, "SET k 1 PX 10\r\n")
        shell.now += 20
        #expect(shell.exchange(client, "GET k\r\n") == "_\r\n" + Self.invalidation("k"))
        #expect(shell.node.prefixes.count == 1)
        _ = shell.exchange(client, "CLIENT TRACKING OFF\r\n")
        #expect(shell.node.prefixes.count == 0 && shell.node.trackingClients.count == 0)
        _ = shell.exchange(other, "SET k 1\r\nSET k 2\r\n")
        #expect(client.take() == "")
    }

    @Test func aClientThatTurnsToPrefixesHearsNoMoreOfWhatItRead() throws {
        let (shell, client, other) = try tracked()
        _ = shell.exchange(client, "GET k\r\nCLIENT TRACKING OFF\r\nCLIENT TRACKING ON BCAST PREFIX x\r\n")
        _ = shell.exchange(other, "SET k 1\r\n")
        #expect(client.take() == "")
    }

    // MARK: REDIRECT

    /// The loop of the client that caches need not run: what the receiver sends once it knows of the change comes later.
    @Test func redirectedMessagesGoStraightToTheirLoop() throws {
        let shell = try FakeShell(loops: 3)
        let writer = shell.connect(loop: 0)
        let reader = shell.connect(loop: 1)
        let target = shell.connect(loop: 2)
        let id = target.id
        _ = shell.exchange(target, "SUBSCRIBE __redis__:invalidate\r\n")
        _ = shell.exchange(reader, "HELLO 3\r\nCLIENT TRACKING ON REDIRECT \(id)\r\nMGET k l\r\n")
        writer.unread += Array("SET k 1\r\n".utf8)
        shell.turn(shell.node.executors[0])
        shell.turn(shell.node.executors[2])
        #expect(target.take().hasSuffix("__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n"))
        // That it is gone is known to who changes a key, too.
        _ = shell.exchange(target, "QUIT\r\n")
        writer.unread += Array("SET l 1\r\n".utf8)
        shell.turn(shell.node.executors[0])
        shell.turn(shell.node.executors[1])
        #expect(reader.take().contains("tracking-redir-broken\r\n:\(id)\r\n"))
    }

    @Test(arguments: [2, 3])
    func messagesGoToAnotherClient(_ version: Int) throws {
        let shell = try FakeShell(loops: 2)
        let client = shell.connect(loop: 0), other = shell.connect(loop: 0), target = shell.connect(loop: 1)
        _ = shell.exchange(target, "HELLO \(version)\r\nSUBSCRIBE __redis__:invalidate\r\n")
        _ = shell.exchange(client, "CLIENT TRACKING ON REDIRECT \(target.id)\r\nGET k\r\n")
        #expect(shell.exchange(client, "CLIENT GETREDIR\r\n") == ":\(target.id)\r\n")
        let message = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n"
        _ = shell.exchange(other, "SET k 1\r\n")
        #expect(target.take() == (version == 2 ? message : Self.invalidation("k")) && client.take() == "")
        // In RESP2 only a client that listens can be told anything.
        _ = shell.exchange(target, "UNSUBSCRIBE\r\n")
        _ = shell.exchange(client, "GET k\r\nSET k 1\r\n")
        #expect(target.take() == (version == 2 ? "" : Self.invalidation("k")))
    }

    @Test(arguments: [0, 1])
    func aRedirectionBreaksWithItsTarget(_ loop: Int) throws {
        let (shell, client, other) = try tracked()
        let target = shell.connect(loop: loop)
        let id = target.id
        _ = shell.exchange(client, "CLIENT TRACKING ON REDIRECT \(id)\r\nMGET k l\r\n")
        _ = shell.exchange(target, "QUIT\r\n")
        _ = shell.exchange(other, "SET k 1\r\n")
        let broken = ">2\r\n$21\r\ntracking-redir-broken\r\n:\(id)\r\n"
        #expect(client.take() == broken)
        #expect(
            shell.exchange(client, "CLIENT TRACKINGINFO\r\n").contains("~2\r\n$2\r\non\r\n$15\r\nbroken_redirect\r\n"))
        #expect(shell.exchange(client, "CLIENT INFO\r\n").contains(" flags=tR "))
        _ = shell.exchange(other, "SET l 1\r\n")
        #expect(client.take() == broken)
    }

    // MARK: limits and figures

    @Test func keysBeyondTheLimitAreGivenUp() throws {
        let (shell, client, other) = try tracked(settings: ["--tracking-table-max-keys", "10"])
        let names = (0..<30).map { "k\($0)" }
        _ = shell.exchange(client, "MGET \(names.joined(separator: " "))\r\n")
        #expect(shell.node.keyspace.readKeyCount == 30)
        // Before the client's next request runs.
        let told = shell.exchange(client, "PING\r\n")
        #expect(told.hasSuffix("+PONG\r\n") && shell.node.keyspace.readKeyCount == 10)
        let given = names.filter { told.contains(Self.invalidation($0)) }
        #expect(given.count == 20)
        _ = shell.exchange(other, "MSET \(names.map { $0 + " 1" }.joined(separator: " "))\r\n")
        let rest = client.take()
        #expect(names.filter { rest.contains(Self.invalidation($0)) } == names.filter { !given.contains($0) })
    }

    @Test func infoCounts() throws {
        let (shell, client, other) = try tracked()
        _ = shell.exchange(other, "CLIENT TRACKING ON\r\nMGET a b\r\n")
        _ = shell.exchange(client, "GET a\r\n")
        let third = shell.connect()
        _ = shell.exchange(third, "CLIENT TRACKING ON BCAST PREFIX x PREFIX y\r\n")
        let info = shell.exchange(third, "INFO\r\n")
        for line in ["clients:3", "total_keys:2", "total_items:3", "total_prefixes:2"] {
            #expect(info.contains("\r\ntracking_\(line)\r\n"))
        }
        for client in [client, other, third] { _ = shell.exchange(client, "QUIT\r\n") }
        #expect(shell.node.trackingClients.count == 0 && shell.node.prefixes.count == 0)
    }

    /// Clients on two loops read and change few keys at random; what each is told agrees with sets of names.
    @Test(arguments: [1, 2, 3, 4])
    func whatIsToldAgreesWithAModel(_ seed: UInt64) throws {
        var random = PRNG(seed: seed)
        let shell = try FakeShell(loops: 2)
        let clients = (0..<5).map { shell.connect(loop: $0 % 2) }
        for client in clients { _ = shell.exchange(client, "HELLO 3\r\nCLIENT TRACKING ON NOLOOP\r\n") }
        var read = [Set<String>](repeating: [], count: clients.count)
        for _ in 0..<600 {
            let who = Int(random.below(5))
            let keys = (0...random.below(2)).map { _ in "k\(random.below(6))" }
            if random.below(2) == 0 {
                _ = shell.exchange(clients[who], "MGET \(keys.joined(separator: " "))\r\n")
                read[who].formUnion(keys)
                continue
            }
            _ = shell.exchange(clients[who], "MSET \(keys.map { $0 + " v" }.joined(separator: " "))\r\n")
            for i in clients.indices {
                let told = clients[i].take()
                for key in Set(keys) {
                    let isTold = told.contains(Self.invalidation(key))
                    #expect(isTold == (i != who && read[i].contains(key)))
                    read[i].remove(key)
                }
            }
        }
        #expect(shell.node.keyspace.readerCount == read.map(\.count).reduce(0, +))
    }
}
