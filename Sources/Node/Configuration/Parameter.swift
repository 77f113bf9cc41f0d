/// One configuration parameter: its name, what values it takes, and what it means here.
///
/// Names, ranges and defaults follow Redis 7.0.15 (redis.conf and CONFIG GET *), so that tools and
/// configuration files made for it keep working.
struct Parameter: Sendable {
    /// What values are valid, and how they are normalised to the text that CONFIG GET shows.
    enum Kind: Sendable {
        case yesNo
        case integer(ClosedRange<Int64>)
        /// Octal digits, compared as the number they spell.
        case octal(UInt32)
        /// Bytes, with an optional unit.
        case memory(ClosedRange<UInt64>)
        case memoryOrPercent
        case choice([String])
        /// Any text, but for what the rule refuses.
        case text(TextRule)
        /// Several words with a form of their own.
        case words(WordsRule)
    }

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        /// Not changeable by CONFIG SET.
        static let immutable = Flags(rawValue: 1)
        /// Changeable only where `enable-protected-configs` allows.
        static let protected = Flags(rawValue: 2)
        /// Left out of CONFIG GET's patterns.
        static let hidden = Flags(rawValue: 4)
        /// CONFIG GET says only whether it is set.
        static let secret = Flags(rawValue: 8)
    }

    enum Use: Sendable {
        case effective
        /// Accepted and shown, without effect.
        case accepted
        /// Only the default is accepted: anything else would promise what this server does not do.
        /// `reply` is what CONFIG SET says where Redis itself has an error for it.
        case refused(String, reply: String? = nil)
    }

    let name: String
    /// The older name, which works everywhere too.
    let alias: String?
    let kind: Kind
    let initial: String
    let flags: Flags
    let use: Use

    init(
        _ name: String, alias: String? = nil, _ kind: Kind, _ initial: String, _ flags: Flags = [],
        _ use: Use = .effective
    ) {
        self.name = name
        self.alias = alias
        self.kind = kind
        self.initial = initial
        self.flags = flags
        self.use = use
    }
}

/// What a text parameter refuses.
enum TextRule: Sendable {
    case any
    case notPath
    case directoryName
    case notEmptyNotPath
    case directory
    case titleTemplate
    case hostname
    /// An IP address, or nothing.
    case address
    /// Of the cluster.
    case clusterName, seeds, replication, readQuorum, writeQuorum, label
}

/// Parameters of several words.
enum WordsRule: Sendable {
    case bind, save, outputLimits, shutdown, scores, percentiles, keyspaceEvents, replicaOf, ignoredWarnings
}

/// A value that was not accepted, with Redis' text.
struct Refusal: Error {
    let text: String
}
