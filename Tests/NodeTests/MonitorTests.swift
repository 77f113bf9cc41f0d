import Testing

@testable import Node

/// MONITOR. Expected lines are those of redis-server 7.0.15.
struct MonitorTests {
    /// What a monitor sees of a request, without times and addresses: database and words.
    private func shown(_ text: String) -> [String] {
        text.split(separator: "\r\n").filter { $0.hasPrefix("+1800000000.000000 [") }.map { line in
            let parts = line.split(separator: "[", maxSplits: 1)[1].split(separator: "]", maxSplits: 1)
            return String(parts[0].split(separator: " ")[0] + parts[1])
        }
    }

    @Test(arguments: [1, 2])
    func everyCommandIsShownAsItRuns(_ loops: Int) throws {
        let shell = try FakeShell(loops: loops)
        let monitor = shell.connect(loop: loops - 1), client = shell.connect()
        #expect(shell.exchange(monitor, "MONITOR\r\n") == "+OK\r\n")
        for (request, lines) in [
            ("SET foo bar", ["0 \"SET\" \"foo\" \"bar\""]),
            ("GET \"a\\\"b\\\\c\\n\\x00\\xff\"", ["0 \"GET\" \"a\\\"b\\\\c\\n\\x00\\xff\""]),
            ("SELECT 3", ["3 \"SELECT\" \"3\""]),
            ("GET foo\r\nPING", ["3 \"GET\" \"foo\"", "3 \"PING\""]),
            ("CLIENT ID", ["3 \"CLIENT\" \"ID\""]),
            // What administers is not shown, nor what does not run.
            ("CLIENT LIST", []), ("CONFIG GET x", []), ("NOSUCH x", []), ("GET", []),
            ("AUTH secret", ["3 \"AUTH\" \"(redacted)\""]),
            ("HELLO 2 AUTH default secret", ["3 \"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\""]),
            ("MULTI\r\nSELECT 1\r\nGET x", ["3 \"MULTI\""]),
            ("EXEC", ["1 \"SELECT\" \"1\"", "1 \"GET\" \"x\"", "1 \"EXEC\""]),
        ] {
            _ = shell.exchange(client, request + "\r\n")
            #expect(shown(monitor.take()) == lines, "\(request)")
        }
        _ = shell.exchange(monitor, "QUIT\r\n")
        #expect(!shell.node.executors[0].isMonitored)
    }

    @Test func aMonitorsOwnCommandsFollowTheirReplies() throws {
        let shell = try FakeShell()
        let monitor = shell.connect()
        let replies = shell.exchange(monitor, "MONITOR\r\nPING\r\nMULTI\r\nPING\r\nEXEC\r\n")
        let kinds = replies.split(separator: "\r\n").map { $0.hasPrefix("+1800000000") ? "line" : String($0) }
        #expect(kinds == ["+OK", "+PONG", "line", "+OK", "line", "+QUEUED", "*1", "+PONG", "line", "line"])
        #expect(shell.exchange(monitor, "CLIENT INFO\r\n").contains(" flags=O "))
        for request in ["GET k", "SET k v", "PUBLISH c m"] {
            #expect(shell.exchange(monitor, request + "\r\n") == "-ERR Replica can't interact with the keyspace\r\n")
        }
        // Saying it again is not answered.
        #expect(shell.exchange(monitor, "MONITOR\r\n") == "")
        #expect(shell.exchange(monitor, "RESET\r\nPING\r\nGET k\r\n") == "+RESET\r\n+PONG\r\n$-1\r\n")
        #expect(!shell.node.executors[0].isMonitored)
    }

    @Test func aTransactionMayNotMonitor() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        _ = shell.exchange(client, "MULTI\r\nMONITOR\r\n")
        #expect(shell.exchange(client, "EXEC\r\n") == "*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n")
    }

    @Test func aPauseDoesNotHoldMonitors() throws {
        let shell = try FakeShell()
        let monitor = shell.connect(), client = shell.connect()
        _ = shell.exchange(monitor, "MONITOR\r\n")
        _ = shell.exchange(client, "CLIENT PAUSE 1000\r\n")
        #expect(shell.exchange(monitor, "PING\r\n").hasPrefix("+PONG\r\n"))
        #expect(shell.exchange(client, "PING\r\n") == "")
    }
}
