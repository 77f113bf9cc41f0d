import Base
import Cluster
import Node
import NodeSimulation

/// Whether all replicas of every slot hold the same: versions with their dots, times, deadlines and values, and the clocks.
enum Convergence {
    static func differences(_ cluster: SimulatedCluster, withClocks: Bool) -> [String] {
        let view = cluster.servers[0].view
        let byMember = cluster.servers.sorted { $0.view.own < $1.view.own }
        var found: [String] = []
        for partition in 0..<Limits.partitions {
            let contents = byMember.map { $0.executor().contents(of: partition) }
            for slot in Set(contents.flatMap(\.keys)).sorted() {
                let members = (0..<view.replicaCount).map { view.replica(slot, $0) }
                let states = members.map { member in
                    (contents[member][slot] ?? []).filter { withClocks || !$0.hasPrefix("clock ") }
                        .filter { withClocks || !$0.hasSuffix(" ") }
                }
                if Set(states).count == 1 { continue }
                let told = zip(members, states).map { member, state in "\(byMember[member].index) has \(state)" }
                found.append("slot \(slot) differs: \(told.joined(separator: ", "))")
            }
        }
        return found
    }
}
