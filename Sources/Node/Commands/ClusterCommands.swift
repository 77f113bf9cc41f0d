import Base
import Commands
import RESP

/// CLUSTER, READONLY, READWRITE, ASKING: clients ask them to find out whether they talk to a cluster.
/// As in Redis, a server outside one has one answer to all.
/// What they answer inside one is in Cluster/Call+Cluster.swift.
enum ClusterCommands {
    static let commands: [Command] = [
        Command(
            "cluster", arity: -2, [], group: .cluster, since: "3.0.0", complexity: "Depends on the subcommand.",
            summary: "Shows and changes a cluster.",
            subcommands: [
                Command(
                    "info", arity: 2, [.stale], group: .cluster, since: "3.0.0",
                    summary: "Answers the state of the cluster.", tips: ["nondeterministic_output"],
                    run: { Call($0).clusterInfo() }),
                Command(
                    "keyslot", arity: 3, [.stale], group: .cluster, since: "3.0.0",
                    complexity: "O(N) where N is the length of the key", summary: "Answers the slot of a key.",
                    arguments: [Argument("key", .string)], run: { Call($0).clusterKeySlot() }),
                Command(
                    "myid", arity: 2, [.stale], group: .cluster, since: "3.0.0",
                    summary: "Answers the node's name in the cluster.", run: { Call($0).clusterMyID() }),
                Command(
                    "help", arity: 2, [.loading, .stale], group: .cluster, since: "5.0.0",
                    summary: "Lists the subcommands.", run: { Call($0).clusterHelp() }),
            ] + slotsAndNodes),
        Command(
            "readonly", arity: 1, [.loading, .stale, .fast], categories: [.connection], group: .cluster,
            since: "3.0.0", summary: "Allows reading from a replica of the cluster.",
            run: { Call($0).acceptClusterMode() }),
        Command(
            "readwrite", arity: 1, [.loading, .stale, .fast], categories: [.connection], group: .cluster,
            since: "3.0.0", summary: "Takes READONLY back.", run: { Call($0).acceptClusterMode() }),
        Command(
            "asking", arity: 1, [.fast], categories: [.connection], group: .cluster, since: "3.0.0",
            summary: "Follows an ASK redirection.", run: { Call($0).acceptClusterMode() }),
    ]

