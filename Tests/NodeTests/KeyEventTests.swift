import Testing

@testable import Node

/// Keyspace notifications: which events commands announce, in which order, and who hears of them. Expected events
/// are those of redis-server 7.0.15.
struct KeyEventTests {
    /// The events of commands (all but the last set the stage), as "database:key event".
    private func events(_ classes: String, _ commands: [String], loops: Int = 1) throws -> [String] {
        let shell = try FakeShell(loops: loops, options: ["--notify-keyspace-events", "K" + classes])
        let client = shell.connect()
        for command in commands.dropLast() { _ = shell.exchange(client, command + "\r\n") }
        let listener = shell.connect(loop: loops - 1)
        _ = shell.exchange(listener, "PSUBSCRIBE __key*\r\n")
        _ = shell.exchange(client, commands[commands.count - 1] + "\r\n")
        return listener.take().split(separator: "pmessage\r\n").dropFirst().map { message in
            let lines = message.split(separator: "\r\n")
            let channel = lines[3].dropFirst("__keyspace@".count)
            let parts = channel.split(separator: "__:", maxSplits: 1)
            return "\(parts[0]):\(parts[1]) \(lines[5])"
        }
    }

    @Test(arguments: [
        (["SET k v"], ["0:k new", "0:k set"]),
        (["SET k v", "SET k w PX 100"], ["0:k set", "0:k expire"]),
        (["SET k v", "SETNX k w"], []),
        (["SETEX k 10 v"], ["0:k new", "0:k set", "0:k expire"]),
        (["GETSET k v"], ["0:k keymiss", "0:k new", "0:k set"]),
        (["SET k v", "GETDEL k"], ["0:k del"]),
        (["SET k v", "GETEX k EX 10"], ["0:k expire"]),
        (["SET k v EX 10", "GETEX k PERSIST"], ["0:k persist"]),
        (["SET k v", "GETEX k EXAT 1"], ["0:k del"]),
        (["MSET a 1 b 2"], ["0:a new", "0:a set", "0:b new", "0:b set"]),
        (["APPEND k v"], ["0:k new", "0:k append"]),
        (["SET k v", "SETRANGE k 3 x"], ["0:k setrange"]),
        (["SETRANGE k 3 \"\""], []),
        (["DECR k"], ["0:k new", "0:k incrby"]),
        (["SET k 5", "INCRBY k 5"], ["0:k incrby"]),
        (["INCRBYFLOAT k 1.5"], ["0:k new", "0:k incrbyfloat"]),
        (["SETBIT k 7 0"], ["0:k new", "0:k setbit"]),
        (["SETBIT k 7 0", "SETBIT k 7 0"], []),
        (["BITFIELD k SET u8 0 1 SET u8 8 1"], ["0:k new", "0:k setbit"]),
        (["SET k 1", "BITFIELD k OVERFLOW FAIL INCRBY u2 800 9"], []),
        (["SET k 1", "BITOP NOT d k"], ["0:d new", "0:d set"]),
        (["SET d 1", "BITOP OR d k"], ["0:k keymiss", "0:d del"]),
        (["SET a 1", "DEL a b"], ["0:a del"]),
        (["SET k v", "EXPIRE k 10"], ["0:k expire"]),
        (["SET k v", "EXPIRE k -1"], ["0:k del"]),
        (["SET k v EX 10", "PERSIST k"], ["0:k persist"]),
        (["SET a 1", "RENAME a b"], ["0:b new", "0:a rename_from", "0:b rename_to"]),
        (["MSET a 1 b 2", "RENAME a b"], ["0:b new", "0:a rename_from", "0:b rename_to"]),
        (["SET a 1", "RENAME a a"], []),
        (["SET a 1", "MOVE a 3"], ["3:a new", "0:a move_from", "3:a move_to"]),
        (["SET a 1", "COPY a b DB 2"], ["2:b new", "2:b copy_to"]),
        (["GET k"], ["0:k keymiss"]),
        (["XREAD STREAMS k 0"], ["0:k keymiss", "0:k keymiss"]),
        (["XREAD STREAMS k m 0 $"], ["0:k keymiss", "0:m keymiss", "0:k keymiss", "0:m keymiss"]),
        (["XREADGROUP GROUP g c STREAMS k >"], ["0:k keymiss"]),
        (["TTL k"], ["0:k keymiss"]),
        (["OBJECT ENCODING k"], []),
        (["MGET a b"], ["0:a keymiss", "0:b keymiss"]),
        (["XREAD STREAMS a b 1 1"], ["0:a keymiss", "0:b keymiss", "0:a keymiss", "0:b keymiss"]),
        (["SET k v", "FLUSHALL"], []),
    ])
    func commandsAnnounceTheirEvents(_ commands: [String], _ expected: [String]) throws {
        #expect(try events("Amn", commands) == expected)
        #expect(try events("Amn", commands, loops: 2) == expected)
    }

