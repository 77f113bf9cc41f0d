import Cluster
import Replication
import Synchronization

extension Info {
    /// Redis has the first field only.
    mutating func cluster() {
        add("cluster_enabled", node.cluster == nil ? 0 : 1)
        guard let keeper = node.cluster else { return }
        let view = call.executor.cluster ?? keeper.view
        let (health, statistics) = keeper.withMembership { ($0.localHealth, $0.statistics) }
        func count(_ liveness: Liveness) -> Int { view.liveness.reduce(0) { $0 + ($1 == liveness ? 1 : 0) } }
        add("cluster_name", keeper.name)
        add("cluster_node_id", "\(view.id)")
        add("cluster_founded", view.isFounded ? 1 : 0)
        add("cluster_ring_epoch", view.isFounded ? view.version.epoch : 0)
        add("cluster_ring_digest", String(view.version.digest, radix: 16))
        add("cluster_nodes", view.members.count)
        add("cluster_nodes_alive", count(.alive))
        add("cluster_nodes_suspected", count(.suspect))
        add("cluster_nodes_down", count(.down))
        add("cluster_replicas", view.replicaCount)
        add("cluster_read_quorum", "\(settings.cluster.readQuorum)")
        add("cluster_write_quorum", "\(settings.cluster.writeQuorum)")
        add("cluster_local_health", health)
        add("cluster_probes_failed", statistics.probesFailed)
        add("cluster_datagrams_sent", statistics.sent)
        add("cluster_datagrams_received", statistics.received)
        add("cluster_datagrams_refused", statistics.refused.reduce(0, +))
        // Whether this node answers for its slots, and whether its writes need not ask others first.
        add("cluster_caught_up", node.isCaughtUp.isOn ? 1 : 0)
        add("cluster_settled", node.isSettled.isOn ? 1 : 0)
        add("cluster_quorum_failures", node.total(.quorumFailures))
        add("cluster_read_repairs", node.total(.readRepairs))
        add("cluster_slots_caught_up", node.total(.slotsCaughtUp))
        node.hints.withLock { hints in
            add("cluster_hints_held", hints.count)
            add("cluster_hints_stored", hints.stored)
            add("cluster_hints_replayed", hints.replayed)
            add("cluster_hints_dropped", hints.dropped)
        }
        add("cluster_peer_requests_refused", node.total(.peerRequestsRefused))
    }
}
