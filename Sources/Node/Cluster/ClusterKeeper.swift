import Base
import CSystem
import Cluster

/// What keeps a node a member of its cluster: membership, its file, and the views that loops go by.
///
/// `received` and `tick` are called by one thread (the shell's `gossip`), which alone writes the file and publishes
/// views. Loops ask for views, and look into the membership for commands, under locks that are held for less than a
/// datagram takes.
public final class ClusterKeeper: @unchecked Sendable {
    public let id: NodeID
    public let name: String
    public let replication: Replication
    let key: ClusterKey
    private let file: ClusterFile
    private let report: @Sendable (LogLevel, String) -> Void

    private let lock = SpinLock()
    /// Under `lock`.
    private var membership: Membership

    private let publishing = SpinLock()
    /// Under `publishing`.
    private var current: ClusterView
    private var wakes: [@Sendable () -> Void] = []
    private let versionWord: UnsafeMutablePointer<UInt64>

    // The gossip thread's.
    /// Sends a datagram to another node; set before the thread starts. It may get lost.
    public var send: (ByteView, NodeAddress) -> Void = { _, _ in }
    private var directives: [MembershipDirective] = []
    private var viewNumber: UInt64
    /// When the state is to be written; `.max`: nothing has changed.
    private var writeAt = Int64.max
    private var isWriteFailing = false
    private var wasFounded: Bool
    /// Changes are gathered so long, ms; what is lost with them is learnt again from others.
    private static let gatheringTime: Int64 = 500
    private static let retryTime: Int64 = 5000

    init(
        _ membership: consuming Membership, _ file: ClusterFile, key: ClusterKey, replication: Replication,
        report: @escaping @Sendable (LogLevel, String) -> Void
    ) {
        id = membership.id
        name = membership.clusterName
        wasFounded = membership.isFounded
        viewNumber = membership.viewNumber
        current = ClusterView(membership, replication: replication, previous: nil)
        self.membership = membership
        (self.file, self.key, self.replication, self.report) = (file, key, replication, report)
        versionWord = .allocate(capacity: 1)
        versionWord.initialize(to: 1)
    }

    deinit { versionWord.deallocate() }

    // MARK: for loops, from any thread

    public var view: ClusterView { publishing.withLock { current } }

    /// Another number with each view. A relaxed read.
    @inline(__always)
    public var version: UInt64 { cs_load_u64(versionWord) }

    /// Has a loop woken when there is a new view. Before any thread runs.
    func connect(wake: @escaping @Sendable () -> Void) { wakes.append(wake) }

    /// For commands.
    func withMembership<R, E: Error>(_ body: (inout Membership) throws(E) -> R) throws(E) -> R {
        try lock.withLock { () throws(E) -> R in try body(&membership) }
    }

    // MARK: the gossip thread's

    /// A datagram has come.
    public func received(_ datagram: ByteView, from address: NodeAddress, now: Int64) {
        let found = lock.withLock {
            membership.received(datagram, from: address, now: now, into: &directives)
            return standing
        }
        obey(found, now)
    }

    /// Does what is due, if anything is.
    public func tick(now: Int64) {
        let found = lock.withLock {
            membership.tick(now: now, into: &directives)
            return standing
        }
        obey(found, now)
    }

    /// When `tick` wants to be called.
    public var nextDeadline: Int64 { min(writeAt, lock.withLock { membership.nextDeadline }) }

    private var standing: (viewNumber: UInt64, isFounded: Bool) { (membership.viewNumber, membership.isFounded) }

    /// What has been decided is written before anybody hears of it, if it matters.
    private func obey(_ found: (viewNumber: UInt64, isFounded: Bool), _ now: Int64) {
        for directive in directives {
            if case .persist = directive { writeAt = min(writeAt, now + Self.gatheringTime) }
        }
        let isNews = found.isFounded && !wasFounded
        wasFounded = found.isFounded
        if isNews || writeAt <= now { write(now) }
        for directive in directives {
            switch directive {
            case .send(let bytes, let address): bytes.withView { send($0, address) }
            case .event(let event): log(event)
            case .persist: break
            }
        }
        directives.removeAll(keepingCapacity: true)
        if found.viewNumber != viewNumber || isNews { publish(found.viewNumber) }
    }

    private func write(_ now: Int64) {
        let state = lock.withLock { membership.state }
        do throws(DiskError) {
            try file.write(state)
            writeAt = .max
            isWriteFailing = false
        } catch {
            if !isWriteFailing { report(.warning, "Cluster: cannot write \(file.path): \(error)") }
            isWriteFailing = true
            writeAt = now + Self.retryTime
        }
    }

    private func publish(_ number: UInt64) {
        viewNumber = number
        let previous = view
        let new = lock.withLock { ClusterView(membership, replication: replication, previous: previous) }
        publishing.withLock { current = new }
        cs_store_u64(versionWord, version &+ 1)
        for wake in wakes { wake() }
    }

    // MARK: for the administrator

    private func log(_ event: MembershipEvent) {
        switch event {
        case .founded(let members):
            report(.notice, "Cluster \(name) founded with \(members) node\(members == 1 ? "" : "s"): its ring is fixed")
        case .suspected(let id, let source):
            report(
                .warning,
                "Cluster: node \(named(id)) does not answer \(source == self.id ? "this node" : "node \(named(source))"): suspected"
            )
        case .down(let id, let sources):
            let names = sources.map { $0 == self.id ? "this node" : named($0) }
            report(.warning, "Cluster: node \(named(id)) is down: no answer to \(names.joined(separator: ", "))")
        case .returned(let id): report(.notice, "Cluster: node \(named(id)) answers again")
        case .changed(let id): report(.notice, "Cluster: node \(named(id)) describes itself anew")
        case .refuted(let incarnation):
            report(
                .warning,
                "Cluster: others took this node for down; it objects (incarnation \(incarnation)). It is slow, or its network is"
            )
        case .stranger(let id, let address, let reason):
            report(.warning, "Cluster: node \(id) at \(address) does not belong here: \(reason.explanation)")
        case .refused(let address, let reason):
            report(.warning, "Cluster: the node at \(address) refuses this one: \(reason.explanation)")
        }
    }

    /// The id, and where it is.
    private func named(_ id: NodeID) -> String {
        let address = lock.withLock { () -> String? in
            guard let place = membership.members.first(where: { $0.id == id }) else { return nil }
            return "\(place.host):\(place.clientPort)"
        }
        return address.map { "\(id) (\($0))" } ?? "\(id)"
    }
}

extension MembershipRefusal {
    /// For the log, and for replies.
    var explanation: String {
        switch self {
        case .ringIsFixed: "the cluster has been founded without it, and its ring is fixed"
        case .notASeed: "cluster-seeds does not name it"
        case .seedsDiffer: "its cluster-seeds differ"
        case .foundedDifferently: "it belongs to a cluster of the same name that other nodes founded"
        case .notFounded: "the cluster has not been founded yet: not all of cluster-seeds have answered"
        case .holdsSlots: "the node holds slots, and to forget it would move data"
        case .unknownNode: "there is no such node"
        }
    }
}
