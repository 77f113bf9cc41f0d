import Base
import Commands
import Foundation
import Scripting
import Testing

@testable import Keyspace
@testable import Node

/// RDB files: what we write is read back, what redis-server 7.0.15 wrote is read, and what is not whole is refused.
@Suite struct SnapshotFileTests {
    /// A file in memory.
    private final class MemoryFile: Base.File, @unchecked Sendable {
        let path = "memory"
        var bytes: [UInt8]
        /// Reads give fewer bytes than asked for.
        var readMax = Int.max

        init(_ bytes: [UInt8] = []) { self.bytes = bytes }

        func readSome(_ room: UnsafeMutableRawBufferPointer, at offset: Int64, waits: Bool) -> Int {
            let count = max(0, min(room.count, bytes.count - Int(offset), readMax))
            for i in 0..<count { room[i] = bytes[Int(offset) + i] }
            return count
        }

        func writeSome(_ new: UnsafeRawBufferPointer, at offset: Int64) -> Int {
            bytes.replaceSubrange(Int(offset)..<min(bytes.count, Int(offset) + new.count), with: new)
            return new.count
        }

        func sync() throws(DiskError) {}
        func truncate(to size: Int64) throws(DiskError) { bytes.removeLast(bytes.count - Int(size)) }
        func size() throws(DiskError) -> Int64 { Int64(bytes.count) }
        func lock() throws(DiskError) -> Bool { true }
    }

    private static let now: Int64 = 1_800_000_000_000
    private static var moment: Moment { Moment(wall: now, stamp: AccessStamp.fresh(frequency: false, now: now)) }

    private func write(_ keyspace: Keyspace, _ hint: SnapshotHint = .none) throws -> [UInt8] {
        let file = MemoryFile()
        var writer = SnapshotWriter(file, hasChecksum: true)
        writer.note("redis-ver", "7.0.15")
        keyspace.write(to: &writer, hint, moment: Self.moment)
        let count = try writer.finish()
        #expect(Int(count) == file.bytes.count)
        return file.bytes
    }

    @discardableResult
    private func load(
        _ bytes: [UInt8], into keyspace: Keyspace, window: Int = 1 << 20, readMax: Int = .max,
        change: (inout SnapshotRules) -> Void = { _ in }
    ) throws(SnapshotError) -> SnapshotReport {
        let file = MemoryFile(bytes)
        file.readMax = readMax
        var rules = SnapshotRules()
        rules.windowBytes = window
        change(&rules)
        var loader = SnapshotLoader(file, into: keyspace, rules, moment: Self.moment)
        try loader.run { _, _ in }
        return loader.report
    }

    private func emptyKeyspace() -> Keyspace {
        let keyspace = Keyspace(databases: 16, reclaimer: Reclaimer(readers: 1), disposer: Disposer())
        keyspace.shared.pointee.packing[.hashEntries] = 8
        return keyspace
    }

