import Base
import Commands
import Keyspace
import RESP

/// SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF; and BACKUP, which is ours.
enum SnapshotCommands {
    static let commands: [Command] = [
        Command(
            "save", arity: 1, [.admin, .noscript, .noAsyncLoading, .noMulti], group: .server, since: "1.0.0",
            complexity: "O(N) where N is the number of keys in all databases",
            summary: "Saves the data; everybody waits meanwhile.", locking: .all
        ) { Call($0).save() },
        Command(
            "bgsave", arity: -1, [.admin, .noscript, .noAsyncLoading], group: .server, since: "1.0.0",
            complexity: "O(1)", summary: "Saves the data in the background.",
            arguments: [Argument("schedule", .pureToken, token: "SCHEDULE", optional: true, since: "3.2.2")],
            history: [("3.2.2", "Takes SCHEDULE.")], locking: .all
        ) { Call($0).saveInBackground() },
        Command(
            "lastsave", arity: 1, [.loading, .stale, .fast], categories: [.admin, .dangerous], group: .server,
            since: "1.0.0", summary: "Tells when the data was last saved, in seconds since 1970.",
            tips: ["nondeterministic_output"]
        ) {
            let call = Call($0)
            call.reply.integer(call.node.lastSave)
        },
        Command(
            "bgrewriteaof", arity: 1, [.admin, .noscript, .noAsyncLoading], group: .server, since: "1.0.0",
            complexity: "O(1)", summary: "Makes the log of changes short again, in the background."
        ) { Call($0).rewriteLog() },
        Command(
            "backup", arity: 2, [.admin, .noscript, .noAsyncLoading, .noMulti], group: .server, since: "7.0.15",
            complexity: "O(N) where N is the number of files",
            summary: "Copies the data directory by hard links.", arguments: [Argument("path", .string)]
        ) { Call($0).backUp() },
    ]
}

extension Call {
    private var snapshots: Snapshots { node.snapshots }

    fileprivate func save() {
        if snapshots.now.child != nil { return fail("ERR Background save already in progress") }
        snapshots.change { $0.saves += 1 }
        let isSaved = node.savesFiles ? node.saveNow(state.pointee.moment) : checkpointUnlocked()
        if !isSaved { return fail("ERR") }
        reply.ok()
    }

    /// Who saves to the tree takes the locks one by one: those that this command holds are given up meanwhile. It is in
    /// no transaction.
    private func checkpointUnlocked() -> Bool {
        let held = state.pointee.held
        held.forEach { Partition.unlock(keyspace.partitions + $0) }
        defer { held.forEach { Partition.lock(keyspace.partitions + $0) } }
        return node.checkpoint(waits: true)
    }

    fileprivate func saveInBackground() {
        if count > 2 || count == 2 && !self[1].isWord("schedule") { return fail(ErrorText.syntax) }
        if snapshots.now.child != nil { return fail("ERR Background save already in progress") }
        if state.pointee.inTransaction {
            snapshots.change { $0.isScheduled = true }
            executor.mailbox.post { $0.lookAfterSaving() }
            return reply.simple("Background saving scheduled")
        }
        let isStarted =
            node.savesFiles ? node.saveInBackground(state.pointee.moment) : node.checkpoint(waits: false)
        if !isStarted { return fail("ERR") }
        reply.simple("Background saving started")
    }

    /// There is no file that is appended to and rewritten: what is logged is brought into the tree, or nothing is.
    fileprivate func rewriteLog() {
        if state.pointee.inTransaction {
            executor.mailbox.post { _ = $0.node.checkpoint(waits: false) }
            return reply.simple("Background append only file rewriting scheduled")
        }
        if node.persistence != nil && !node.checkpoint(waits: false) {
            return fail(
                "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.")
        }
        reply.simple("Background append only file rewriting started")
    }

    /// BACKUP path. The client waits until the copy is durable; nobody else does.
    fileprivate func backUp() {
        guard let persistence = node.persistence, let keeper = persistence.keeper else {
            return fail("ERR there is no data directory to copy without appendonly")
        }
        var path = self[1].text
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        if path.isEmpty { return fail("ERR the path is empty") }
        if !path.hasPrefix("/") { path = settings.directory + "/" + path }
        executor.backUp(persistence, keeper.tree, to: path, self)
    }
}
