import Base
import CSystem
import Commands
import Keyspace

/// Client-side caching (redis.io, "Client-side caching in Redis"): what clients read is remembered by partition, and
/// they are told when it changes.
extension Executor {
    // MARK: on and off

    /// Turns tracking on for a client, or changes its options. `forEachPartition` is the running command's.
    func track(
        _ session: SessionPointer, _ options: TrackingOptions, _ forEachPartition: ((PartitionPointer) -> Void) -> Void
    ) {
        let details = session.pointee.details
        let tracking = details.tracking ?? ClientTracking()
        if details.tracking == nil { node.trackingClients.change(by: 1) }
        details.tracking = tracking
        tracking.redirection = options.redirection
        tracking.redirectionLoop = options.redirectionLoop
        tracking.isBroken = false
        tracking.isOptIn = options.isOptIn
        tracking.isOptOut = options.isOptOut
        tracking.skipsOwn = options.skipsOwn
        tracking.isBroadcast = options.isBroadcast
        if options.isBroadcast {
            let prefixes = options.prefixes.isEmpty ? [[]] : options.prefixes
            for prefix in prefixes where !tracking.prefixes.contains(prefix) {
                tracking.prefixes.append(prefix)
                joinPrefix(session, prefix)
            }
            tracking.prefixes.sort { $0.lexicographicallyPrecedes($1) }
            // Whoever is told that tracking is on hears of every change from then on.
            forEachPartition { Access.tellEveryChange($0) }
        }
        noteTracking(session)
    }

    /// What the client has read stays in the partitions until it changes, and is nobody's concern then.
    func stopTracking(_ session: SessionPointer) {
        guard let tracking = session.pointee.details.tracking else { return }
        for prefix in tracking.prefixes { leavePrefix(session, prefix) }
        session.pointee.details.tracking = nil
        node.trackingClients.change(by: -1)
        noteTracking(session)
    }

    /// Brings the session's mode and card up to date.
    func noteTracking(_ session: SessionPointer) {
        let tracking = session.pointee.details.tracking
        session.pointee.mode.subtract([.tracking, .broadcast, .brokenRedirection])
        if let tracking {
            session.pointee.mode.insert(tracking.isBroadcast ? .broadcast : .tracking)
            if tracking.isBroken { session.pointee.mode.insert(.brokenRedirection) }
        }
        node.redirections.set(
            ReaderName.make(session.pointee.id, loop: index), tracking.flatMap { $0.route(from: index) })
        let card = session.pointee.card
        card[.mode] = Int(session.pointee.mode.rawValue)
        card[.redirection] = tracking.map { Int($0.redirection) } ?? -1
    }

    // MARK: reading

    /// Whether the keys of a command that this client runs are to be remembered. Scripts that only read are no
    /// reading commands themselves: their calls are asked for.
    func remembers(_ session: SessionPointer, _ command: CommandPointer) -> Bool {
        session.pointee.mode.contains(.tracking) && command.pointee.flags.contains(.readonly)
            && node.commands.commands[Int(command.pointee.index)].group != .scripting
            && (session.pointee.details.tracking?.remembers ?? false)
    }

    /// Remembers all keys that the command in `state` names. Its partitions are locked. A script that has called
    /// a reading command has all of its own keys remembered.
    func rememberKeys(_ session: SessionPointer) {
        let reader = ReaderName.make(session.pointee.id, loop: index)
        let command = state.pointee.command
        if !command.pointee.flags.contains(.movableKeys) {
            for i in 0..<state.pointee.keyCount { remember(state.pointee.keys[i], reader) }
            return
        }
        for spec in node.commands.commands[Int(command.pointee.index)].keys where !spec.flags.contains(.notKey) {
            guard let found = spec.positions(state.pointee.arguments, state.pointee.argumentCount) else { continue }
            for position in found { remember(Key(state.pointee.arguments[position]), reader) }
        }
    }

    private func remember(_ key: Key, _ reader: UInt64) {
        Access(partitions + key.partition, database: state.pointee.database, moment: state.pointee.moment)
            .remember(key, reader: reader)
    }

    /// CLIENT CACHING is about the next command, or the transaction that it is said in.
    func endCaching(_ session: SessionPointer, _ command: CommandPointer?) {
        guard let tracking = session.pointee.details.tracking, tracking.isCachingGiven else { return }
        if session.pointee.mode.contains(.multi) { return }
        if let command, node.commands.fullNames[Int(command.pointee.index)].hasPrefix("client|") { return }
        tracking.isCachingGiven = false
    }

    // MARK: limits

    /// Gives up keys beyond `tracking-table-max-keys`, at random, and tells their readers. Works harder the more often
    /// it does not come to an end. No partition is locked.
    func limitRememberedKeys() {
        // A long command may hold the partitions.
        if isAttending { return }
        let limit = settings.trackingKeysMax
        if _fastPath(limit == 0 || keyspace.readKeyCount <= limit) {
            trackingEffort = 0
            return
        }
        trackingEffort += 1
        for _ in 0..<100 * trackingEffort {
            if keyspace.readKeyCount <= limit {
                trackingEffort = 0
                break
            }
            forgetSomeKey()
        }
        if pushes.areUnfinished { finishPushes() }
    }

    /// From a random partition, or the next one that has any.
    private func forgetSomeKey() {
        let first = Int(state.pointee.random.below(UInt64(Limits.partitions)))
        for i in 0..<Limits.partitions {
            let partition = partitions + (first + i) & (Limits.partitions - 1)
            if !Partition.lock(partition, microseconds: 200) { continue }
            let found = Access.forgetSome(partition, state.pointee.random.next())
            Partition.unlock(partition)
            if found { return }
        }
    }
}

/// How many clients of all loops are in some state.
final class ClientCount: @unchecked Sendable {
    private let word: UnsafeMutablePointer<UInt64>

    init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    /// A relaxed read.
    var count: Int { Int(cs_load_u64(word)) }

    func change(by number: Int) { _ = cs_add_u64(word, UInt64(bitPattern: Int64(number))) }
}
