import Base
import Causality
import Keyspace
import RESP

extension Call {
    /// VGET key [R n]
    func getVersions() {
        guard versionOptions(from: 2, .get) != nil else { return }
        let key = key(1)
        _ = read(key)
        guard let set = liveVersions(key) else { return }
        if !set.shown.allSatisfy(\.payload.isString) { return fail(ErrorText.wrongType) }
        let (context, removed) = set.all.contextForClient(entriesMax: keyspace.contextEntriesMax)
        note(removed)
        reply.array(2)
        replyContext(context, key)
        reply.array(set.shown.count)
        for version in set.shown { reply.bulk(version.payload.bytes) }
    }

    /// VSET key value [CONTEXT context] [W n] [EX | PX | EXAT | PXAT time | KEEPTTL]
    func setVersion() {
        guard let options = versionOptions(from: 3, .set) else { return }
        let key = key(1)
        let access = access(key)
        var deadline: Int64?
        if let unit = options.unit {
            guard let time = self.deadline(options.time, unit, "vset") else { return }
            deadline = time
        } else if options.keepsDeadline {
            deadline = access.peek(key)?.deadline
        } else {
            // What is past its deadline goes first, as before any write.
            _ = access.peek(key)
        }
        guard let context = givenContext(options, key) else { return }
        let left = access.versions(of: key, after: context)
        if !left.areStrings { return fail(ErrorText.wrongType) }
        switch SiblingLimits().verdict(siblings: left.count + 1) {
        case .fine: break
        case .warn: keyspace.siblingFigures.add(.warnings, 1)
        case .refuse:
            keyspace.siblingFigures.add(.refusals, 1)
            return fail("TOOMANYSIBLINGS the key has too many versions: read them by VGET and give VSET its context")
        }
        let version = KeyVersion(string: self[2], deadline: deadline)
        guard let event = write(version, superseding: context, access, key) else { return }
        access.notify(.string, "set", key)
        if options.unit != nil { access.notify(.generic, "expire", key) }
        replyContext(after: event, key)
    }

    /// VDEL key [CONTEXT context] [W n]
    func deleteVersions() {
        guard let options = versionOptions(from: 2, .delete) else { return }
        let key = key(1)
        let access = access(key)
        let wasThere = access.peek(key) != nil
        var context: CausalContext
        if options.context == nil {
            // What came later than this, elsewhere, stays.
            guard let set = versions(key) else { return }
            context = set.context
            if set.versions.isEmpty { return replyContext(shown(context), key) }
        } else {
            guard let given = givenContext(options, key) else { return }
            context = given
        }
        guard let event = write(nil, superseding: context, access, key) else { return }
        if wasThere && access.peek(key) == nil { access.notify(.generic, "del", key) }
        replyContext(after: event, key)
    }

    /// VCLOCK key
    func showClocks() {
        let key = key(1)
        _ = read(key)
        guard let set = liveVersions(key) else { return }
        let actors = keyspace.actors.table
        reply.array(set.shown.count)
        for version in set.shown {
            let clock = version.clock
            reply.array(clock.count)
            for entry in clock {
                // A settled version is shown with all that its slot knows; of its own node it comes after its own writes only.
                let shown = entry.actor == version.dot.actor ? ClockEntry(version.dot, at: version.timestamp) : entry
                reply.array(3)
                reply.bulk("\(actors.id(at: shown.actor))")
                reply.integer(Int64(shown.counter))
                reply.integer(shown.timestamp)
            }
        }
    }

    // MARK: pieces

    /// All that is known of the key; replies and answers nil if it cannot be read.
    private func versions(_ key: Key) -> SiblingSet<KeyVersion>? {
        do throws(PayloadError) {
            return try access(key).siblings(of: key)
        } catch {
            fail("ERR the key's value cannot be read")
            return nil
        }
    }

    /// The versions whose deadline has not passed, the one that GET shows first.
    private func liveVersions(_ key: Key) -> (all: SiblingSet<KeyVersion>, shown: [Sibling<KeyVersion>])? {
        guard let set = versions(key) else { return nil }
        return (set, keyspace.actors.read { set.ranked(by: $0) }.filter { !$0.payload.isExpired(now) })
    }

    /// The context among the options, the empty one if there is none; replies and answers nil if it is not right.
    private func givenContext(_ options: VersionOptions, _ key: Key) -> CausalContext? {
        guard let word = options.context else { return CausalContext() }
        do throws(ContextError) {
            return try keyspace.actors.update { (table) throws(ContextError) in
                try keyspace.contexts.decode(self[word], database: database, key: key.view, &table)
            }
        } catch {
            reply.error("BADCONTEXT \(error.message)")
            return nil
        }
    }

    private func write(
        _ version: KeyVersion?, superseding context: CausalContext, _ access: Access, _ key: Key
    ) -> WriteEvent<KeyVersion>? {
        do throws(VersionError) {
            return try access.write(version, superseding: context, key)
        } catch {
            switch error {
            case .payload: fail("ERR the key's value cannot be read")
            case .reissued: fail("BADCONTEXT the context is of a time that this node has forgotten")
            }
            return nil
        }
    }

    private func note(_ removed: Int) { keyspace.siblingFigures.add(.truncatedEntries, removed) }

    /// A context without versions as clients get it.
    private func shown(_ context: CausalContext) -> CausalContext {
        let (shown, removed) = SiblingSet<KeyVersion>(context: context).contextForClient(
            entriesMax: keyspace.contextEntriesMax)
        note(removed)
        return shown
    }

    /// What who has made this write has seen: what it superseded, and itself; no sibling that it may not know of.
    private func replyContext(after event: WriteEvent<KeyVersion>, _ key: Key) {
        let versions =
            event.payload.map { [Sibling(event.dot, at: event.timestamp, $0, after: CausalContext())] } ?? []
        let set = SiblingSet<KeyVersion>(versions, context: event.context)
        let (context, removed) = set.contextForClient(entriesMax: keyspace.contextEntriesMax)
        note(removed)
        replyContext(context, key)
    }

    private func replyContext(_ context: CausalContext, _ key: Key) {
        var text = ByteBuffer(capacity: 128)
        keyspace.actors.read {
            keyspace.contexts.encode(context, database: database, key: key.view, to: &text, $0)
        }
        reply.bulk(text.view)
    }
}
