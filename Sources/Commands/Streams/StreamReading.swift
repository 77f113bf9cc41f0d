import Base
import CSystem
import Keyspace
import RESP

/// What the words of XREAD and XREADGROUP ask for, but the IDs.
struct StreamRead {
    var isGroup = false
    /// Most entries of each stream; 0: all.
    var most = 0
    /// Until when to wait for entries, ms since 1970, 0: for ever; nil: not at all.
    var deadline: Int64?
    var group: ByteView?
    var consumer = ByteView("")
    /// Nobody is to acknowledge the entries.
    var needsNoAcknowledgement = false
    /// The first key's word, and how many there are; as many IDs follow.
    var firstKey = 0
    var streams = 0

    /// The word of the `i`th ID.
    func idWord(_ i: Int) -> Int { firstKey + streams + i }
}

extension KeyRangeFinder {
    /// Where XREAD and XREADGROUP have their keys: what the locks are taken by is what the commands read. Redis'
    /// own key specification is misled by a group called "streams".
    static let streams = KeyRangeFinder { find($0, $1) }

    private static func find(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> Range<Int> {
        var word = 1
        while word < count {
            let more = count - 1 - word
            if more == 0 { break }
            if words[word].isWord("streams") {
                let keys = word + 1
                return keys..<keys + (count - keys) / 2
            }
            if words[word].isWord("block") || words[word].isWord("count") {
                word += 2
            } else if words[word].isWord("group") && more >= 2 {
                word += 3
            } else if words[word].isWord("noack") {
                word += 1
            } else {
                break
            }
        }
        return 0..<0
    }
}

extension Call {
    /// Reads the options up to the IDs; replies and answers nil if they are wrong.
    private func streamReadOptions(isGroup: Bool) -> StreamRead? {
        var wanted = StreamRead()
        wanted.isGroup = isGroup
        var word = 1
        while word < count && wanted.firstKey == 0 {
            guard streamReadOption(&wanted, &word) else { return nil }
        }
        if wanted.firstKey == 0 {
            fail(ErrorText.syntax)
            return nil
        }
        if isGroup && wanted.group == nil {
            fail("ERR Missing GROUP option for XREADGROUP")
            return nil
        }
        return wanted
    }

    private func streamReadOption(_ wanted: inout StreamRead, _ word: inout Int) -> Bool {
        let more = count - 1 - word
        if self[word].isWord("block") && more > 0 {
            if state.pointee.deniesWaiting {
                reply.error("ERR \(self[0].cText) command is not allowed with BLOCK option from scripts")
                return false
            }
            guard let deadline = millisecondsDeadline(word + 1) else { return false }
            wanted.deadline = deadline
            word += 2
        } else if self[word].isWord("count") && more > 0 {
            guard let number = integer(word + 1) else { return false }
            wanted.most = Int(max(0, number))
            word += 2
        } else if self[word].isWord("streams") && more > 0 {
            wanted.firstKey = word + 1
            wanted.streams = more / 2
            if more & 1 == 1 {
                fail(
                    """
                    ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.
                    """)
                return false
            }
        } else if self[word].isWord("group") && more >= 2 {
            guard allowsGroup(wanted, "GROUP") else { return false }
            wanted.group = self[word + 1]
            wanted.consumer = self[word + 2]
            word += 3
        } else if self[word].isWord("noack") {
            guard allowsGroup(wanted, "NOACK") else { return false }
            wanted.needsNoAcknowledgement = true
            word += 1
        } else {
            fail(ErrorText.syntax)
            return false
        }
        return true
    }

    private func allowsGroup(_ wanted: StreamRead, _ option: String) -> Bool {
        if wanted.isGroup { return true }
        reply.error("ERR The \(option) option is only supported by XREADGROUP. You called XREAD instead.")
        return false
    }

    /// XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
    /// XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]
    func readStreams(isGroup: Bool) {
        guard let wanted = streamReadOptions(isGroup: isGroup) else { return }
        if isServing { return serveWaiting(wanted) }
        withUnsafeTemporaryAllocation(of: StreamID.self, capacity: wanted.streams) { ids in
            for i in 0..<wanted.streams {
                guard let id = streamReadID(wanted, i) else { return }
                ids[i] = id
            }
            readStreams(wanted, ids.baseAddress.unsafelyUnwrapped)
        }
    }

    private func readStreams(_ wanted: StreamRead, _ ids: UnsafeMutablePointer<StreamID>) {
        if wanted.streams == 1 {
            let served = serveStream(wanted, 0, ids) { reply.streamsHead(1) }
            if !served { waitForStreams(wanted, ids) }
            return
        }
        replyAside {
            var served = 0
            for i in 0..<wanted.streams where serveStream(wanted, i, ids, head: {}) { served += 1 }
            return served
        } head: { served in
            if served == 0 { waitForStreams(wanted, ids) } else { reply.streamsHead(served) }
        }
    }

