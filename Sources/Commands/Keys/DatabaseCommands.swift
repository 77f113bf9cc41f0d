import Base
import Keyspace
import RESP

extension KeyCommands {
    /// Commands on whole databases.
    static let databases: [Command] = [
        Command(
            "flushall", arity: -1, .write, categories: [.keyspace, .dangerous],
            group: .server, since: "1.0.0",
            complexity: "O(N) in the number of keys, most of it in the background",
            summary: "Removes all keys of all databases.",
            arguments: [
                Argument(
                    "async", .oneof, optional: true,
                    [
                        Argument("async", .pureToken, token: "ASYNC", since: "4.0.0"),
                        Argument("sync", .pureToken, token: "SYNC", since: "6.2.0"),
                    ])
            ],
            history: [("4.0.0", "Takes ASYNC."), ("6.2.0", "Takes SYNC.")],
            tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
            locking: .all
        ) { Call($0).flush(everything: true) },
        Command(
            "flushdb", arity: -1, .write, categories: [.keyspace, .dangerous],
            group: .server, since: "1.0.0",
            complexity: "O(N) in the number of keys, most of it in the background",
            summary: "Removes all keys of the database.",
            arguments: [
                Argument(
                    "async", .oneof, optional: true,
                    [
                        Argument("async", .pureToken, token: "ASYNC", since: "4.0.0"),
                        Argument("sync", .pureToken, token: "SYNC", since: "6.2.0"),
                    ])
            ],
            history: [("4.0.0", "Takes ASYNC."), ("6.2.0", "Takes SYNC.")],
            tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
            locking: .all
        ) { Call($0).flush(everything: false) },
        Command(
            "swapdb", arity: 3, [.write, .fast], categories: [.keyspace, .dangerous],
            group: .server, since: "4.0.0",
            complexity: "O(N) in the number of clients that watch or block on keys of either",
            summary: "Exchanges two databases.",
            arguments: [
                Argument("index1", .integer),
                Argument("index2", .integer),
            ],
            locking: .all
        ) { Call($0).swapDatabases() },
    ]
}

extension Call {
    // SYNC and ASYNC differ in what INFO counts: the keys are gone at once, their memory is freed in the background.
    fileprivate func flush(everything: Bool) {
        if count > 2 || (count == 2 && !self[1].isWord("sync") && !self[1].isWord("async")) {
            return fail(ErrorText.syntax)
        }
        let isLazy = count == 2 ? self[1].isWord("async") : keyspace.shared.pointee.lazyFreeing.contains(.flush)
        keyspace.flush(database: everything ? nil : database, moment: state.pointee.moment, isLazy: isLazy)
        if everything { keyspace.shared.pointee.events?.flushedEverything() }
        reply.ok()
    }

    fileprivate func swapDatabases() {
        if keyspace.shared.pointee.isClustered { return fail("ERR SWAPDB is not allowed in cluster mode") }
        guard let first = narrowInteger(1, error: "ERR invalid first DB index"),
            let second = narrowInteger(2, error: "ERR invalid second DB index")
        else { return }
        let databases = 0..<keyspace.databaseCount
        if !databases.contains(first) || !databases.contains(second) { return fail(ErrorText.databaseRange) }
        if first != second { keyspace.swap(first, second, moment: state.pointee.moment) }
        reply.ok()
    }
}
