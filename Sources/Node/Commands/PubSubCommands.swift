import Base
import Commands
import RESP

/// Publishing and subscribing (redis.io/commands, group "pubsub", as of Redis 7.0).
enum PubSubCommands {
    static let commands: [Command] = subscribing + publishing

    private static let flags: CommandFlags = [.pubsub, .noscript, .loading, .stale]
    private static let shardChannels = KeySpec([.notKey], .index(1), .range(last: -1, step: 1, limit: 0))

    private static let subscribing: [Command] = [
        Command(
            "subscribe", arity: -2, flags, group: .pubsub, since: "2.0.0",
            complexity: "O(N) in the number of channels", summary: "Listens to channels.",
            arguments: [Argument("channel", .string, multiple: true)]
        ) { Call($0).subscribe(.channel, "subscribe") },
        Command(
            "unsubscribe", arity: -1, flags, group: .pubsub, since: "2.0.0",
            complexity: "O(N) in the number of channels", summary: "Stops listening to channels.",
            arguments: [Argument("channel", .string, optional: true, multiple: true)]
        ) { Call($0).unsubscribe(.channel, "unsubscribe") },
        Command(
            "psubscribe", arity: -2, flags, group: .pubsub, since: "2.0.0",
            complexity: "O(N) in the number of patterns",
            summary: "Listens to all channels whose names match a pattern.",
            arguments: [Argument("pattern", .block, multiple: true, [Argument("pattern", .pattern)])]
        ) { Call($0).subscribe(.pattern, "psubscribe") },
        Command(
            "punsubscribe", arity: -1, flags, group: .pubsub, since: "2.0.0",
            complexity: "O(N) in the number of patterns", summary: "Stops listening to patterns.",
            arguments: [Argument("pattern", .pattern, optional: true, multiple: true)]
        ) { Call($0).unsubscribe(.pattern, "punsubscribe") },
        Command(
            "ssubscribe", arity: -2, flags, keys: [shardChannels], group: .pubsub, since: "7.0.0",
            complexity: "O(N) in the number of channels", summary: "Listens to shard channels.",
            arguments: [Argument("shardchannel", .string, multiple: true)], locking: Locking.none
        ) { Call($0).subscribe(.shard, "ssubscribe") },
        Command(
            "sunsubscribe", arity: -1, flags, keys: [shardChannels], group: .pubsub, since: "7.0.0",
            complexity: "O(N) in the number of channels", summary: "Stops listening to shard channels.",
            arguments: [Argument("shardchannel", .string, optional: true, multiple: true)], locking: Locking.none
        ) { Call($0).unsubscribe(.shard, "sunsubscribe") },
    ]

    private static let publishing: [Command] = [
        Command(
            "publish", arity: 3, [.pubsub, .loading, .stale, .fast, .mayReplicate], group: .pubsub, since: "2.0.0",
            complexity: "O(N+M) where N clients listen to the channel and M patterns are listened to",
            summary: "Sends a message to all who listen to a channel.",
            arguments: [Argument("channel", .string), Argument("message", .string)]
        ) { Call($0).publish(.channel) },
        Command(
            "spublish", arity: 3, [.pubsub, .loading, .stale, .fast, .mayReplicate],
            keys: [KeySpec([.notKey], .index(1), .range(last: 0, step: 1, limit: 0))], group: .pubsub,
            since: "7.0.0", complexity: "O(N) where N clients listen to the channel",
            summary: "Sends a message to all who listen to a shard channel.",
            arguments: [Argument("shardchannel", .string), Argument("message", .string)], locking: Locking.none
        ) { Call($0).publish(.shard) },
        Command(
            "pubsub", arity: -2, [], group: .pubsub, since: "2.8.0", complexity: "That of the subcommand",
            summary: "Container of the commands that look at who listens to what.", subcommands: looking),
    ]

    private static func subcommand(
        _ name: String, arity: Int, since: String, complexity: String, summary: String, arguments: [Argument] = [],
        run: @escaping CommandFunction
    ) -> Command {
        Command(
            name, arity: arity, [.pubsub, .loading, .stale], group: .pubsub, since: since, complexity: complexity,
            summary: summary, arguments: arguments, run: run)
    }

