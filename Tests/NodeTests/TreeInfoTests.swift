import Base
import Simulation
import Storage
import Testing

@testable import Keyspace
@testable import Node

/// A node on a simulated disk, one client, no threads: what they would do is asked for.
final class PersistentNode {
    let shell: FakeShell
    let files: SimulatedFileSystem
    let client: FakeClient

    init(_ files: SimulatedFileSystem? = nil, options: [String] = []) throws {
        let files = files ?? SimulatedFileSystem(seed: 1, directories: ["/tmp"])
        self.files = files
        let own = ["--appendonly", "yes", "--dir", "/tmp", "--save", ""]
        shell = try FakeShell(options: own + options, files: files)
        _ = try shell.node.openPersistence()
        client = shell.connect()
        shell.whileAsleep = { [unowned self] in persistence.writeAll() }
    }

    var persistence: Persistence { shell.node.persistence! }

    @discardableResult
    func run(_ line: String) -> String { shell.exchange(client, line + "\r\n") }

    /// A section's fields.
    func info(_ section: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in run("INFO \(section)").split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":"), !line.hasPrefix("#") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return fields
    }

    /// Saves what has changed. Answers what went wrong.
    func save() -> String? { persistence.keeper!.runRound() }

    /// Compacts until there is nothing to do.
    func compact() throws { while try persistence.keeper!.tree.compact() {} }
}

@Suite struct TreeInfoTests {
    @Test func roundsAreWhatRewritesAre() throws {
        let server = try PersistentNode()
        for i in 0..<100 { server.run("SET key:\(i) \(String(repeating: "v", count: 100))") }
        var info = server.info("persistence")
        #expect(info["aof_enabled"] == "1" && info["aof_rewrites"] == "0" && info["aof_base_size"] == "0")
        #expect(info["aof_last_rewrite_time_sec"] == "-1" && info["rdb_changes_since_last_save"] == "100")
        #expect(Int(info["aof_buffer_length"]!)! > 10_000 && info["aof_current_size"] == "0")
        server.persistence.writeAll()
        info = server.info("persistence")
        #expect(info["aof_buffer_length"] == "0")
        #expect(Int(info["aof_current_size"]!)! > 10_000)
        server.persistence.keeper!.requestRound()
        #expect(server.info("persistence")["aof_rewrite_scheduled"] == "1")
        #expect(server.save() == nil)
        info = server.info("persistence")
        #expect(info["aof_rewrite_scheduled"] == "0" && info["aof_rewrite_in_progress"] == "0")
        #expect(info["aof_rewrites"] == "1" && info["aof_last_rewrite_time_sec"] != "-1")
        #expect(info["aof_current_rewrite_time_sec"] == "-1" && info["rdb_changes_since_last_save"] == "0")
        #expect(Int(info["aof_base_size"]!)! > 1000)
        let before = Int(info["rdb_last_save_time"]!)!
        #expect(server.run("LASTSAVE") == ":\(before)\r\n")
    }

    @Test func sizesAreThoseOfTheFiles() throws {
        let server = try PersistentNode()
        func bytes(_ prefix: String) throws -> Int64 {
            let folder = "/tmp/appendonlydir"
            return try server.files.list(folder).filter { $0.hasPrefix(prefix) }
                .reduce(0) { try $0 + server.files.open(folder + "/" + $1, .read).size() }
        }
        for i in 0..<50 { server.run("SET key:\(i) \(i)") }
        #expect(server.save() == nil)
        for i in 0..<50 { server.run("SET key:\(i) \(i + 1)") }
        server.persistence.writeAll()
        let expected = (base: try bytes("table-"), log: try bytes("log-"))
        var info = server.info("persistence")
        #expect(info["aof_base_size"] == "\(expected.base)")
        #expect(info["aof_current_size"] == "\(expected.base + expected.log)")
        // A start knows the segments that are there.
        let next = try PersistentNode(server.files.crash(keeping: .everything))
        info = next.info("persistence")
        #expect(info["aof_current_size"] == "\(expected.base + expected.log)")
        #expect(info["rdb_changes_since_last_save"] == "50")
    }

    @Test func failuresAreTold() throws {
        let server = try PersistentNode()
        server.run("SET a 1")
        server.files.faults.noSpace = 1
        #expect(server.save() != nil)
        #expect(server.save() != nil)
        var info = server.info("persistence")
        #expect(info["aof_last_bgrewrite_status"] == "err" && info["rdb_last_bgsave_status"] == "err")
        #expect(info["aof_rewrites"] == "2" && info["aof_rewrites_consecutive_failures"] == "2")
        #expect(server.info("tree")["tree_last_round_failure"]?.contains("No space") == true)
        server.files.faults.noSpace = 0
        server.persistence.writeAll()
        #expect(server.save() == nil)
        info = server.info("persistence")
        #expect(info["aof_last_bgrewrite_status"] == "ok" && info["aof_rewrites_consecutive_failures"] == "0")
        #expect(server.info("tree")["tree_last_round_failure"] == "none")
    }

    @Test func theTreeIsShown() throws {
        let server = try PersistentNode()
        for round in 0..<3 {
            for i in 0..<200 { server.run("SET key:\(i) \(String(repeating: "\(round)", count: 200))") }
            #expect(server.save() == nil)
        }
        var fields = server.info("tree")
        let statistics = server.persistence.keeper!.tree.statistics
        #expect(
            fields["tree_tables"] == "3" && fields["tree_rounds"] == "3" && fields["tree_last_round_seconds"] != "-1")
        let level = statistics.levels[0]
        #expect(
            fields["tree_level0"] == "runs=3,tables=3,bytes=\(level.bytes),records=600,tombstones=0")
        #expect(fields["tree_flushed_bytes"] == fields["tree_bytes"])
        let tree = server.persistence.keeper!.tree
        #expect(try tree.compactSlice({ _, _ in false }, eager: true) == .unfinished)
        #expect(server.info("tree")["tree_compaction_in_progress"] == "1")
        while try tree.compact(eager: true) {}
        fields = server.info("tree")
        #expect(
            fields["tree_tables"] == "1" && fields["tree_compactions"] == "1"
                && fields["tree_space_amplification"] == "1.00")
        #expect(fields["tree_write_amplification"]!.hasPrefix("1."))
        #expect(fields["tree_values_away"] == "0" && fields["tree_cache_hit_rate"] == "0.00")
    }

    @Test func withoutALogThereIsNoTree() throws {
        let server = try ServedNode()
        #expect(server.run("INFO tree") == "$0\r\n\r\n")
        #expect(!server.run("INFO everything").contains("# Tree"))
        #expect(!server.run("INFO persistence").contains("aof_current_size"))
    }
}
