import Base
import CSystem
import Causality

/// Keys with several versions: what V-commands, other nodes' writes and read repair do. Plain commands see the winner
/// only, which is in the table; a plain change supersedes all that this node knows of the key.
extension Access {
    // MARK: reading

    /// All that is known of the key, as it may travel: with its context filled in. Versions past their deadline are
    /// among them. Throws if a value that is away cannot be read.
    public func siblings(of key: Key) throws(PayloadError) -> SiblingSet<KeyVersion> {
        let entry = try entryWithValue(key)
        let clock = Partition.clock(partition, of: key.slot, now: moment.wall)
        return stored(key, entry).filled(by: clock).mapVersions { KeyVersion($0.payload, entry) }
    }

    /// Whether the key has more than its entry says, or something although it is not there.
    @inline(__always)
    func hasSiblings(_ key: Key) -> Bool {
        _slowPath(partition.pointee.siblings != nil) && partition.pointee.siblings(database, key.view) != nil
    }

    /// How many versions the key has besides the one in its entry, and about how many bytes they take.
    public func siblingUsage(_ key: Key) -> (versions: Int, bytes: Int) {
        guard let siblings = partition.pointee.siblings(database, key.view) else { return (0, 0) }
        return (max(0, siblings.stored.count - 1), siblings.bytes)
    }

    /// Visits the versions that the key has besides the one in its entry.
    public func forEachSibling(of key: ByteView, _ body: (KeyVersion, _ timestamp: Int64) -> Void) {
        guard let siblings = partition.pointee.siblings(database, key) else { return }
        siblings.stored.forEachVersion { version in
            if case .bytes(let value) = version.payload { body(value, version.timestamp) }
        }
    }

    /// How many versions are left after a write with this context, itself not counted, and whether all are strings.
    public func versions(of key: Key, after context: CausalContext) -> (count: Int, areStrings: Bool) {
        let entry = tables.pointee.entries.find(key).map { Table.entry($0) }
        var left = (count: 0, areStrings: true)
        stored(key, entry).forEachVersion { version in
            if context.covers(version.dot) { return }
            left.count += 1
            switch version.payload {
            case .inTable: if entry?.type != .string { left.areStrings = false }
            case .bytes(let version): if !version.isString { left.areStrings = false }
            }
        }
        return left
    }

    private func entryWithValue(_ key: Key) throws(PayloadError) -> Entry? {
        guard let slot = tables.pointee.entries.find(key) else { return nil }
        guard let present = present(slot, key) else { throw .corrupt }
        return Table.entry(present)
    }

    /// What is kept of the key, whose entry this is.
    func stored(_ key: Key, _ entry: Entry?) -> StoredSiblings<HeldVersion> {
        if let siblings = partition.pointee.siblings(database, key.view) { return siblings.stored }
        guard let entry else { return StoredSiblings() }
        var stored = StoredSiblings(settled: entry.dot, at: entry.timestamp, HeldVersion.inTable)
        if Partition.standsIn(partition, for: key.slot) { stored.remember(pastOf: entry.dot, at: entry.timestamp) }
        return stored
    }

    // MARK: writing

    /// Writes a version under this node's next dot, superseding what the context covers; nil only deletes that.
    ///
    /// - Returns: the write as it is to travel.
    @discardableResult
    public func write(
        _ version: KeyVersion?, superseding context: CausalContext, _ key: Key
    ) throws(VersionError) -> WriteEvent<KeyVersion> {
        do throws(PayloadError) {
            try check(version, key)
            _ = try entryWithValue(key)
        } catch {
            throw .payload(error)
        }
        let next = Dot(
            actor: shared.pointee.actor, counter: Partition.ownDot(partition, of: key.slot).counter + 1)
        let event: WriteEvent<KeyVersion>
        do throws(ReissuedDot) {
            event = try WriteEvent(next, at: moment.wall, version, superseding: context)
        } catch {
            throw .reissued
        }
        let clock = Partition.clock(partition, of: key.slot, now: moment.wall)
        _ = nextDot(key.slot)
        do throws(PayloadError) {
            _ = try mix(event, key, clock)
        } catch {
            preconditionFailure("a value that had been read cannot be read: \(error)")
        }
        return event
    }

