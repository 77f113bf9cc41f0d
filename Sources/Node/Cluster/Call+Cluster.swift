import Base
import CSystem
import Cluster
import Commands
import Keyspace
import RESP

/// What CLUSTER's subcommands answer inside a cluster. Texts are Redis' where Redis has some.
extension Call {
    /// Nil outside a cluster; the caller has been told.
    private var clusterView: ClusterView? {
        if let view = executor.cluster { return view }
        refuseCluster()
        return nil
    }

    func refuseCluster() { fail("ERR This instance has cluster support disabled") }

    /// READONLY, READWRITE, ASKING: any node answers anything as it is.
    func acceptClusterMode() { if clusterView != nil { reply.ok() } }

    // MARK: the node

    func clusterMyID() { if let view = clusterView { reply.bulk("\(view.id)") } }

    func clusterKeySlot() { if clusterView != nil { reply.integer(Key(self[2]).slot) } }

    func clusterInfo() {
        guard let view = clusterView, let keeper = node.cluster else { return }
        let standings = view.slotStandings
        let statistics = keeper.withMembership { $0.statistics }
        var lines = [
            ("cluster_state", standings.down == 0 && view.replicaCount > 0 ? "ok" : "fail"),
            ("cluster_slots_assigned", "\(view.replicaCount == 0 ? 0 : Limits.slots)"),
            ("cluster_slots_ok", "\(standings.ok)"),
            ("cluster_slots_pfail", "\(standings.suspect)"),
            ("cluster_slots_fail", "\(standings.down)"),
            ("cluster_known_nodes", "\(max(1, view.members.count))"),
            ("cluster_size", "\(view.members.count)"),
            ("cluster_current_epoch", "\(view.isFounded ? view.version.epoch : 0)"),
            ("cluster_my_epoch", "\(view.isFounded ? view.version.epoch : 0)"),
        ]
        lines += [
            ("cluster_stats_messages_sent", "\(statistics.sent)"),
            ("cluster_stats_messages_received", "\(statistics.received)"),
            ("total_cluster_links_buffer_limit_exceeded", "0"),
        ]
        reply.verbatim(lines.map { "\($0.0):\($0.1)\r\n" }.joined())
    }

    // MARK: slots and nodes

    func clusterSlots() {
        guard let view = clusterView else { return }
        let topology = view.topology
        reply.array(topology.ranges.count)
        for range in topology.ranges {
            reply.array(2 + range.members.count)
            reply.integer(range.first)
            reply.integer(range.last)
            for index in range.members {
                let member = view.members[index]
                reply.array(4)
                reply.bulk(member.host)
                reply.integer(Int(member.clientPort))
                reply.bulk("\(member.id)")
                reply.array(0)
            }
        }
    }

    func clusterShards() {
        guard let view = clusterView else { return }
        let shards = view.topology.shards
        reply.array(shards.count)
        for shard in shards {
            reply.map(2)
            reply.bulk("slots")
            reply.array(2 * shard.ranges.count)
            for range in shard.ranges {
                reply.integer(range.first)
                reply.integer(range.last)
            }
            reply.bulk("nodes")
            reply.array(shard.members.count)
            for (rank, index) in shard.members.enumerated() { replyShardNode(view, index, isMaster: rank == 0) }
        }
    }

    private func replyShardNode(_ view: ClusterView, _ index: Int, isMaster: Bool) {
        let member = view.members[index]
        reply.map(7)
        reply.bulk("id")
        reply.bulk("\(member.id)")
        reply.bulk("port")
        reply.integer(Int(member.clientPort))
        reply.bulk("ip")
        reply.bulk(member.host)
        reply.bulk("endpoint")
        reply.bulk(member.host)
        reply.bulk("role")
        reply.bulk(isMaster ? "master" : "replica")
        reply.bulk("replication-offset")
        reply.integer(0)
        reply.bulk("health")
        reply.bulk(view.liveness[index] == .down ? "fail" : "online")
    }

    func clusterNodes() {
        guard let view = clusterView, let keeper = node.cluster else { return }
        if !view.isFounded {
            let own = keeper.withMembership { $0.identity }
            return reply.verbatim(Self.line(own, flags: "myself,master", master: "-", epoch: 0, isLinked: true) + "\n")
        }
        let topology = view.topology
        var text = ""
        for index in view.members.indices {
            text += Self.line(view, index)
            for range in topology.coordinated[index] {
                text += range.first == range.last ? " \(range.first)" : " \(range.first)-\(range.last)"
            }
            text += "\n"
        }
        reply.verbatim(text)
    }

    private static func line(_ view: ClusterView, _ index: Int, flags: String? = nil, master: String = "-") -> String {
        line(
            view.members[index], flags: flags ?? view.flags(index), master: master, epoch: view.version.epoch,
            isLinked: view.liveness[index] == .alive)
    }

    private static func line(
        _ member: Member, flags: String, master: String, epoch: UInt64, isLinked: Bool
    ) -> String {
        "\(member.id) \(member.host):\(member.clientPort)@\(member.peerPort) \(flags) \(master) 0 0 \(epoch) "
            + (isLinked ? "connected" : "disconnected")
    }

    /// The member that a word names; nil: there is none, and the caller has been told.
    private func member(_ word: Int, _ view: ClusterView) -> Int? {
        if let id = NodeID(hex: self[word]), let index = view.index(id) { return index }
        reply.error("ERR Unknown node \(self[word].text)")
        return nil
    }

