import Base
import Causality

/// What a command did to a key: the one unit of change, which a log, replicas and hints are to get. Replaying a
/// partition's mutations in order rebuilds its state, and a mutation whose dot is already held changes nothing.
///
/// The views point into the command's arguments or the entry: a consumer copies what it keeps.
public struct Mutation {
    public var database: Int
    public var key: ByteView
    public var slot: Int
    /// The write event, unique and dense per slot.
    public var dot: Dot
    /// When the coordinator wrote it, ms since 1970.
    public var timestamp: Int64
    public var change: Change
    /// Of a change to a value: the dot of the version that it was made to, if whoever wants to know has asked for it
    /// (`Keyspace.notePredecessors`). Not encoded.
    public var predecessor = Dot(packed: 0)

    public enum Change {
        /// The key holds these bytes now, as text even if they spell an integer.
        case putString(ByteView, deadline: Int64?)
        /// The key holds these bytes now, as a string that was changed in place (never as an integer).
        case putRawString(ByteView, deadline: Int64?)
        /// The key holds this integer now.
        case putInteger(Int64, deadline: Int64?)
        /// The key is gone: deleted, expired, renamed or moved away.
        case delete
        /// Only the deadline changed; nil: none any more.
        case deadline(Int64?)
        /// An integer was added to.
        case add(Int64)
        /// Bytes were written at an offset of a string, zeros before them if it was shorter.
        case splice(offset: Int, ByteView)
        /// A register of a HyperLogLog went up to a rank; the value is in its dense form afterwards or is not.
        case raise(register: Int, rank: UInt8, isDense: Bool)
        /// The key holds a value equal to this entry's now (a collection, copied or computed whole), with the
        /// entry's deadline.
        case putValue(Entry)
        /// The same, with the value as a payload's object: what `putValue` is when it has been encoded.
        case putObject(ByteView, deadline: Int64?)
        case list(ListChange)
        case set(SetChange)
        case sortedSet(SortedSetChange)
        case hash(HashChange)
        case stream(StreamChange)
        /// What a key that was not settled, or is not any more, has now: `SiblingRecord`. Its dot may be none (0).
        case siblings(ByteView)
        /// Which writes the slot holds: `ClockRecord`. It has no dot.
        case clock(ByteView)
        /// The node's actors, and which one is its own: `ActorRecord`. No key space's slot is concerned.
        case actors(ByteView)
        /// All keys of the slot's database are gone.
        case flush
        /// The slot's keys of two databases changed places. `database` is the one, this the other.
        case swap(with: Int)
        /// The node's libraries of functions are those of this payload (FUNCTION DUMP) now. No key space applies it: it
        /// is the node's, and the highest counter of its dot counts, which is no slot's.
        case libraries(ByteView)
    }
}

/// Where mutations go. Called under the partition's lock, in the order of the slot's dots.
open class MutationSink: @unchecked Sendable {
    public init() {}

    /// Whether somebody saves what changes (`UnsavedKeys`): otherwise nobody notes it.
    open var savesChanges: Bool { true }

    open func record(_ mutation: Mutation) {}
    /// What has been recorded by this thread belongs together and is complete: a command's, a transaction's, a
    /// script's changes. Called before any lock is given up under which they were made; also when there are none.
    open func commit() {}
}
