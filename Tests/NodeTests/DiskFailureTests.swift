import Base
import Commands
import Keyspace
import Simulation
import Storage
import Testing

@testable import Keyspace
@testable import Node

/// What clients see of a disk that refuses, and what is there after a restart.
@Suite struct DiskFailureTests {
    private static func misconf(_ reason: String) -> String {
        "-MISCONF Errors writing to the AOF file: \(reason)\r\n"
    }

    private static let inputOutput = misconf("Input/output error")
    private static let full = misconf("No space left on device")

    // MARK: syncs

    /// A sync fails: who waits for it gets no reply, nobody may write any more, everybody may read, and it is said
    /// once. What was acknowledged is there after a restart.
    @Test func aFailedSyncEndsWriting() throws {
        let server = try DiskNode()
        #expect(server.run("set a 1") == "+OK\r\n")
        server.files.failAt(1, .error, of: .sync)
        #expect(server.run("set b 2") == "")
        #expect(!server.a.isOpen)
        for _ in 0..<3 {
            #expect(server.run("set c 3", server.b) == Self.inputOutput)
            #expect(server.run("ping", server.b) == Self.inputOutput)
            #expect(server.run("get a", server.b) == "$1\r\n1\r\n")
            server.persistence!.step()
        }
        #expect(server.shell.lines.filter { $0.contains("cannot be made durable") }.count == 1)
        #expect(server.shell.lines.count == 1, "\(server.shell.lines)")
        #expect(server.keeper!.runRound() != nil)
        let next = try server.crashed()
        #expect(next.run("get a") == "$1\r\n1\r\n")
        #expect(next.run("set c 3") == "+OK\r\n")
    }

    /// The same at a segment's beginning, where it might seem to heal by itself.
    @Test(arguments: [DiskError.Operation.sync, .syncDirectory])
    func aFailedSyncOfANewSegmentEndsWriting(operation: DiskError.Operation) throws {
        let server = try DiskNode()
        server.files.failAt(1, .error, of: operation)
        #expect(server.run("set a 1") == "")
        #expect(!server.a.isOpen)
        for _ in 0..<3 {
            server.persistence!.step()
            #expect(server.run("set b 2", server.b) == Self.inputOutput)
        }
        #expect(try server.crashed().run("exists a b") == ":0\r\n")
    }

    /// The sync fails after the turn has changed something and before its replies are sent: none is.
    @Test func aSyncThatFailsWithinATurn() throws {
        let server = try DiskNode()
        server.shell.writesLog = false
        server.files.failAt(1, .error, of: .sync)
        #expect(server.run("set b 2", server.b) == "")
        // While a's command runs, the writer fails for b's.
        server.shell.beforeReplies = { [unowned server] in server.persistence!.step() }
        #expect(server.run("set a 1") == "")
        server.shell.beforeReplies = {}
        server.shell.release()
        #expect(!server.a.isOpen && !server.b.isOpen)
    }

    // MARK: a full disk

    /// No space: who has changed something waits, who wants to is refused, who reads is answered; when there is space
    /// again everything goes on, and all of it is there after a restart.
    @Test func aFullDiskHeals() throws {
        let server = try DiskNode()
        #expect(server.run("set a 1") == "+OK\r\n")
        server.files.faults.noSpace = 1
        #expect(server.run("set b 2") == "")
        for _ in 0..<3 {
            #expect(server.run("set c 3", server.b) == Self.full)
            #expect(server.run("multi", server.b) == "+OK\r\n")
            #expect(server.run("set c 3", server.b) == Self.full)
            #expect(server.run("exec", server.b).hasPrefix("-EXECABORT"))
            #expect(server.run("eval \"return redis.call('set','c',3)\" 0", server.b).contains("MISCONF"))
            #expect(server.run("get a", server.b) == "$1\r\n1\r\n")
            server.persistence!.step()
        }
        #expect(server.a.isOpen && server.a.take() == "")
        server.files.faults.noSpace = 0
        server.persistence!.step()
        server.shell.settle()
        server.shell.release()
        #expect(server.a.take() == "+OK\r\n")
        #expect(server.run("set c 3", server.b) == "+OK\r\n")
        #expect(server.shell.lines.count == 2, "\(server.shell.lines)")
        #expect(server.shell.lines.last == "The log can be written again")
        #expect(try server.crashed().run("mget a b c") == "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n")
    }

    /// A sync of what was written before says nothing about what cannot be written now.
    @Test func aSyncDoesNotHealAWrite() throws {
        let server = try DiskNode(sync: "no")
        #expect(server.run("set a 1") == "+OK\r\n")
        server.persistence!.step()
        server.files.failAt(1, .noSpace, of: .write, persistent: true)
        #expect(server.run("set b 2") == "+OK\r\n")
        server.persistence!.writeAll()
        #expect(server.run("set c 3") == Self.full)
        server.persistence!.writeAll()
        #expect(server.run("set c 3") == Self.full)
    }

