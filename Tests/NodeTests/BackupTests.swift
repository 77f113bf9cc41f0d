import Base
import Simulation
import Storage
import Testing

@testable import Keyspace
@testable import Node

/// BACKUP on a simulated disk: the copy is a data directory of its own, with everything acknowledged before.
@Suite struct BackupTests {
    /// A node on the copy. Power fails first: what was not durable is gone.
    private func open(_ server: PersistentNode, _ name: String) throws -> PersistentNode {
        try PersistentNode(server.files.afterCrash(keeping: .nothing), options: ["--appenddirname", name])
    }

    private func contents(_ server: PersistentNode) -> KeyspaceState { server.shell.node.keyspace.state }

    @Test func theCopyIsADataDirectory() throws {
        let server = try PersistentNode(options: ["--appendfsync", "no"])
        for i in 0..<300 { server.run("SET key:\(i) \(i)") }
        server.run("RPUSH list a b c")
        #expect(server.save() == nil)
        for i in 100..<200 { server.run("SET key:\(i) new") }
        server.run("DEL key:1 key:2")
        server.run("MULTI\r\nLPOP list\r\nSADD set a\r\nEXEC")
        // None of the latter is durable yet.
        #expect(server.persistence.log.durable < server.persistence.log.last)
        let expected = contents(server)
        #expect(server.run("BACKUP copy") == "+OK\r\n")
        // The first one goes on, saves, and removes what the copy needs.
        server.run("FLUSHALL")
        for i in 0..<50 { server.run("SET other:\(i) x") }
        #expect(server.save() == nil)
        server.persistence.writeAll()
        let copy = try open(server, "copy")
        #expect(contents(copy).keys == expected.keys)
        expectSlots(contents(copy), expected)
        // It is one that can be written to, and that can be copied again.
        copy.run("SET key:1 back")
        #expect(copy.save() == nil)
        #expect(copy.run("BACKUP /tmp/again/") == "+OK\r\n")
        let again = try open(copy, "again")
        #expect(again.run("GET key:1") == "$4\r\nback\r\n")
        // The original does not notice.
        let original = try open(server, "appendonlydir")
        #expect(original.run("DBSIZE") == ":50\r\n")
    }

    /// As many keys in each slot. A copy's server writes under another id: it has not counted yet.
    private func expectSlots(_ copy: KeyspaceState, _ expected: KeyspaceState) {
        #expect(copy.counters.map { $0[1] } == expected.counters.map { $0[1] })
        #expect(copy.counters.allSatisfy { $0[0] == 0 })
    }

    /// Whatever was written and saved before, at every moment of a random life.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func copiesOfRandomLives(seed: UInt64) throws {
        let server = try PersistentNode()
        var random = PRNG(seed: seed)
        for number in 0..<8 {
            for _ in 0..<random.below(60) { server.run("SET key:\(random.below(40)) \(random.next())") }
            switch random.below(4) {
            case 0: #expect(server.save() == nil)
            case 1: server.persistence.writeAll()
            case 2: try server.compact()
            default: break
            }
            let expected = contents(server)
            #expect(server.run("BACKUP copy-\(number)") == "+OK\r\n")
            let copy = try open(server, "copy-\(number)")
            #expect(contents(copy).keys == expected.keys)
            expectSlots(contents(copy), expected)
            #expect(DirectoryCheck(server.files.afterKill(), "/tmp/copy-\(number)").problems == [])
        }
    }

    /// While it is being made a round ends, which has no use for the log's segments any more: the copy has.
    @Test func segmentsAreKeptForIt() throws {
        let first = try PersistentNode()
        for i in 0..<100 { first.run("SET key:\(i) \(i)") }
        first.persistence.writeAll()
        // A start begins a new segment: the first one may go after the next round.
        nonisolated(unsafe) let server = try PersistentNode(first.files.crash(keeping: .nothing))
        server.run("SET key:1 new")
        server.persistence.writeAll()
        let expected = contents(server)
        let state = Once()
        server.files.beforeEachCall { call in
            // The first thing that is done to the copy's directory.
            guard call.kind == .makeDirectory, state.isFirst else { return }
            server.run("SET late 1")
            #expect(server.save() == nil)
            server.run("SET later 1")
            server.persistence.writeAll()
            server.persistence.writeAll()
        }
        let backup = try server.persistence.log.backUp(server.persistence.keeper!.tree, to: "/tmp/copy")
        server.files.beforeEachCall(nil)
        #expect(backup.segments == 2)
        #expect(server.run("GET later") == "$1\r\n1\r\n")
        let copy = try open(server, "copy")
        #expect(copy.run("GET key:1") == "$3\r\nnew\r\n")
        for key in expected.keys { #expect(contents(copy).keys.contains(key)) }
    }

    private final class Once: @unchecked Sendable {
        private var count = 0
        var isFirst: Bool {
            count += 1
            return count == 1
        }
    }

    @Test func whatItRefuses() throws {
        let server = try PersistentNode()
        server.run("SET a 1")
        #expect(server.run("BACKUP copy") == "+OK\r\n")
        let before = server.files.paths
        #expect(server.run("BACKUP copy") == "-ERR cannot make directory /tmp/copy: File exists\r\n")
        #expect(server.run("BACKUP /nowhere/copy").hasPrefix("-ERR cannot make directory /nowhere/copy: No such"))
        #expect(server.run("BACKUP \"\"") == "-ERR the path is empty\r\n")
        #expect(server.run("MULTI\r\nBACKUP b\r\nDISCARD").contains("-ERR Command not allowed inside a transaction"))
        #expect(server.run("EVAL \"return redis.call('backup', 'b')\" 0").contains("not allowed from script"))
        #expect(server.files.paths == before)
        // An empty directory will do.
        try server.files.makeDirectory("/tmp/empty")
        #expect(server.run("BACKUP empty") == "+OK\r\n")
        let plain = try ServedNode()
        #expect(plain.run("BACKUP x") == "-ERR there is no data directory to copy without appendonly\r\n")
    }

    /// Whichever call fails: an error, nothing left in the directory, and the next try works.
    @Test func everyCallFails() throws {
        var failures = 0
        for n in 1...100 {
            let server = try PersistentNode()
            for i in 0..<20 { server.run("SET key:\(i) \(i)") }
            #expect(server.save() == nil)
            server.run("SET key:1 new")
            server.persistence.writeAll()
            server.files.failAt(n)
            let reply = server.run("BACKUP copy")
            let wasHit = server.files.injected > 0
            server.files.stopFailing()
            if reply == "+OK\r\n" {
                if wasHit { continue }
                #expect(failures > 10)
                return
            }
            failures += 1
            #expect(reply.hasPrefix("-ERR "), "call \(n)")
            #expect(server.files.paths.allSatisfy { !$0.hasPrefix("/tmp/copy/") }, "call \(n)")
            #expect(server.run("BACKUP copy") == "+OK\r\n", "call \(n)")
            #expect(try open(server, "copy").run("GET key:1") == "$3\r\nnew\r\n", "call \(n)")
        }
        Issue.record("it makes more than 100 calls")
    }
}
