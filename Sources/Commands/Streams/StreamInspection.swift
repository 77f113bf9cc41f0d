import Base
import Keyspace
import RESP

extension Call {
    /// The stream of XINFO's key; replies and answers nil if there is none.
    private func inspectedStream() -> Stream? {
        guard let entry = read(key(2)) else {
            fail(ErrorText.noSuchKey)
            return nil
        }
        return isA(.stream, entry) ? entry.stream : nil
    }

    /// XINFO CONSUMERS key group
    func consumersInfo() {
        guard let stream = inspectedStream() else { return }
        guard let group = stream.group(self[3]) else { return replyNoGroupOfKey(3) }
        let reply = reply
        reply.array(group.consumerCount)
        for i in 0..<group.consumerCount {
            let consumer = group.consumer(i)
            reply.map(3)
            reply.bulk("name")
            reply.bulk(consumer.name)
            reply.bulk("pending")
            reply.integer(consumer.pendingCount)
            reply.bulk("idle")
            reply.integer(max(0, now &- consumer.seen))
        }
    }

    /// XINFO GROUPS key
    func groupsInfo() {
        guard let stream = inspectedStream() else { return }
        let reply = reply
        reply.array(stream.groupCount)
        for i in 0..<stream.groupCount {
            let group = stream.group(i)
            reply.map(6)
            reply.bulk("name")
            reply.bulk(group.name)
            reply.bulk("consumers")
            reply.integer(group.consumerCount)
            reply.bulk("pending")
            reply.integer(group.pendingCount)
            reply.groupPosition(group, of: stream)
        }
    }

    /// XINFO STREAM key [FULL [COUNT count]]
    func streamInfo() {
        guard let stream = inspectedStream() else { return }
        if count == 3 { return replyStreamInfo(stream) }
        guard count == 4 || count == 6, self[3].isWord("full"), count == 4 || self[4].isWord("count") else {
            return replySubcommandSyntax()
        }
        var most: Int64 = 10
        if count == 6 {
            guard let number = integer(5) else { return }
            most = number < 0 ? 10 : number
        }
        replyFullStreamInfo(stream, Int(most))
    }

    private func replyStreamInfo(_ stream: Stream) {
        let reply = reply
        reply.map(10)
        reply.streamFigures(stream)
        reply.bulk("groups")
        reply.integer(stream.groupCount)
        reply.bulk("first-entry")
        var cursor = stream.entries()
        if reply.streamEntries(&cursor, most: 1) == 0 { reply.null() }
        reply.bulk("last-entry")
        cursor = stream.entries(reversed: true)
        if reply.streamEntries(&cursor, most: 1) == 0 { reply.null() }
    }

    private func replyFullStreamInfo(_ stream: Stream, _ most: Int) {
        reply.map(9)
        reply.streamFigures(stream)
        reply.bulk("entries")
        reply.array(most == 0 ? stream.count : min(most, stream.count))
        var cursor = stream.entries()
        _ = reply.streamEntries(&cursor, most: most)
        reply.bulk("groups")
        reply.array(stream.groupCount)
        for i in 0..<stream.groupCount { replyGroup(stream.group(i), of: stream, most) }
    }

    private func replyGroup(_ group: StreamGroup, of stream: Stream, _ most: Int) {
        let reply = reply
        reply.map(7)
        reply.bulk("name")
        reply.bulk(group.name)
        reply.groupPosition(group, of: stream)
        reply.bulk("pel-count")
        reply.integer(group.pendingCount)
        reply.bulk("pending")
        reply.pendingHead(group.pendingCount, most)
        reply.pendingEntries(group, of: nil, most)
        reply.bulk("consumers")
        reply.array(group.consumerCount)
        for i in 0..<group.consumerCount {
            let consumer = group.consumer(i)
            reply.map(4)
            reply.bulk("name")
            reply.bulk(consumer.name)
            reply.bulk("seen-time")
            reply.integer(consumer.seen)
            reply.bulk("pel-count")
            reply.integer(consumer.pendingCount)
            reply.bulk("pending")
            reply.pendingHead(consumer.pendingCount, most)
            reply.pendingEntries(group, of: consumer, most)
        }
    }

    /// XINFO HELP
    func streamInfoHelp() {
        replyHelp([
            "CONSUMERS <key> <groupname>",
            "    List the consumers of a group.",
            "GROUPS <key>",
            "    List a stream's groups.",
            "STREAM <key> [FULL [COUNT <count>]",
            "    Describe a stream.",
        ])
    }
}

extension ReplyWriter {
    /// What both forms of XINFO STREAM begin with: seven pairs.
    fileprivate func streamFigures(_ stream: Stream) {
        bulk("length")
        integer(stream.count)
        bulk("radix-tree-keys")
        integer(stream.pieceCount)
        bulk("radix-tree-nodes")
        integer(stream.radixTreeNodes)
        bulk("last-generated-id")
        streamID(stream.lastID)
        bulk("max-deleted-entry-id")
        streamID(stream.maxDeletedID)
        bulk("entries-added")
        integer(stream.entriesAdded)
        bulk("recorded-first-entry-id")
        streamID(stream.firstID)
    }

    /// How far a group has come: three pairs.
    fileprivate func groupPosition(_ group: StreamGroup, of stream: Stream) {
        bulk("last-delivered-id")
        streamID(group.lastID)
        bulk("entries-read")
        if let read = group.entriesRead { integer(read) } else { null() }
        bulk("lag")
        if let lag = stream.lag(of: group) { integer(lag) } else { null() }
    }

    fileprivate func pendingHead(_ count: Int, _ most: Int) { array(most == 0 ? count : min(most, count)) }

    /// Pending entries of a group with their owners, or of a consumer; at most so many, 0: all.
    fileprivate func pendingEntries(_ group: StreamGroup, of consumer: ConsumerPointer?, _ most: Int) {
        var written = 0
        group.forEachPending(of: consumer) { entry in
            array(consumer == nil ? 4 : 3)
            streamID(entry.id)
            if consumer == nil { bulk(group.owner(of: entry).name) }
            integer(entry.time)
            integer(entry.deliveries)
            written += 1
            return written != most
        }
    }
}
