import Base
import Cluster
import Commands
import RESP
import Replication

/// CONSISTENCY: how many replicas this connection's reads and writes wait for (SPEC B4).
enum ConsistencyCommand {
    static let commands: [Command] = [
        Command(
            "consistency", arity: -1, [.loading, .stale, .fast, .noscript], categories: [.connection],
            group: .connection, since: "1.0.0",
            summary: "Shows or sets how many replicas the connection's reads and writes wait for.",
            arguments: [
                Argument("read", .string, token: "R", optional: true),
                Argument("write", .string, token: "W", optional: true),
                Argument(
                    "mode", .oneof, optional: true,
                    [Argument("strict", .pureToken, token: "STRICT"), Argument("sloppy", .pureToken, token: "SLOPPY")]),
            ]
        ) { Call($0).consistency() }
    ]
}

extension Call {
    fileprivate func consistency() {
        if count == 1 { return show(executor.consistency(session)) }
        var wanted = executor.consistency(session)
        var i = 1
        while i < count {
            let word = self[i]
            if word.isWord("strict") || word.isWord("sloppy") {
                wanted.isStrict = word.isWord("strict")
                i += 1
                continue
            }
            guard i + 1 < count, let quorum = Quorum(self[i + 1]) else { return fail("ERR syntax error") }
            if word.isWord("w") {
                wanted.write = quorum
            } else if word.isWord("r") {
                if quorum == .any { return fail("ERR R cannot be ANY: somebody has to answer a read") }
                wanted.read = quorum
            } else {
                return fail("ERR syntax error")
            }
            i += 2
        }
        session.pointee.consistency = wanted
        reply.ok()
    }

    private func show(_ consistency: Consistency) {
        reply.map(3)
        for (name, value) in [
            ("R", "\(consistency.read)".uppercased()), ("W", "\(consistency.write)".uppercased()),
            ("mode", consistency.isStrict ? "STRICT" : "SLOPPY"),
        ] {
            reply.bulk(name)
            reply.bulk(value)
        }
    }
}