    @Test(arguments: [
        ("g", ["0:a expire", "0:a del"]), ("$", ["0:a set"]), ("n", ["0:a new"]), ("m", ["0:a keymiss"]),
        ("lshzxetd", []), ("A", ["0:a set", "0:a expire", "0:a del"]),
    ])
    func onlyTheClassesAskedForAreAnnounced(_ classes: String, _ expected: [String]) throws {
        #expect(try events(classes, ["SET a 1\r\nEXPIRE a 10\r\nDEL a\r\nGET a"]) == expected)
    }

    @Test func eventsGoToTheChannelsAskedFor() throws {
        let shell = try FakeShell()
        let client = shell.connect(), listener = shell.connect()
        _ = shell.exchange(listener, "SUBSCRIBE __keyspace@2__:k __keyevent@2__:set\r\n")
        _ = shell.exchange(client, "SELECT 2\r\n")
        let bySpace = "*3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@2__:k\r\n$3\r\nset\r\n"
        let byEvent = "*3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@2__:set\r\n$1\r\nk\r\n"
        for (classes, expected) in [("", ""), ("$", ""), ("K$", bySpace), ("E$", byEvent), ("KE$", bySpace + byEvent)] {
            _ = shell.exchange(client, "CONFIG SET notify-keyspace-events \"\(classes)\"\r\nSET k v\r\n")
            #expect(listener.take() == expected, "\(classes)")
        }
    }

    @Test(arguments: [true, false])
    func expiredKeysAreAnnounced(_ byLookingThemUp: Bool) throws {
        let shell = try FakeShell(loops: 2, options: ["--notify-keyspace-events", "Ex"])
        let client = shell.connect(), listener = shell.connect(loop: 1)
        _ = shell.exchange(listener, "SUBSCRIBE __keyevent@0__:expired\r\n")
        _ = shell.exchange(client, "SET k v PX 10\r\n")
        // Long enough for a tick, which finds the deadline.
        shell.now += 500
        if byLookingThemUp { _ = shell.exchange(client, "GET k\r\n") } else { shell.settle() }
        shell.settle()
        #expect(listener.take() == "*3\r\n$7\r\nmessage\r\n$22\r\n__keyevent@0__:expired\r\n$1\r\nk\r\n")
    }

    /// In RESP3 the one who changes a key may listen, too: what it hears comes behind the reply, however that is
    /// made up.
    @Test func aClientsOwnEventsFollowItsReply() throws {
        let shell = try FakeShell(options: ["--notify-keyspace-events", "K$"])
        let client = shell.connect()
        _ = shell.exchange(client, "HELLO 3\r\nPSUBSCRIBE *\r\n")
        let event = { (key: String) in
            ">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$16\r\n__keyspace@0__:\(key)\r\n$3\r\nset\r\n"
        }
        #expect(
            shell.exchange(client, "SET a 1 GET\r\nSET b 1\r\nPING\r\n")
                == "_\r\n" + event("a") + "+OK\r\n" + event("b") + "+PONG\r\n")
        _ = shell.exchange(client, "MULTI\r\nSET a 1\r\nSET b 1\r\n")
        #expect(shell.exchange(client, "EXEC\r\n") == "*2\r\n+OK\r\n+OK\r\n" + event("a") + event("b"))
        #expect(shell.exchange(client, "CLIENT REPLY OFF\r\nSET a 1\r\n") == event("a"))
    }
}
