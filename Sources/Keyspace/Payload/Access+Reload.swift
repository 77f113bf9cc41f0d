import Base
import CSystem
import Causality

extension Access {
    /// Writes every value of the database's share of this partition as a payload and puts what is read back from
    /// it in its place, with the key's deadline, version and stamps (Redis: DEBUG RELOAD, without a file). Answers
    /// the first key whose value could not be read back.
    public func reloadAll() -> [UInt8]? {
        var entries: [Entry] = []
        tables.pointee.entries.forEach { if !$0.isAway { entries.append($0) } }
        var payload = ByteBuffer()
        for old in entries {
            let key = Key(old.key)
            payload.truncate(to: 0)
            Payload.write(old, to: &payload)
            guard let slot = tables.pointee.entries.find(key), Payload.isIntact(payload.view),
                let read = try? Payload.read(payload.view, self, key, deadline: old.deadline)
            else { return old.key.bytes }
            let new = stamped(read, key, old.dot, Moment(wall: old.timestamp, stamp: old.accessStamp))
            exchange(slot, key, old, new)
            new.setAccessStamp(old.accessStamp)
            free(old)
        }
        return nil
    }

    /// A detached entry with this version and these clocks; made anew if its header has no room for the version.
    func stamped(_ entry: Entry, _ key: Key, _ dot: Dot, _ moment: Moment) -> Entry {
        if entry.restamp(dot, moment) { return entry }
        let header = Entry.Header(
            type: entry.type, encoding: entry.encoding, dot: dot, moment: moment, deadline: entry.deadline)
        let wide = Entry.make(header, key: key.view, valueCount: entry.valueCount)
        memcpy(wide.value, entry.value, entry.valueCount)
        entry.release()
        return wide
    }
}

extension KeyspaceShared {
    /// Whether RESTORE believes payloads without looking at their checksums (DEBUG SET-SKIP-CHECKSUM-VALIDATION).
    public var takesAnyChecksum: Bool {
        mutating get { cs_load_u32(&ignoresChecksums) != 0 }
        set { cs_store_u32(&ignoresChecksums, newValue ? 1 : 0) }
    }
}
