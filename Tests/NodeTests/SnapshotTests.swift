import Base
import Keyspace
import Testing

@testable import Node

/// SAVE and what is read at the start, on a node without sockets and with a disk in memory.
struct SnapshotTests {
    @Test func savePointsAreReached() {
        let snapshots = Snapshots(startedAt: 1_000_000)
        let points = [SavePoint(seconds: 900, changes: 1), SavePoint(seconds: 60, changes: 100)]
        snapshots.schedule(points, writes: 0, now: 1_000_000)
        #expect(snapshots.due == .max)
        snapshots.schedule(points, writes: 99, now: 1_000_000)
        #expect(snapshots.due == (1000 + 901) * 1000)
        snapshots.schedule(points, writes: 100, now: 1_000_000)
        #expect(snapshots.due == (1000 + 61) * 1000)
        snapshots.saved(writes: 100, now: 2_000_000)
        snapshots.schedule(points, writes: 100, now: 2_000_000)
        #expect(snapshots.due == .max)
        snapshots.schedule(points, writes: 101, now: 2_000_000)
        #expect(snapshots.due == (2000 + 901) * 1000)
    }

    @Test func failuresAreNotRepeatedAtOnce() {
        let snapshots = Snapshots(startedAt: 1_000_000)
        let points = [SavePoint(seconds: 1, changes: 1)]
        func begin() {
            snapshots.change {
                $0.lastTry = 2000
                $0.child = Snapshots.Child(process: 5, started: 2000, writes: 7)
            }
        }
        begin()
        snapshots.schedule(points, writes: 9, now: 2_000_000)
        #expect(snapshots.due == .max)
        snapshots.ended(.failed("no room"), now: 2_001_000)
        #expect(snapshots.hasFailed && snapshots.now.lastSeconds == 1)
        snapshots.schedule(points, writes: 9, now: 2_001_000)
        #expect(snapshots.due == 2_006_000)
        begin()
        snapshots.ended(.killed(signal: ChildEnd.endSignal), now: 2_002_000)
        #expect(snapshots.hasFailed)
        begin()
        snapshots.ended(.done(copied: 4096), now: 2_003_000)
        #expect(!snapshots.hasFailed && snapshots.now.savedWrites == 7 && snapshots.now.lastSave == 2003)
        begin()
        snapshots.ended(.killed(signal: ChildEnd.endSignal), now: 2_004_000)
        #expect(!snapshots.hasFailed)
        begin()
        snapshots.ended(.killed(signal: 9), now: 2_004_000)
        #expect(snapshots.hasFailed)
    }

    @Test func pointsAreParsed() {
        #expect(SavePoint.parse("") == [])
        #expect(
            SavePoint.parse("3600 1 60 10000")
                == [SavePoint(seconds: 3600, changes: 1), SavePoint(seconds: 60, changes: 10000)])
    }

    /// A node without a disk has every value go through its payload; SAVE says that it cannot.
    @Test func nothingIsSavedWithoutADisk() throws {
        let server = try ServedNode()
        server.run("SET a 1")
        #expect(server.run("SAVE") == "-ERR\r\n")
        #expect(server.run("BGSAVE") == "-ERR\r\n")
        #expect(server.run("DEBUG RELOAD") == "+OK\r\n")
        #expect(server.run("BGREWRITEAOF") == "+Background append only file rewriting started\r\n")
        #expect(server.run("SHUTDOWN SAVE") == "-ERR Errors trying to SHUTDOWN. Check logs.\r\n")
        #expect(server.run("GET a") == "$1\r\n1\r\n")
    }

    @Test func loadingIsTold() throws {
        let server = try ServedNode()
        server.run("SET a 1")
        server.node.beginLoading()
        let told = "-LOADING Redis is loading the dataset in memory\r\n"
        for line in ["GET a", "SET a 2", "PING", "FLUSHALL", "EVAL return 0", "DEBUG RELOAD"] {
            #expect(server.run(line) == told, "\(line)")
        }
        #expect(server.run("CONFIG GET port") == "*2\r\n$4\r\nport\r\n$4\r\n6379\r\n")
        try server.node.finishLoading([], loopsRun: true)
        #expect(server.run("GET a") == "$1\r\n1\r\n")
    }
}
