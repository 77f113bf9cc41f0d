import Base
import Cluster
import Commands
import Keyspace
import Replication

/// Requests that another node coordinates.
extension Executor {
    func forward(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, to member: Int, _ slot: Int
    ) {
        let version = session.pointee.version
        var hops: UInt8 = 0
        if case .peer(let via, let id) = requester {
            hops = coordinator.hops + 1
            // Nodes see the cluster differently. In a moment they will not.
            if hops > Executor.hopsMax {
                return respond(via, id, PeerResponseCode.notHere)
            }
        }
        if session.pointee.mode.contains(.restricted) && isScript(command) {
            // What a script calls is checked where it runs, and nobody knows this user there.
            return refuse(requester, "NOPERM this user's scripts run only where their keys are: use a cluster client")
        }
        putTogether(session, words, count, hops: hops)
        beginForward(
            requester, PeerRequestCode.command, version: version, writes: !command.pointee.flags.contains(.readonly),
            waits: mayWait(command), to: member, slot)
    }

    /// Puts the message together that has another node run a command.
    func putTogether(
        _ session: SessionPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int, hops: UInt8 = 0
    ) {
        coordinator.message.truncate(to: 0)
        let copy = Array(UnsafeBufferPointer(start: words, count: count))
        ForwardedCommand(hops: hops, version: session.pointee.version, consistency(session), copy)
            .encode(to: &coordinator.message)
    }

    private static let hopsMax: UInt8 = 2

    /// Sends the message that has been put together to whoever coordinates what is in it.
    /// - Parameter waits: it may take as long as it takes.
    func beginForward(
        _ requester: Requester, _ code: UInt8, version: UInt8, writes: Bool, waits: Bool = false, to member: Int,
        _ slot: Int
    ) {
        let now = monotonicMilliseconds
        // The coordinator's own answer comes before this runs out.
        let patience = Int64(settings.cluster.requestTimeout)
        let id = begin(
            Operation(
                work: .forward(writes: writes), requester: requester, version: version, slot: slot, member: member,
                began: now, deadline: waits ? .max : now + patience + patience / 4))
        if waits { waitElsewhere(requester, id) }
        sendMessage(code, to: member, id, 0)
    }

    private func isScript(_ command: CommandPointer) -> Bool {
        node.commands.commands[Int(command.pointee.index)].group == .scripting
    }
}
