import Base
import Simulation
import Testing

@testable import Keyspace
@testable import Node

/// Commands and values that have left memory.
@Suite struct ResidencyTests {
    private let files = SimulatedFileSystem(seed: 1, directories: ["/tmp"])
    private let shell: FakeShell
    private let client: FakeClient

    init() throws {
        shell = try FakeShell(
            options: [
                "--appendonly", "yes", "--dir", "/tmp", "--enable-debug-command", "yes", "--block-cache-size", "0",
            ],
            files: files)
        _ = try shell.node.openPersistence()
        client = shell.connect()
        _ = send("SET text \(String(repeating: "x", count: 300))")
        for i in 0..<40 { _ = send("HSET small f\(i) v\(i)") }
        for first in stride(from: 0, to: 2000, by: 100) {
            let fields = (first..<first + 100).map { "f\($0) v\($0)" }.joined(separator: " ")
            _ = send("HSET large \(fields)")
            _ = send("RPUSH list \(fields)")
        }
        save()
    }

    private func send(_ text: String) -> String { shell.exchange(client, text + "\r\n") }

    private func save() {
        let persistence = shell.node.persistence!
        shell.whileAsleep = { persistence.writeAll() }
        #expect(persistence.keeper!.runRound() == nil)
    }

    private static let keys = ["text", "small", "large", "list"]

    /// All values leave memory.
    private func dismiss() {
        for key in ResidencyTests.keys { dismiss(key) }
        #expect(away == ResidencyTests.keys.count)
    }

    private func dismiss(_ key: String) {
        key.withView { view in
            let key = Key(view)
            let access = Access(
                shell.node.keyspace.partition(of: key), database: 0, moment: Moment(wall: shell.now, stamp: 0))
            _ = access.setAside(key)
        }
    }

    private var away: Int { shell.node.keyspace.shared.pointee.awayValues }

    @Test func whoWalksAllValuesMeetsThem() {
        let digest = send("DEBUG DIGEST")
        dismiss()
        #expect(send("DEBUG DIGEST") == digest)
        // They went again.
        #expect(away == 4)
        for key in ResidencyTests.keys {
            dismissIfResident()
            #expect(send("DEBUG OBJECT \(key)").contains("encoding:"))
        }
    }

    @Test func lookingAtAKeyPastItsDeadlineDoesNotRemoveIt() {
        _ = send("DEBUG SET-ACTIVE-EXPIRE 0\r\nSET gone 1 PX 5")
        shell.now += 10
        for _ in 0..<2 { #expect(send("DEBUG OBJECT gone").contains("encoding:int")) }
        #expect(send("EXISTS gone\r\nDEBUG OBJECT gone") == ":0\r\n-ERR no such key\r\n")
    }

    private func dismissIfResident() { if away < 4 { dismiss() } }

    @Test func theyComeBack() {
        dismiss()
        #expect(send("STRLEN text") == ":300\r\n")
        #expect(send("HGET small f7") == "$2\r\nv7\r\n")
        #expect(send("HLEN small") == ":40\r\n")
        #expect(away == 2)
        // Nobody waits here: what is in pieces is read by a thread that this shell does not have.
        #expect(send("EVAL \"return redis.call('hget','large','f1999')\" 0") == "$5\r\nv1999\r\n")
        #expect(send("EVAL \"return redis.call('lindex','list','-1')\" 0") == "$5\r\nv1999\r\n")
        #expect(away == 0)
    }

    @Test func whatCannotBeReadIsAnError() {
        let digest = send("DEBUG DIGEST")
        dismiss()
        files.faults.readErrors = 1
        let text = "ERR the value cannot be read from disk"
        #expect(send("GET text") == "-\(text)\r\n")
        #expect(send("APPEND text y") == "-\(text)\r\n")
        #expect(send("MGET other text") == "-\(text)\r\n")
        #expect(send("RENAME text other") == "-\(text)\r\n")
        #expect(
            send("MULTI\r\nGET text\r\nEXEC")
                == "+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: the value cannot be read from disk\r\n"
        )
        // Keys that nobody has named before.
        #expect(send("EVAL \"return redis.call('get','text')\" 0").hasPrefix("-\(text)"))
        #expect(send("EVAL \"return redis.pcall('hset','small','f','v')['err']\" 0").contains(text))
        #expect(send("EVAL \"return redis.call('hget','large','f1')\" 0").hasPrefix("-\(text)"))
        // What needs no value.
        #expect(send("EXISTS text small large list\r\nTYPE list\r\nTTL small") == ":4\r\n+list\r\n:-1\r\n")
        files.faults.readErrors = 0
        #expect(send("STRLEN text") == ":300\r\n")
        #expect(send("EVAL \"return redis.call('hlen','large')\" 0") == ":2000\r\n")
        #expect(send("DEBUG DIGEST") == digest)
    }

    @Test func whileMemoryIsFullReadersBorrow() {
        let digest = send("DEBUG DIGEST")
        // All that may go goes, in as many turns as it takes.
        _ = send("CONFIG SET maxmemory 1")
        for _ in 0..<100 where away < 4 { _ = send("PING") }
        #expect(away == 4)
        for _ in 0..<3 {
            #expect(send("STRLEN text\r\nHGET small f3") == ":300\r\n$2\r\nv3\r\n")
        }
        _ = send("CONFIG SET maxmemory 0")
        #expect(send("DEBUG DIGEST") == digest)
    }

    /// A script's writes would be refused halfway: it waits before it begins. If nothing helps, Redis' rules hold.
    @Test func whoNeedsRoomWaitsForRounds() {
        #expect(send("CONFIG SET maxmemory 1") == "+OK\r\n")
        // It takes some turns to find out that nothing more can go.
        for _ in 0..<100 { _ = send("PING") }
        let writer = shell.connect(), script = shell.connect()
        #expect(send("SET more x") == "")
        #expect(shell.exchange(writer, "APPEND text x\r\n") == "")
        #expect(shell.exchange(script, "EVAL \"return redis.call('set', KEYS[1], 1)\" 1 k\r\n") == "")
        for _ in 0..<3 { save() }
        shell.settle()
        let refusal = "-OOM command not allowed when used memory > 'maxmemory'."
        for refused in [client, writer, script] { #expect(refused.take().hasPrefix(refusal)) }
        #expect(send("EXISTS more k") == ":0\r\n")
    }

    @Test func aSecondReadIsNotTheFirst() {
        var loans = RecentLoans()
        // The third key has the second's place.
        let met = [0x1234_0000_0000_0007, 0x1234_0000_0000_0007, 0x4321_0000_0000_0007, 0x1234_0000_0000_0007].map {
            loans.meets($0)
        }
        #expect(met == [false, true, false, false])
    }

    @Test func whatReplacesOrDeletesThemNeedsNoDisk() {
        dismiss()
        files.faults.readErrors = 1
        #expect(send("SET large x\r\nDEL list\r\nSET text y") == "+OK\r\n:1\r\n+OK\r\n")
        #expect(away == 1)
        files.faults.readErrors = 0
        save()
        dismiss("small")
        #expect(send("GET large\r\nEXISTS list\r\nGET text\r\nHLEN small") == "$1\r\nx\r\n:0\r\n$1\r\ny\r\n:40\r\n")
    }
}