    /// Does what a write of any node says, under its own dot, and logs it, unless it is held. Watchers, waiters and
    /// client-side caches hear of it as of a plain write.
    @discardableResult
    public func apply(_ event: WriteEvent<KeyVersion>, _ key: Key) throws(PayloadError) -> AppliedWrite {
        if let done = try settle(event, key) { return done }
        return try applyMixing(event, key)
    }

    private func settle(_ event: WriteEvent<KeyVersion>, _ key: Key) throws(PayloadError) -> AppliedWrite? {
        let settle = { (change: Mutation.Change) throws(PayloadError) in
            let mutation = Mutation(
                database: database, key: key.view, slot: key.slot, dot: event.dot, timestamp: event.timestamp,
                change: change)
            return try self.settle(mutation, superseding: event.context, key)
        }
        guard let version = event.payload else { return try settle(.delete) }
        return try version.withChange(settle)
    }

    /// The same, of a mutation that is whole (`Mutation.isWhole`), and what it supersedes.
    public func apply(
        whole mutation: Mutation, superseding context: CausalContext, _ key: Key
    ) throws(PayloadError) -> AppliedWrite {
        if let done = try settle(mutation, superseding: context, key) { return done }
        let event: WriteEvent<KeyVersion>
        do throws(ReissuedDot) {
            event = try WriteEvent(mutation.dot, at: mutation.timestamp, mutation.version, superseding: context)
        } catch {
            throw .corrupt
        }
        return try applyMixing(event, key)
    }

    /// Does what a mutation says if that settles the key; nil: it does not.
    private func settle(
        _ mutation: Mutation, superseding context: CausalContext, _ key: Key
    ) throws(PayloadError) -> AppliedWrite? {
        if hasSiblings(key) || isStandIn(key) { return nil }
        let current = tables.pointee.entries.find(key).map { Table.entry($0).dot }
        switch arrival(of: mutation.dot, superseding: context, key, at: current) {
        case .held: return .held
        case .mixes: return nil
        case .settles: break
        }
        if case .putObject(let object, _) = mutation.change { try check(KeyVersion(.object, object.bytes), key) }
        mutation.perform(in: self, key)
        finish(mutation, key)
        return .done
    }

    private func arrival(
        of dot: Dot, superseding context: CausalContext, _ key: Key, at current: Dot?
    ) -> SlotClock.Arrival {
        Partition.withClock(partition, of: key.slot, now: moment.wall) {
            $0.arrival(of: dot, superseding: context, at: current)
        }
    }

    /// What became of another node's change to a value.
    public enum AppliedChange: Equatable, Sendable {
        /// The write is held: nothing has changed.
        case held
        case done
        /// The key is not the version that the change was made to, or not settled: the whole state is wanted.
        case mismatch
    }

    /// Makes another node's change to a value, under its own dot and time, if the key is the version that it was made to
    /// (0: none) and nothing else is known of it. `context`: what the change supersedes. Logs it.
    public func apply(
        _ mutation: Mutation, to predecessor: Dot, superseding context: CausalContext, _ key: Key
    ) -> AppliedChange {
        // A stand-in knows too little of the key's past to see whether it is old.
        if isStandIn(key) { return .mismatch }
        let place = tables.pointee.entries.find(key)
        let current = place.map { Table.entry($0).dot }
        let arrival = arrival(of: mutation.dot, superseding: context, key, at: current)
        if arrival == .held { return .held }
        if arrival == .mixes || hasSiblings(key) || current ?? Dot(packed: 0) != predecessor { return .mismatch }
        if let place, !mutation.suits(Table.entry(place)) || present(place, key) == nil { return .mismatch }
        mutation.perform(in: self, key)
        finish(mutation, key)
        return .done
    }

