import Base
import CSystem
import Commands
import RESP

/// What a loop has yet to do about messages that it gave clients besides their replies.
struct Pushes {
    /// Where messages are put together.
    var frame = Frame()
    /// Patterns that the message at hand matches.
    var matched: [TopicPointer] = []
    /// Clients whose messages wait for the end of the command that they run.
    fileprivate var deferred: [SessionPointer] = []
    /// Clients whose backlog has passed their limit.
    fileprivate var overflowing: [SessionPointer] = []
    /// There is something to do before the loop goes on to anything else.
    fileprivate(set) var areUnfinished = false
}

/// Messages that clients get unasked: of channels, about keys, for monitors. A client that is running a
/// command gets them behind its reply, never in the middle; CLIENT REPLY does not hold them back.
extension Executor {
    /// Nobody's session.
    static var nobody: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: 64).unsafelyUnwrapped }

    /// Whether a client's command is running now.
    @inline(__always)
    func isRunning(_ session: SessionPointer) -> Bool { UnsafeMutableRawPointer(session) == state.pointee.session }

    /// Whether what is written into the output now stays there and follows all that came before.
    func mayInterrupt(_ session: SessionPointer) -> Bool {
        !state.pointee.inTransaction && session.pointee.mode.isDisjoint(with: [.replyOff, .replySkip])
            && isOwnOutput(session, state.pointee.output)
    }

    private func isOwnOutput(_ session: SessionPointer, _ output: UnsafeMutablePointer<OutputBuffer>) -> Bool {
        UnsafeMutableRawPointer(output)
            == UnsafeMutableRawPointer(session.pointee.link).advanced(by: Executor.outputOffset)
    }

    /// Sends a client of this loop a message, given as RESP2.
    @inline(__always)
    func push(_ session: SessionPointer, _ frame: ByteView) {
        if _slowPath(isRunning(session) || !session.pointee.mode.isDisjoint(with: [.closing, .suspended])) {
            return pushSpecially(session, frame, asPush: true)
        }
        append(session, frame, asPush: true)
    }

    /// The same with bytes that are not an array, and the same in both protocols.
    func pushLine(_ session: SessionPointer, _ line: ByteView) {
        if isRunning(session) || !session.pointee.mode.isDisjoint(with: [.closing, .suspended]) {
            return pushSpecially(session, line, asPush: false)
        }
        append(session, line, asPush: false)
    }

    @inline(__always)
    private func append(_ session: SessionPointer, _ frame: ByteView, asPush: Bool) {
        let link = session.pointee.link
        if _slowPath(link.pointee.output.overLimit) { return }
        let place = link.pointee.output.reserve(frame.count)
        memcpy(place, frame.start, frame.count)
        if asPush && session.pointee.version == 3 { place[0] = Frame.pushByte }
        link.pointee.output.advance(frame.count)
        if _slowPath(link.pointee.output.overLimit) { noteOverflow(session) }
        markDirty(link)
    }

    /// Looks at a client's output after something was appended to it in another way.
    func noteOverflow(_ session: SessionPointer) {
        pushes.overflowing.append(session)
        pushes.areUnfinished = true
    }

    /// Whether the client waits no longer, but has yet to get the reply.
    private func isBeingServed(_ session: SessionPointer) -> Bool {
        guard case .waiting(let waiter) = session.pointee.details.block else { return false }
        return !waiter.isFree
    }

    /// To a client whose command is running, or has waited and is being served: kept until it has its reply.
    @inline(never)
    private func pushSpecially(_ session: SessionPointer, _ frame: ByteView, asPush: Bool) {
        if session.pointee.mode.contains(.closing) { return }
        if !isRunning(session) && !isBeingServed(session) { return append(session, frame, asPush: asPush) }
        let details = session.pointee.details
        let start = details.deferred.count
        details.deferred += frame.bytes
        if asPush && session.pointee.version == 3 { details.deferred[start] = Frame.pushByte }
        if session.pointee.mode.contains(.hasDeferred) { return }
        session.pointee.mode.insert(.hasDeferred)
        pushes.deferred.append(session)
        pushes.areUnfinished = true
    }

    /// Gives a client what was kept from it while it ran a command.
    func flushDeferred(_ session: SessionPointer) {
        session.pointee.mode.remove(.hasDeferred)
        pushes.deferred.removeAll { $0 == session }
        let link = session.pointee.link
        session.pointee.details.deferred.withView { link.pointee.output.append($0) }
        session.pointee.details.deferred = []
        if link.pointee.output.overLimit { noteOverflow(session) }
        markDirty(link)
    }

    /// The client is gone: nothing is left to do for it.
    func dropPushes(_ session: SessionPointer) {
        if !pushes.areUnfinished { return }
        pushes.deferred.removeAll { $0 == session }
        pushes.overflowing.removeAll { $0 == session }
        pushes.areUnfinished = !pushes.deferred.isEmpty || !pushes.overflowing.isEmpty
    }

    /// Completes what messages have left to do. No lock of the key space is held: clients may be closed.
    @inline(never)
    func finishPushes() {
        for session in pushes.deferred where !isBeingServed(session) { flushDeferred(session) }
        for session in pushes.overflowing { closeForOutput(session) }
        pushes.overflowing.removeAll(keepingCapacity: true)
        pushes.areUnfinished = !pushes.deferred.isEmpty
    }

    /// Handles what other loops have sent. Not in the middle of anything that must not be interrupted.
    func takeLetters() {
        let running = state.pointee.session
        state.pointee.session = Executor.nobody
        inbox.take { handle($0) }
        state.pointee.session = running
    }

    private func handle(_ letter: Inbox.Letter) {
        switch letter.kind {
        case .message: deliver(.channel, letter.first, letter.second)
        case .shardMessage: deliver(.shard, letter.first, letter.second)
        case .monitorLine: relayMonitorLine(letter.first)
        case .invalidate: invalidate(letter.first, for: letter.a)
        case .flushed: invalidateEverything()
        case .broadcast: relayBroadcast(letter.first, letter.second)
        case .redirected: relayInvalidation(to: letter.a, from: letter.b, letter.first)
        case .redirectionBroken: noteBroken(letter.a, redirection: letter.b)
        }
    }
}
