import Base
import Keyspace
import RESP

/// What of a group's pending entries XPENDING is to list.
private struct PendingRange {
    var from = StreamID.zero
    var to = StreamID.max
    var most: Int64 = 0
    /// Milliseconds since the last delivery, at least.
    var idle: Int64 = 0
    var consumer: ByteView?
}

extension Call {
    /// XACK key group id [id ...]
    func acknowledge() {
        var failed = false
        guard let found = findGroup(key(1), self[2], failed: &failed) else {
            return failed ? () : reply.integer(0)
        }
        guard let ids = strictIDs(from: 3) else { return }
        var acknowledged = 0
        for id in ids where found.access.acknowledge(found.slot, found.key, found.group, id) { acknowledged += 1 }
        reply.integer(acknowledged)
    }

    /// XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
    func pendingEntries() {
        if count == 3 {
            guard let found = groupOrReply(key(1), self[2]) else { return }
            return replyPendingSummary(found.group)
        }
        guard count >= 6 && count <= 9 else { return fail(ErrorText.syntax) }
        guard let range = pendingRange(), let found = groupOrReply(key(1), self[2]) else { return }
        replyPending(found.group, range)
    }

    private func pendingRange() -> PendingRange? {
        var range = PendingRange()
        var word = 3
        if self[3].isWord("idle") {
            guard let idle = integer(4) else { return nil }
            if count < 8 {
                fail(ErrorText.syntax)
                return nil
            }
            range.idle = idle
            word = 5
        }
        guard let most = integer(word + 2), let from = rangeStart(word), let to = rangeEnd(word + 1) else {
            return nil
        }
        range.most = max(0, most)
        range.from = from
        range.to = to
        if word + 3 < count { range.consumer = self[word + 3] }
        return range
    }

    private func replyPendingSummary(_ group: StreamGroup) {
        reply.array(4)
        reply.integer(group.pendingCount)
        guard let first = group.firstPending, let last = group.lastPending else {
            reply.null()
            reply.null()
            return reply.nullArray()
        }
        reply.streamID(first.id)
        reply.streamID(last.id)
        replyDeferredArray { writer in
            var busy = 0
            for i in 0..<group.consumerCount {
                let consumer = group.consumer(i)
                if consumer.pendingCount == 0 { continue }
                writer.array(2)
                writer.bulk(consumer.name)
                writer.bulkInteger(Int64(consumer.pendingCount))
                busy += 1
            }
            return busy
        }
    }

    private func replyPending(_ group: StreamGroup, _ range: PendingRange) {
        var consumer: ConsumerPointer?
        if let name = range.consumer {
            consumer = group.consumer(name)
            if consumer == nil { return reply.array(0) }
        }
        replyDeferredArray { writer in
            var written: Int64 = 0
            if range.most == 0 { return 0 }
            group.forEachPending(from: range.from, of: consumer) { entry in
                if entry.id > range.to { return false }
                let idle = now &- entry.time
                if range.idle != 0 && idle < range.idle { return true }
                writer.array(4)
                writer.streamID(entry.id)
                writer.bulk(group.owner(of: entry).name)
                writer.integer(max(0, idle))
                writer.integer(entry.deliveries)
                written += 1
                return written < range.most
            }
            return Int(written)
        }
    }
}