    private static func fixture(_ source: String = #filePath) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: source).deletingLastPathComponent().deletingLastPathComponent()
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent("Golden/snapshot.rdb")))
    }

    /// Values and deadlines; versions and times of changes are new.
    private func contents(_ keyspace: Keyspace) -> [KeyState] {
        keyspace.state.keys.map { key in
            var key = key
            (key.timestamp, key.dot, key.order) = (0, 0, [])
            return key
        }
    }

    /// What keys have besides their values, which keep no dots.
    private func siblings(_ keyspace: Keyspace) -> [String] {
        var lines: [String] = []
        keyspace.forEachPartition { partition in
            for database in 0..<keyspace.databaseCount {
                let access = Access(partition, database: database, moment: Self.moment)
                partition.pointee.databases[database].entries.forEach { entry in
                    access.forEachSibling(of: entry.key) { version, _ in
                        let value = String(decoding: version.bytes, as: UTF8.self)
                        lines.append("\(database) \(entry.key.text): \(value)")
                    }
                }
            }
        }
        return lines.sorted()
    }

    /// Random commands of all types: what is written and read is what was there, however little is in memory at once.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func whatIsWrittenIsRead(_ seed: UInt64) throws {
        let server = try ServedNode()
        server.wall = Self.now
        var random = PRNG(seed: seed)
        for i in 0..<4000 {
            let words = ReplayMix.command(&random)
            // Who waits sends nothing more.
            if words[0].first == UInt8(ascii: "B") || words.contains(Array("BLOCK".utf8)) { continue }
            // In the end there is something.
            if i > 3000 && words[0].starts(with: Array("FLUSH".utf8)) { continue }
            server.send(words)
        }
        server.send([Array("SELECT".utf8), Array("0".utf8)])
        for value in ["a", "b", "c"] { server.run("VSET siblings \(value)") }
        let keyspace = server.node.keyspace
        // Packed forms that have grown past today's limits, or shrunk below them, come back by these.
        keyspace.forEachPartition { partition in
            for database in 0..<keyspace.databaseCount {
                #expect(Access(partition, database: database, moment: Self.moment).reloadAll() == nil)
            }
        }
        let before = contents(keyspace)
        #expect(before.count > 3)
        let bytes = try write(keyspace)
        for (window, readMax) in [(1 << 20, Int.max), (64, Int.max), (100, 7)] {
            let read = Keyspace(
                databases: keyspace.databaseCount, reclaimer: Reclaimer(readers: 1), disposer: Disposer())
            let report = try load(bytes, into: read, window: window, readMax: readMax) { $0.keepsExpired = true }
            #expect(report.keys == before.count && report.expired == 0 && report.version == "7.0.15")
            #expect(report.bytes == Int64(bytes.count))
            let isSame = contents(read) == before
            #expect(isSame)
            let siblings = siblings(read)
            #expect(siblings == self.siblings(keyspace) && siblings.contains("0 siblings: a"))
            #expect(read.slotCountersAreRight)
        }
    }

    @Test func redisFileIsRead() throws {
        let server = try ServedNode("--hash-max-listpack-entries", "8")
        let report = try load(try Self.fixture(), into: server.node.keyspace, window: 64)
        #expect(report.version == "7.0.15" && report.expired == 0 && report.libraries.count == 1)
        #expect(
            server.node.executors[0].asCurrent { server.node.executors[0].takeLibraries(report.libraries, .append) }
                == nil)
        let trace = try GoldenTrace("snapshots")
        #expect(trace.steps.count > 60)
        for step in trace.steps {
            let reply = server.send(step.words)
            #expect(reply == step.reply, "line \(step.line)")
        }
    }

    @Test func ourFileIsRedis() throws {
        // Read and written again, it has the same records but for their order: the same bytes in all.
        let keyspace = emptyKeyspace()
        try load(try Self.fixture(), into: keyspace)
        let again = emptyKeyspace()
        try load(try write(keyspace), into: again)
        let isSame = contents(again) == contents(keyspace)
        #expect(isSame)
    }

    @Test func everyTruncationIsRefused() throws {
        let good = try Self.fixture()
        for count in 0..<good.count {
            // Every record's border, and a sample of the rest.
            if count > 2000 && count % 7 != 0 { continue }
            #expect(throws: SnapshotError.self, "\(count) bytes") {
                try load(Array(good[..<count]), into: emptyKeyspace(), window: 256)
            }
        }
    }

    @Test func everyFlippedBitIsRefused() throws {
        let good = try Self.fixture()
        var random = PRNG(seed: 5)
        for _ in 0..<1500 {
            var bad = good
            let place = Int(random.below(UInt64(good.count)))
            bad[place] ^= 1 << UInt8(random.below(8))
            #expect(throws: SnapshotError.self, "byte \(place)") { try load(bad, into: emptyKeyspace()) }
        }
    }

    /// Without a checksum anything may come: it is refused, or what is read can be looked at.
    @Test func hostileBytes() throws {
        let good = try Self.fixture()
        var random = PRNG(seed: 6)
        var taken = 0
        for _ in 0..<600 {
            var bad = good
            for _ in 0...random.below(4) {
                let place = Int(random.below(UInt64(bad.count - 9)))
                switch random.below(3) {
                case 0: bad[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bad.remove(at: place)
                default: bad.insert([0x81, 0xff, 0xc3, 0, 0x80][Int(random.below(5))], at: place)
                }
            }
            let keyspace = emptyKeyspace()
            do {
                try load(bad, into: keyspace) {
                    $0.checksChecksum = false
                    $0.replaces = true
                }
                taken += 1
            } catch {}
            #expect(keyspace.slotCountersAreRight)
            _ = contents(keyspace)
        }
        #expect(taken > 5)
    }

    @Test func whatIsWrongIsSaid() throws {
        func refusal(_ bytes: [UInt8]) -> SnapshotError? {
            do {
                try load(bytes, into: emptyKeyspace())
                return nil
            } catch { return error }
        }
        let header = Array("REDIS0010".utf8)
        let end: [UInt8] = [255, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(refusal(header + end) == nil)
        #expect(refusal([]) == .foreign)
        #expect(refusal(Array("REDIS00x0".utf8) + end) == .foreign)
        #expect(refusal(Array("REDIS0011".utf8) + end) == .version(11))
        #expect(refusal(header + [255, 1, 0, 0, 0, 0, 0, 0, 0]) == .checksum)
        #expect(refusal(header + [254, 16] + end) == .database(16, of: 16))
        #expect(refusal(header + [246, 0] + end) == .unknown(246, at: 9))
        #expect(refusal(header + [7, 1, 97] + end) == .unknown(7, at: 9))
        #expect(refusal(header + [0, 1, 97, 1]) == .truncated(at: 9))
        #expect(refusal(header + [0, 1, 97, 0xc5, 0] + end) == .damaged(at: 9))
        let key: [UInt8] = [0, 1, 97, 1, 98]
        #expect(refusal(header + key + key + end) == .duplicate([97], database: 0))
        // Before version 5 there is no checksum. A collection without elements is left out.
        #expect(refusal(Array("REDIS0004".utf8) + key + [255]) == nil)
        #expect(refusal(header + [2, 1, 97, 0] + key + end) == nil)
    }

    @Test func hintsOfUse() throws {
        let keyspace = emptyKeyspace()
        let key: [UInt8] = [0, 1, 97, 1, 98]
        let bytes = Array("REDIS0010".utf8) + [248, 100, 249, 77] + key + [255, 0, 0, 0, 0, 0, 0, 0, 0]
        func stamp() -> UInt32 {
            [97].withView { Access(keyspace.partition(of: Key($0)), database: 0, moment: Self.moment).peek(Key($0))! }
                .accessStamp
        }
        var idle = bytes
        idle[10] = 50
        try load(idle, into: keyspace)
        #expect(AccessStamp.idleSeconds(stamp(), now: Self.now) == 50)
        try load(Array(bytes[..<9] + bytes[11...]), into: keyspace) {
            $0.replaces = true
            $0.countsFrequency = true
        }
        #expect(stamp() & 0xff == 77)
        let written = try write(keyspace, .recency)
        #expect(written.contains(248))
    }
}
