import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// What other nodes ask of this one.
extension Executor: PeerRequests {
    func asked(by member: Int, id: UInt64, code: UInt8, timeLeft: UInt32, payload: ByteView, via: PeerReturn) {
        // The key space is another thread's, and what is taken over now would not be logged.
        if isLoading { return respond(via, id, PeerResponseCode.notHere) }
        do throws(CausalityError) {
            switch code {
            case PeerRequestCode.command: return try serveCommand(payload, via, id)
            case PeerRequestCode.transaction: return try serveTransaction(payload, via, id)
            case PeerRequestCode.share: return try serveShare(payload, via, id)
            case PeerRequestCode.write: return try serveWrites(payload, via, id)
            case PeerRequestCode.compare: return try serveComparison(payload, via, id)
            case PeerRequestCode.states:
                // What cannot be made durable is not taken over.
                if refusesWrites { return respond(via, id, PeerResponseCode.notHere) }
                try takeOver(states: payload)
                return respond(via, id, PeerResponseCode.ok)
            case PeerRequestCode.hint: return try serveHint(payload, via, id)
            case PeerRequestCode.account:
                if refusesWrites { return respond(via, id, PeerResponseCode.notHere) }
                try serveAccount(payload)
                return respond(via, id, PeerResponseCode.ok)
            case PeerRequestCode.digests:
                guard let view = cluster else { return respond(via, id, PeerResponseCode.notHere) }
                return try serveDigests(payload, from: member, view).withView {
                    respond(via, id, PeerResponseCode.ok, $0)
                }
            case PeerRequestCode.versions: return try serveVersions(payload, via, id)
            case PeerRequestCode.cancel: return try serveCancel(payload, via)
            case PeerRequestCode.sync: return respond(via, id, PeerResponseCode.ok, try serveSync(payload).view)
            default: throw .corrupt
            }
        } catch {
            statistics.add(.peerRequestsRefused)
            respond(via, id, PeerResponseCode.malformed)
        }
    }

    /// Where nobody waits for the answer, none is sent.
    func respond(_ via: PeerReturn, _ id: UInt64, _ code: UInt8, _ payload: ByteView = ByteView("")) {
        if id != 0 { peers.respond(via, id: id, code: code, payload: payload) }
    }

    // MARK: commands

    private func serveCommand(_ payload: ByteView, _ via: PeerReturn, _ id: UInt64) throws(CausalityError) {
        let forwarded = try ForwardedCommand(payload)
        guard let view = cluster else { return respond(via, id, PeerResponseCode.notHere) }
        var words = forwarded.words
        coordinator.hops = forwarded.hops
        words.withUnsafeMutableBufferPointer { words in
            let start = words.baseAddress!
            guard let command = findCommand(start, words.count), isArityRight(command, words.count) else {
                return respond(via, id, PeerResponseCode.malformed)
            }
            // One that waits has a session of its own meanwhile.
            let session = mayWait(command) ? makeProxy() : proxy(forwarded.version)
            session.pointee.version = forwarded.version
            session.pointee.details.consistency = forwarded.consistency
            coordinate(.peer(via, id: id), session, command, start, words.count, view)
            if session != coordinator.proxy && session.pointee.details.guest == nil { freeProxy(session) }
        }
    }

