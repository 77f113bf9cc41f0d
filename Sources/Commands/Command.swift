import Base

/// What a command does, called with its Call as a raw pointer so that the table can hold C function
/// pointers (a closure's context would be retained and released on every call).
public typealias CommandFunction = @convention(c) (UnsafeMutableRawPointer) -> Void

/// Finds which of a request's words are its keys.
public struct KeyRangeFinder: Sendable {
    public let find: @Sendable (_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> Range<Int>
}

/// One command's declaration: the single place that says what it is called, what it takes, what it
/// may do and what runs. COMMAND and its subcommands, arity errors, key extraction, locking, per-command
/// statistics and ACL categories all follow from it.
public struct Command: Sendable {
    /// Lower case; a subcommand's own word only ("getname").
    public let name: String
    /// Number of words, the name (and container's name) included; negative: at least so many.
    public let arity: Int
    public let flags: CommandFlags
    /// ACL categories beyond those that flags and group imply.
    public let categories: Categories
    public let keys: [KeySpec]
    public let group: Group
    /// The Redis version that introduced it.
    public let since: String
    public let complexity: String
    /// What it does, in one line.
    public let summary: String
    public let arguments: [Argument]
    /// (version, what changed).
    public let history: [(String, String)]
    /// Redis' command tips ("nondeterministic_output").
    public let tips: [String]
    /// Since when it should not be used, and what instead.
    public let deprecated: (since: String, replacement: String)?
    /// Not meant for applications (Redis' documentation flag "syscmd").
    public let isInternal: Bool
    public let locking: Locking
    /// The word that names an element of the first key's value, which the executor fetches towards the cache
    /// while other requests run; `wholeValue`: all of a small value is read; 0: neither.
    public let element: Int
    /// Finds the words that are keys where the specifications may be misled; locks go by this then.
    public let keyRange: KeyRangeFinder?
    public let subcommands: [Command]
    public let run: CommandFunction

    /// See `element`.
    public static let wholeValue = -1

    public init(
        _ name: String, arity: Int, _ flags: CommandFlags, categories: Categories = [], keys: [KeySpec] = [],
        group: Group, since: String, complexity: String = "O(1)", summary: String, arguments: [Argument] = [],
        history: [(String, String)] = [], tips: [String] = [],
        deprecated: (since: String, replacement: String)? = nil, isInternal: Bool = false, locking: Locking? = nil,
        element: Int = 0, keyRange: KeyRangeFinder? = nil, subcommands: [Command] = [],
        run: @escaping CommandFunction = { Call($0).replyUnknownSubcommand() }
    ) {
        self.name = name
        self.arity = arity
        self.flags = flags
        self.categories = categories
        self.keys = keys
        self.group = group
        self.since = since
        self.complexity = complexity
        self.summary = summary
        self.arguments = arguments
        self.history = history
        self.tips = tips
        self.deprecated = deprecated
        self.isInternal = isInternal
        self.locking = locking ?? (keys.isEmpty ? .none : keys.count == 1 && keys[0].isSingle ? .firstKey : .keys)
        self.element = element
        self.keyRange = keyRange
        self.subcommands = subcommands
        self.run = run
    }
}

/// What the executor locks before a command runs.
public enum Locking: UInt8, Sendable {
    /// Nothing: the command touches no key.
    case none
    /// The partition of its one key.
    case firstKey
    /// The partitions of all its keys.
    case keys
    /// All partitions.
    case all
    /// The command locks partition by partition itself, with `Call.forEachPartition`.
    case own

    /// What is locked follows from the keys among the words.
    public var isByKeys: Bool { self == .firstKey || self == .keys }
}

/// Flags with the meaning of Redis' (redis.io/commands/command).
public struct CommandFlags: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let write = CommandFlags(rawValue: 1 << 0)
    public static let readonly = CommandFlags(rawValue: 1 << 1)
    public static let denyOOM = CommandFlags(rawValue: 1 << 2)
    public static let admin = CommandFlags(rawValue: 1 << 3)
    public static let pubsub = CommandFlags(rawValue: 1 << 4)
    public static let noscript = CommandFlags(rawValue: 1 << 5)
    public static let blocking = CommandFlags(rawValue: 1 << 6)
    public static let loading = CommandFlags(rawValue: 1 << 7)
    public static let stale = CommandFlags(rawValue: 1 << 8)
    public static let skipMonitor = CommandFlags(rawValue: 1 << 9)
    public static let skipSlowlog = CommandFlags(rawValue: 1 << 10)
    public static let asking = CommandFlags(rawValue: 1 << 11)
    public static let fast = CommandFlags(rawValue: 1 << 12)
    public static let noAuth = CommandFlags(rawValue: 1 << 13)
    public static let mayReplicate = CommandFlags(rawValue: 1 << 14)
    public static let noMandatoryKeys = CommandFlags(rawValue: 1 << 15)
    public static let allowBusy = CommandFlags(rawValue: 1 << 16)
    public static let noMulti = CommandFlags(rawValue: 1 << 17)
    public static let movableKeys = CommandFlags(rawValue: 1 << 18)
    public static let protected = CommandFlags(rawValue: 1 << 19)
    public static let noAsyncLoading = CommandFlags(rawValue: 1 << 20)
    /// Its words may hold passwords, which the slow log must not show (`Executor.noteSlow`).
    public static let holdsSecrets = CommandFlags(rawValue: 1 << 21)
    /// Runs a script or function, which may have flags of its own.
    public static let runsScript = CommandFlags(rawValue: 1 << 22)

