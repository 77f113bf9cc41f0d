import Testing

@testable import Node

/// `maxmemory-clients`: the largest clients go while all of them together take too much.
struct ClientEvictionTests {
    /// A client that has queued so many bytes in MULTI.
    private static func queuing(_ shell: FakeShell, _ bytes: Int, loop: Int = 0) -> FakeClient {
        let client = shell.connect(loop: loop)
        let value = String(repeating: "v", count: bytes)
        _ = shell.exchange(client, "MULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$\(bytes)\r\n\(value)\r\n")
        return client
    }

    private static func settle(_ shell: FakeShell) {
        for _ in 0..<5 {
            shell.now += 1000
            shell.settle()
        }
    }

    @Test(arguments: [1, 2])
    func theLargestGoFirst(_ loops: Int) throws {
        let shell = try FakeShell(loops: loops)
        let admin = shell.connect()
        let large = ClientEvictionTests.queuing(shell, 400_000, loop: loops - 1)
        let small = ClientEvictionTests.queuing(shell, 100_000)
        let id = large.id
        _ = shell.exchange(admin, "CONFIG SET maxmemory-clients 300kb\r\n")
        ClientEvictionTests.settle(shell)
        #expect(!large.isOpen && small.isOpen && admin.isOpen)
        #expect(shell.exchange(admin, "INFO stats\r\n").contains("\r\nevicted_clients:1\r\n"))
        #expect(shell.lines.contains { $0.hasPrefix("Evicting client: id=\(id) ") })
        #expect(shell.exchange(small, "EXEC\r\n") == "*1\r\n+OK\r\n")
    }

    /// Growing past the limit is noticed without anybody's asking.
    @Test func theLimitHoldsFromThenOn() throws {
        let shell = try FakeShell(options: ["--maxmemory-clients", "2mb"])
        let first = ClientEvictionTests.queuing(shell, 400_000)
        ClientEvictionTests.settle(shell)
        #expect(first.isOpen)
        let second = ClientEvictionTests.queuing(shell, 1_500_000)
        ClientEvictionTests.settle(shell)
        #expect(first.isOpen && !second.isOpen)
    }

    @Test func whoSaysNoEvictStays() throws {
        let shell = try FakeShell()
        let admin = shell.connect()
        let spared = shell.connect()
        _ = shell.exchange(spared, "CLIENT NO-EVICT ON\r\n")
        let value = String(repeating: "v", count: 500_000)
        _ = shell.exchange(spared, "MULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000\r\n\(value)\r\n")
        _ = shell.exchange(admin, "CLIENT NO-EVICT ON\r\nCONFIG SET maxmemory-clients 200kb\r\n")
        let other = shell.connect()
        ClientEvictionTests.settle(shell)
        // It counts all the same: everybody else has to go.
        #expect(spared.isOpen && admin.isOpen && !other.isOpen)
        #expect(shell.exchange(spared, "EXEC\r\n") == "*1\r\n+OK\r\n")
    }

    @Test(arguments: [
        ("0", "0", 0), ("1000", "0", 128 << 10), ("10mb", "0", 10 << 20), ("5%", "0", 0),
        ("5%", "100mb", 5 << 20), ("1%", "1mb", 128 << 10),
    ])
    func theLimitInBytes(_ limit: String, _ memory: String, _ bytes: Int) throws {
        let shell = try FakeShell(options: ["--maxmemory", memory, "--maxmemory-clients", limit])
        #expect(shell.node.configuration.settings.clientMemoryLimit == bytes)
    }
}
