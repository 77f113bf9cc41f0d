import Base
import CSystem
import Commands
import Keyspace
import RESP

extension Executor {
    /// Parses what arrived into the batch; what is no whole request yet is kept in the link's input.
    func parse(_ link: LinkPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, own: Bool) {
        guard let session = session(link) else { return }
        statistics.add(.reads)
        statistics.add(.inputBytes, count)
        if _slowPath(session.pointee.mode.contains(.closing)) { return }
        session.pointee.activeAt = state.pointee.moment.wall
        if _slowPath(session.pointee.mode.contains(.suspended)) {
            if !own { link.pointee.input.append(bytes, count) }
            return checkInput(session)
        }
        if own {
            parseOwn(session)
        } else {
            let rest = parseRun(session, bytes, count)
            if _slowPath(rest < count) {
                link.pointee.input.append(UnsafePointer(bytes) + rest, count - rest)
                checkInput(session)
            }
        }
    }

    /// Parses the link's own input (what an earlier turn left, with what came since).
    func parseOwn(_ session: SessionPointer) {
        let link = session.pointee.link
        guard let bytes = link.pointee.input.unparsed else { return }
        let count = link.pointee.input.unparsedCount
        let used = parseRun(session, bytes, count)
        // A push-back has already stepped back over requests that could not run.
        if !session.pointee.mode.contains(.pushedBack) { link.pointee.input.consume(used) }
        checkInput(session)
    }

    /// Parses a run of bytes; answers how many are used up.
    private func parseRun(_ session: SessionPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
        let outer = parsing
        parsing = session
        defer { parsing = outer }
        var at = 0
        while at < count {
            let room = arguments + argumentsUsed
            switch session.pointee.parser.next(bytes + at, count &- at, rules: session.pointee.rules, room: room) {
            case .request(let length):
                add(session, bytes + at)
                at &+= length
                session.pointee.parsedEnd = bytes + at
                if _slowPath(mustRun(session)) {
                    runBatch()
                    if !session.pointee.mode.isDisjoint(with: [.suspended, .closing]) { return at }
                }
            case .empty(let length):
                at &+= length
                session.pointee.parsedEnd = bytes + at
            case .incomplete:
                return at
            case .failed(let error):
                addError(session, bytes + at, error)
                session.pointee.parsedEnd = bytes + count
                return count
            }
        }
        return at
    }

    /// Whether the batch has to run before the next request is parsed.
    @inline(__always)
    private func mustRun(_ session: SessionPointer) -> Bool {
        batchCount == Limits.batchCommands
            || argumentsUsed > Limits.batchArguments &- Limits.requestArgumentsInBatch
            || batch[batchCount &- 1].arguments != arguments + (argumentsUsed &- batch[batchCount &- 1].count)
            || session.pointee.mode.contains(.unauthenticated)
    }

    private func checkInput(_ session: SessionPointer) {
        let pending = session.pointee.link.pointee.input.unparsedCount
        if pending > session.pointee.details.inputPeak { session.pointee.details.inputPeak = pending }
        let limit = settings.queryBufferLimit
        guard limit > 0, pending > limit else { return }
        statistics.add(.queryBufferDisconnects)
        node.doors.log(.warning, "Closing client that reached max query buffer length: \(describeOwn(session))")
        close(session, afterReplies: false)
    }

    /// Puts the parser's request into the batch and starts fetching its first key's bucket.
    @inline(__always)
    private func add(_ session: SessionPointer, _ start: UnsafeMutablePointer<UInt8>) {
        let words = session.pointee.parser.arguments
        let count = session.pointee.parser.argumentCount
        var command = commandIndex.find(words[0])
        if _slowPath(command == nil || command.unsafelyUnwrapped.pointee.isContainer), let container = command {
            if count > 1 { command = commandIndex.find(words[1], parent: container.pointee.index) }
        }
        let request = batch + batchCount
        request.initialize(
            to: Request(
                session: session, command: command, arguments: words, count: count,
                key: noKey, start: start, error: nil))
        batchCount &+= 1
        if words == arguments + argumentsUsed { argumentsUsed &+= count }
        guard let command else { return }
        let first = Int(command.pointee.firstKey)
        if first > 0 && first < count {
            let key = Key(words[first])
            request.pointee.key = key
            guesses.prefetchBucket(tablePlace(key, session.pointee.database), key.hash)
            if command.pointee.flags.contains(.write) { cs_prefetch(slotCounters + key.slot) }
            if command.pointee.element != 0 { wantsElements = true }
        }
    }

    private func addError(_ session: SessionPointer, _ start: UnsafeMutablePointer<UInt8>, _ error: ProtocolError) {
        if batchCount == Limits.batchCommands { runBatch() }
        (batch + batchCount).initialize(
            to: Request(
                session: session, command: nil, arguments: arguments, count: 0, key: noKey, start: start,
                error: error))
        batchCount += 1
    }

    /// Puts requests that cannot run now, from `start` on, back in front of the client's input.
    func pushBack(_ session: SessionPointer, from start: UnsafeMutablePointer<UInt8>) {
        session.pointee.mode.insert(.pushedBack)
        session.pointee.parser.restart()
        let link = session.pointee.link
        if link.pointee.input.contains(UnsafePointer(start)) {
            link.pointee.input.rewind(to: UnsafePointer(start))
        } else if let end = session.pointee.parsedEnd {
            link.pointee.input.prepend(UnsafePointer(start), end - start)
        }
    }
}
