import Base
import Keyspace
import RESP

/// What XCLAIM's options say.
private struct ClaimOptions {
    /// Least milliseconds since the last delivery.
    var idle: Int64 = 0
    /// When the entries count as delivered; nil: now.
    var time: Int64?
    var deliveries: Int64?
    var isForced = false
    var justIDs = false
    var lastID = StreamID.zero
}

/// Who is to own claimed entries: made only when there is something to own.
private struct ClaimTarget {
    let found: GroupRead
    private let name: ByteView
    private var made: ConsumerPointer?

    init(_ found: GroupRead, _ name: ByteView) {
        self.found = found
        self.name = name
    }

    mutating func consumer() -> ConsumerPointer {
        let consumer = made ?? found.consumer(name)
        made = consumer
        return consumer
    }
}

extension Call {
    // MARK: XCLAIM

    /// XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME ms] [RETRYCOUNT count] [FORCE] [JUSTID]
    /// [LASTID id]
    func claimEntries() {
        guard let found = groupOrReply(key(1), self[2]) else { return }
        guard let idle = integer(4, error: "ERR Invalid min-idle-time argument for XCLAIM") else { return }
        var ids: [StreamID] = []
        var word = 5
        while word < count, case .id(let id) = StreamID.parse(self[word], missing: 0) {
            ids.append(id)
            word += 1
        }
        guard var options = claimOptions(from: word) else { return }
        options.idle = max(0, idle)
        if options.lastID > found.group.lastID {
            found.access.setGroup(found.slot, found.key, found.group, options.lastID, found.group.entriesRead)
        }
        var target = ClaimTarget(found, self[3])
        replyDeferredArray { writer in
            var claimed = 0
            for id in ids where claim(id, &target, options, writer) { claimed += 1 }
            return claimed
        }
    }

    private func claimOptions(from first: Int) -> ClaimOptions? {
        var options = ClaimOptions()
        var word = first
        while word < count {
            let more = word + 1 < count
            if self[word].isWord("force") {
                options.isForced = true
            } else if self[word].isWord("justid") {
                options.justIDs = true
            } else if more && self[word].isWord("idle") {
                guard let idle = integer(word + 1, error: "ERR Invalid IDLE option argument for XCLAIM") else {
                    return nil
                }
                options.time = now &- idle
                word += 1
            } else if more && self[word].isWord("time") {
                guard let time = integer(word + 1, error: "ERR Invalid TIME option argument for XCLAIM") else {
                    return nil
                }
                options.time = time
                word += 1
            } else if more && self[word].isWord("retrycount") {
                guard let number = integer(word + 1, error: "ERR Invalid RETRYCOUNT option argument for XCLAIM")
                else { return nil }
                options.deliveries = number < 0 ? nil : number
                word += 1
            } else if more && self[word].isWord("lastid") {
                guard let id = strictID(word + 1) else { return nil }
                options.lastID = id
                word += 1
            } else {
                reply.error("ERR Unrecognized XCLAIM option '\(self[word].cText)'")
                return nil
            }
            word += 1
        }
        return options
    }

    /// Claims an entry and writes it; false if it cannot be claimed. One that is gone from the stream is pending no
    /// more.
    private func claim(_ id: StreamID, _ target: inout ClaimTarget, _ options: ClaimOptions, _ writer: ReplyWriter)
        -> Bool
    {
        let found = target.found
        let old = found.group.pendingEntry(id)
        guard found.stream.contains(id) else {
            if old != nil { _ = found.access.acknowledge(found.slot, found.key, found.group, id) }
            return false
        }
        if old == nil && !options.isForced { return false }
        if let old, options.idle > 0, now &- old.time < options.idle { return false }
        var time = options.time ?? now
        if time < 0 || time > now { time = now }
        // An entry that nobody had counts as delivered once already.
        let before = old?.deliveries ?? 1
        let deliveries = options.deliveries ?? (options.justIDs ? before : before &+ 1)
        found.access.claim(
            found.slot, found.key, found.group, target.consumer(), id, time: time, deliveries: deliveries)
        if options.justIDs { writer.streamID(id) } else { _ = writer.streamEntry(found.stream, id) }
        return true
    }

    // MARK: XAUTOCLAIM

    /// Entries looked at for each that may be answered.
    private static var attemptsPerEntry: Int64 { 10 }

    /// XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
    func claimIdleEntries() {
        var options = ClaimOptions()
        guard let idle = integer(4, error: "ERR Invalid min-idle-time argument for XAUTOCLAIM"),
            let start = rangeStart(5)
        else { return }
        options.idle = max(0, idle)
        var most: Int64 = 100
        var word = 6
        while word < count {
            if self[word].isWord("count") && word + 1 < count {
                guard let number = claimCount(word + 1) else { return }
                most = number
                word += 1
            } else if self[word].isWord("justid") {
                options.justIDs = true
            } else {
                return fail(ErrorText.syntax)
            }
            word += 1
        }
        guard let found = groupOrReply(key(1), self[2]) else { return }
        claimIdle(ClaimTarget(found, self[3]), options, from: start, most)
    }

    private func claimCount(_ word: Int) -> Int64? {
        let error: StaticString = "ERR COUNT must be > 0"
        guard let number = integer(word, error: error) else { return nil }
        if number >= 1 && number <= Int64.max / 16 { return number }
        fail(error)
        return nil
    }

    private func claimIdle(_ owner: ClaimTarget, _ options: ClaimOptions, from start: StreamID, _ most: Int64) {
        var target = owner
        let group = target.found.group
        var deleted: [StreamID] = []
        var cursor: StreamID? = start
        replyAside {
            var (claimed, room) = (0, most)
            var attempts = most &* Call.attemptsPerEntry
            while attempts > 0 && room > 0, let from = cursor, let entry = group.pending(from: from) {
                attempts &-= 1
                cursor = entry.id.successor
                if claim(entry.id, &target, options, reply) {
                    claimed &+= 1
                    room &-= 1
                } else if group.pendingEntry(entry.id) == nil {
                    deleted.append(entry.id)
                    room &-= 1
                }
            }
            return claimed
        } head: { claimed in
            reply.array(3)
            reply.streamID(cursor.flatMap { group.pending(from: $0)?.id } ?? .zero)
            reply.array(claimed)
        }
        reply.array(deleted.count)
        for id in deleted { reply.streamID(id) }
    }
}