    /// What shows or changes the table of slots and nodes.
    private static let slotsAndNodes: [Command] = [
        Command(
            "addslots", arity: -3, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            complexity: "O(N) where N is the number of slots",
            summary: "Gives slots to this node.", arguments: [Argument("slot", .integer, multiple: true)],
            run: { Call($0).refuseClusterChange() }),
        Command(
            "addslotsrange", arity: -4, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "7.0.0",
            complexity: "O(N) where N is the number of slots",
            summary: "Gives ranges of slots to this node.",
            arguments: [
                Argument(
                    "start-slot_end-slot", .block, multiple: true,
                    [Argument("start-slot", .integer), Argument("end-slot", .integer)])
            ], run: { Call($0).refuseClusterChange() }),
        Command(
            "bumpepoch", arity: 2, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            summary: "Raises the node's epoch.", tips: ["nondeterministic_output"],
            run: { Call($0).refuseClusterChange() }),
        Command(
            "count-failure-reports", arity: 3, [.admin, .stale], group: .cluster, since: "3.0.0",
            complexity: "O(N) where N is the number of reports",
            summary: "Counts the reports that a node has failed.", arguments: [Argument("node-id", .string)],
            tips: ["nondeterministic_output"], run: { Call($0).clusterFailureReports() }),
        Command(
            "countkeysinslot", arity: 3, [.stale], group: .cluster, since: "3.0.0",
            summary: "Counts the keys of a slot.", arguments: [Argument("slot", .integer)],
            locking: .own, run: { Call($0).clusterCountKeys() }),
        Command(
            "delslots", arity: -3, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            complexity: "O(N) where N is the number of slots",
            summary: "Takes slots from this node.", arguments: [Argument("slot", .integer, multiple: true)],
            run: { Call($0).refuseClusterChange() }
        ),
        Command(
            "delslotsrange", arity: -4, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "7.0.0",
            complexity: "O(N) where N is the number of slots",
            summary: "Takes ranges of slots from this node.",
            arguments: [
                Argument(
                    "start-slot_end-slot", .block, multiple: true,
                    [Argument("start-slot", .integer), Argument("end-slot", .integer)])
            ], run: { Call($0).refuseClusterChange() }),
        Command(
            "failover", arity: -2, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            summary: "Has a replica take its master's place.",
            arguments: [
                Argument(
                    "options", .oneof, optional: true,
                    [
                        Argument("force", .pureToken, token: "FORCE"),
                        Argument("takeover", .pureToken, token: "TAKEOVER"),
                    ])
            ], run: { Call($0).refuseClusterChange() }),
        Command(
            "flushslots", arity: 2, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            summary: "Takes all slots from this node.", run: { Call($0).refuseClusterChange() }),
        Command(
            "forget", arity: 3, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            summary: "Removes a node from the table of nodes.", arguments: [Argument("node-id", .string)],
            run: { Call($0).clusterForget() }),
        Command(
            "getkeysinslot", arity: 4, [.stale], group: .cluster, since: "3.0.0",
            complexity: "O(N) where N is the number of keys asked for",
            summary: "Answers some keys of a slot.",
            arguments: [Argument("slot", .integer), Argument("count", .integer)], tips: ["nondeterministic_output"],
            locking: .own, run: { Call($0).clusterKeysInSlot() }),
        Command(
            "links", arity: 2, [.stale], group: .cluster, since: "7.0.0",
            complexity: "O(N) where N is the number of nodes",
            summary: "Answers the links to other nodes.", tips: ["nondeterministic_output"],
            run: { Call($0).clusterLinks() }),
        Command(
            "meet", arity: -4, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            summary: "Introduces another node.",
            arguments: [
                Argument("ip", .string), Argument("port", .integer),
                Argument("cluster_bus_port", .integer, optional: true, since: "4.0.0"),
            ], history: [("4.0.0", "Takes the port of the bus.")], run: { Call($0).clusterMeet() }),
        Command(
            "nodes", arity: 2, [.stale], group: .cluster, since: "3.0.0",
            complexity: "O(N) where N is the number of nodes",
            summary: "Answers the table of nodes.", tips: ["nondeterministic_output"], run: { Call($0).clusterNodes() }),
        Command(
            "replicas", arity: 3, [.admin, .stale], group: .cluster, since: "5.0.0",
            summary: "Answers a master's replicas.", arguments: [Argument("node-id", .string)],
            tips: ["nondeterministic_output"], run: { Call($0).clusterReplicas() }),
        Command(
            "replicate", arity: 3, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            summary: "Makes this node a replica of another.", arguments: [Argument("node-id", .string)],
            run: { Call($0).refuseClusterChange() }),
        Command(
            "reset", arity: -2, [.admin, .noscript, .stale], group: .cluster, since: "3.0.0",
            complexity: "O(N) where N is the number of known nodes",
            summary: "Forgets the cluster.",
            arguments: [
                Argument(
                    "hard_soft", .oneof, optional: true,
                    [Argument("hard", .pureToken, token: "HARD"), Argument("soft", .pureToken, token: "SOFT")])
            ], run: { Call($0).refuseClusterChange() }),
        Command(
            "saveconfig", arity: 2, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            summary: "Writes the cluster's state to disk.", run: { Call($0).clusterSaveConfig() }),
        Command(
            "set-config-epoch", arity: 3, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            summary: "Sets the epoch of a new node.", arguments: [Argument("config-epoch", .integer)],
            run: { Call($0).refuseClusterChange() }),
        Command(
            "setslot", arity: -4, [.admin, .stale, .noAsyncLoading], group: .cluster, since: "3.0.0",
            summary: "Says who has a slot, or who is to get it.",
            arguments: [
                Argument("slot", .integer),
                Argument(
                    "subcommand", .oneof,
                    [
                        Argument("node-id", .string, token: "IMPORTING"),
                        Argument("node-id", .string, token: "MIGRATING"), Argument("node-id", .string, token: "NODE"),
                        Argument("stable", .pureToken, token: "STABLE"),
                    ]),
            ], run: { Call($0).refuseClusterChange() }),
        Command(
            "shards", arity: 2, [.stale], group: .cluster, since: "7.0.0",
            complexity: "O(N) where N is the number of nodes",
            summary: "Answers slots and nodes by shard.", tips: ["nondeterministic_output"],
            run: { Call($0).clusterShards() }),
        Command(
            "slaves", arity: 3, [.admin, .stale], group: .cluster, since: "3.0.0",
            summary: "Answers a master's replicas.", arguments: [Argument("node-id", .string)],
            tips: ["nondeterministic_output"], deprecated: ("5.0.0", "`CLUSTER REPLICAS`"),
            run: { Call($0).clusterReplicas() }),
        Command(
            "slots", arity: 2, [.stale], group: .cluster, since: "3.0.0",
            complexity: "O(N) where N is the number of nodes",
            summary: "Answers which node has which slots.",
            history: [("4.0.0", "Names the nodes."), ("7.0.0", "Tells more of each node's addresses.")],
            tips: ["nondeterministic_output"], deprecated: ("7.0.0", "`CLUSTER SHARDS`"),
            run: { Call($0).clusterSlots() }),
    ]
}