    /// The command that a request's words name, a container's subcommand if they say which.
    func findCommand(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> CommandPointer? {
        guard let command = commandIndex.find(words[0]) else { return nil }
        if !command.pointee.isContainer || count < 2 { return command }
        return commandIndex.find(words[1], parent: command.pointee.index)
    }

    /// The session in which other nodes' commands run: whoever sent them has checked what their clients may do.
    func proxy(_ version: UInt8) -> SessionPointer {
        let session = coordinator.proxy ?? makeProxy()
        coordinator.proxy = session
        session.pointee.version = version
        return session
    }

    private func makeProxy() -> SessionPointer {
        let link = LinkPointer.allocate(capacity: 1)
        link.initialize(to: Link(descriptor: -1, registration: 0))
        // Nothing is ever sent over it: the shell must not look at it, which may be gone by the end of the turn.
        link.pointee.state.insert(.dirty)
        let session = SessionPointer.allocate(capacity: 1)
        let details = SessionDetails(
            descriptor: -1, address: "", localAddress: "", user: node.users.open,
            permissions: node.users.permissions(of: node.users.open))
        session.initialize(
            to: Session(link: link, id: 0, createdAt: 0, activeAt: 0, details: details, rosterIndex: -1))
        link.pointee.session = UnsafeMutableRawPointer(session)
        return session
    }

    func freeProxy(_ session: SessionPointer) {
        let link = session.pointee.link
        precondition(!dirty.contains(link), "a link without a connection is to be sent")
        Link.free(link)
        free(session)
    }

    // MARK: writes

    func serveWrites(_ payload: ByteView, _ via: PeerReturn, _ id: UInt64) throws(CausalityError) {
        // What cannot be made durable is not taken over.
        if refusesWrites { return respond(via, id, PeerResponseCode.notHere) }
        var wanted = ByteBuffer()
        try WriteBatch.read(payload, dictionary: readDictionary) { (batch, write) throws(CausalityError) in
            switch write.form {
            case .nothing: noteNothing(write, batch.slot)
            case .state(let states):
                try takeOver(states: states)
                noteNothing(write, batch.slot)
            case .mutation(let bytes):
                guard let key = try apply(bytes, write, batch) else { return }
                wanted.append(varint: write.dot.counter)
                wanted.append(counted: key)
            }
        }
        respond(via, id, wanted.count == 0 ? PeerResponseCode.ok : PeerResponseCode.differs, wanted.view)
    }

    /// A write that did nothing here, or whose effect is here already.
    private func noteNothing(_ write: TravellingWrite, _ slot: Int) {
        withPartition(slot >> 6) { _ in
            node.keyspace.updateClock(of: slot, now: state.pointee.moment.wall) {
                $0.noteNothing(write.dot, at: write.timestamp)
            }
        }
    }

    /// Answers the key whose state is wanted, because the change was made on a version that is not here.
    private func apply(
        _ bytes: ByteView, _ write: TravellingWrite, _ batch: WriteBatch
    ) throws(CausalityError) -> ByteView? {
        var reader = MutationReader(bytes)
        var mutation: Mutation
        do throws(MutationError) { mutation = try reader.next() } catch { throw .corrupt }
        if !reader.isAtEnd || mutation.slot != batch.slot || mutation.database != 0 { throw .corrupt }
        #if CANARIES
            var context = batch.context(of: write)
            if Canary.active == .fillLate {
                let clock = node.keyspace.clock(of: batch.slot, now: write.timestamp)
                if clock.highest(of: write.dot.actor) < write.dot.counter { context.join(clock.context()) }
            }
        #else
            let context = batch.context(of: write)
        #endif
        switch mutation.outcome {
        case .version(let version): try apply(version, write, superseding: context, Key(mutation.key))
        case .nothing: try apply(nil, write, superseding: context, Key(mutation.key))
        case .other: throw .corrupt
        case .depends:
            mutation.dot = write.dot
            mutation.timestamp = write.timestamp
            let applied = withAccess(Key(mutation.key)) { access in
                access.apply(mutation, to: write.predecessor ?? Dot(packed: 0), superseding: context)
            }
            if applied == .mismatch { return mutation.key }
        }
        return nil
    }

    private func apply(
        _ version: KeyVersion?, _ write: TravellingWrite, superseding context: CausalContext, _ key: Key
    ) throws(CausalityError) {
        let event: WriteEvent<KeyVersion>
        do throws(ReissuedDot) {
            event = try WriteEvent(write.dot, at: write.timestamp, version, superseding: context)
        } catch {
            throw .corrupt
        }
        do throws(PayloadError) {
            try withAccess(key) { (access) throws(PayloadError) in
                try access.apply(event, key)
                keptForOthers(key, access)
            }
        } catch {
            throw .corrupt
        }
    }

    /// The actors that a message names.
    func readDictionary(_ reader: inout CausalReader) throws(CausalityError) -> ActorDictionary {
        try node.keyspace.actors.update { (actors) throws(CausalityError) in try ActorDictionary(&reader, &actors) }
    }

    // MARK: reads

    private func serveComparison(_ payload: ByteView, _ via: PeerReturn, _ id: UInt64) throws(CausalityError) {
        if !node.isCaughtUp.isOn { return respond(via, id, PeerResponseCode.notHere) }
        let comparisons = try Comparison.read(payload, dictionary: readDictionary)
        var states = ByteBuffer()
        for one in comparisons {
            let key = Key(one.key)
            let versions = withAccess(key) { $0.isStandIn(key) && !$0.knows(key) ? nil : $0.versions(of: key) }
            guard let versions else { return respond(via, id, PeerResponseCode.unknown) }
            if versions != one.versions { appendState(of: key, to: &states) }
        }
        respond(via, id, states.count == 0 ? PeerResponseCode.ok : PeerResponseCode.differs, states.view)
    }
}
