import Base
import Commands
import Storage

/// Carrying BACKUP out, on a thread of its own.
extension Executor {
    /// Has the client whose command runs wait for a copy of the data directory, with everything that has been
    /// acknowledged until now.
    func backUp(_ persistence: Persistence, _ tree: Tree, to path: String, _ call: Call) {
        let waiter = waitForPeer(call)
        let (mailbox, doors) = (mailbox, node.doors)
        let last = persistence.log.last
        doors.spawn("backup", .low) {
            let failure = Executor.backUp(persistence, tree, to: path, upTo: last, doors.log)
            mailbox.post { $0.answerPeerWait(waiter, error: failure.map { Array("ERR \($0)".utf8) }) }
        }
    }

    /// Answers what went wrong.
    private static func backUp(
        _ persistence: Persistence, _ tree: Tree, to path: String, upTo last: UInt64,
        _ log: (LogLevel, String) -> Void
    ) -> String? {
        log(.notice, "Copying the data directory to \(path)")
        var failure: String?
        if persistence.makeDurable(upTo: last) {
            do throws(TreeError) {
                let backup = try persistence.log.backUp(tree, to: path)
                log(
                    .notice,
                    "Copied: \(backup.tables) tables and \(backup.segments) log segments of \(backup.bytes) bytes")
            } catch {
                failure = error.description
            }
        } else {
            failure = persistence.failure ?? "the log cannot be made durable"
        }
        if let failure { log(.warning, "The data directory could not be copied: \(failure)") }
        return failure
    }
}
