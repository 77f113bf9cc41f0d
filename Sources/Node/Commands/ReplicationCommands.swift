import Base
import Commands
import RESP

/// Redis' replication from a master, which this server does not do: what a client can ask is declared,
/// and refused, so that nobody waits for a stream that never comes. Being nobody's replica is possible.
enum ReplicationCommands {
    static let commands: [Command] = [
        Command(
            "replicaof", arity: 3, [.admin, .noscript, .stale, .noAsyncLoading], group: .server, since: "5.0.0",
            summary: "Has the server follow no other (NO ONE); following one is refused.", arguments: arguments
        ) { Call($0).replicaOf() },
        Command(
            "slaveof", arity: 3, [.admin, .noscript, .stale, .noAsyncLoading], group: .server, since: "1.0.0",
            summary: "Has the server follow no other (NO ONE); following one is refused.", arguments: arguments,
            deprecated: ("5.0.0", "`REPLICAOF`")
        ) { Call($0).replicaOf() },
        Command(
            "replconf", arity: -1, [.admin, .noscript, .loading, .stale, .allowBusy], group: .server,
            since: "3.0.0", summary: "What a replica says of itself; refused.", isInternal: true
        ) { Call($0).refuseReplica() },
        Command(
            "sync", arity: 1, [.admin, .noscript, .noAsyncLoading, .noMulti], group: .server, since: "1.0.0",
            complexity: "", summary: "A replica's request for the stream of changes; refused."
        ) { Call($0).refuseReplica() },
        Command(
            "psync", arity: -3, [.admin, .noscript, .noAsyncLoading, .noMulti], group: .server, since: "2.8.0",
            complexity: "", summary: "A replica's request for the stream of changes; refused.",
            arguments: [Argument("replicationid", .string), Argument("offset", .integer)]
        ) { Call($0).refuseReplica() },
        Command(
            "failover", arity: -1, [.admin, .noscript, .stale], group: .server, since: "6.2.0",
            summary: "Hands the master's part to a replica, of which there is none.",
            arguments: [
                Argument(
                    "target", .block, token: "TO", optional: true,
                    [
                        Argument("host", .string), Argument("port", .integer),
                        Argument("force", .pureToken, token: "FORCE", optional: true),
                    ]),
                Argument("abort", .pureToken, token: "ABORT", optional: true),
                Argument("milliseconds", .integer, token: "TIMEOUT", optional: true),
            ]
        ) { Call($0).failOver() },
    ]

    private static let arguments = [
        Argument(
            "args", .oneof,
            [
                Argument("host-port", .block, [Argument("host", .string), Argument("port", .integer)]),
                Argument(
                    "no-one", .block,
                    [Argument("no", .pureToken, token: "NO"), Argument("one", .pureToken, token: "ONE")]),
            ])
    ]
}

extension Call {
    fileprivate func replicaOf() {
        if self[1].isWord("no") && self[2].isWord("one") { return reply.ok() }
        guard let port = self[2].integer, 0...65535 ~= port else { return fail("ERR Invalid master port") }
        fail("ERR this server cannot follow a Redis master: its own replication is another")
    }

    fileprivate func failOver() {
        var word = 1
        if count == 2 && self[1].isWord("abort") { return fail("ERR No failover in progress.") }
        while word < count {
            if self[word].isWord("timeout") && word + 1 < count {
                guard let limit = integer(word + 1) else { return }
                if limit <= 0 { return fail("ERR FAILOVER timeout must be greater than 0") }
                word += 2
            } else if self[word].isWord("to") && word + 2 < count {
                guard integer(word + 2) != nil else { return }
                word += 3
            } else if self[word].isWord("force") {
                word += 1
            } else {
                return fail(ErrorText.syntax)
            }
        }
        fail("ERR FAILOVER requires connected replicas.")
    }

    fileprivate func refuseReplica() { fail("ERR this server has no replication stream for Redis replicas") }
}
