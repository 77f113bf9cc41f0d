import Testing

@testable import Node

/// `maxmemory` and its policies. The process' own memory is what counts, so the tests ask for the impossible (1 byte)
/// or for everything.
struct MemoryLimitTests {
    @Test(arguments: [1, 2])
    func keysGoAsSoonAsThereIsALimit(_ loops: Int) throws {
        let shell = try FakeShell(loops: loops, options: ["--maxmemory-policy", "allkeys-lru"])
        let client = shell.connect(), listener = shell.connect(loop: loops - 1)
        _ = shell.exchange(client, "CONFIG SET notify-keyspace-events Ee\r\nMSET a 1 b 2\r\n")
        _ = shell.exchange(listener, "PSUBSCRIBE *\r\n")
        _ = shell.exchange(client, "CONFIG SET maxmemory 1\r\n")
        shell.settle()
        let heard = listener.take()
        for key in ["a", "b"] { #expect(heard.contains("__keyevent@0__:evicted\r\n$1\r\n\(key)\r\n")) }
        #expect(shell.exchange(client, "DBSIZE\r\n") == ":0\r\n")
        #expect(shell.exchange(client, "SET c 3\r\n") == "-OOM command not allowed when used memory > 'maxmemory'.\r\n")
        #expect(shell.exchange(client, "INFO stats\r\n").contains("\r\nevicted_keys:2\r\n"))
        #expect(shell.exchange(client, "CONFIG SET maxmemory 0\r\nSET c 3\r\n") == "+OK\r\n+OK\r\n")
    }

    @Test(arguments: ["volatile-lru", "volatile-lfu", "volatile-ttl", "volatile-random"])
    func onlyKeysWithDeadlinesGo(_ policy: String) throws {
        let shell = try FakeShell(options: ["--maxmemory-policy", policy])
        let client = shell.connect()
        _ = shell.exchange(client, "MSET a 1 b 2\r\nSET c 3 EX 1000\r\nSET d 3 EX 1000\r\nCONFIG SET maxmemory 1\r\n")
        shell.settle()
        #expect(shell.exchange(client, "MGET a b c d\r\n") == "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n$-1\r\n")
    }

    @Test func nothingGoesUnlessToldTo() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        _ = shell.exchange(client, "SET a 1\r\nCONFIG SET maxmemory 1\r\n")
        shell.settle()
        #expect(
            shell.exchange(client, "GET a\r\nSET b 1\r\n")
                == "$1\r\n1\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n")
    }

    @Test func whoHasCachedAKeyHearsThatItWentBeforeTheReply() throws {
        let shell = try FakeShell(options: ["--maxmemory-policy", "allkeys-random"])
        let client = shell.connect()
        _ = shell.exchange(
            client, "HELLO 3\r\nCLIENT TRACKING ON\r\nSET a 1\r\nGET a\r\nMULTI\r\nCONFIG SET maxmemory 1\r\nGET a\r\n")
        // Room is made when the transaction is over.
        #expect(
            shell.exchange(client, "EXEC\r\nGET a\r\n").hasPrefix("*2\r\n+OK\r\n$1\r\n1\r\n"))
        shell.settle()
        _ = client.take()
        _ = shell.exchange(client, "CONFIG SET maxmemory 0\r\nSET a 1\r\nGET a\r\n")
        #expect(
            shell.exchange(client, "CONFIG SET maxmemory 1\r\n")
                == "+OK\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n")
        #expect(shell.exchange(client, "GET a\r\n") == "_\r\n")
    }
}
