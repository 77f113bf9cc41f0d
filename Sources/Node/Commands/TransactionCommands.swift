import Base
import Commands
import Keyspace
import RESP

/// MULTI, EXEC, DISCARD, WATCH, UNWATCH.
enum TransactionCommands {
    static let commands: [Command] = [
        Command(
            "multi", arity: 1, [.noscript, .loading, .stale, .fast, .allowBusy], categories: [.transaction],
            group: .transactions, since: "1.2.0",
            summary: "Begins a transaction: what follows is queued until EXEC."
        ) {
            let call = Call($0)
            if call.session.pointee.mode.contains(.multi) { return call.fail("ERR MULTI calls can not be nested") }
            call.session.pointee.mode.insert(.multi)
            call.reply.ok()
        },
        Command(
            "exec", arity: 1, [.noscript, .loading, .stale, .skipSlowlog], categories: [.transaction],
            group: .transactions, since: "1.2.0", complexity: "That of the queued commands",
            summary: "Runs the queued commands as one."
        ) { Call($0).exec() },
        Command(
            "discard", arity: 1, [.noscript, .loading, .stale, .fast, .allowBusy], categories: [.transaction],
            group: .transactions, since: "2.0.0", complexity: "O(N) where N is the number of queued commands",
            summary: "Forgets the queued commands and ends the transaction."
        ) {
            let call = Call($0)
            if !call.session.pointee.mode.contains(.multi) { return call.fail("ERR DISCARD without MULTI") }
            call.executor.discardQueue(call.session)
            call.executor.unwatchAll(call.session)
            call.reply.ok()
        },
        Command(
            "watch", arity: -2, [.noscript, .loading, .stale, .fast, .allowBusy], categories: [.transaction],
            keys: [.rest(1, .readOnly)], group: .transactions, since: "2.2.0",
            complexity: "O(1) for every key", summary: "Has the next EXEC fail if one of the keys changes before it.",
            arguments: [Argument("key", .key, multiple: true)], locking: .keys
        ) { Call($0).watch() },
        Command(
            "unwatch", arity: 1, [.noscript, .loading, .stale, .fast, .allowBusy], categories: [.transaction],
            group: .transactions, since: "2.2.0", summary: "Forgets all watched keys."
        ) {
            let call = Call($0)
            call.executor.unwatchAll(call.session)
            call.reply.ok()
        },
    ]
}

extension Call {
    fileprivate func exec() {
        let session = session
        guard session.pointee.mode.contains(.multi) else { return fail("ERR EXEC without MULTI") }
        if session.pointee.mode.contains(.transactionRefused) {
            executor.discardQueue(session)
            executor.unwatchAll(session)
            return fail("EXECABORT Transaction discarded because of previous errors.")
        }
        executor.runTransaction(session)
    }

    fileprivate func watch() {
        let session = session
        if session.pointee.mode.contains(.multi) { return fail("ERR WATCH inside MULTI is not allowed") }
        let details = session.pointee.details
        if !details.watchFlag.isSet {
            for i in 1..<count {
                let key = key(i)
                let access = access(key)
                access.watch(key, details.watchFlag)
                details.watchedKeys.append(
                    SessionDetails.WatchedName(database: database, key: key.view.bytes))
            }
        }
        reply.ok()
    }
}
