import Base
import CSystem
import Commands
import Keyspace
import RESP

/// What a client says about itself, and what it does to others' waiting.
extension Call {
    func clientSetName() {
        if executor.setName(session, self[2]) { reply.ok() } else { reply.error(Call.badNameText) }
    }

    func clientSetInfo() {
        let value = self[3]
        let isName = self[2].isWord("lib-name")
        if !isName && !self[2].isWord("lib-ver") {
            return reply.error("ERR Unrecognized option '\(self[2].text)'")
        }
        for i in 0..<value.count where value[i] < 33 || value[i] > 126 {
            return reply.error(
                "ERR \(isName ? "lib-name" : "lib-ver") cannot contain spaces, newlines or special characters.")
        }
        executor.rosterLock.withLock {
            if isName {
                session.pointee.details.libraryName = value.bytes
            } else {
                session.pointee.details.libraryVersion = value.bytes
            }
        }
        reply.ok()
    }

    /// CLIENT REPLY. The executor takes back what is written while replies are unwanted.
    func clientReply() {
        let session = session
        if self[2].isWord("on") {
            session.pointee.mode.subtract([.replyOff, .replySkip, .replySkipNext])
            reply.ok()
        } else if self[2].isWord("off") {
            session.pointee.mode.insert(.replyOff)
        } else if self[2].isWord("skip") {
            if !session.pointee.mode.contains(.replyOff) { session.pointee.mode.insert(.replySkipNext) }
        } else {
            fail(ErrorText.syntax)
        }
    }

    func clientPause() {
        var onlyWrites = false
        if count > 4 { return replyTooManyWords("CLIENT") }
        if count == 4 {
            onlyWrites = self[3].isWord("write")
            if !onlyWrites && !self[3].isWord("all") { return fail("ERR CLIENT PAUSE mode must be WRITE or ALL") }
        }
        guard let deadline = timeout(2) else { return }
        node.startPause(until: deadline, onlyWrites: onlyWrites, now: now)
        // Also for what follows in this very batch.
        executor.pausing = node.pause.until != 0
        reply.ok()
    }

    /// What Redis says of a known subcommand with words that fit none of its forms.
    func replyTooManyWords(_ container: StaticString) {
        reply.error(
            "ERR unknown subcommand or wrong number of arguments for '\(self[1].text)'. Try \(container) HELP.")
    }

    /// A timeout in milliseconds as a deadline, ms since 1970; 0 stays 0. Replies if it is none.
    func timeout(_ word: Int) -> Int64? {
        guard let duration = integer(word, error: "ERR timeout is not an integer or out of range") else { return nil }
        if duration < 0 {
            fail("ERR timeout is negative")
            return nil
        }
        if duration == 0 { return 0 }
        let (deadline, overflow) = duration.addingReportingOverflow(now)
        return overflow ? Int64.max : deadline
    }

    func clientUnblock() {
        if count > 4 { return replyTooManyWords("CLIENT") }
        var withError = false
        if count == 4 {
            withError = self[3].isWord("error")
            if !withError && !self[3].isWord("timeout") {
                return fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
            }
        }
        guard let id = integer(2) else { return }
        let error = withError ? Executor.unblockedText : nil
        for executor in node.executors where id > 0 {
            // Also when it is this loop's: its batch is running.
            if let waiter = executor.cancelWait(UInt64(id)) {
                executor.mailbox.post { $0.finishUnblock(waiter, error: error) }
                return reply.integer(1)
            }
            if executor.waitsElsewhere(UInt64(id)) {
                executor.mailbox.post { $0.unblockElsewhere(UInt64(id), error: error) }
                return reply.integer(1)
            }
        }
        reply.integer(0)
    }

    /// ON or OFF in the third word; replies if it is neither.
    private func onOrOff() -> Bool? {
        if self[2].isWord("on") { return true }
        if self[2].isWord("off") { return false }
        fail(ErrorText.syntax)
        return nil
    }

    func clientNoEvict() {
        guard let on = onOrOff() else { return }
        executor.rosterLock.withLock { session.pointee.details.noEvict = on }
        reply.ok()
    }

    func clientNoTouch() {
        guard let on = onOrOff() else { return }
        session.pointee.noTouch = on
        reply.ok()
    }
}
