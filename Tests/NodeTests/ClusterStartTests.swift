import Base
import Cluster
import NodeSimulation
import Simulation
import Testing

@testable import Node

/// How a node becomes one of a cluster's, and when it does not.
@Suite struct ClusterStartTests {
    private static let path = "/tmp/nodes.conf"

    private static func failure(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static func founded() throws -> SimulatedCluster {
        let cluster = try SimulatedCluster(seed: 2, servers: 2)
        #expect(cluster.found())
        cluster.run(milliseconds: 2000)
        cluster.kill(1)
        return cluster
    }

    private static func overwrite(_ files: SimulatedFileSystem, _ bytes: [UInt8]) throws {
        let file = try files.open(path, .write)
        try file.truncate(to: 0)
        try bytes.withView { try file.write($0, at: 0) }
        try file.sync()
    }

    @Test func whatIsRememberedLasts() throws {
        let cluster = try Self.founded()
        let view = cluster.servers[0].view
        let bytes = try #require(cluster.servers[1].files.contents(Self.path))
        let state = try bytes.withView { try MembershipState($0) }
        #expect(state.clusterName == "simulated" && state.members.map(\.id) == view.members.map(\.id))
        cluster.crash(0)
        try cluster.start(0)
        #expect(cluster.servers[0].view.isFounded && cluster.servers[0].view.id == view.id)
        #expect(cluster.servers[0].view.ring.digest == view.ring.digest)
    }

    /// Power may fail at any moment of the founding: whoever says that it is founded stays so.
    @Test(arguments: 0..<12) func foundedIsFounded(_ step: Int) throws {
        let cluster = try SimulatedCluster(seed: UInt64(step), servers: 3)
        cluster.run(milliseconds: 2)
        let saidSo = cluster.run(limit: 10_000) { cluster.servers.contains { $0.view.isFounded } }
        #expect(saidSo != nil)
        for _ in 0..<step % 10 { cluster.run(milliseconds: 1) }
        let ids = cluster.servers.map(\.view.id)
        let founded = cluster.servers.map(\.view.isFounded)
        for index in 0..<3 { cluster.crash(index) }
        for index in 0..<3 { try cluster.start(index) }
        for index in 0..<3 where founded[index] { #expect(cluster.servers[index].view.isFounded) }
        #expect(cluster.servers.map(\.view.id) == ids)
        #expect(cluster.found())
        #expect(Set(cluster.servers.map(\.view.ring.digest)).count == 1)
    }

    /// A disk that refuses the file does not keep a node from its cluster; the file is tried again, not all the time, and
    /// said once.
    @Test func aDiskThatRefusesTheFile() throws {
        let cluster = try SimulatedCluster(seed: 6, servers: 2)
        let files = cluster.servers[1].files
        files.failAt(1, .error, of: .write, persistent: true)
        #expect(cluster.found())
        cluster.run(milliseconds: 20_000)
        #expect(files.calls(of: .write) < 10)
        #expect(cluster.servers[1].lines.filter { $0.hasPrefix("Cluster: cannot write /tmp/nodes.conf: ") }.count == 1)
        #expect(cluster.servers[1].view.number < 5)
        files.stopFailing()
        cluster.run(milliseconds: 6000)
        let bytes = try #require(files.contents(Self.path))
        #expect(try bytes.withView { try MembershipState($0) }.founding != 0)
        // Whoever was stopped before that founds it once more, and it is the same.
        let other = try SimulatedCluster(seed: 7, servers: 2)
        other.servers[1].files.failAt(1, .error, of: .write, persistent: true)
        #expect(other.found())
        other.kill(1)
        other.servers[1].files.stopFailing()
        try other.start(1)
        #expect(!other.servers[1].view.isFounded)
        #expect(other.found())
        #expect(other.servers[1].view.ring.digest == other.servers[0].view.ring.digest)
    }

    @Test func aDamagedFileIsNotTouched() throws {
        let cluster = try Self.founded()
        let files = cluster.servers[1].files
        let bytes = try #require(files.contents(Self.path))
        for (offset, _) in bytes.enumerated() where offset % 7 == 0 || offset < 16 {
            try Self.overwrite(files, bytes)
            files.flipBit(Self.path, Int64(offset), offset % 8)
            let text = try #require(Self.failure { try cluster.start(1) })
            #expect(text.hasPrefix("/tmp/nodes.conf is "), "\(text)")
            #expect(files.contents(Self.path) != bytes)
        }
        try Self.overwrite(files, Array(bytes.dropLast()))
        #expect(Self.failure { try cluster.start(1) }?.hasPrefix("/tmp/nodes.conf is damaged: ") == true)
        try Self.overwrite(files, [])
        #expect(Self.failure { try cluster.start(1) } == "/tmp/nodes.conf is not a file of this server's: not touched")
        try Self.overwrite(files, Array("vars currentEpoch 0 lastVoteEpoch 0\n".utf8))
        #expect(Self.failure { try cluster.start(1) } == "/tmp/nodes.conf is not a file of this server's: not touched")
        try Self.overwrite(files, bytes)
        #expect(Self.failure { try cluster.start(1) } == nil)
    }

    @Test(arguments: [
        (["--cluster-name", "other"], "/tmp/nodes.conf is of the cluster 'simulated', and cluster-name is 'other'"),
        (
            ["--node-weight", "2"],
            "node-weight is '2', but was '1' when the cluster was founded: its ring is fixed (/tmp/nodes.conf)"
        ),
        (["--rack", "r"], "rack is 'r', but was '' when the cluster was founded: its ring is fixed (/tmp/nodes.conf)"),
        (
            ["--datacenter", "d"],
            "datacenter is 'd', but was '' when the cluster was founded: its ring is fixed (/tmp/nodes.conf)"
        ),
    ])
    func whatMadeTheRingStays(_ options: [String], _ text: String) throws {
        let cluster = try Self.founded()
        #expect(Self.failure { try cluster.start(1, options) } == text)
    }

    /// A weight that nobody gave stays what it was when the cluster was founded, whatever the machine has become.
    @Test func aWeightThatWasFoundIsKept() throws {
        let cluster = try Self.founded()
        #expect(Self.failure { try cluster.start(1, ["--node-weight", "0"]) } == nil)
        #expect(cluster.servers[1].view.members.map(\.weight) == [1, 1])
    }

    @Test func twoProcessesDoNotShareADirectory() throws {
        let cluster = try Self.founded()
        let files = cluster.servers[1].files
        cluster.servers[1].files = files.asAnotherProcess()
        try cluster.start(1)
        cluster.servers[1].files = files
        let other = try SimulatedCluster(seed: 3, servers: 1)
        other.kill(0)
        other.servers[0].files = files
        #expect(
            Self.failure { try other.start(0) }
                == "/tmp/nodes.conf belongs to another process: each node needs a directory or cluster-config-file of its own"
        )
    }

    @Test func machinesNeedASecret() throws {
        let cluster = try SimulatedCluster(seed: 3, servers: 1)
        cluster.kill(0)
        let text = Self.failure { try cluster.start(0, ["--protected-mode", "yes", "--cluster-secret", ""]) }
        #expect(
            text == "a cluster over several machines needs a secret (cluster-secret-file), unless protected-mode is no")
        let none = Self.failure {
            try cluster.start(0, ["--cluster-secret", "", "--cluster-secret-file", "/nowhere/secret"])
        }
        #expect(none == "cannot read cluster-secret-file '/nowhere/secret': No such file or directory")
        let both = Self.failure { try cluster.start(0, ["--cluster-secret-file", "/nowhere/secret"]) }
        #expect(both == "cluster-secret and cluster-secret-file: there is one secret only")
    }