    private static let looking: [Command] = [
        subcommand(
            "channels", arity: -2, since: "2.8.0", complexity: "O(N) in the number of channels listened to",
            summary: "Lists the channels that somebody listens to.",
            arguments: [Argument("pattern", .pattern, optional: true)]
        ) { Call($0).topics(.channel) },
        subcommand(
            "numsub", arity: -2, since: "2.8.0", complexity: "O(N) in the number of channels named",
            summary: "Counts the listeners of channels.",
            arguments: [Argument("channel", .string, optional: true, multiple: true)]
        ) { Call($0).listenerCounts(.channel) },
        subcommand(
            "numpat", arity: 2, since: "2.8.0", complexity: "O(1)",
            summary: "Counts the different patterns that somebody listens to."
        ) {
            let call = Call($0)
            call.reply.integer(call.executor.broker.count(.pattern))
        },
        subcommand(
            "shardchannels", arity: -2, since: "7.0.0", complexity: "O(N) in the number of channels listened to",
            summary: "Lists the shard channels that somebody listens to.",
            arguments: [Argument("pattern", .pattern, optional: true)]
        ) { Call($0).topics(.shard) },
        subcommand(
            "shardnumsub", arity: -2, since: "7.0.0", complexity: "O(N) in the number of channels named",
            summary: "Counts the listeners of shard channels.",
            arguments: [Argument("shardchannel", .string, optional: true, multiple: true)]
        ) { Call($0).listenerCounts(.shard) },
        Command(
            "help", arity: 2, [.loading, .stale], group: .pubsub, since: "6.2.0", summary: "Lists the subcommands."
        ) {
            Call($0).replyHelp([
                "CHANNELS [<pattern>]", "    List the channels that somebody listens to.",
                "NUMPAT", "    Count the different patterns that somebody listens to.",
                "NUMSUB [<channel> ...]", "    Count the listeners of channels, patterns left aside.",
                "SHARDCHANNELS [<pattern>]", "    List the shard channels that somebody listens to.",
                "SHARDNUMSUB [<shardchannel> ...]", "    Count the listeners of shard channels.",
            ])
        },
    ]
}

extension Call {
    @inline(__always)
    fileprivate func publish(_ kind: TopicKind) {
        let session = session
        if _slowPath(session.pointee.mode.contains(.subscribed)) { return publishSubscribed(kind, session) }
        reply.integer(executor.publish(kind, self[1], self[2]))
    }

    /// A client in RESP3 that may be among those who get the message: it does before it gets the reply,
    /// unless the reply is a part of another one.
    private func publishSubscribed(_ kind: TopicKind, _ session: SessionPointer) {
        if executor.mayInterrupt(session) { state.pointee.session = Executor.nobody }
        let receivers = executor.publish(kind, self[1], self[2])
        state.pointee.session = UnsafeMutableRawPointer(session)
        reply.integer(receivers)
    }

    fileprivate func subscribe(_ kind: TopicKind, _ word: StaticString) {
        if kind == .shard && state.pointee.inTransaction {
            return fail("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
        }
        let session = session
        executor.settleLetters(session)
        for i in 1..<count {
            executor.subscribe(session, kind, self[i])
            executor.confirm(session, kind, word, self[i])
        }
        executor.noteSubscriptions(session)
    }

    fileprivate func unsubscribe(_ kind: TopicKind, _ word: StaticString) {
        let session = session
        executor.settleLetters(session)
        if count == 1 { unsubscribeEverything(session, kind, word) }
        for i in 1..<max(1, count) {
            executor.unsubscribe(session, kind, self[i])
            executor.confirm(session, kind, word, self[i])
        }
        executor.noteSubscriptions(session)
    }

    private func unsubscribeEverything(_ session: SessionPointer, _ kind: TopicKind, _ word: StaticString) {
        let names = session.pointee.details.subscriptions?.names(kind) ?? []
        if names.isEmpty { return executor.confirm(session, kind, word, nil) }
        for name in names {
            name.withView { view in
                executor.unsubscribe(session, kind, view)
                executor.confirm(session, kind, word, view)
            }
        }
    }

    // MARK: PUBSUB

    fileprivate func topics(_ kind: TopicKind) {
        if count > 3 { return replyTooManyWords("PUBSUB") }
        replyDeferredArray { writer in
            var found = 0
            executor.broker.forEachTopic(kind) { name in
                if count == 3 && !Glob.matches(self[2], name) { return }
                writer.bulk(name)
                found += 1
            }
            return found
        }
    }

    fileprivate func listenerCounts(_ kind: TopicKind) {
        reply.array((count - 2) * 2)
        for i in 2..<max(2, count) {
            reply.bulk(self[i])
            reply.integer(executor.broker.listeners(kind, self[i]))
        }
    }
}