    /// Redis' words, in the order COMMAND lists them. `protected`, `mayReplicate`, `holdsSecrets` and `runsScript` have
    /// none.
    public static let words: [(CommandFlags, StaticString)] = [
        (.write, "write"), (.readonly, "readonly"), (.denyOOM, "denyoom"), (.admin, "admin"),
        (.pubsub, "pubsub"), (.noscript, "noscript"), (.blocking, "blocking"), (.loading, "loading"),
        (.stale, "stale"), (.skipMonitor, "skip_monitor"), (.skipSlowlog, "skip_slowlog"),
        (.asking, "asking"), (.fast, "fast"), (.noAuth, "no_auth"),
        (.noMandatoryKeys, "no_mandatory_keys"), (.allowBusy, "allow_busy"),
        (.noAsyncLoading, "no_async_loading"), (.noMulti, "no_multi"),
        (.movableKeys, "movablekeys"),
    ]

    /// The words of the flags that are set.
    public var words: [StaticString] { CommandFlags.words.filter { contains($0.0) }.map(\.1) }
}

/// ACL categories, with Redis' names.
public struct Categories: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let keyspace = Categories(rawValue: 1 << 0)
    public static let read = Categories(rawValue: 1 << 1)
    public static let write = Categories(rawValue: 1 << 2)
    public static let set = Categories(rawValue: 1 << 3)
    public static let sortedset = Categories(rawValue: 1 << 4)
    public static let list = Categories(rawValue: 1 << 5)
    public static let hash = Categories(rawValue: 1 << 6)
    public static let string = Categories(rawValue: 1 << 7)
    public static let bitmap = Categories(rawValue: 1 << 8)
    public static let hyperloglog = Categories(rawValue: 1 << 9)
    public static let geo = Categories(rawValue: 1 << 10)
    public static let stream = Categories(rawValue: 1 << 11)
    public static let pubsub = Categories(rawValue: 1 << 12)
    public static let admin = Categories(rawValue: 1 << 13)
    public static let fast = Categories(rawValue: 1 << 14)
    public static let slow = Categories(rawValue: 1 << 15)
    public static let blocking = Categories(rawValue: 1 << 16)
    public static let dangerous = Categories(rawValue: 1 << 17)
    public static let connection = Categories(rawValue: 1 << 18)
    public static let transaction = Categories(rawValue: 1 << 19)
    public static let scripting = Categories(rawValue: 1 << 20)

    /// In the order ACL CAT lists them.
    public static let words: [(Categories, StaticString)] = [
        (.keyspace, "keyspace"), (.read, "read"), (.write, "write"), (.set, "set"),
        (.sortedset, "sortedset"), (.list, "list"), (.hash, "hash"), (.string, "string"),
        (.bitmap, "bitmap"), (.hyperloglog, "hyperloglog"), (.geo, "geo"), (.stream, "stream"),
        (.pubsub, "pubsub"), (.admin, "admin"), (.fast, "fast"), (.slow, "slow"), (.blocking, "blocking"),
        (.dangerous, "dangerous"), (.connection, "connection"), (.transaction, "transaction"),
        (.scripting, "scripting"),
    ]

    public var words: [StaticString] { Categories.words.filter { contains($0.0) }.map(\.1) }
}

/// Command groups, with Redis' names.
public enum Group: String, Sendable {
    case generic, string, list, set, sortedSet = "sorted-set", hash, pubsub, transactions, connection
    case server, scripting, hyperloglog, cluster, sentinel, geo, stream, bitmap, module
}

extension Command {
    /// All ACL categories: the declared ones and those that follow from flags (as Redis derives them).
    public var allCategories: Categories {
        var all = categories
        if flags.contains(.write) { all.insert(.write) }
        if flags.contains(.readonly) && !all.contains(.scripting) { all.insert(.read) }
        if flags.contains(.admin) { all.formUnion([.admin, .dangerous]) }
        if flags.contains(.pubsub) { all.insert(.pubsub) }
        if flags.contains(.blocking) { all.insert(.blocking) }
        all.insert(flags.contains(.fast) ? .fast : .slow)
        return all
    }
}

/// An argument of a command, for COMMAND DOCS.
public struct Argument: Sendable {
    public enum Kind: String, Sendable {
        case string, integer, double, key, pattern, unixTime = "unix-time", pureToken = "pure-token", oneof, block
    }

    public let name: String
    public let kind: Kind
    public let token: String?
    public let optional: Bool
    public let multiple: Bool
    public let multipleToken: Bool
    public let keySpec: Int?
    public let since: String?
    public let deprecatedSince: String?
    public let arguments: [Argument]

    public init(
        _ name: String, _ kind: Kind, token: String? = nil, optional: Bool = false, multiple: Bool = false,
        multipleToken: Bool = false, keySpec: Int? = nil, since: String? = nil, deprecatedSince: String? = nil,
        _ arguments: [Argument] = []
    ) {
        self.name = name
        self.kind = kind
        self.token = token
        self.optional = optional
        self.multiple = multiple
        self.multipleToken = multipleToken
        self.keySpec = keySpec ?? (kind == .key ? 0 : nil)
        self.since = since
        self.deprecatedSince = deprecatedSince
        self.arguments = arguments
    }
}