    /// A write that settles its key has been done: its dot is noted, and it is logged.
    private func finish(_ mutation: Mutation, _ key: Key) {
        let isInBase = Partition.withClock(partition, of: key.slot, now: moment.wall) {
            $0.settle(mutation.dot, at: mutation.timestamp)
            return $0.hasInBase(mutation.dot)
        }
        if _slowPath(!isInBase) { keepBeyondBase(key, mutation.dot) }
        if shared.pointee.sink != nil { Partition.record(partition, mutation) }
    }

    /// The key's version may have this dot, which has been noted: if it is beyond a gap, what supersedes it will have to
    /// say so.
    func keepBeyondBase(_ key: Key, _ dot: Dot) {
        if dot.actor == shared.pointee.actor || hasSiblings(key) { return }
        guard let entry = tables.pointee.entries.find(key).map({ Table.entry($0) }), entry.dot == dot else { return }
        let clock = Partition.clock(partition, of: key.slot, now: moment.wall)
        keep(StoredSiblings(settled: dot, at: entry.timestamp, .inTable), key, entry, clock)
    }

    /// Takes in what another node knows of the key: whether its versions have changed. Logged, and told, like `apply`.
    @discardableResult
    public func absorb(_ set: SiblingSet<KeyVersion>, _ key: Key) throws(PayloadError) -> Bool {
        let entry = try entryWithValue(key)
        let before = stored(key, entry)
        for version in set.versions where before.version(of: version.dot) == nil { try check(version.payload, key) }
        var clock = Partition.clock(partition, of: key.slot, now: moment.wall)
        var after = before
        let hasChanged = after.absorb(
            set.mapVersions { .bytes($0.payload) }, clock: &clock, claims: !isStandIn(key))
        // A version that is here stays in the form it has here.
        before.forEachVersion { after.setPayload($0.payload, of: $0.dot) }
        var noted = CausalContext()
        for version in set.versions { noted.insert(ClockEntry(version.dot, at: version.timestamp)) }
        // Only that the versions' own contexts say more by now, for people to look at, is not worth a record.
        let isNew = set.versions.contains { !Partition.holds($0.dot, partition, of: key.slot) }
        if !hasChanged && !isNew && after.residue == before.residue { return false }
        Partition.withClock(partition, of: key.slot, now: moment.wall) { $0 = clock }
        try install(after, key, clock)
        if hasChanged { tellObservers(key.view, byClient: true) }
        recordSiblings(key, Dot(packed: 0), noting: noted)
        return hasChanged
    }

    private func applyMixing(_ event: WriteEvent<KeyVersion>, _ key: Key) throws(PayloadError) -> AppliedWrite {
        try check(event.payload, key)
        _ = try entryWithValue(key)
        return try mix(event, key, Partition.clock(partition, of: key.slot, now: moment.wall))
    }

    /// The general case. `clock`: the slot's, without the write. The value, if it is away, has been brought back.
    private func mix(
        _ event: WriteEvent<KeyVersion>, _ key: Key, _ clock: SlotClock
    ) throws(PayloadError) -> AppliedWrite {
        var clock = clock
        var stored = stored(key, try entryWithValue(key))
        let applied = stored.apply(event.map { .bytes($0) }, clock: &clock, claims: !isStandIn(key))
        if applied == .held { return .held }
        if partition.pointee.clocks != nil || event.dot.actor != shared.pointee.actor {
            Partition.withClock(partition, of: key.slot, now: moment.wall) { $0 = clock }
        }
        try install(stored, key, clock)
        tellObservers(key.view, byClient: true)
        recordSiblings(key, event.dot, noting: CausalContext())
        return applied
    }

