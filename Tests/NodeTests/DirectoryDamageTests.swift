import Base
import Foundation
import Simulation
import Storage
import Testing

@testable import Keyspace
@testable import Node

/// A data directory with everything in it, of which something is damaged, missing, foreign or newer: the start is
/// refused in one line and changes nothing, or everything is there. (docs/durability.md)
@Suite struct DirectoryDamageTests {
    private static let isLong = ProcessInfo.processInfo.environment["MARTLET_LONG"] == "1"

    /// A directory that was left in order: several rounds, large values, a log with changes after the last round.
    private static func made() throws -> (
        files: SimulatedFileSystem, contents: Contents, earlier: [Contents], now: Int64
    ) {
        let files = DiskNode.disk()
        let node = try DiskNode(files)
        for round in 0..<3 {
            for i in 0..<12 { #expect(node.run("set s\(i) \(String(repeating: "v\(round)", count: 40))") == "+OK\r\n") }
            #expect(node.run("hset h\(round) a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9 j 10").hasPrefix(":"))
            #expect(node.run("zadd z 1 a\(round) 2 b\(round) 3 c\(round) 4 d\(round)").hasPrefix(":"))
            #expect(node.run("rpush l a b c d e f g h i").hasPrefix(":"))
            #expect(node.run("xadd x * f v\(round)").hasPrefix("$"))
            #expect(node.keeper!.runRound() == nil)
        }
        node.compact()
        var earlier = [Contents(node.keyspace)]
        for line in ["set s1 new", "del s2", "hset h1 b changed", "sadd t 1 2 3 x", "pfadd p a b", "set last one"] {
            #expect(!node.run(line).hasPrefix("-"))
            earlier.append(Contents(node.keyspace))
        }
        let contents = Contents(node.keyspace)
        node.close()
        return (files.crash(keeping: .nothing), contents, earlier, node.shell.now)
    }

    /// With MARTLET_LONG every byte; without it one of so many, of manifests (clocks, mostly) fewer.
    private static func isSampled(_ path: String, _ place: Int, _ step: Int) -> Bool {
        isLong || place % (path.contains("/manifest-") ? 19 * step : step) == 0
    }

    /// What a start finds; nil: it is refused, in one line, and nothing has changed.
    private func start(_ files: SimulatedFileSystem, _ now: Int64, _ hint: String) throws -> Contents? {
        let before = files.paths.map { ($0, files.contents($0)) }
        do {
            let node = try DiskNode(files, now: now)
            let found = Contents(node.keyspace)
            // Also what is looked up rather than scanned.
            node.setAside()
            if node.bringBack() {
                #expect(Contents(node.keyspace).isReplay(of: found), "\(hint), looked up")
            }
            return found
        } catch let error as RecoveryError {
            let text = "\(error)"
            #expect(!text.contains("\n") && text.count > 20, "\(hint): \(text)")
            let after = files.paths.map { ($0, files.contents($0)) }
            #expect(before.elementsEqual(after) { $0.0 == $1.0 && $0.1 == $1.1 }, "\(hint): \(text)")
            return nil
        }
    }

    private func expect(_ found: Contents?, _ allowed: [Contents], _ hint: String) {
        guard let found, !allowed.contains(where: { found.isReplay(of: $0) }) else { return }
        Issue.record(Comment(rawValue: "\(hint): \(found.difference(allowed[allowed.count - 1]))"))
    }

    @Test func flippedBits() throws {
        let made = try Self.made()
        var (told, harmless) = (0, 0)
        var place = 0
        for path in made.files.paths where !path.hasSuffix("/lock") {
            let size = made.files.contents(path)?.count ?? 0
            for offset in 0..<size {
                place += 1
                if !Self.isSampled(path, place, 61) { continue }
                let copy = made.files.afterKill()
                copy.flipBit(path, Int64(offset), place * 7 % 8)
                let hint = "bit \(place * 7 % 8) of byte \(offset) of \(path)"
                let found = try start(copy, made.now, hint)
                expect(found, [made.contents], hint)
                if found == nil { told += 1 } else { harmless += 1 }
            }
        }
        #expect(told > 5 * harmless, "\(told) told, \(harmless) harmless")
        print("\(told) flipped bits told, \(harmless) harmless, of \(place) bytes")
    }

    /// A file that ends early. Of the log that may look like a crash: then it ends with one of its records.
    @Test func shortFiles() throws {
        let made = try Self.made()
        var place = 0
        for path in made.files.paths where !path.hasSuffix("/lock") {
            let size = made.files.contents(path)?.count ?? 0
            for length in 0..<size {
                place += 1
                if !Self.isSampled(path, place, 83) && length != 0 && length != size - 1 { continue }
                let copy = made.files.afterKill()
                try copy.open(path, .write).truncate(to: Int64(length))
                let hint = "\(path) cut to \(length) of \(size)"
                let found = try start(copy, made.now, hint)
                let isLog = path.contains("/log-")
                expect(found, isLog || path.contains("/manifest-") ? made.earlier : [made.contents], hint)
                if !isLog && !path.contains("/manifest-") { #expect(found == nil, "\(hint)") }
            }
        }
    }

    @Test func missingFiles() throws {
        let made = try Self.made()
        for path in made.files.paths where !path.hasSuffix("/lock") {
            let copy = made.files.afterKill()
            try copy.remove(path)
            let found = try start(copy, made.now, "\(path) missing")
            // Without its last segment a log ends where the tree does. Without `actor` a new id is taken.
            let allowed = path.contains("/log-") ? made.earlier : path.hasSuffix("/actor") ? [made.contents] : []
            expect(found, allowed, "\(path) missing")
        }
    }

    /// Each file's header of a newer version, with the right checksum.
    @Test func newerVersions() throws {
        let made = try Self.made()
        var versioned = 0
        for path in made.files.paths where !path.hasSuffix("/lock") {
            let copy = made.files.afterKill()
            let file = try copy.open(path, .write)
            var header = Array((copy.contents(path) ?? []).prefix(40))
            let isActor = path.hasSuffix("/actor")
            let checked = isActor ? header.count - 4 : path.hasSuffix("/identity") ? 24 : 36
            header[isActor ? 1 : 8] = 200
            let checksum = header.withView { CRC32C.checksum($0.slice(0, checked)) }
            for i in 0..<4 { header[checked + i] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * i)) }
            try header.withView { try file.write($0, at: 0) }
            versioned += 1
            #expect {
                try DiskNode(copy, now: made.now)
            } throws: { "\($0)".contains("version 200") && "\($0)".contains("newer") && "\($0)".contains(path) }
            #expect(try start(copy, made.now, path) == nil)
        }
        #expect(versioned > 5)
    }

    /// A stranger's file stays where it is; under one of our names it is told, or it is no file that counts.
    @Test func foreignFiles() throws {
        let made = try Self.made()
        let directory = "/tmp/appendonlydir"
        func put(_ name: String, _ bytes: [UInt8]) throws -> SimulatedFileSystem {
            let copy = made.files.afterKill()
            let file = try copy.open("\(directory)/\(name)", .write)
            try file.truncate(to: 0)
            try bytes.withView { try file.write($0, at: 0) }
            return copy
        }
        let text = Array("This is not one of the server's files, whatever its name may be.".utf8)
        let notes = try put("notes.txt", text)
        expect(try start(notes, made.now, "notes.txt"), [made.contents], "notes.txt")
        #expect(notes.contents("\(directory)/notes.txt") == text)
        #expect(try start(try put("log-00000000000fffff", text), made.now, "a log") == nil)
        for path in made.files.paths where !path.hasSuffix("/lock") {
            let name = String(path.dropFirst(directory.count + 1))
            #expect(try start(try put(name, text), made.now, "text as \(name)") == nil)
        }
    }

    @Test func aSecondProcess() throws {
        let made = try Self.made()
        let first = try DiskNode(made.files, now: made.now)
        #expect {
            try DiskNode(made.files.asAnotherProcess(), now: made.now)
        } throws: { "\($0)" == "/tmp/appendonlydir is in use by another process" }
        #expect(first.run("get last") == "$3\r\none\r\n")
        #expect(first.run("set last two") == "+OK\r\n")
    }
}
