import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// A key that a client in a cluster watches, and which versions it had.
struct WatchedVersions {
    let key: [UInt8]
    let versions: DotList
}

/// WATCH in a cluster. The client's node remembers which versions the coordinator has of its keys, and whoever runs the
/// transaction compares: so it does not matter which node coordinates them by then.
extension Executor {
    func watch(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ route: Route
    ) {
        // The command itself says that this is not the place for it.
        if session.pointee.mode.contains(.multi) { return runAlone(requester, session, command, words, count) }
        switch route {
        case .here:
            session.pointee.details.watchedVersions += (1..<count).map { words[$0] }.map {
                WatchedVersions(key: $0.bytes, versions: livingVersions(of: Key($0)))
            }
            answer(requester, Executor.watching)
        case .member(let member, let slot):
            guard case .client = requester else { return session.pointee.details.watchFlag.set() }
            putTogether((1..<count).map { Comparison(words[$0], []) })
            let now = monotonicMilliseconds
            let id = begin(
                Operation(
                    work: .watch, requester: requester, version: session.pointee.version, slot: slot, member: member,
                    began: now, deadline: now + Int64(settings.cluster.requestTimeout)))
            // What comes behind it may be the transaction.
            waitElsewhere(requester, id)
            sendMessage(PeerRequestCode.versions, to: member, id, 0)
        case .split, .crossSlot: refuse(requester, Executor.crossSlotText)
        case .nowhere: refuse(requester, noQuorum(0, 1, writes: false))
        }
    }

    private static let watching = Reply(ByteView("+OK\r\n"))

    /// The coordinator has said which versions there are.
    func watched(_ id: UInt64, _ operation: Operation, _ payload: ByteView) {
        guard case .waiting(let session, _) = operation.requester else { return end(id, []) }
        do throws(CausalityError) {
            session.pointee.details.watchedVersions += try readWatched(payload)
        } catch {
            return failed(id)
        }
        end(id, Executor.watching)
    }

    /// Which versions are here of the keys that another node's client watches.
    func serveVersions(_ payload: ByteView, _ via: PeerReturn, _ id: UInt64) throws(CausalityError) {
        guard node.isCaughtUp.isOn else {
            return respond(via, id, PeerResponseCode.notHere)
        }
        let keys = try Comparison.read(payload, dictionary: readDictionary)
        var output = ByteBuffer()
        let here = keys.map { Comparison($0.key, livingVersions(of: Key($0.key))) }
        Comparison.encode(here, to: &output, dictionary(of: here))
        respond(via, id, PeerResponseCode.ok, output.view)
    }

    private func livingVersions(of key: Key) -> DotList { withAccess(key) { $0.livingVersions(of: key) } }

    /// Whether a watched key has changed. The partitions are locked.
    func hasOtherVersions(_ details: SessionDetails) -> Bool {
        details.watchedVersions.contains { watched in
            watched.key.withView { view in
                let key = Key(view)
                let access = Access(partitions + key.partition, database: 0, moment: state.pointee.moment)
                return access.livingVersions(of: key) != watched.versions
            }
        }
    }

    /// What a client watches, for whoever runs its transaction.
    func encodeWatched(_ details: SessionDetails) -> ByteBuffer {
        var output = ByteBuffer()
        if details.watchedVersions.isEmpty { return output }
        details.watchedVersions.flatMap(\.key).withView { keys in
            var start = 0
            let comparisons = details.watchedVersions.map { watched in
                defer { start += watched.key.count }
                return Comparison(keys.slice(start, start + watched.key.count), watched.versions)
            }
            Comparison.encode(comparisons, to: &output, dictionary(of: comparisons))
        }
        return output
    }

    /// Reads what `encodeWatched` or `serveVersions` wrote.
    func readWatched(_ bytes: ByteView) throws(CausalityError) -> [WatchedVersions] {
        try Comparison.read(bytes, dictionary: readDictionary).map {
            WatchedVersions(key: $0.key.bytes, versions: $0.versions)
        }
    }
}
