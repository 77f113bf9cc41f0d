import Base
import CSystem
import Commands

/// What CLIENT LIST and INFO show of a client, as its own loop last wrote it down: at every send, on every
/// tick, and before it looks itself. Words read and written by relaxed atomics, so that other loops may look
/// at any time (under the roster lock, which keeps the session from being freed).
struct SessionCard: @unchecked Sendable {
    enum Field: Int, CaseIterable {
        case mode, linkState, database, version, activeAt, lastCommand, queuedCount, queuedBytes
        case inputPending, inputCapacity
        case replyBlock, replyPending, replyPeak, replyChain, replyChainCount
        /// Written when they change.
        case channels, patterns, shardChannels, redirection
    }

    private let words: UnsafeMutablePointer<UInt64>

    init() {
        words = .allocate(capacity: Field.allCases.count)
        words.initialize(repeating: 0, count: Field.allCases.count)
        self[.lastCommand] = -1
        self[.redirection] = -1
    }

    func free() { words.deallocate() }

    subscript(_ field: Field) -> Int {
        @inline(__always)
        get { Int(bitPattern: UInt(cs_load_u64(words + field.rawValue))) }
        @inline(__always)
        nonmutating set { cs_store_u64(words + field.rawValue, UInt64(UInt(bitPattern: newValue))) }
    }

    var sessionMode: SessionMode { SessionMode(rawValue: UInt32(truncatingIfNeeded: self[.mode])) }
    var state: LinkState { LinkState(rawValue: UInt32(truncatingIfNeeded: self[.linkState])) }
}

extension Executor {
    /// Writes the client's card. On its own loop.
    @inline(__always)
    func publish(_ session: SessionPointer) {
        let link = session.pointee.link
        let card = session.pointee.card
        card[.mode] = Int(session.pointee.mode.rawValue)
        card[.linkState] = Int(link.pointee.state.rawValue)
        card[.database] = session.pointee.database
        card[.version] = Int(session.pointee.version)
        card[.activeAt] = Int(session.pointee.activeAt)
        card[.lastCommand] = Int(session.pointee.lastCommand)
        card[.queuedCount] = session.pointee.queuedCount
        card[.queuedBytes] = session.pointee.queuedBytes
        card[.inputPending] = max(0, link.pointee.input.unparsedCount)
        card[.inputCapacity] = link.pointee.input.capacity
        card[.replyBlock] = link.pointee.output.blockCapacity
        card[.replyPending] = link.pointee.output.blockPending
        card[.replyPeak] = link.pointee.output.peak
        card[.replyChain] = link.pointee.output.chainedBytes
        card[.replyChainCount] = link.pointee.output.sealedCount
    }

    /// Writes the cards of all this loop's clients. On the loop.
    func publishAll() {
        for session in roster { publish(session) }
    }
}
