import Base
import Commands
import Keyspace

/// BCAST mode: changed keys are collected by prefix and announced together, when the requests that are at hand
/// have run.
extension Executor {
    func joinPrefix(_ session: SessionPointer, _ prefix: [UInt8]) {
        node.prefixes.add(prefix, loop: index)
        refreshPrefixes()
        broadcasts.states.first { $0.prefix == prefix }?.clients.append(session)
    }

    func leavePrefix(_ session: SessionPointer, _ prefix: [UInt8]) {
        broadcasts.states.first { $0.prefix == prefix }?.clients.removeAll { $0 == session }
        node.prefixes.remove(prefix, loop: index)
        refreshPrefixes()
    }

    /// Takes over which prefixes there are.
    private func refreshPrefixes() {
        if node.prefixes.version == broadcasts.version { return }
        let (version, prefixes) = node.prefixes.snapshot(loop: index)
        let old = broadcasts.states
        broadcasts.states = prefixes.map { prefix, others in
            let state = old.first { $0.prefix == prefix } ?? PrefixState(prefix)
            state.others = others
            return state
        }
        broadcasts.version = version
    }

    /// A key has changed, by the client whose command is running or, not `byClient`, because its time was up.
    /// Under the key's partition lock.
    func noteChanged(_ key: ByteView, byClient: Bool) {
        refreshPrefixes()
        if broadcasts.states.isEmpty { return Access.stopTellingEveryChange(partitions + Key(key).partition) }
        let id = byClient ? runningClient : 0
        for state in broadcasts.states {
            let count = state.prefix.count
            guard count <= key.count, state.prefix.withView({ $0 == key.slice(0, count) }) else { continue }
            state.changed[key.bytes] = id
            broadcasts.arePending = true
        }
    }

    /// The id of the client whose command is running, 0 if none is.
    private var runningClient: UInt64 {
        let running = state.pointee.session
        return running == Executor.nobody ? 0 : running.assumingMemoryBound(to: Session.self).pointee.id
    }

    /// Announces what has been collected.
    @inline(never)
    func sendBroadcasts() {
        broadcasts.arePending = false
        for state in broadcasts.states where !state.changed.isEmpty {
            if let payload = state.payload(sparing: nil) {
                for session in state.clients { sendBroadcast(session, state, payload) }
                for other in state.others {
                    state.prefix.withView { prefix in
                        payload.withView { node.executors[other].inbox.post(.broadcast, prefix, $0) }
                    }
                }
            }
            state.changed = [:]
        }
        finishPushes()
    }

    private func sendBroadcast(_ session: SessionPointer, _ state: PrefixState, _ payload: [UInt8]) {
        guard let tracking = session.pointee.details.tracking else { return }
        let own = tracking.skipsOwn ? state.payload(sparing: session.pointee.id) : payload
        own?.withView { sendInvalidation(session, tracking, $0) }
    }

    /// What another loop has announced. Its clients have changed the keys, so none of this loop's is spared.
    func relayBroadcast(_ prefix: ByteView, _ payload: ByteView) {
        guard let state = broadcasts.states.first(where: { $0.prefix.withView { $0 == prefix } }) else { return }
        for session in state.clients {
            if let tracking = session.pointee.details.tracking { sendInvalidation(session, tracking, payload) }
        }
    }
}