    /// CLUSTER REPLICAS: who else has slots that the node coordinates.
    func clusterReplicas() {
        guard let view = clusterView, let master = member(2, view) else { return }
        var replicas: Set<Int> = []
        for range in view.topology.ranges where range.members[0] == master {
            replicas.formUnion(range.members.dropFirst())
        }
        reply.array(replicas.count)
        for index in replicas.sorted() {
            reply.bulk(Self.line(view, index, flags: "slave", master: "\(view.members[master].id)"))
        }
    }

    func clusterFailureReports() {
        guard let view = clusterView, let index = member(2, view) else { return }
        let id = view.members[index].id
        reply.integer(node.cluster?.withMembership { $0.accusers(of: id).count } ?? 0)
    }

    // MARK: keys

    /// Keys that this node has of the slot, whatever it is to others.
    func clusterCountKeys() {
        guard clusterView != nil else { return }
        guard let slot = slot(2) else { return fail("ERR Invalid slot") }
        var count = 0
        forEachKey(of: slot) { _ in count += 1 }
        reply.integer(count)
    }

    func clusterKeysInSlot() {
        guard clusterView != nil, let wanted = integer(3) else { return }
        guard let slot = slot(2), wanted >= 0 else { return fail("ERR Invalid slot or number of keys") }
        var keys: [[UInt8]] = []
        forEachKey(of: slot) { if keys.count < wanted { keys.append($0.bytes) } }
        reply.array(keys.count)
        for key in keys { reply.bulk(key) }
    }

    private func slot(_ word: Int) -> Int? {
        guard let slot = self[word].integer, slot >= 0, slot < Limits.slots else { return nil }
        return Int(slot)
    }

    private func forEachKey(of slot: Int, _ body: (ByteView) -> Void) {
        withPartition(slot / (Limits.slots / Limits.partitions)) { partition in
            partition.pointee.databases[0].entries.forEach { entry in
                if Key(entry.key).slot == slot { body(entry.key) }
            }
        }
    }

    // MARK: connections

    func clusterLinks() {
        guard let view = clusterView else { return }
        let links = node.executors.flatMap { $0.peers.links }
        reply.array(links.count)
        for link in links {
            reply.map(6)
            reply.bulk("direction")
            reply.bulk(link.isOutgoing ? "to" : "from")
            reply.bulk("node")
            reply.bulk("\(view.members[link.member].id)")
            reply.bulk("create-time")
            reply.integer(link.createdAt)
            reply.bulk("events")
            reply.bulk("r")
            reply.bulk("send-buffer-allocated")
            reply.integer(link.pending)
            reply.bulk("send-buffer-used")
            reply.integer(link.pending)
        }
    }

    // MARK: changes

    func clusterMeet() {
        guard let view = clusterView, let keeper = node.cluster else { return }
        let port = self[3].integer ?? 0
        let peerPort = count > 4 ? self[4].integer ?? 0 : port + Int64(ClusterSettings.peerPortOffset)
        let host = self[2].text
        guard (1...65535).contains(port), (1...65535).contains(peerPort), cs_address_family(host) != 0, count < 6 else {
            return reply.error("ERR Invalid node address specified: \(host):\(self[3].text)")
        }
        // A member, by the port that people know.
        if view.members.contains(where: { $0.host == host && Int64($0.clientPort) == port }) { return reply.ok() }
        let address = NodeAddress(host: host, port: UInt16(peerPort))
        do throws(MembershipRefusal) {
            try keeper.withMembership { (membership) throws(MembershipRefusal) in try membership.meet(address) }
            reply.ok()
        } catch {
            reply.error("ERR \(host):\(port) cannot be met: \(error.explanation)")
        }
    }

    func clusterForget() {
        guard let view = clusterView, let keeper = node.cluster, let index = member(2, view) else { return }
        if index == view.own { return fail("ERR I tried hard but I can't forget myself...") }
        let id = view.members[index].id
        do throws(MembershipRefusal) {
            try keeper.withMembership { (membership) throws(MembershipRefusal) in try membership.forget(id) }
            reply.ok()
        } catch {
            reply.error("ERR Node \(id) cannot be forgotten: \(error.explanation)")
        }
    }

    /// What would place slots, or give nodes roles.
    func refuseClusterChange() {
        if clusterView == nil { return }
        reply.error(
            "ERR CLUSTER \(self[1].text.uppercased()) is not possible: the ring places slots, by the nodes that founded "
                + "the cluster and their weights, and no node is another's replica")
    }

    /// The file is kept up to date as it is.
    func clusterSaveConfig() { if clusterView != nil { reply.ok() } }

    func clusterHelp() {
        guard clusterView != nil else { return }
        replyHelp([
            "COUNTKEYSINSLOT <slot>", "    Answer how many keys of a slot this node has.",
            "COUNT-FAILURE-REPORTS <node-id>", "    Answer how many nodes say that a node does not answer.",
            "FORGET <node-id>", "    Remove a node that holds no slots.",
            "GETKEYSINSLOT <slot> <count>", "    Answer keys of a slot that this node has.",
            "INFO", "    Answer how the cluster stands.",
            "KEYSLOT <key>", "    Answer a key's slot.",
            "LINKS", "    Answer this node's connections to other nodes.",
            "MEET <ip> <port> [<bus-port>]", "    Introduce a node.",
            "MYID", "    Answer this node's id.",
            "NODES", "    Answer a line for each node: who, where, how it is, which slots it coordinates.",
            "REPLICAS <node-id>", "    Answer the nodes that have slots of a node, too.",
            "SHARDS", "    Answer slots and nodes, by nodes that have the same slots.",
            "SLOTS", "    Answer ranges of slots, and who has them: first who coordinates them.",
        ])
    }
}
