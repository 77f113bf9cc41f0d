import Base
import Keyspace
import RESP

/// The ID that XADD's word asks for.
private enum WantedID {
    /// `*`
    case automatic
    /// `ms-*`
    case inMillisecond(UInt64)
    case exactly(StreamID)

    /// The ID of the next entry after `last`; nil if it would not be greater.
    @inline(__always)
    func resolve(after last: StreamID, now: Int64) -> StreamID? {
        switch self {
        case .automatic:
            let ms = UInt64(truncatingIfNeeded: now)
            return ms > last.ms ? StreamID(ms, 0) : last.successor
        case .inMillisecond(let ms):
            if ms != last.ms { return ms > last.ms ? StreamID(ms, 0) : nil }
            return last.seq == .max ? nil : StreamID(ms, last.seq &+ 1)
        case .exactly(let id): return id > last ? id : nil
        }
    }
}

extension Call {
    /// XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value [field value ...]
    func addEntry() {
        if _fastPath(isStar(2) && count & 1 == 1) { return addEntry(.automatic, 3, TrimOptions(), makes: true) }
        addEntryWithOptions()
    }

    private func isStar(_ word: Int) -> Bool { self[word].count == 1 && self[word][0] == 42 }

    private func addEntryWithOptions() {
        var options = TrimOptions()
        var makes = true
        var wanted: WantedID?
        var word = 2
        while word < count {
            if isStar(word) {
                wanted = .automatic
                break
            }
            let taken = options.take(self, &word)
            if case .failed = taken { return }
            if case .other = taken {
                if self[word].isWord("nomkstream") {
                    makes = false
                } else {
                    wanted = wantedID(word)
                    if wanted == nil { return }
                    break
                }
            }
            word += 1
        }
        guard options.settle(self, access(key(1)).packing, isTrim: false) else { return }
        // A request that is all options has no ID: its arity is wrong.
        guard let wanted, (count - word - 1) & 1 == 0, count - word - 1 >= 2 else { return replyWrongArity("xadd") }
        addEntry(wanted, word + 1, options, makes: makes)
    }

    private func wantedID(_ word: Int) -> WantedID? {
        switch StreamID.parse(self[word], missing: 0) {
        case .id(let id): return .exactly(id)
        case .openSequence(let ms): return .inMillisecond(ms)
        case .least, .greatest, nil:
            fail(Call.invalidID)
            return nil
        }
    }

    /// Adds the entry whose fields begin at a word.
    @inline(__always)
    private func addEntry(_ wanted: WantedID, _ word: Int, _ options: TrimOptions, makes: Bool) {
        if case .exactly(.zero) = wanted { return fail("ERR The ID specified in XADD must be greater than 0-0") }
        let key = key(1)
        let access = access(key)
        var slot = access.find(key)
        var last = StreamID.zero
        if let slot {
            guard isA(.stream, access.entry(slot)) else { return }
            last = access.entry(slot).stream.lastID
        } else if !makes {
            return reply.null()
        }
        if _slowPath(last == .max) {
            return fail("ERR The stream has exhausted the last possible ID, unable to add more items")
        }
        guard let id = wanted.resolve(after: last, now: now) else {
            return fail("ERR The ID specified in XADD is equal or smaller than the target stream top item")
        }
        let fields = StreamFields(state.pointee.arguments + word, count: (count &- word) >> 1)
        if _slowPath(fields.byteCount > Stream.entryBytesMax) { return fail("ERR Elements are too large to be stored") }
        if slot == nil { slot = access.makeStream(key) }
        let place = slot.unsafelyUnwrapped
        access.addStreamEntry(place, key, id, fields)
        reply.streamID(id)
        access.notify(.stream, "xadd", key)
        if _slowPath(options.rule != nil) { _ = trim(access, place, key, options) }
        access.signalReady(key)
    }

    /// Trims as the options say; answers how many entries went.
    private func trim(_ access: Access, _ slot: Access.Slot, _ key: Key, _ options: TrimOptions) -> Int {
        guard let rule = options.rule else { return 0 }
        let removed = access.trimStream(slot, key, rule, whole: options.isApproximate, limit: options.limit)
        if removed > 0 { access.notify(.stream, "xtrim", key) }
        return removed
    }

    /// XTRIM key MAXLEN|MINID [=|~] threshold [LIMIT count]
    func trimStream() {
        var options = TrimOptions()
        var word = 2
        while word < count {
            switch options.take(self, &word) {
            case .failed: return
            case .other: return fail(ErrorText.syntax)
            case .option: word += 1
            }
        }
        guard options.settle(self, access(key(1)).packing, isTrim: true) else { return }
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key) else { return reply.integer(0) }
        guard isA(.stream, access.entry(slot)) else { return }
        reply.integer(trim(access, slot, key, options))
    }

    /// XDEL key id [id ...]
    func deleteEntries() {
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key) else { return reply.integer(0) }
        guard isA(.stream, access.entry(slot)), let ids = strictIDs(from: 2) else { return }
        var deleted = 0
        for id in ids where access.deleteStreamEntry(slot, key, id) { deleted += 1 }
        if deleted > 0 { access.notify(.stream, "xdel", key) }
        reply.integer(deleted)
    }

    /// XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]
    func setStreamID() {
        guard let last = strictID(2) else { return }
        var added: Int64?
        var deleted = StreamID.zero
        var word = 3
        while word < count {
            guard word + 1 < count else { return fail(ErrorText.syntax) }
            if self[word].isWord("entriesadded") {
                guard let number = integer(word + 1) else { return }
                if number < 0 { return fail("ERR entries_added must be positive") }
                added = number
            } else if self[word].isWord("maxdeletedid") {
                guard let id = strictID(word + 1) else { return }
                deleted = id
                if last < deleted {
                    return fail("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
                }
            } else {
                return fail(ErrorText.syntax)
            }
            word += 2
        }
        setStreamID(last, added, deleted)
    }

    private func setStreamID(_ last: StreamID, _ added: Int64?, _ deleted: StreamID) {
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key) else { return fail(ErrorText.noSuchKey) }
        guard isA(.stream, access.entry(slot)) else { return }
        let stream = access.entry(slot).stream
        if let top = stream.lastLiveID {
            if last < top {
                return fail("ERR The ID specified in XSETID is smaller than the target stream top item")
            }
            if let added, stream.count > added {
                return fail("ERR The entries_added specified in XSETID is smaller than the target stream length")
            }
        }
        access.setStreamID(
            slot, key, last, entriesAdded: added ?? stream.entriesAdded,
            maxDeleted: deleted == .zero ? stream.maxDeletedID : deleted)
        reply.ok()
        access.notify(.stream, "xsetid", key)
    }
}
