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

    /// Has memory fetch what requests will look at: they wait for it together instead of one after another.
    func expect(_ requests: UnsafeBufferPointer<PeerMessage>) {
        coordinator.forgetExpected()
        if requests.count < 2 || isLoading { return }
        let routes = cluster?.routes
        for request in requests {
            guard let name = firstKey(request) else { continue }
            let key = Key(name)
            guesses.prefetchBucket(key.partition, key.hash)
            if request.code != PeerRequestCode.compare { keyspace.prefetchSlot(key.slot) }
            if request.code == PeerRequestCode.command { routes?.prefetch(key.slot) }
            coordinator.expected.append(key)
        }
        for key in coordinator.expected { guesses.prefetchEntry(key.partition, key.hash) }
    }

    private func firstKey(_ request: PeerMessage) -> ByteView? {
        switch request.code {
        case PeerRequestCode.command: ForwardedCommand.firstArgument(of: request.payload)
        case PeerRequestCode.write: WriteBatch.firstMutation(of: request.payload).flatMap { MutationReader.key(of: $0) }
        case PeerRequestCode.compare: Comparison.firstKey(of: request.payload)
        default: nil
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
            session.pointee.consistency = forwarded.consistency
            if words.count > 1 { coordinator.known = coordinator.key(words[1]) }
            defer { coordinator.known = noKey }
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
        coordinator.response.truncate(to: 0)
        try WriteBatch.read(
            payload, dictionary: { (reader) throws(CausalityError) in try readDictionary(&reader) }
        ) { (slot, write, context) throws(CausalityError) in
            switch write.form {
            case .nothing: noteNothing(write, slot)
            case .state(let states):
                try takeOver(states: states)
                noteNothing(write, slot)
            case .mutation(let bytes):
                guard let key = try apply(bytes, write, slot, superseding: context) else { return }
                coordinator.response.append(varint: write.dot.counter)
                coordinator.response.append(counted: key)
            }
        }
        let isDone = coordinator.response.count == 0
        respond(via, id, isDone ? PeerResponseCode.ok : PeerResponseCode.differs, coordinator.response.view)
    }

    /// A write that did nothing here, or whose effect is here already.
    private func noteNothing(_ write: TravellingWrite, _ slot: Int) {
        withPartition(slot >> 6) { _ in
            keyspace.updateClock(of: slot, now: state.pointee.moment.wall) {
                $0.noteNothing(write.dot, at: write.timestamp)
            }
        }
    }

    /// Answers the key whose state is wanted, because the change was made on a version that is not here.
    private func apply(
        _ bytes: ByteView, _ write: TravellingWrite, _ slot: Int, superseding context: CausalContext
    ) throws(CausalityError) -> ByteView? {
        var reader = MutationReader(bytes)
        var mutation: Mutation
        do throws(MutationError) { mutation = try reader.next() } catch { throw .corrupt }
        if !reader.isAtEnd || mutation.slot != slot || mutation.database != 0 { throw .corrupt }
        #if CANARIES
            var context = context
            if Canary.active == .fillLate {
                let clock = keyspace.clock(of: slot, now: write.timestamp)
                if clock.highest(of: write.dot.actor) < write.dot.counter { context.join(clock.context()) }
            }
        #endif
        mutation.dot = write.dot
        mutation.timestamp = write.timestamp
        let key = coordinator.key(mutation.key)
        if mutation.isWhole {
            try apply(whole: mutation, superseding: context, key)
            return nil
        }
        if !mutation.dependsOnValue { throw .corrupt }
        let applied = withAccess(key) { access in
            access.apply(mutation, to: write.predecessor ?? Dot(packed: 0), superseding: context, key)
        }
        return applied == .mismatch ? mutation.key : nil
    }

    private func apply(
        whole mutation: Mutation, superseding context: CausalContext, _ key: Key
    ) throws(CausalityError) {
        do throws(PayloadError) {
            try withAccess(key) { (access) throws(PayloadError) in
                _ = try access.apply(whole: mutation, superseding: context, key)
                keptForOthers(key, access)
            }
        } catch {
            throw .corrupt
        }
    }

    /// The actors that a message names.
    func readDictionary(_ reader: inout CausalReader) throws(CausalityError) -> ActorDictionary {
        if let known = try coordinator.dictionaries.read(&reader) { return known }
        let read = try keyspace.actors.update { (actors) throws(CausalityError) in
            try ActorDictionary(&reader, &actors)
        }
        coordinator.dictionaries.keep(read)
        return read
    }

    // MARK: reads

    private func serveComparison(_ payload: ByteView, _ via: PeerReturn, _ id: UInt64) throws(CausalityError) {
        if !node.isCaughtUp.isOn { return respond(via, id, PeerResponseCode.notHere) }
        coordinator.response.truncate(to: 0)
        var isUnknown = false
        try Comparison.read(payload, dictionary: readDictionary) { (one) throws(CausalityError) in
            let key = Key(one.key)
            let versions = withAccess(key) { $0.isStandIn(key) && !$0.knows(key) ? nil : $0.versions(of: key) }
            isUnknown = isUnknown || versions == nil
            if let versions, versions != one.versions { appendState(of: key, to: &coordinator.response) }
        }
        if isUnknown { return respond(via, id, PeerResponseCode.unknown) }
        let isSame = coordinator.response.count == 0
        respond(via, id, isSame ? PeerResponseCode.ok : PeerResponseCode.differs, coordinator.response.view)
    }
}