    /// Whether a version can be read: what cannot is refused before anything has changed.
    private func check(_ version: KeyVersion?, _ key: Key) throws(PayloadError) {
        guard let version, version.form == .object else { return }
        discard(try makeDetached(key, version, Dot(packed: 0), at: moment.wall))
    }

    // MARK: keeping

    /// Makes these the key's versions: the winner goes to the table, the others beside it. Tells nobody but those that
    /// wait for the key. Payloads that are not in the table yet can be read. `clock`: as for `keep`.
    func install(
        _ versions: StoredSiblings<HeldVersion>, _ key: Key, _ clock: SlotClock
    ) throws(PayloadError) {
        var stored = versions
        let slot = tables.pointee.entries.find(key)
        let old = slot.map { Table.entry($0) }
        let winner = stored.winner(by: shared.pointee.actors.table) { version in
            switch version {
            case .inTable: !(old?.isExpired(moment.wall) ?? true)
            case .bytes(let version): !version.isExpired(moment.wall)
            }
        }
        guard let winner else {
            if let slot { free(unlink(slot, key)) }
            return keep(stored, key, nil, clock)
        }
        var entry = old
        if case .bytes(let value) = winner.payload {
            let new = try makeDetached(key, value, winner.dot, at: winner.timestamp)
            if let old, case .inTable = stored.version(of: old.dot)?.payload {
                stored.setPayload(.bytes(KeyVersion(old)), of: old.dot)
            }
            stored.setPayload(.inTable, of: winner.dot)
            install(new, key, slot)
            entry = new
            signalReady(key)
        }
        keep(stored, key, entry, clock)
    }

    /// Keeps what the key has besides its entry, if that is anything. `clock`: the slot's, the change at hand included.
    func keep(_ stored: StoredSiblings<HeldVersion>, _ key: Key, _ entry: Entry?, _ clock: SlotClock) {
        let old = partition.pointee.siblings(database, key.view)
        if stored.isSettled && entry.map({ clock.hasInBase($0.dot) }) ?? true {
            if old?.isSaved ?? false { tellRemovedSiblings(key) }
            partition.pointee.setSiblings(database, key.view, nil)
        } else {
            var new = KeySiblings(stored: stored)
            new.isSaved = old?.isSaved ?? false
            partition.pointee.setSiblings(database, key.view, new)
        }
        noteUnsavedSiblings(key, entry)
    }

    /// A plain change of the key has taken this dot; `entry` has it, or the key is gone. It supersedes all that is known
    /// here: siblings go, what is known beyond the clock's base stays.
    @inline(never)
    func supersedeSiblings(_ key: Key, _ entry: Entry?, _ dot: Dot) {
        guard let siblings = partition.pointee.siblings(database, key.view) else { return }
        var stored = siblings.stored
        let own = dot.actor == shared.pointee.actor
        let before = own ? Dot(actor: dot.actor, counter: dot.counter - 1) : Partition.ownDot(partition, of: key.slot)
        var clock = Partition.clock(partition, of: key.slot, upTo: before, now: moment.wall)
        let context = stored.filled(by: clock).context
        do throws(ReissuedDot) {
            let event = try WriteEvent<HeldVersion>(
                dot, at: moment.wall, entry.map { _ in .inTable }, superseding: context)
            stored.apply(event, clock: &clock, claims: !isStandIn(key))
        } catch {
            // A record that is newer than the log's place knows of the dot: it is what replaying comes to.
            return
        }
        keep(stored, key, entry, clock)
    }

