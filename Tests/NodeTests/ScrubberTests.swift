import Base
import Simulation
import Storage
import Testing

@testable import Node

/// The slow walk over everything on disk, second by second.
@Suite struct ScrubberTests {
    /// Three tables, and two segments of the log of which one is complete.
    private func filled(_ options: [String]) throws -> PersistentNode {
        let first = try PersistentNode()
        for value in 0..<3 {
            for i in 0..<50 { first.run("SET key:\(i) \(String(repeating: "\(value)", count: 100))") }
            #expect(first.save() == nil)
        }
        for i in 0..<50 { first.run("SET late:\(i) x") }
        first.persistence.writeAll()
        let server = try PersistentNode(first.files.crash(keeping: .everything), options: options)
        server.run("SET last 1")
        server.persistence.writeAll()
        #expect(server.persistence.log.closedSegments.count == 1)
        return server
    }

    private final class Clock {
        let scrubber: Scrubber
        var now: Int64 = 1_800_000_000
        var damagedLogs = 0

        init(_ server: PersistentNode) { scrubber = server.persistence.keeper!.scrubber }

        func tick() -> Int64 { scrubber.tick(now: now) { damagedLogs += 1 } }

        /// Ticks every second as long as it works. Answers how many seconds that took.
        func round() -> Int64 {
            let start = now
            repeat {
                _ = tick()
                now += 1
            } while scrubber.figures.isAtWork
            return now - start
        }
    }

    @Test func everythingIsReadAtTheRateThatIsSet() throws {
        let server = try filled(["--scrub-rate", "1000", "--scrub-interval", "3600"])
        let clock = Clock(server)
        let tables = server.persistence.keeper!.tree.bytes
        let segments = server.persistence.log.closedSegments.reduce(0) { $0 + $1.bytes }
        let seconds = clock.round()
        #expect(clock.scrubber.figures.bytes == tables + segments)
        // A second and what is left over, for the tables and for the log; and the one in which it begins.
        #expect((tables + segments) / 1000...(tables + segments) / 1000 + 4 ~= seconds)
        #expect(clock.scrubber.figures.damage == 0 && clock.damagedLogs == 0)
        let info = server.info("tree")
        #expect(info["tree_scrub_rounds"] == "1" && info["tree_scrub_in_progress"] == "0")
        #expect(info["tree_scrub_last_round"] == "\(clock.now - 1)")
        #expect(info["tree_scrubbed_bytes"] == "\(tables + segments)")
    }

    @Test func roundsBeginWithTheInterval() throws {
        let server = try filled(["--scrub-rate", "1mb", "--scrub-interval", "3600"])
        let clock = Clock(server)
        let began = clock.now
        _ = clock.round()
        #expect(clock.tick() == began + 3600 - clock.now)
        clock.now = began + 3599
        #expect(clock.tick() == 1 && !clock.scrubber.figures.isAtWork)
        clock.now += 1
        #expect(clock.tick() == 1 && clock.scrubber.figures.isAtWork)
        _ = clock.round()
        #expect(clock.scrubber.figures.rounds == 2)
        #expect(server.run("CONFIG SET scrub-interval 60") == "+OK\r\n")
        clock.now += 60
        _ = clock.tick()
        #expect(clock.scrubber.figures.isAtWork)
    }

    @Test func itCanBeSwitchedOff() throws {
        let server = try filled(["--scrub-rate", "0"])
        let clock = Clock(server)
        #expect(clock.tick() == -1 && !clock.scrubber.figures.isAtWork)
        #expect(server.run("CONFIG SET scrub-rate 1mb") == "+OK\r\n")
        #expect(clock.tick() == 1 && clock.scrubber.figures.isAtWork)
        #expect(server.run("CONFIG SET scrub-rate 0") == "+OK\r\n")
        #expect(clock.tick() == -1)
    }

    /// A bit anywhere in a table or in a complete segment is found, and nothing else is called damaged.
    @Test func rotIsFound() throws {
        let server = try filled(["--scrub-rate", "10mb", "--scrub-interval", "0"])
        let clock = Clock(server)
        let folder = "/tmp/appendonlydir/"
        let segment = folder + LogFormat.segmentName(server.persistence.log.closedSegments[0].first)
        let table = try #require(server.files.paths.first { $0.hasPrefix(folder + "table-") })
        var random = PRNG(seed: 3)
        for path in [segment, table] {
            let size = UInt64(try #require(server.files.contents(path)).count)
            for round in 0..<40 {
                let (offset, bit) = (Int64(random.below(size)), Int(random.below(8)))
                let before = clock.scrubber.figures.damage
                let logs = clock.damagedLogs
                #expect(server.files.flipBit(path, offset, bit))
                server.files.dropCaches()
                _ = clock.round()
                let found = clock.scrubber.figures.damage - before
                #expect(found == 1, "\(path) \(offset) \(bit), round \(round)")
                #expect(clock.damagedLogs - logs == (path == segment ? 1 : 0))
                #expect(server.files.flipBit(path, offset, bit))
                server.files.dropCaches()
            }
        }
        #expect(server.info("tree")["tree_scrub_damage"] == "80")
    }

    /// What a damaged segment holds is in memory: the round that is asked for makes it superfluous.
    @Test func aRoundMakesUpForADamagedSegment() throws {
        let server = try filled(["--scrub-rate", "10mb"])
        let clock = Clock(server)
        let number = server.persistence.log.closedSegments[0].first
        #expect(server.files.flipBit("/tmp/appendonlydir/" + LogFormat.segmentName(number), 100, 0))
        server.files.dropCaches()
        _ = clock.round()
        #expect(clock.damagedLogs == 1)
        #expect(server.save() == nil)
        server.persistence.writeAll()
        #expect(!server.persistence.log.closedSegments.contains { $0.first == number })
        let next = try PersistentNode(server.files.kill())
        #expect(next.run("DBSIZE") == ":101\r\n")
    }
}
