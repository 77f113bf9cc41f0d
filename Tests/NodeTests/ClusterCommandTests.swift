import Base
import Cluster
import NodeSimulation
import Simulation
import Testing

@testable import Node

/// What CLUSTER and its like say, in clusters of simulated servers.
@Suite struct ClusterCommandTests {
    private static func founded(_ servers: Int = 3, _ options: [String] = []) throws -> SimulatedCluster {
        let cluster = try SimulatedCluster(seed: 5, servers: servers, options: options)
        #expect(cluster.found())
        return cluster
    }

    /// A bulk string's or verbatim text's content.
    private static func text(_ reply: String) -> String {
        guard reply.hasPrefix("$"), let start = reply.firstRange(of: "\r\n") else { return reply }
        return String(reply[start.upperBound...].dropLast(1))
    }

    private static func info(_ reply: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in text(reply).split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            fields[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        return fields
    }

    @Test func everyNodeTellsOfTheSameRing() throws {
        let cluster = try Self.founded()
        var slots: Set<String> = []
        for server in 0..<3 { slots.insert(cluster.exchange(cluster.client(of: server), "CLUSTER SLOTS")) }
        #expect(slots.count == 1)
        let view = cluster.servers[0].view
        let ranges = view.topology.ranges
        #expect(ranges.first?.first == 0 && ranges.last?.last == 16383)
        for (a, b) in zip(ranges, ranges.dropFirst()) { #expect(a.last + 1 == b.first && a.members != b.members) }
        for range in ranges {
            for slot in [range.first, range.last] {
                #expect(range.members[0] == view.ring.owner(slot))
                #expect(Set(range.members) == Set(view.ring.preferenceList(slot)))
            }
        }
        let first = view.members[ranges[0].members[0]]
        let reply = try #require(slots.first)
        #expect(
            reply.hasPrefix(
                "*\(ranges.count)\r\n*5\r\n:0\r\n:\(ranges[0].last)\r\n*4\r\n$\(first.host.count)\r\n\(first.host)\r\n:6379\r\n"
                    + "$40\r\n\(first.id)\r\n*0\r\n"))
    }

    @Test func nodesAreListedWithTheSlotsTheyCoordinate() throws {
        let cluster = try Self.founded()
        let lines = Self.text(cluster.exchange(cluster.client(of: 1), "CLUSTER NODES")).split(separator: "\n")
        #expect(lines.count == 3)
        var owners = [Int](repeating: 0, count: 16384)
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            let member = try #require(cluster.servers[0].view.members.first { "\($0.id)" == words[0] })
            #expect(words[1] == "\(member.host):6379@16379")
            #expect(words[2] == (member.host == cluster.servers[1].host ? "myself,master" : "master"))
            #expect(words[3...7] == ["-", "0", "0", "1", "connected"])
            for range in words[8...] {
                let ends = range.split(separator: "-").compactMap { Int($0) }
                for slot in ends[0]...ends[ends.count - 1] {
                    owners[slot] += 1
                    #expect(cluster.servers[0].view.ring.owner(slot) == cluster.servers[0].view.index(member.id))
                }
            }
        }
        #expect(owners.allSatisfy { $0 == 1 })
    }