    /// Nothing waits for a full disk: neither SAVE, nor switching off, nor the end of the process.
    @Test func nobodyHangsOnAFullDisk() throws {
        let server = try DiskNode()
        #expect(server.run("set a 1") == "+OK\r\n")
        server.files.faults.noSpace = 1
        #expect(server.run("set b 2") == "")
        #expect(server.run("save", server.b).hasPrefix("-ERR"))
        #expect(server.run("config set appendonly no", server.b) == "+OK\r\n")
        #expect(server.run("set c 3", server.b) == "+OK\r\n")
        server.files.faults.noSpace = 0
        #expect(try server.crashed().run("get a") == "$1\r\n1\r\n")
    }

    /// The log's next segment cannot be begun: who waits for what the last one has is answered.
    @Test func aFullSegmentIsDurable() throws {
        let server = try DiskNode(DiskNode.disk(), DiskNode.options + ["--log-compression", "no"])
        #expect(server.run("set a \(String(repeating: "x", count: 5000))") == "+OK\r\n")
        server.shell.writesLog = false
        server.files.failAt(1, .error, of: .open, persistent: true)
        #expect(server.run("set b 2") == "")
        server.persistence!.step()
        #expect(server.run("set c 3", server.b) == Self.inputOutput)
        server.files.stopFailing()
        server.persistence!.step()
        server.shell.release()
        #expect(server.a.take() == "+OK\r\n")
        #expect(try server.crashed().run("exists a b") == ":2\r\n")
    }

    // MARK: rounds

    /// A round that failed is tried again by itself, first half a second later, and says so once.
    @Test func aFailedRoundIsTriedAgain() throws {
        let server = try DiskNode()
        #expect(server.run("set a 1") == "+OK\r\n")
        #expect(!server.keeper!.isRoundDue(now: 0))
        server.keeper!.requestRound()
        #expect(server.keeper!.isRoundDue(now: 0))
        server.files.failAt(1, .noSpace, of: .write, persistent: true)
        for _ in 0..<4 { #expect(server.keeper!.runRound() != nil) }
        #expect(!server.keeper!.isRoundDue(now: 0))
        let retry = server.keeper!.standing.retryAt
        #expect(server.keeper!.isRoundDue(now: retry) && !server.keeper!.isRoundDue(now: retry - 1))
        server.files.stopFailing()
        #expect(server.keeper!.runRound() == nil)
        #expect(!server.keeper!.isRoundDue(now: .max))
        #expect(server.shell.lines.count == 2, "\(server.shell.lines)")
        #expect(try server.crashed().run("get a") == "$1\r\n1\r\n")
    }

    /// A sync of the manifest fails: the log goes on, and everything is there after a restart.
    @Test func aFailedSyncOfTheManifest() throws {
        let server = try DiskNode()
        #expect(server.run("set a 1") == "+OK\r\n")
        #expect(server.keeper!.runRound() == nil)
        #expect(server.run("set a 2") == "+OK\r\n")
        // The table's is the first one.
        server.files.failAt(2, .error, of: .sync)
        for _ in 0..<3 { #expect(server.keeper!.runRound() != nil) }
        #expect(server.run("set b 3") == "+OK\r\n")
        #expect(server.shell.lines.count == 1, "\(server.shell.lines)")
        for keeping in [Keeping.everything, .each(seed: 1), .nothing] {
            let next = try DiskNode(server.files.afterCrash(keeping: keeping))
            #expect(next.run("mget a b") == "*2\r\n$1\r\n2\r\n$1\r\n3\r\n")
            #expect(next.keeper!.runRound() == nil)
        }
    }

    /// Values that a round is saving stay in memory until the tree has them: the round may fail.
    @Test(arguments: [false, true])
    func valuesStayWhileTheyAreSaved(fails: Bool) throws {
        let server = try DiskNode(sync: "no")
        let value = String(repeating: "v", count: 100)
        func setAll() { for i in 0..<400 { #expect(server.run("set {k}\(i) \(value)\(i)") == "+OK\r\n") } }
        func setAside() -> Int {
            (0..<400).reduce(0) { count, i in
                let words = Array("{k}\(i)".utf8)
                return words.withView { view in
                    let key = Key(view)
                    let partition = server.shell.node.keyspace.partition(of: key)
                    let moment = Moment(wall: server.shell.now, stamp: 0)
                    Partition.lock(partition)
                    defer { Partition.unlock(partition) }
                    return count + (Access(partition, database: 0, moment: moment).setAside(key) ? 1 : 0)
                }
            }
        }
        setAll()
        var gone = 0
        server.shell.whileAsleep = { [unowned server] in
            gone += setAside()
            server.persistence!.writeAll()
        }
        #expect(server.keeper!.runRound() == nil)
        #expect(gone == 0)
        // Now they may, and come back.
        #expect(setAside() == 400)
        #expect(server.run("get {k}7") == "$101\r\n\(value)7\r\n")
        setAll()
        if fails { server.files.failAt(1, .noSpace, of: .write, persistent: true) }
        #expect((server.keeper!.runRound() == nil) == !fails)
        server.files.stopFailing()
        server.persistence!.writeAll()
        for i in 0..<400 { #expect(server.run("get {k}\(i)").hasSuffix("\(value)\(i)\r\n")) }
        #expect(server.keeper!.runRound() == nil)
        let next = try server.crashed()
        for i in 0..<400 { #expect(next.run("get {k}\(i)").hasSuffix("\(value)\(i)\r\n")) }
    }
}
