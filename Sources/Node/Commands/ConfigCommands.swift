import Base
import CSystem
import Commands
import RESP

/// CONFIG: the running server's configuration.
enum ConfigCommands {
    static let commands: [Command] = [
        Command(
            "config", arity: -2, [], group: .server, since: "2.0.0",
            complexity: "Depends on the subcommand.",
            summary: "Shows and changes the server's configuration.",
            subcommands: [get, set, rewrite, resetStatistics, help])
    ]

    private static let get = Command(
        "get", arity: -3, [.admin, .noscript, .loading, .stale], group: .server, since: "2.0.0",
        complexity: "O(N) where N is the number of patterns",
        summary: "Answers the parameters that match any of the patterns, with their values.",
        arguments: [Argument("parameter", .block, multiple: true, [Argument("parameter", .string)])],
        history: [("7.0.0", "Takes several patterns.")]
    ) { Call($0).configGet() }

    private static let set = Command(
        "set", arity: -4, [.admin, .noscript, .loading, .stale, .holdsSecrets], group: .server, since: "2.0.0",
        complexity: "O(N) where N is the number of parameters",
        summary: "Changes parameters, all of them or none.",
        arguments: [
            Argument(
                "parameter_value", .block, multiple: true,
                [Argument("parameter", .string), Argument("value", .string)])
        ],
        history: [("7.0.0", "Takes several parameters.")],
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"]
    ) { Call($0).configSet() }

    private static let rewrite = Command(
        "rewrite", arity: 2, [.admin, .noscript, .loading, .stale], group: .server, since: "2.8.0",
        summary: "Writes what has changed since the start to the configuration file."
    ) {
        let call = Call($0)
        if let error = call.node.configuration.rewrite() { return call.reply.error(error) }
        call.reply.ok()
    }

    private static let resetStatistics = Command(
        "resetstat", arity: 2, [.admin, .noscript, .loading, .stale], group: .server, since: "2.0.0",
        summary: "Sets the counters that INFO shows back to zero.", locking: .own
    ) {
        let call = Call($0)
        call.node.resetStatistics(call.forEachPartition)
        call.reply.ok()
    }

    private static let help = Command(
        "help", arity: 2, [.loading, .stale], group: .server, since: "5.0.0",
        summary: "Lists the subcommands."
    ) {
        Call($0).replyHelp([
            "GET <pattern> [<pattern> ...]", "    Show the parameters whose names match a pattern.",
            "SET <directive> <value> [<directive> <value> ...]", "    Change parameters, all or none.",
            "RESETSTAT", "    Set the counters of INFO to zero.",
            "REWRITE", "    Bring the configuration file up to date.",
        ])
    }
}

extension Call {
    fileprivate func configGet() {
        let found = node.configuration.matching((2..<count).map { self[$0] })
        reply.map(found.count)
        for (name, value) in found {
            reply.bulk(name)
            reply.bulk(value)
        }
    }

    fileprivate func configSet() {
        guard count % 2 == 0 else { return fail(ErrorText.syntax) }
        let pairs = stride(from: 2, to: count, by: 2).map { (name: self[$0], value: self[$0 + 1]) }
        let isLocal =
            session.pointee.details.isUnixSocket
            || cs_peer_is_local(session.pointee.link.pointee.descriptor) != 0
        if let error = node.configuration.set(pairs, isLocal: isLocal) { return reply.error(error) }
        executor.refresh()
        reply.ok()
    }
}
