import Base
import Keyspace
import RESP

extension Call {
    /// What the last words of XGROUP CREATE and SETID say.
    private struct GroupOptions {
        var makesStream = false
        var entriesRead: Int64?
    }

    /// The options from word 5 on; replies and answers nil if they are wrong.
    private func groupOptions(mayMake: Bool) -> GroupOptions? {
        var options = GroupOptions()
        var word = 5
        while word < count {
            if mayMake && self[word].isWord("mkstream") {
                options.makesStream = true
                word += 1
            } else if self[word].isWord("entriesread") && word + 1 < count {
                guard let read = integer(word + 1) else { return nil }
                if read < -1 {
                    fail("ERR value for ENTRIESREAD must be positive or -1")
                    return nil
                }
                options.entriesRead = read == -1 ? nil : read
                word += 2
            } else {
                replySubcommandSyntax()
                return nil
            }
        }
        return options
    }

    /// The slot of the key, which must hold a stream; replies and answers nil if it does not. `isMissing` is set
    /// instead of a reply if it may be made.
    private func groupSlot(_ key: Key, mayMake: Bool, isMissing: inout Bool) -> Access.Slot? {
        let access = access(key)
        if let slot = access.find(key) { return isA(.stream, access.entry(slot)) ? slot : nil }
        isMissing = mayMake
        if !mayMake {
            fail(
                """
                ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
                MKSTREAM option to create an empty stream automatically.
                """)
        }
        return nil
    }

    /// The group that word 3 names, of the key at word 2; replies and answers nil if it is not there.
    private func namedGroup() -> GroupRead? {
        let key = key(2)
        let access = access(key)
        var isMissing = false
        guard let slot = groupSlot(key, mayMake: false, isMissing: &isMissing) else { return nil }
        let stream = access.entry(slot).stream
        if let group = stream.group(self[3]) { return GroupRead(access, slot, key, stream, group) }
        replyNoGroupOfKey(3)
        return nil
    }

    /// "NOGROUP No such consumer group 'g' for key name 'k'", of the group at a word.
    func replyNoGroupOfKey(_ word: Int) {
        reply.error("NOGROUP No such consumer group '\(self[word].cText)' for key name '\(self[2].cText)'")
    }

    /// XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD entries-read]
    func createGroup() {
        guard let options = groupOptions(mayMake: true) else { return }
        let key = key(2)
        let access = access(key)
        var isMissing = false
        let slot = groupSlot(key, mayMake: options.makesStream, isMissing: &isMissing)
        if slot == nil && !isMissing { return }
        if count > 8 { return replySubcommandSyntax() }
        let stream = slot.map { access.entry($0).stream }
        guard let last = isDollar(4) ? stream?.lastID ?? .zero : strictID(4) else { return }
        if stream?.group(self[3]) != nil {
            return fail("BUSYGROUP Consumer Group name already exists")
        }
        access.createGroup(slot ?? access.makeStream(key), key, self[3], last, options.entriesRead)
        if slot == nil { access.tellModified(key) }
        reply.ok()
        access.notify(.stream, "xgroup-create", key)
    }

    /// XGROUP SETID key group id|$ [ENTRIESREAD entries-read]
    func setGroupID() {
        guard let options = groupOptions(mayMake: false), let found = namedGroup() else { return }
        if count != 5 && count != 7 { return replySubcommandSyntax() }
        guard let last = isDollar(4) ? found.stream.lastID : looseID(4) else { return }
        found.access.setGroup(found.slot, found.key, found.group, last, options.entriesRead)
        reply.ok()
        found.access.notify(.stream, "xgroup-setid", found.key)
    }

    /// XGROUP DESTROY key group
    func destroyGroup() {
        let key = key(2)
        let access = access(key)
        var isMissing = false
        guard let slot = groupSlot(key, mayMake: false, isMissing: &isMissing) else { return }
        guard access.destroyGroup(slot, key, self[3]) else { return reply.integer(0) }
        reply.integer(1)
        access.notify(.stream, "xgroup-destroy", key)
        // Its consumers wait in vain.
        access.signalReady(key)
    }

    /// XGROUP CREATECONSUMER key group consumer
    func createConsumer() {
        guard let found = namedGroup() else { return }
        if found.group.consumer(self[4]) != nil { return reply.integer(0) }
        found.access.createConsumer(found.slot, found.key, found.group, self[4])
        found.access.notify(.stream, "xgroup-createconsumer", found.key)
        reply.integer(1)
    }

    /// XGROUP DELCONSUMER key group consumer
    func deleteConsumer() {
        guard let found = namedGroup() else { return }
        guard let consumer = found.group.consumer(self[4]) else { return reply.integer(0) }
        let pending = consumer.pendingCount
        found.access.deleteConsumer(found.slot, found.key, found.group, self[4])
        found.access.notify(.stream, "xgroup-delconsumer", found.key)
        reply.integer(pending)
    }

    /// XGROUP HELP
    func groupHelp() {
        replyHelp([
            "CREATE <key> <groupname> <id|$> [option]",
            "    Make a consumer group that delivers what comes after the ID. Options are:",
            "    * MKSTREAM",
            "      Make the stream too, if it is missing.",
            "    * ENTRIESREAD entries_read",
            "      How many entries the group counts as delivered.",
            "CREATECONSUMER <key> <groupname> <consumer>",
            "    Make a consumer in a group.",
            "DELCONSUMER <key> <groupname> <consumer>",
            "    Remove a consumer and what is pending for it.",
            "DESTROY <key> <groupname>",
            "    Remove a group.",
            "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
            "    Set the ID after which the group goes on to deliver.",
        ])
    }
}