    // MARK: who is not let in

    /// Nodes that do not agree on how many replicas there are have different rings: neither asks the other.
    @Test func anotherReplicationIsAnotherRing() throws {
        let cluster = try Self.founded()
        try cluster.start(1, ["--cluster-replication", "1"])
        cluster.run(milliseconds: 1000)
        let target = cluster.servers[1].view.own
        cluster.servers[0].node!.executors[0].mailbox.post { executor in
            // Taken, or refused at once because this has been found out before.
            _ = executor.peers.request(target, code: 1, id: 1, timeLeft: 1000, payload: ByteView("x"))
        }
        cluster.run(milliseconds: 1000)
        #expect(cluster.exchange(cluster.client(of: 0), "CLUSTER LINKS") == "*0\r\n")
        #expect(
            cluster.servers[0].lines.contains {
                $0.hasSuffix("its ring is another one (founding nodes, weights, racks, cluster-replication)")
            })
    }

    @Test func whoHasAnotherSecretIsAStranger() throws {
        let cluster = try SimulatedCluster(seed: 4, servers: 2)
        cluster.kill(1)
        try cluster.start(1, ["--cluster-secret", "guessed"])
        cluster.run(milliseconds: 10_000)
        #expect(!cluster.servers[0].view.isFounded && !cluster.servers[1].view.isFounded)
    }

    // MARK: configuration

    @Test(
        arguments: [
            ("a:1", "a:10001"), ("a:1@2", "a:2"), ("a:1,b:2@3", "a:10001 b:3"), ("[::1]:7000", "::1:17000"),
            ("::1:7000@7001", "::1:7001"), ("a:1,a:1@10001", nil), ("a", nil), ("a:0", nil), ("a:1,", nil), (":1", nil),
            ("a:60000", nil), ("a:60000@1", "a:1"), ("a b:1", nil), ("a:1@x", nil), ("", ""),
        ] as [(String, String?)])
    func seedsAreRead(_ text: String, _ expected: String?) {
        let seeds = ClusterSettings.seeds(text)
        #expect(seeds.map { $0.map(\.description).joined(separator: " ") } == expected)
    }

    @Test(arguments: [
        ("cluster-seeds", "x", "argument must be different host:port or host:port@peerport, with commas between them"),
        ("cluster-name", "", "argument must be 1 to 64 visible ASCII characters without commas"),
        ("rack", "a,b", "argument must be at most 64 visible ASCII characters without commas"),
        (
            "cluster-replication", "0",
            "argument must be a number from 1 to 16, or datacenter:number with commas between them"
        ),
        ("cluster-read-quorum", "any", "argument must be a number from 1 to 16, one, quorum or all"),
        ("cluster-write-quorum", "most", "argument must be a number from 1 to 16, one, quorum, all or any"),
        ("node-weight", "101", "argument must be between 0 and 100 inclusive"),
        ("cluster-announce-ip", "here", "argument must be an IP address"),
    ])
    func badValuesAreRefused(_ name: String, _ value: String, _ text: String) {
        let failure = Self.failure { _ = try Configuration.load(["--\(name)", value]) }
        #expect(failure?.contains("': \(text)") == true, "\(failure ?? "accepted")")
    }

    @Test func quorums() {
        let texts = ["1", "16", "one", "QUORUM", "All", "any", "0", "17", "two", ""]
        let found = texts.map { $0.withView { Quorum($0) } }
        #expect(found == [.count(1), .count(16), .one, .quorum, .all, .any, nil, nil, nil, nil])
        #expect([Quorum.count(4), .one, .quorum, .all, .any].map { $0.needed(of: 3) } == [4, 1, 2, 3, 1])
        #expect((1...5).map { Quorum.quorum.needed(of: $0) } == [1, 2, 2, 3, 3])
    }
}
