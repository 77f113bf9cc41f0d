import Base
import Commands
import RESP

/// SLOWLOG: the commands that took long.
enum SlowlogCommands {
    static let commands: [Command] = [
        Command(
            "slowlog", arity: -2, [], group: .server, since: "2.2.12", complexity: "Depends on the subcommand.",
            summary: "Shows and empties the log of slow commands.", subcommands: [get, len, reset, help])
    ]

    private static let get = Command(
        "get", arity: -2, [.admin, .loading, .stale], group: .server, since: "2.2.12",
        complexity: "O(N) where N is the number of entries answered",
        summary: "Answers the latest entries of the slow log.",
        arguments: [Argument("count", .integer, optional: true)],
        history: [("4.0.0", "Entries tell the client's address and name.")],
        tips: ["request_policy:all_nodes", "nondeterministic_output"]
    ) { Call($0).slowlogGet() }

    private static let len = Command(
        "len", arity: 2, [.admin, .loading, .stale], group: .server, since: "2.2.12",
        summary: "Answers how many entries the slow log has.",
        tips: ["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]
    ) {
        let call = Call($0)
        call.reply.integer(call.node.slowlog.count)
    }

    private static let reset = Command(
        "reset", arity: 2, [.admin, .loading, .stale], group: .server, since: "2.2.12",
        complexity: "O(N) where N is the number of entries", summary: "Empties the slow log.",
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"]
    ) {
        let call = Call($0)
        call.node.slowlog.reset()
        call.reply.ok()
    }

    private static let help = Command(
        "help", arity: 2, [.loading, .stale], group: .server, since: "6.2.0", summary: "Lists the subcommands."
    ) {
        Call($0).replyHelp([
            "GET [<count>]", "    Answer the latest <count> entries (10 if not given; -1: all), each of them",
            "    id, Unix time, microseconds, words, client address, client name.",
            "LEN", "    Answer how many entries there are.",
            "RESET", "    Forget all entries.",
        ])
    }
}

extension Call {
    fileprivate func slowlogGet() {
        if count > 3 { return replyUnknownWord(1) }
        var wanted: Int64 = 10
        if count == 3 {
            let text: StaticString = "ERR count should be greater than or equal to -1"
            guard let number = integer(2, error: text) else { return }
            if number < -1 { return fail(text) }
            wanted = number
        }
        let entries = node.slowlog.latest(Int(clamping: wanted))
        reply.array(entries.count)
        for entry in entries {
            reply.array(6)
            reply.integer(entry.id)
            reply.integer(entry.time)
            reply.integer(entry.microseconds)
            reply.array(entry.words.count)
            for word in entry.words { reply.bulk(word) }
            reply.bulk(entry.address)
            reply.bulk(entry.name)
        }
    }

    /// What Redis says of words after a known subcommand that it cannot place.
    func replyUnknownWord(_ word: Int) {
        let shown = self[word].slice(0, min(self[word].count, 128)).text
        let name = self[0].text.uppercased()
        reply.error("ERR unknown subcommand or wrong number of arguments for '\(shown)'. Try \(name) HELP.")
    }
}
