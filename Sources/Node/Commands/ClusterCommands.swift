import Base
import Commands
import RESP

/// CLUSTER, READONLY, READWRITE, ASKING: clients ask them to find out whether they talk to a cluster.
/// As in Redis, a server outside one has one answer to all.
enum ClusterCommands {
    static let commands: [Command] = [
        Command(
            "cluster", arity: -2, [], group: .cluster, since: "3.0.0", complexity: "Depends on the subcommand.",
            summary: "Shows and changes a cluster.",
            subcommands: [
                Command(
                    "info", arity: 2, [.stale], group: .cluster, since: "3.0.0",
                    summary: "Answers the state of the cluster.", tips: ["nondeterministic_output"], run: refuse),
                Command(
                    "keyslot", arity: 3, [.stale], group: .cluster, since: "3.0.0",
                    complexity: "O(N) where N is the length of the key", summary: "Answers the slot of a key.",
                    arguments: [Argument("key", .string)], run: refuse),
                Command(
                    "myid", arity: 2, [.stale], group: .cluster, since: "3.0.0",
                    summary: "Answers the node's name in the cluster.", run: refuse),
                Command(
                    "help", arity: 2, [.loading, .stale], group: .cluster, since: "5.0.0",
                    summary: "Lists the subcommands.", run: refuse),
            ]),
        Command(
            "readonly", arity: 1, [.loading, .stale, .fast], categories: [.connection], group: .cluster,
            since: "3.0.0", summary: "Allows reading from a replica of the cluster.", run: refuse),
        Command(
            "readwrite", arity: 1, [.loading, .stale, .fast], categories: [.connection], group: .cluster,
            since: "3.0.0", summary: "Takes READONLY back.", run: refuse),
        Command(
            "asking", arity: 1, [.fast], categories: [.connection], group: .cluster, since: "3.0.0",
            summary: "Follows an ASK redirection.", run: refuse),
    ]

    private static let refuse: CommandFunction = { Call($0).fail("ERR This instance has cluster support disabled") }
}