    @Test func whoIsDownCoordinatesNothing() throws {
        let cluster = try Self.founded()
        let gone = cluster.servers[2].view.own
        let id = "\(cluster.servers[2].view.id)"
        cluster.kill(2)
        #expect(
            cluster.run(limit: 30_000) { cluster.servers[0].view.liveness[gone] == .down } != nil)
        let client = cluster.client(of: 0)
        let nodes = Self.text(cluster.exchange(client, "CLUSTER NODES")).split(separator: "\n")
        #expect(
            nodes.first { $0.hasPrefix(id) }.map(String.init)
                == "\(id) 10.0.0.3:6379@16379 master,fail - 0 0 1 disconnected")
        #expect(!cluster.exchange(client, "CLUSTER SLOTS").contains("10.0.0.3"))
        #expect(!cluster.exchange(client, "CLUSTER SHARDS").contains("10.0.0.3"))
        let info = Self.info(cluster.exchange(client, "CLUSTER INFO"))
        #expect(info["cluster_state"] == "ok" && info["cluster_slots_ok"] == "16384")
        #expect(cluster.exchange(client, "CLUSTER COUNT-FAILURE-REPORTS \(id)") == ":2\r\n")
        let figures = Self.info(cluster.exchange(client, "INFO cluster"))
        #expect(figures["cluster_nodes_alive"] == "2" && figures["cluster_nodes_down"] == "1")
        let log = cluster.servers[0].lines
        #expect(log.contains { $0.hasPrefix("Cluster: node \(id) (10.0.0.3:6379) is down: no answer to ") })
        // Back again, as whom it was.
        try cluster.start(2)
        #expect(cluster.run(limit: 30_000) { cluster.servers[0].view.isReachable(gone) } != nil)
        #expect("\(cluster.servers[2].view.id)" == id && cluster.servers[2].view.isFounded)
        #expect(cluster.exchange(client, "CLUSTER SLOTS").contains("10.0.0.3"))
        #expect(cluster.exchange(client, "CLUSTER COUNT-FAILURE-REPORTS \(id)") == ":0\r\n")
    }

    @Test func shardsAreNodesWithTheSameSlots() throws {
        let cluster = try Self.founded(4, ["--cluster-replication", "2"])
        let view = cluster.servers[0].view
        let shards = view.topology.shards
        // Each of four with each of the three others.
        #expect(shards.count == 12)
        #expect(shards.allSatisfy { $0.members.count == 2 })
        let counts: [Int] = shards.flatMap(\.ranges).map { $0.last - $0.first + 1 }
        #expect(counts.reduce(0, +) == 16384)
        let reply = cluster.exchange(cluster.client(of: 0), "CLUSTER SHARDS")
        #expect(reply.hasPrefix("*12\r\n*4\r\n$5\r\nslots\r\n*"))
        #expect(reply.components("$6\r\nmaster\r\n") == 12 && reply.components("$7\r\nreplica\r\n") == 12)
        let replicas = cluster.exchange(cluster.client(of: 0), "CLUSTER REPLICAS \(view.id)")
        #expect(replicas.hasPrefix("*3\r\n") && replicas.contains(" slave \(view.id) 0 0 1 connected"))
    }

    @Test func keysOfASlot() throws {
        let cluster = try Self.founded(1)
        let client = cluster.client(of: 0)
        for key in ["{foo}1", "{foo}2", "bar"] { #expect(cluster.exchange(client, "SET \(key) v") == "+OK\r\n") }
        #expect(cluster.exchange(client, "CLUSTER KEYSLOT {foo}9") == ":12182\r\n")
        #expect(cluster.exchange(client, "CLUSTER COUNTKEYSINSLOT 12182") == ":2\r\n")
        let keys = cluster.exchange(client, "CLUSTER GETKEYSINSLOT 12182 10")
        #expect(keys.hasPrefix("*2\r\n") && keys.contains("{foo}1") && keys.contains("{foo}2"))
        #expect(cluster.exchange(client, "CLUSTER GETKEYSINSLOT 12182 1").hasPrefix("*1\r\n$6\r\n{foo}"))
        #expect(cluster.exchange(client, "CLUSTER COUNTKEYSINSLOT 16384") == "-ERR Invalid slot\r\n")
        #expect(cluster.exchange(client, "CLUSTER GETKEYSINSLOT 1 -1") == "-ERR Invalid slot or number of keys\r\n")
        #expect(
            cluster.exchange(client, "CLUSTER GETKEYSINSLOT 1 x") == "-ERR value is not an integer or out of range\r\n")
    }

    @Test(arguments: [
        ("READONLY", "+OK\r\n"), ("READWRITE", "+OK\r\n"), ("ASKING", "+OK\r\n"),
        ("SELECT 0", "+OK\r\n"), ("SELECT 1", "-ERR SELECT is not allowed in cluster mode\r\n"),
        ("SELECT 16", "-ERR DB index is out of range\r\n"),
        ("MOVE k 1", "-ERR MOVE is not allowed in cluster mode\r\n"),
        ("SWAPDB 0 1", "-ERR SWAPDB is not allowed in cluster mode\r\n"),
        ("COPY {k}1 {k}2 DB 1", "-ERR Copying to another database is not allowed in cluster mode\r\n"),
        ("COPY {k}1 {k}2 DB 0", ":0\r\n"),
        ("CLUSTER FORGET x", "-ERR Unknown node x\r\n"),
        ("CLUSTER REPLICAS x", "-ERR Unknown node x\r\n"),
        ("CLUSTER MEET here 1", "-ERR Invalid node address specified: here:1\r\n"),
        ("CLUSTER MEET 10.0.0.1 99999", "-ERR Invalid node address specified: 10.0.0.1:99999\r\n"),
        ("CLUSTER MEET 10.0.0.1 6379", "+OK\r\n"),
        ("CLUSTER MEET 10.0.0.1 1 16379", "+OK\r\n"),
        (
            "CLUSTER MEET 10.0.0.9 6379",
            "-ERR 10.0.0.9:6379 cannot be met: the cluster has been founded without it, and its ring is fixed\r\n"
        ),
        (
            "CLUSTER ADDSLOTS 1",
            "-ERR CLUSTER ADDSLOTS is not possible: the ring places slots, by the nodes that founded the cluster and "
                + "their weights, and no node is another's replica\r\n"
        ),
        ("CLUSTER SAVECONFIG", "+OK\r\n"),
        ("CLUSTER NONSENSE", "-ERR unknown subcommand 'NONSENSE'. Try CLUSTER HELP.\r\n"),
    ])
    func oneAnswer(_ command: String, _ reply: String) throws {
        let cluster = try Self.founded(1)
        #expect(cluster.exchange(cluster.client(of: 0), command) == reply)
    }

    @Test func noNodeIsForgotten() throws {
        let cluster = try Self.founded(2)
        let client = cluster.client(of: 0)
        let own = cluster.servers[0].view.id
        let other = cluster.servers[1].view.id
        #expect(
            cluster.exchange(client, "CLUSTER FORGET \(own)") == "-ERR I tried hard but I can't forget myself...\r\n")
        #expect(
            cluster.exchange(client, "CLUSTER FORGET \(other)")
                == "-ERR Node \(other) cannot be forgotten: the node holds slots, and to forget it would move data\r\n")
    }

    @Test func theServerSaysThatItIsOneOfACluster() throws {
        let cluster = try Self.founded(1)
        let client = cluster.client(of: 0)
        #expect(cluster.exchange(client, "HELLO").contains("$4\r\nmode\r\n$7\r\ncluster\r\n"))
        #expect(Self.info(cluster.exchange(client, "INFO server"))["redis_mode"] == "cluster")
        #expect(Self.info(cluster.exchange(client, "INFO"))["cluster_enabled"] == "1")
        #expect(cluster.exchange(client, "CONFIG GET cluster-secret").hasSuffix("$3\r\n***\r\n"))
        #expect(
            cluster.exchange(client, "CONFIG SET cluster-node-timeout 1")
                == "-ERR CONFIG SET failed (possibly related to argument 'cluster-node-timeout') - "
                + "cannot be changed while the cluster runs\r\n")
        #expect(cluster.exchange(client, "CLUSTER MYID") == "$40\r\n\(cluster.servers[0].view.id)\r\n")
    }

    /// One of the seeds is not there: nobody knows yet what the ring will be.
    @Test func beforeTheFounding() throws {
        let cluster = try SimulatedCluster(seed: 1, servers: 3)
        cluster.kill(2)
        cluster.run(milliseconds: 5000)
        let client = cluster.client(of: 0)
        let info = Self.info(cluster.exchange(client, "CLUSTER INFO"))
        #expect(info["cluster_state"] == "fail" && info["cluster_slots_assigned"] == "0" && info["cluster_size"] == "0")
        #expect(cluster.exchange(client, "CLUSTER SLOTS") == "*0\r\n")
        #expect(cluster.exchange(client, "CLUSTER SHARDS") == "*0\r\n")
        let id = cluster.servers[0].view.id
        #expect(
            Self.text(cluster.exchange(client, "CLUSTER NODES"))
                == "\(id) 10.0.0.1:6379@16379 myself,master - 0 0 0 connected\n")
        try cluster.start(2)
        #expect(cluster.found())
        #expect(cluster.servers[0].view.id == id)
        #expect(cluster.servers[0].lines.contains("Cluster simulated founded with 3 nodes: its ring is fixed"))
    }

    /// Replicas are wanted in a data centre where no node is.
    @Test func aRingWithoutReplicas() throws {
        let cluster = try Self.founded(2, ["--cluster-replication", "dc1:2"])
        let client = cluster.client(of: 0)
        #expect(cluster.exchange(client, "CLUSTER SLOTS") == "*0\r\n")
        #expect(cluster.exchange(client, "CLUSTER SHARDS") == "*0\r\n")
        #expect(Self.text(cluster.exchange(client, "CLUSTER NODES")).split(separator: "\n").count == 2)
        #expect(cluster.exchange(client, "CLUSTER REPLICAS \(cluster.servers[1].view.id)") == "*0\r\n")
        let info = Self.info(cluster.exchange(client, "CLUSTER INFO"))
        #expect(info["cluster_state"] == "fail" && info["cluster_slots_assigned"] == "0")
    }

    @Test func linksAreShown() throws {
        let cluster = try Self.founded(2)
        let client = cluster.client(of: 0)
        // Nodes that have been founded compare what they have: each opens a connection to the other.
        cluster.run(milliseconds: 1000)
        for (server, client) in [(0, client), (1, cluster.client(of: 1))] {
            let id = cluster.servers[1 - server].view.id
            let links = cluster.exchange(client, "CLUSTER LINKS")
            #expect(links.hasPrefix("*2\r\n*12\r\n$9\r\ndirection\r\n"))
            for direction in ["$2\r\nto", "$4\r\nfrom"] {
                #expect(
                    links.contains(
                        "direction\r\n\(direction)\r\n$4\r\nnode\r\n$40\r\n\(id)\r\n$11\r\ncreate-time\r\n"))
            }
        }
        cluster.kill(1)
        cluster.run(milliseconds: 100)
        #expect(cluster.exchange(client, "CLUSTER LINKS") == "*0\r\n")
    }
}

extension String {
    /// How often a text is in it.
    fileprivate func components(_ part: String) -> Int { ranges(of: part).count }
}