    /// No stream has anything new: waits, or says so.
    private func waitForStreams(_ wanted: StreamRead, _ ids: UnsafeMutablePointer<StreamID>) {
        guard let deadline = wanted.deadline else { return reply.nullArray() }
        var wait = Wait(.stream, keys: wanted.firstKey..<wanted.firstKey + wanted.streams, deadline: deadline)
        wait.onRemoval = wanted.isGroup
        for i in 0..<wanted.streams where isDollar(wanted.idWord(i)) {
            wait.replacements.append((word: wanted.idWord(i), bytes: ids[i].bytes))
        }
        self.wait(wait)
    }

    func isDollar(_ word: Int) -> Bool { self[word].count == 1 && self[word][0] == 36 }

    /// The ID after which a stream is to be read; `.max` stands for ">". Replies and answers nil if it is wrong, or
    /// the key is.
    private func streamReadID(_ wanted: StreamRead, _ i: Int) -> StreamID? {
        let word = wanted.idWord(i)
        let key = Key(self[wanted.firstKey + i])
        let entry = read(key)
        if let entry, !isA(.stream, entry) { return nil }
        if let group = wanted.group, entry?.stream.group(group) == nil {
            replyNoGroup(key.view, group, " in XREADGROUP with GROUP option")
            return nil
        }
        if isDollar(word) {
            if !wanted.isGroup { return entry?.stream.lastID ?? .zero }
            fail(
                """
                ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
                consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return \
                an empty result set.
                """)
            return nil
        }
        if self[word].count == 1 && self[word][0] == 62 {
            if wanted.isGroup { return .max }
            fail(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.")
            return nil
        }
        return strictID(word)
    }

    /// Answers what a stream has for the reader, `head` first; false, and nothing written, if there is nothing.
    private func serveStream(
        _ wanted: StreamRead, _ i: Int, _ ids: UnsafeMutablePointer<StreamID>, head: () -> Void
    ) -> Bool {
        let key = Key(self[wanted.firstKey + i])
        let access = access(key)
        // Redis looks again, and counts again.
        guard read(key) != nil, let slot = access.find(key) else { return false }
        let stream = access.entry(slot).stream
        if let name = wanted.group {
            guard let group = stream.group(name) else { return false }
            return serveGroup(GroupRead(access, slot, key, stream, group), wanted, ids[i], head: head)
        }
        guard let last = stream.lastLiveID, last > ids[i], let start = ids[i].successor else { return false }
        head()
        reply.streamHead(key.view)
        var cursor = stream.entries(from: start)
        replyDeferredArray { $0.streamEntries(&cursor, most: wanted.most) }
        return true
    }
}

// MARK: clients that wait

extension Call {
    /// Most entries for a client that has waited and did not say.
    private static var entriesAfterWait: Int { 1000 }

    /// Answers a client that waits what the key that became ready has for it. As in Redis, what counts is that the
    /// stream's last ID has moved on: the entries may be gone again.
    private func serveWaiting(_ wanted: StreamRead) {
        guard let i = (0..<wanted.streams).first(where: { looksAt(wanted.firstKey + $0) }) else { return }
        let key = Key(self[wanted.firstKey + i])
        let access = access(key)
        guard let slot = access.find(key), access.entry(slot).type == .stream else {
            return wanted.isGroup ? fail("UNBLOCKED the stream key no longer exists") : ()
        }
        var most = wanted
        if wanted.most == 0 { most.most = Call.entriesAfterWait }
        let stream = access.entry(slot).stream
        if let name = wanted.group {
            guard let group = stream.group(name) else {
                return fail("NOGROUP the consumer group this client was blocked on no longer exists")
            }
            guard stream.lastID > group.lastID else { return }
            reply.streamsHead(1)
            return replyNewEntries(GroupRead(access, slot, key, stream, group), most)
        }
        guard let after = strictID(wanted.idWord(i)), stream.lastID > after, let start = after.successor else { return }
        reply.streamsHead(1)
        reply.streamHead(key.view)
        var cursor = stream.entries(from: start)
        replyDeferredArray { $0.streamEntries(&cursor, most: most.most) }
    }
}

extension ReplyWriter {
    /// So many streams follow.
    func streamsHead(_ count: Int) {
        if isRESP3 { map(count) } else { array(count) }
    }

    /// A stream's entries follow.
    func streamHead(_ key: ByteView) {
        if !isRESP3 { array(2) }
        bulk(key)
    }
}
