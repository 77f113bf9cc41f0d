import Testing

@testable import Node

/// How OBJECT FREQ goes with `lfu-log-factor` and `lfu-decay-time`: as redis-server 7.0.15's.
struct FrequencyTests {
    private let shell: FakeShell
    private let client: FakeClient

    init() throws {
        shell = try FakeShell(options: ["--maxmemory-policy", "allkeys-lfu"])
        client = shell.connect()
    }

    private func frequency(_ key: String = "k") -> Int? {
        Int(shell.exchange(client, "OBJECT FREQ \(key)\r\n").dropFirst().dropLast())
    }

    private func read(_ times: Int) {
        _ = shell.exchange(client, String(repeating: "GET k\r\n", count: times))
    }

    @Test(arguments: [(0, 105...105), (1, 10...30), (1000, 5...7)])
    func countersGrowAsSlowlyAsConfigured(_ factor: Int, _ expected: ClosedRange<Int>) throws {
        _ = shell.exchange(client, "CONFIG SET lfu-log-factor \(factor)\r\nSET k value\r\n")
        #expect(frequency() == 5)
        read(100)
        #expect(expected.contains(try #require(frequency())))
        if factor == 0 {
            read(300)
            #expect(frequency() == 255)
        }
    }

    @Test(arguments: [(0, 25), (1, 15), (3, 22), (20, 25)])
    func countersDecayAsFastAsConfigured(_ minutes: Int, _ expected: Int) {
        _ = shell.exchange(client, "CONFIG SET lfu-log-factor 0 lfu-decay-time \(minutes)\r\nSET k value\r\n")
        read(20)
        shell.now += 10 * 60_000
        #expect(frequency() == expected)
        // Looking does not count; an access starts from what is left.
        #expect(frequency() == expected)
        read(1)
        #expect(frequency() == expected + 1)
    }

    /// The commands, then what redis-server 7.0.15 says of the key, with a factor of 0.
    @Test(arguments: [
        (["SET k a", "SET k b", "SET k c"], 7), (["SET k a", "SET k bb EX 100"], 6),
        (["SET k a", "DEL k", "SET k a"], 5),
        (["INCR k", "INCR k", "APPEND k 4", "EXPIRE k 100"], 8),
    ])
    func writesCountToo(_ commands: [String], _ expected: Int) {
        run(commands)
        #expect(frequency() == expected)
    }

    /// The same, where we count a write several times if it consists of several changes.
    @Test(arguments: [
        (["HSET k a 1", "HSET k a 3"], 6), (["RPUSH k 1 2 3", "LPOP k", "LPUSH k 3", "EXISTS k", "TYPE k"], 7),
        (["SADD k 1", "SADD k x", "SPOP k"], 7), (["ZADD k 1 a", "ZADD k 2 b", "ZADD k 3 c"], 7),
        (["XADD k * a 1", "XADD k * b 1"], 6),
    ])
    func changesOfCollectionsCount(_ commands: [String], _ expected: Int) throws {
        run(commands)
        #expect((expected...expected + 3).contains(try #require(frequency())))
    }

    private func run(_ commands: [String]) {
        _ = shell.exchange(client, "CONFIG SET lfu-log-factor 0\r\n")
        for command in commands { #expect(!shell.exchange(client, command + "\r\n").hasPrefix("-")) }
    }
}
