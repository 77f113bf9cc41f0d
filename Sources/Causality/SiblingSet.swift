/// One of a key's versions.
public struct Sibling<Payload> {
    public let dot: Dot
    /// When its coordinator wrote it, ms since 1970.
    public let timestamp: Int64
    public var payload: Payload
    /// What it supersedes, while it has siblings.
    public internal(set) var context: CausalContext

    public init(_ dot: Dot, at timestamp: Int64, _ payload: Payload, after context: CausalContext) {
        self.dot = dot
        self.timestamp = timestamp
        self.payload = payload
        self.context = context
    }

    /// Its vector clock, for people: the highest counter of each actor in its past and its own, with times, by
    /// ascending actor index (SPEC C1).
    public var clock: [ClockEntry] {
        var highest = VersionVector(context.dots)
        for entry in context.base.entries where entry.counter < Dot.counterMax { highest.raise(to: entry) }
        highest.raise(to: ClockEntry(dot, at: timestamp))
        return Array(highest.entries)
    }
}

/// All versions of a key that do not supersede each other, and what is known of the key: a dotted version vector set
/// (Almeida, Baquero, Gonçalves, Preguiça, Fonte: "Scalable and Accurate Causality Tracking for Eventually Consistent
/// Stores", DAIS 2014).
///
/// It stands for itself, without a slot's clock: this is what travels between nodes, what a coordinator merges, and what
/// a client is shown. What a replica keeps is `StoredSiblings`. Merging is commutative, associative and idempotent.
public struct SiblingSet<Payload> {
    /// By ascending dot (of this node's actor indexes: another order on another node).
    public private(set) var versions: [Sibling<Payload>] = []
    /// All writes to the key that are known, those of `versions` among them: one that is here and not among
    /// them has been superseded or deleted.
    public private(set) var context: CausalContext

    /// No version. `context`: what is known to be gone.
    public init(context: CausalContext = CausalContext()) { self.context = context }

    /// The versions' dots become part of the context.
    public init(_ versions: [Sibling<Payload>], context: CausalContext) {
        self.versions = versions.sorted { $0.dot.packed < $1.dot.packed }
        self.context = context
        for version in versions { self.context.insert(ClockEntry(version.dot, at: version.timestamp)) }
    }

    /// Takes in what another replica has: a version that only one side has stays, unless the other one knows of it.
    public mutating func merge(_ other: SiblingSet) {
        var merged: [Sibling<Payload>] = []
        var (i, j) = (0, 0)
        while i < versions.count || j < other.versions.count {
            let mine = i < versions.count ? versions[i].dot.packed : .max
            let theirs = j < other.versions.count ? other.versions[j].dot.packed : .max
            if mine == theirs {
                var version = versions[i]
                version.context.join(other.versions[j].context)
                merged.append(version)
            } else if mine < theirs {
                if !other.context.covers(versions[i].dot) { merged.append(versions[i]) }
            } else if !context.covers(other.versions[j].dot) {
                merged.append(other.versions[j])
            }
            i += mine <= theirs ? 1 : 0
            j += theirs <= mine ? 1 : 0
        }
        versions = merged
        context.join(other.context)
    }

    /// What both have, for two replicas that hold the same writes and yet differ: every replica of the slot has the same
    /// clock, without gaps, and no stand-in a hint, so that no write on its way explains it. Then a copy has been lost,
    /// and what is there wins (rule 3).
    ///
    /// - Returns: how many versions came back, for the statistics.
    public mutating func restore(from other: SiblingSet) -> Int {
        let lost = other.versions.filter { theirs in !versions.contains { $0.dot == theirs.dot } }
        versions = (versions + lost).sorted { $0.dot.packed < $1.dot.packed }
        context.join(other.context)
        return lost.count
    }

    /// The version that a plain GET answers: the latest, then that of the higher actor id (SPEC A7).
    public func winner(by actors: ActorTable) -> Sibling<Payload>? {
        versions.max { Sibling.isBefore($0, $1, actors) }
    }

    /// The context that a reader of these versions gets, with at most `entriesMax` entries if the versions leave that
    /// many (SPEC C2), and how many went.
    public func contextForClient(entriesMax: Int) -> (context: CausalContext, removed: Int) {
        var shown = context
        shown.removeDropped(except: versions.map(\.dot))
        let removed = shown.truncate(to: entriesMax, returning: versions.map(\.dot))
        return (shown, removed)
    }
}

extension Sibling: Equatable where Payload: Equatable {}
extension Sibling: Sendable where Payload: Sendable {}
extension SiblingSet: Equatable where Payload: Equatable {}
extension SiblingSet: Sendable where Payload: Sendable {}

/// How many siblings a key may have (SPEC C4).
public struct SiblingLimits: Equatable, Sendable {
    /// From how many on it is worth a warning.
    public var warning: Int
    /// From how many on clients' writes are refused. Repair, hints and hand-over never are.
    public var refusal: Int

    public init(warning: Int = 25, refusal: Int = 100) {
        self.warning = warning
        self.refusal = refusal
    }

    public enum Verdict: Equatable, Sendable {
        case fine, warn, refuse
    }

    /// Of a client's write that would leave so many versions.
    public func verdict(siblings: Int) -> Verdict {
        siblings >= refusal ? .refuse : siblings >= warning ? .warn : .fine
    }
}