    /// Deletes the key's versions whose deadline has passed, and no others.
    func removeExpiredVersions(_ key: Key) {
        guard let siblings = partition.pointee.siblings(database, key.view) else { return }
        let entry = tables.pointee.entries.find(key).map { Table.entry($0) }
        var expired = CausalContext()
        siblings.stored.forEachVersion { version in
            let isExpired =
                switch version.payload {
                case .inTable: entry?.isExpired(moment.wall) ?? false
                case .bytes(let version): version.isExpired(moment.wall)
                }
            if isExpired { expired.insert(ClockEntry(version.dot, at: version.timestamp)) }
        }
        if expired.isEmpty { return }
        #if CANARIES
            if Canary.active == .expiryDeletes {
                siblings.stored.forEachVersion { expired.insert(ClockEntry($0.dot, at: $0.timestamp)) }
            }
        #endif
        // The key may be a view into the very entry that goes.
        key.view.bytes.withView { view in
            let key = Key(view)
            do throws(VersionError) {
                try write(nil, superseding: expired, key)
            } catch {
                // The value is away and cannot be read: it goes without.
                if let slot = tables.pointee.entries.find(key) { remove(slot, key, byClient: false, .expiry) }
            }
        }
    }

    /// The keys of the database, or of one of its slots, are gone, with all that was known of them.
    func dropSiblings(of slot: Int? = nil) {
        guard let siblings = partition.pointee.siblings else { return }
        for name in siblings.pointee.keys(database) {
            name.withView { view in
                if slot == nil || Key(view).slot == slot {
                    if partition.pointee.siblings(database, view)?.isSaved ?? false { tellRemovedSiblings(Key(view)) }
                    partition.pointee.setSiblings(database, view, nil)
                }
            }
        }
    }
}

extension Access {
    /// All keys of the slot are about to be gone. Where the slot's clock has gaps, what is known beyond them is remembered:
    /// it may still arrive, and must not appear. Before the flush takes its dot.
    func noteFlush(of slot: Int) {
        guard let clocks = partition.pointee.clocks, !clocks[slot & 63].isDense || partition.pointee.siblings != nil
        else { return }
        var context = Partition.clock(partition, of: slot, now: moment.wall).context()
        tables.pointee.entries.forEach { entry in
            if Key(entry.key).slot == slot { context.insert(ClockEntry(entry.dot, at: entry.timestamp)) }
        }
        for name in partition.pointee.siblings?.pointee.keys(database) ?? [] {
            name.withView { view in
                guard Key(view).slot == slot, let key = partition.pointee.siblings(database, view) else { return }
                context.join(key.stored.residue)
                key.stored.forEachVersion { context.insert(ClockEntry($0.dot, at: $0.timestamp)) }
            }
        }
        Partition.withClock(partition, of: slot, now: moment.wall) { $0.supersede(context) }
    }

    /// The slot's keys of two databases change places.
    func exchangeSiblings(of slot: Int, with other: Access) {
        guard let siblings = partition.pointee.siblings else { return }
        let mine = siblings.pointee.keys(database), theirs = siblings.pointee.keys(other.database)
        for name in Set(mine).union(theirs) {
            name.withView { view in
                if Key(view).slot != slot { return }
                var (a, b) = (
                    partition.pointee.siblings(database, view), partition.pointee.siblings(other.database, view)
                )
                // The tree has them under the old names only.
                if a?.isSaved ?? false { tellRemovedSiblings(Key(view)) }
                if b?.isSaved ?? false { other.tellRemovedSiblings(Key(view)) }
                a?.isSaved = false
                b?.isSaved = false
                partition.pointee.setSiblings(database, view, b)
                partition.pointee.setSiblings(other.database, view, a)
                for access in [self, other] {
                    access.noteUnsavedSiblings(
                        Key(view), access.tables.pointee.entries.find(Key(view)).map { Table.entry($0) })
                }
            }
        }
    }
}

/// Why a version cannot be written.
public enum VersionError: Error, Equatable {
    /// Its bytes are no value, or the one that is there cannot be read.
    case payload(PayloadError)
    /// The context has dots that this node has yet to issue: it has forgotten that it did (`ReissuedDot`).
    case reissued
}

extension KeyVersion {
    init(_ held: HeldVersion, _ entry: Entry?) {
        switch held {
        case .bytes(let version): self = version
        case .inTable:
            guard let entry else { preconditionFailure("a version in the table without an entry") }
            self.init(entry)
        }
    }
}
