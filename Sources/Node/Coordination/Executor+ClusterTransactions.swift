import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// MULTI and EXEC in a cluster: all keys are in one slot (SPEC A11), and its coordinator runs the whole.
extension Executor {
    /// EXEC. Where that is another node, it gets the queue.
    func coordinateTransaction(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ view: ClusterView
    ) {
        let details = session.pointee.details
        if !session.pointee.mode.contains(.multi) || session.pointee.mode.contains(.transactionRefused) {
            return runAlone(requester, session, command, words, count)
        }
        var slots = Set(details.watchedVersions.map { $0.key.withView { Key($0).slot } })
        for queued in details.queue { slots.formUnion(self.slots(queued.command, queued.arguments, queued.count)) }
        guard let slot = slots.first else { return runAlone(requester, session, command, words, count) }
        if slots.count > 1 {
            discardQueue(session)
            unwatchAll(session)
            return refuse(requester, Executor.crossSlotText)
        }
        switch coordinator(of: slot, view) {
        case view.own: write(requester, session, command, words, count, slot, view)
        case nil:
            discardQueue(session)
            unwatchAll(session)
            refuse(requester, noQuorum(0, 1, writes: false))
        case let member?: forwardTransaction(requester, session, to: member, slot)
        }
    }

    private func forwardTransaction(
        _ requester: Requester, _ session: SessionPointer, to member: Int, _ slot: Int
    ) {
        let queue = session.pointee.details.queue.map { queued in
            Array(UnsafeBufferPointer(start: queued.arguments, count: queued.count))
        }
        let watched = encodeWatched(session.pointee.details)
        coordinator.message.truncate(to: 0)
        ForwardedTransaction(version: session.pointee.version, consistency(session), watched.view, queue)
            .encode(to: &coordinator.message)
        discardQueue(session)
        unwatchAll(session)
        beginForward(
            requester, PeerRequestCode.transaction, version: session.pointee.version, writes: true, to: member, slot)
    }

    /// Another node's client wants these commands run as one.
    func serveTransaction(_ payload: ByteView, _ via: PeerReturn, _ id: UInt64) throws(CausalityError) {
        let forwarded = try ForwardedTransaction(payload)
        guard let view = cluster else {
            return respond(via, id, PeerResponseCode.notHere)
        }
        let session = proxy(forwarded.version)
        session.pointee.consistency = forwarded.consistency
        if forwarded.watched.count > 0 {
            session.pointee.details.watchedVersions = try readWatched(forwarded.watched)
        }
        session.pointee.mode.insert(.multi)
        for words in forwarded.commands {
            var words = words
            let isKnown = words.withUnsafeMutableBufferPointer { words in
                guard let command = findCommand(words.baseAddress!, words.count), isArityRight(command, words.count)
                else { return false }
                let queued = QueuedCommand(command, words.baseAddress!, words.count)
                session.pointee.details.queue.append(queued)
                return true
            }
            if !isKnown {
                discardQueue(session)
                unwatchAll(session)
                throw .corrupt
            }
        }
        var exec = [ByteView("EXEC")]
        exec.withUnsafeMutableBufferPointer { exec in
            guard let execCommand else { return }
            coordinateTransaction(.peer(via, id: id), session, execCommand, exec.baseAddress!, 1, view)
        }
        discardQueue(session)
        unwatchAll(session)
    }
}
