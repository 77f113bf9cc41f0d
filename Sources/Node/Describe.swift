import Base
import CSystem
import Commands
import Keyspace

/// What CLIENT LIST counts of one client's memory, in bytes.
///
/// Requests are read into an arena that all clients of a loop share and mostly executed there: a client has
/// an input buffer of its own only while a request is incomplete or waits. What is shown: `pending`, the
/// bytes received and not executed yet, the running command's own included; `free`, the rest of the room
/// that its last read was offered: its own buffer's, or, as long as it is not idle, its nominal part of the arena
/// (`Limits.inputRoomShown`).
struct ClientMemory {
    var pending = 0
    var free = 0
    /// Words of the running command.
    var words = 0
    /// Words of MULTI's queue.
    var queued = 0
    /// The current reply block, and the chain of full ones. Of the block, as much is shown as Redis' fixed one
    /// has, and the rest with the chain.
    var replyBlock = 0
    var replyChain = 0
    /// The session's and link's own bytes.
    var fixed = 0
    /// The client's own input buffer (a part of the arena is not the client's).
    var ownInput = 0

    var total: Int { fixed + ownInput + words + queued + replyBlock + replyChain }
}

extension Executor {
    private static let fixedBytes =
        MemoryLayout<Session>.size + MemoryLayout<Link>.size + detailsBytes

    /// SessionDetails' stored properties, about.
    private static let detailsBytes = 400

    /// From the client's card, by any loop under the roster lock; with `call`, by its own loop, exactly.
    /// `now`: the caller's clock, since a sleeping loop's stands still.
    func memory(_ session: SessionPointer, now: Int64, running call: Call? = nil) -> ClientMemory {
        let card = session.pointee.card
        var memory = ClientMemory()
        memory.fixed = Executor.fixedBytes
        memory.ownInput = card[.inputCapacity]
        memory.pending = card[.inputPending]
        if let call {
            for i in 0..<call.count { memory.words += call[i].count }
            memory.pending = runningBytes(session, call)
        }
        let isIdle = now - Int64(card[.activeAt]) > Limits.idleMilliseconds
        let room = max(memory.ownInput, isIdle ? 0 : Limits.inputRoomShown)
        memory.free = max(0, room - memory.pending)
        memory.queued = card[.queuedBytes]
        memory.replyBlock = min(card[.replyBlock], Limits.replyBlockShown)
        memory.replyChain = card[.replyChain] + card[.replyBlock] - memory.replyBlock
        return memory
    }

    /// Bytes from the running command's request to the end of what the client has sent.
    private func runningBytes(_ session: SessionPointer, _ call: Call) -> Int {
        let unparsed = session.pointee.link.pointee.input.unparsedCount
        let input = session.pointee.link.pointee.input
        guard let end = session.pointee.parsedEnd else { return unparsed }
        for i in 0..<batchCount where batch[i].arguments == call.state.pointee.arguments {
            let start = batch[i].start
            if let own = input.unparsed, input.contains(start), start >= own { return unparsed - (start - own) }
            return end - start + unparsed
        }
        return unparsed
    }

    /// One line of CLIENT LIST, without the newline: the fields of Redis 7.0 in its order. From the client's
    /// card, by any loop under the roster lock. `call`: the command that this very client is running.
    func describe(_ session: SessionPointer, now: Int64? = nil, running call: Call? = nil) -> String {
        let details = session.pointee.details
        let card = session.pointee.card
        let now = now ?? state.pointee.moment.wall
        let memory = memory(session, now: now, running: call)
        let command = call.map { Int($0.state.pointee.command.pointee.index) } ?? card[.lastCommand]
        let isQueuing = card.sessionMode.contains(.multi)
        var line = "id=\(session.pointee.id) addr=\(details.address) laddr=\(details.localAddress)"
        line += " fd=\(details.descriptor) name=\(String(decoding: details.name, as: UTF8.self))"
        line += " age=\(now / 1000 - session.pointee.createdAt / 1000)"
        line += " idle=\(max(0, now / 1000 - Int64(card[.activeAt]) / 1000))"
        line += " flags=\(flags(session)) db=\(card[.database]) sub=\(card[.channels]) psub=\(card[.patterns])"
        line += " ssub=\(card[.shardChannels])"
        line += " multi=\(isQueuing ? card[.queuedCount] : -1)"
        line += " qbuf=\(memory.pending) qbuf-free=\(memory.free) argv-mem=\(memory.words)"
        line += " multi-mem=\(memory.queued) rbs=\(memory.replyBlock)"
        line += " rbp=\(max(card[.replyPeak], card[.replyPending]))"
        line += " obl=\(card[.replyPending]) oll=\(card[.replyChainCount])"
        line += " omem=\(memory.replyChain) tot-mem=\(memory.total)"
        line += " events=\(card.state.contains(.congested) ? "rw" : "r")"
        line += " cmd=\(command >= 0 ? node.commands.fullNames[command] : "NULL")"
        line +=
            " user=\(String(decoding: details.user.name, as: UTF8.self)) redir=\(card[.redirection]) resp=\(card[.version])"
        return line
    }

    /// The same of a client of this loop, as it is now.
    func describeOwn(_ session: SessionPointer, running call: Call? = nil) -> String {
        publish(session)
        return describe(session, running: call)
    }

    /// The letters of CLIENT LIST's flags (redis.io/commands/client-list).
    private func flags(_ session: SessionPointer) -> String {
        let mode = session.pointee.card.sessionMode
        let details = session.pointee.details
        var flags = ""
        if mode.contains(.monitor) { flags += "O" }
        if mode.contains(.subscribed) { flags += "P" }
        if mode.contains(.multi) { flags += "x" }
        if mode.contains(.suspended) { flags += "b" }
        if !mode.isDisjoint(with: [.tracking, .broadcast]) { flags += "t" }
        if mode.contains(.brokenRedirection) { flags += "R" }
        if mode.contains(.broadcast) { flags += "B" }
        if details.watchFlag.isSet { flags += "d" }
        if session.pointee.card.state.contains(.closeAfterFlush) { flags += "c" }
        if details.isUnixSocket { flags += "U" }
        if details.noEvict { flags += "e" }
        return flags.isEmpty ? "N" : flags
    }
}
