import Base
import Storage
import Testing

@testable import Node

/// How much writers are slowed down, and what that does to them.
@Suite struct WritePaceTests {
    private let pace = WritePace(debtPercent: 100, runs: 30)

    @Test func pressureIsTheWorseOfTwo() {
        let gigabyte: Int64 = 1 << 30
        #expect(pace.pressure(debtBytes: 0, bytes: gigabyte, runs: 0) == 0)
        #expect(pace.pressure(debtBytes: gigabyte, bytes: gigabyte, runs: 3) == 1)
        #expect(pace.pressure(debtBytes: gigabyte / 2, bytes: gigabyte, runs: 45) == 1.5)
        #expect(pace.pressure(debtBytes: 3 * gigabyte, bytes: gigabyte, runs: 45) == 3)
        // A small tree counts as one of 512 MB.
        #expect(pace.pressure(debtBytes: gigabyte / 4, bytes: 1000, runs: 0) == 0.5)
    }

    @Test func zeroTurnsABoundOff() {
        let off = WritePace(debtPercent: 0, runs: 0)
        #expect(off.pressure(debtBytes: 1 << 50, bytes: 1, runs: 100_000) == 0)
        #expect(WritePace(debtPercent: 0, runs: 10).pressure(debtBytes: 1 << 50, bytes: 1, runs: 5) == 0.5)
        #expect(WritePace(debtPercent: 50, runs: 0).pressure(debtBytes: 1 << 30, bytes: 1 << 30, runs: 500) == 2)
    }

    @Test func delaysGrowAndAreBounded() {
        #expect(WritePace.delay(0) == 0 && WritePace.delay(0.99) == 0 && WritePace.delay(1) == 0)
        #expect(WritePace.delay(1.01) == 1 && WritePace.delay(1.1) == 1)
        #expect(WritePace.delay(1.5) == 25 && WritePace.delay(1.9) == 81)
        #expect(WritePace.delay(2) == 100 && WritePace.delay(1e9) == 100 && WritePace.delay(.infinity) == 100)
        var last: Int64 = 0
        for step in 0...3000 {
            let delay = WritePace.delay(Double(step) / 1000)
            #expect(delay >= last && delay <= WritePace.delayMax)
            last = delay
        }
    }

    @Test func helpComesBeforeWritersAreSlowedDown() {
        #expect(!WritePace.helps(0.49, isHelping: false) && WritePace.helps(0.5, isHelping: false))
        #expect(WritePace.helps(0.25, isHelping: true) && !WritePace.helps(0.24, isHelping: true))
        #expect(WritePace.delay(0.5) == 0)
    }

    /// Two runs where one is allowed: the longest delay.
    private func slowNode(_ options: [String] = []) throws -> PersistentNode {
        let server = try PersistentNode(options: ["--write-slowdown-runs", "1"] + options)
        for value in 1...2 {
            server.run("SET key \(value)")
            #expect(server.save() == nil)
        }
        #expect(server.info("tree")["tree_write_delay_ms"] == "100")
        return server
    }

    @Test func whoWritesIsNotReadForAWhile() throws {
        let server = try slowNode()
        let reader = server.shell.connect()
        #expect(server.run("SET key 3\r\nSET key 4") == "+OK\r\n+OK\r\n")
        #expect(server.run("SET key 5") == "")
        #expect(server.shell.exchange(reader, "GET key\r\n") == "$1\r\n4\r\n")
        #expect(server.shell.exchange(reader, "GET key\r\n") == "$1\r\n4\r\n")
        server.shell.now += 99
        #expect(server.run("") == "")
        server.shell.now += 1
        #expect(server.run("").hasPrefix("+OK\r\n"))
        #expect(server.shell.exchange(reader, "GET key\r\n") == "$1\r\n5\r\n")
    }

    /// The bound is lifted, or there is nothing to be behind with any more: nobody waits out what he was told before.
    @Test func itEndsAtOnce() throws {
        let server = try slowNode()
        #expect(server.run("SET key 3") == "+OK\r\n")
        #expect(server.run("SET key 4") == "")
        let other = server.shell.connect()
        #expect(server.shell.exchange(other, "CONFIG SET write-slowdown-runs 0\r\n") == "+OK\r\n")
        #expect(server.run("").hasPrefix("+OK\r\n"))
        #expect(server.info("tree")["tree_slowed_turns"] == "1")
    }

    @Test func aSlowedClientMayGo() throws {
        let server = try slowNode()
        let writer = server.shell.connect()
        #expect(server.shell.exchange(writer, "SET key 3\r\nQUIT\r\n") == "+OK\r\n+OK\r\n")
        #expect(!writer.isOpen)
        server.shell.now += 1000
        #expect(server.run("GET key") == "$1\r\n3\r\n")
    }

    @Test func readersAndFailedWritersAreNotSlowedDown() throws {
        let server = try slowNode()
        for _ in 0..<3 {
            #expect(server.run("GET key") == "$1\r\n2\r\n")
            #expect(server.run("LPUSH key x").hasPrefix("-WRONGTYPE"))
            #expect(server.run("DEL nothing") == ":0\r\n")
        }
        #expect(server.run("MULTI\r\nSET key 3\r\nEXEC") == "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n")
        #expect(server.run("GET key") == "")
    }
}
