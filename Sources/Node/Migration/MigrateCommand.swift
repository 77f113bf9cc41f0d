import Base
import Commands
import Keyspace
import RESP

/// MIGRATE: keys go to another server. The client waits; nobody else does.
enum MigrateCommand {
    static let commands: [Command] = [
        Command(
            "migrate", arity: -6, [.write, .holdsSecrets], categories: [.keyspace, .dangerous],
            keys: [
                .one(3, [.readWrite, .access, .delete]),
                KeySpec(
                    [.readWrite, .access, .delete, .incomplete], .keyword("KEYS", from: -2),
                    .range(last: -1, step: 1, limit: 0)),
            ],
            group: .generic, since: "2.6.0", complexity: "O(N) in the bytes of all values",
            summary: "Moves keys to another server.",
            arguments: arguments,
            history: [
                ("3.0.0", "`COPY` and `REPLACE` came."),
                ("3.0.6", "`KEYS` came."),
                ("4.0.7", "`AUTH` came."),
                ("6.0.0", "`AUTH2` came."),
            ],
            tips: ["nondeterministic_output"], locking: .own
        ) { Call($0).migrate() }
    ]

    private static let arguments = [
        Argument("host", .string),
        Argument("port", .integer),
        Argument(
            "key_or_empty_string", .oneof,
            [Argument("key", .key), Argument("empty_string", .pureToken, token: "")]),
        Argument("destination-db", .integer),
        Argument("timeout", .integer),
        Argument("copy", .pureToken, token: "COPY", optional: true, since: "3.0.0"),
        Argument("replace", .pureToken, token: "REPLACE", optional: true, since: "3.0.0"),
        Argument(
            "authentication", .oneof, optional: true,
            [
                Argument("password", .string, token: "AUTH", since: "4.0.7"),
                Argument(
                    "username_password", .block, token: "AUTH2", since: "6.0.0",
                    [Argument("username", .string), Argument("password", .string)]),
            ]),
        Argument("key", .key, token: "KEYS", optional: true, multiple: true, keySpec: 1, since: "3.0.6"),
    ]
}

extension Call {
    /// MIGRATE host port key | "" db timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key ...]
    fileprivate func migrate() {
        guard let (terms, keys) = migrationTerms() else { return }
        if state.pointee.inTransaction || state.pointee.deniesWaiting {
            return fail("ERR MIGRATE waits for another server, which nothing may inside MULTI or a script")
        }
        let migration = Migration(terms)
        for word in keys {
            let key = Key(self[word])
            withPartition(key.partition) { _ in
                if let entry = read(key) { migration.add(key, entry, now: now) }
            }
        }
        if migration.parcels.isEmpty { return reply.simple("NOKEY") }
        executor.begin(migration, self)
    }

    /// What is asked for, and the words that are keys; replies and answers nil if something is wrong.
    private func migrationTerms() -> (Migration.Terms, Range<Int>)? {
        var terms = Migration.Terms(host: self[1].text, database: database)
        var keys = 3..<4
        var word = 6
        while word < count && keys.lowerBound == 3 {
            if self[word].isWord("copy") {
                terms.copies = true
            } else if self[word].isWord("replace") {
                terms.replaces = true
            } else if self[word].isWord("auth") && word + 1 < count {
                terms.credentials = [self[word + 1].bytes]
                word += 1
            } else if self[word].isWord("auth2") && word + 2 < count {
                terms.credentials = [self[word + 1].bytes, self[word + 2].bytes]
                word += 2
            } else if self[word].isWord("keys") {
                if !self[3].isEmpty {
                    fail("ERR When using MIGRATE KEYS option, the key argument must be set to the empty string")
                    return nil
                }
                keys = word + 1..<count
            } else {
                fail(ErrorText.syntax)
                return nil
            }
            word += 1
        }
        guard let timeout = integer(5), let target = integer(4) else { return nil }
        terms.port = Int(exactly: self[2].integer ?? 0) ?? 0
        terms.targetDatabase = target
        terms.timeoutMilliseconds = timeout <= 0 ? 1000 : Int(min(timeout, Int64(Int32.max)))
        return (terms, keys)
    }
}
