import Base
import CSystem
import Causality
import Cluster
import Keyspace

/// Where others reach a node.
public struct ClusterAddress: Sendable {
    /// An IP address.
    public var host: String
    public var clientPort: Int
    public var peerPort: Int

    public init(host: String, clientPort: Int, peerPort: Int) {
        (self.host, self.clientPort, self.peerPort) = (host, clientPort, peerPort)
    }
}

extension Node {
    /// As HELLO and INFO call it.
    var mode: String { cluster == nil ? "standalone" : "cluster" }

    /// Makes this node one of its cluster: as whom it was before, or as a new one. Before any loop runs.
    /// - Parameter now: ms of a monotonic clock.
    public func openCluster(_ address: ClusterAddress, now: Int64) throws(ClusterStartError) {
        let settings = configuration.settings.cluster
        let secret = try clusterSecret()
        let file = try ClusterFile(doors.files, directory: configuration.settings.directory, name: settings.fileName)
        let restored = try file.read()
        var random = PRNG(seed: Self.number(doors.secretBytes(8)))
        let identity = try Self.identity(settings, address, restored, usual: usualWeight, &random)
        if let restored { try Self.check(settings, restored, identity, in: file.path) }
        let key = ClusterKey(cluster: settings.name, secret: secret)
        let membership = Membership(
            identity: identity, clusterName: settings.name, secret: secret, seeds: settings.seeds, restored: restored,
            options: settings.membershipOptions, seed: random.next(), now: now)
        let state = membership.state
        do throws(DiskError) {
            // Nobody hears of an id or an incarnation that may come again.
            try file.write(state)
        } catch {
            throw ClusterStartError("cannot write \(file.path): \(error)")
        }
        let keeper = ClusterKeeper(
            membership, file, key: key, replication: settings.replication, report: doors.log)
        cluster = keeper
        keyspace.shared.pointee.contexts = settings.name.withView { name in
            secret.withView { ContextToken(cluster: name, secret: $0) }
        }
        keyspace.notePredecessors()
        setSink(keyspace.shared.pointee.sink)
        keyspace.shared.pointee.isClustered = true
        keyspace.shared.pointee.replicas = settings.replication.count
        for executor in executors { executor.join(keeper, seed: random.next()) }
    }

    /// This node knows of which slots it is no replica.
    func standIn(_ view: ClusterView) { keyspace.standIn { view.ownRank($0) == nil } }

    /// The same before a log is replayed that may have keys that were kept for others, if the cluster has been founded. What
    /// is wrong with its file is told later.
    func standInAsBefore() {
        let settings = configuration.settings
        guard settings.cluster.isEnabled,
            let state = try? ClusterFile.read(
                doors.files, directory: settings.directory, name: settings.cluster.fileName), state.founding != 0
        else { return }
        let ring = Ring(state.members, replication: settings.cluster.replication)
        guard let own = ring.index(state.id) else { return }
        keyspace.standIn { slot in !ring.preferenceList(slot).contains(own) }
    }

    /// The shared secret, from wherever it is kept. Without one, anybody who reaches the port for nodes can take part.
    private func clusterSecret() throws(ClusterStartError) -> [UInt8] {
        let settings = configuration.settings
        if !settings.cluster.secretFile.isEmpty {
            if !settings.cluster.secret.isEmpty {
                throw ClusterStartError("cluster-secret and cluster-secret-file: there is one secret only")
            }
            return try Self.readSecret(settings.cluster.secretFile, from: settings.directory)
        }
        let isLocal = settings.cluster.seeds.allSatisfy { Self.isLoopback($0.host) }
        if settings.cluster.secret.isEmpty && settings.protectedMode && !isLocal {
            throw ClusterStartError(
                "a cluster over several machines needs a secret (cluster-secret-file), unless protected-mode is no")
        }
        return Array(settings.cluster.secret.utf8)
    }

    private static func readSecret(_ name: String, from directory: String) throws(ClusterStartError) -> [UInt8] {
        let path = name.hasPrefix("/") ? name : directory + "/" + name
        var secret: [UInt8]
        do throws(FileError) {
            secret = try TextFile.read(path)
        } catch {
            throw ClusterStartError("cannot read cluster-secret-file '\(path)': \(error.text)")
        }
        while let last = secret.last, last == 10 || last == 13 { secret.removeLast() }
        if secret.isEmpty { throw ClusterStartError("cluster-secret-file '\(path)' is empty") }
        return secret
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || (host.hasPrefix("127.") && cs_address_family(host) == 4)
    }

    private static func number(_ bytes: [UInt8]) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    private static func identity(
        _ settings: ClusterSettings, _ address: ClusterAddress, _ restored: MembershipState?, usual: UInt16,
        _ random: inout PRNG
    ) throws(ClusterStartError) -> Member {
        func port(_ port: Int, _ what: String) throws(ClusterStartError) -> UInt16 {
            guard let number = UInt16(exactly: port), number > 0 else {
                throw ClusterStartError("a cluster's node needs \(what) from 1 to 65535, not \(port)")
            }
            return number
        }
        let old = restored?.members.first { $0.id == restored?.id }
        let weight = settings.weight > 0 ? UInt16(settings.weight) : old?.weight ?? usual
        return Member(
            id: restored?.id ?? NodeID(random: &random), host: address.host,
            clientPort: try port(address.clientPort, "a port for clients"),
            peerPort: try port(address.peerPort, "a port for other nodes (cluster-port)"), weight: weight,
            rack: settings.rack, datacenter: settings.datacenter)
    }

    /// By cores, and by gigabytes of memory where there are fewer than two for each core.
    private var usualWeight: UInt16 {
        let gigabytes = doors.process().memoryBytes >> 30
        return UInt16(min(max(min(Int(cs_available_cpus()), gigabytes / 2), 1), Int(Member.weightMax)))
    }

    /// What has made the ring stays as it is, and so does the cluster.
    private static func check(
        _ settings: ClusterSettings, _ restored: MembershipState, _ identity: Member, in path: String
    ) throws(ClusterStartError) {
        if restored.clusterName != settings.name {
            throw ClusterStartError(
                "\(path) is of the cluster '\(restored.clusterName)', and cluster-name is '\(settings.name)'")
        }
        guard restored.founding != 0, let old = restored.members.first(where: { $0.id == restored.id }) else { return }
        func check(_ name: String, _ old: String, _ new: String) throws(ClusterStartError) {
            if old == new { return }
            throw ClusterStartError(
                "\(name) is '\(new)', but was '\(old)' when the cluster was founded: its ring is fixed (\(path))")
        }
        try check("node-weight", "\(old.weight)", "\(identity.weight)")
        try check("rack", old.rack, identity.rack)
        try check("datacenter", old.datacenter, identity.datacenter)
    }

    /// CONFIG SET: what others have been told of this node is not changed while it runs. Answers why not.
    public func refuseClusterChange(_ old: Settings, _ new: Settings) -> String? {
        if cluster == nil { return nil }
        let (old, new) = (old.cluster, new.cluster)
        let text = "cannot be changed while the cluster runs"
        if old.announcedHost != new.announcedHost { return "cluster-announce-ip: \(text)" }
        if old.announcedPort != new.announcedPort { return "cluster-announce-port: \(text)" }
        if old.announcedPeerPort != new.announcedPeerPort { return "cluster-announce-bus-port: \(text)" }
        if old.nodeTimeout != new.nodeTimeout { return "cluster-node-timeout: \(text)" }
        return nil
    }
}
