import Base
import CSystem
import Keyspace
import RESP

/// Everything a running command sees. One per loop, reused for every command.
public struct CallState {
    /// The request's words, the command's name first; valid while it runs.
    public var arguments: UnsafeMutablePointer<ByteView>
    public var argumentCount = 0
    /// Where the reply goes.
    public var output: UnsafeMutablePointer<OutputBuffer>
    /// 2 or 3: the client's protocol.
    public var version: UInt8 = 2
    /// The client's selected database.
    public var database = 0
    /// The time of the turn.
    public var moment = Moment(wall: 0, stamp: 0)
    /// The command that runs (a subcommand's own record).
    public var command: CommandPointer
    public let keyspace: Keyspace
    /// The key space's, here to be found without reference counting.
    public let partitions: UnsafeMutablePointer<Partition>
    /// The keys of the command, computed before it ran, by order; for `.firstKey` and `.keys`.
    public var keys: UnsafeMutablePointer<Key>
    public var keyCount = 0
    public var keyCapacity: Int
    /// The partitions whose locks are held, as bits (of a command over several keys, or a transaction).
    public var held = PartitionSet()
    /// Inside EXEC.
    public var inTransaction = false
    /// Inside a script: nothing may wait.
    public var deniesWaiting = false
    /// What is left to do when the command's function has returned, before its locks are released.
    public var aftermath: Aftermath = []
    /// The output's mark before the command's reply.
    public var replyStart = 0
    /// The command is run once more for a client that waited, because this key (a view into the wait's own
    /// memory) may have what it waits for.
    public var isServing = false
    public var servedKey = Key()
    /// The node's: a lock does not come; takes the CallState.
    public var stall: @convention(c) (UnsafeMutableRawPointer) -> Void = { _ in }
    /// The node's: has the client wait. Takes the CallState and a `Wait`.
    public var wait: @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer) -> Void = { _, _ in }
    /// A reading command that must not count as an access (CLIENT NO-TOUCH).
    public var noTouch = false
    /// proto-max-bulk-len: no string may grow past it.
    public var bulkBytesMax = Limits.stringBytes
    /// Whether the eviction policy counts frequency (LFU) instead of recency.
    public var countsFrequency = false
    public var random: PRNG
    /// For replies whose length is not known beforehand.
    public var scratch: UnsafeMutablePointer<OutputBuffer>
    /// The node's: who calls, and on which loop.
    public var session: UnsafeMutableRawPointer
    public var executor: UnsafeMutableRawPointer
    /// The node's: whether the caller may read any key besides running the command (`Call.mayReadAnyKey`).
    public var readsAnyKey: @convention(c) (UnsafeMutableRawPointer) -> Bool = { _ in true }

    public init(keyspace: Keyspace, seed: UInt64) {
        self.keyspace = keyspace
        partitions = keyspace.partitions
        let nowhere = UnsafeMutableRawPointer(bitPattern: 64)!
        arguments = nowhere.assumingMemoryBound(to: ByteView.self)
        output = nowhere.assumingMemoryBound(to: OutputBuffer.self)
        command = nowhere.assumingMemoryBound(to: CommandRecord.self)
        session = nowhere
        executor = nowhere
        keyCapacity = 64
        keys = .allocate(capacity: keyCapacity)
        random = PRNG(seed: seed)
        scratch = .allocate(capacity: 1)
        scratch.initialize(to: OutputBuffer())
    }
}

/// A set of partitions.
public struct PartitionSet {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    public init() {}

    /// All 256.
    public static var all: PartitionSet {
        var set = PartitionSet()
        set.words = (.max, .max, .max, .max)
        return set
    }

    @inline(__always)
    public mutating func insert(_ partition: Int) {
        let bit: UInt64 = 1 << UInt64(partition & 63)
        switch partition >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        default: words.3 |= bit
        }
    }

    public mutating func formUnion(_ other: PartitionSet) {
        words = (
            words.0 | other.words.0, words.1 | other.words.1, words.2 | other.words.2, words.3 | other.words.3
        )
    }

    @inline(__always)
    public func contains(_ partition: Int) -> Bool {
        let word: UInt64
        switch partition >> 6 {
        case 0: word = words.0
        case 1: word = words.1
        case 2: word = words.2
        default: word = words.3
        }
        return word >> UInt64(partition & 63) & 1 != 0
    }

    public var isAll: Bool { words.0 & words.1 & words.2 & words.3 == .max }

    public mutating func subtract(_ other: PartitionSet) {
        words = (
            words.0 & ~other.words.0, words.1 & ~other.words.1, words.2 & ~other.words.2, words.3 & ~other.words.3
        )
    }

    public func isSuperset(of other: PartitionSet) -> Bool {
        (other.words.0 & ~words.0) | (other.words.1 & ~words.1) | (other.words.2 & ~words.2)
            | (other.words.3 & ~words.3) == 0
    }

    public var isEmpty: Bool { words.0 | words.1 | words.2 | words.3 == 0 }

    /// Members in ascending order, which is the order in which locks are taken.
    @inline(__always)
    public func forEach(_ body: (Int) -> Void) {
        PartitionSet.each(words.0, 0, body)
        PartitionSet.each(words.1, 64, body)
        PartitionSet.each(words.2, 128, body)
        PartitionSet.each(words.3, 192, body)
    }

    @inline(__always)
    private static func each(_ word: UInt64, _ base: Int, _ body: (Int) -> Void) {
        var rest = word
        while rest != 0 {
            body(base &+ rest.trailingZeroBitCount)
            rest &= rest &- 1
        }
    }
}

/// A running command's view of its CallState: what command functions take.
public struct Call {
    public let state: UnsafeMutablePointer<CallState>

    @inline(__always)
    public init(_ raw: UnsafeMutableRawPointer) { state = raw.assumingMemoryBound(to: CallState.self) }

    /// Words, the command's name (and container's) included.
    @inline(__always)
    public var count: Int { state.pointee.argumentCount }

    @inline(__always)
    public subscript(i: Int) -> ByteView { state.pointee.arguments[i] }

    /// Writes the reply in the client's protocol version.
    @inline(__always)
    public var reply: ReplyWriter { ReplyWriter(state.pointee.output, version: state.pointee.version) }

    /// The wall clock, ms since 1970.
    @inline(__always)
    public var now: Int64 { state.pointee.moment.wall }

    @inline(__always)
    public var database: Int { state.pointee.database }

    @inline(__always)
    public var keyspace: Keyspace { state.pointee.keyspace }

    /// Whether the caller's user may read every key, in the same selector that lets it run this command: what
    /// SORT's BY and GET patterns demand. Not for hot paths.
    public var mayReadAnyKey: Bool { state.pointee.readsAnyKey(UnsafeMutableRawPointer(state)) }

    // MARK: keys

    /// The key at a word, hashed (already, if the declaration says that a key is there).
    @inline(__always)
    public func key(_ word: Int) -> Key {
        let command = state.pointee.command
        let ordinal = word &- Int(command.pointee.firstKey)
        if _fastPath(ordinal == 0 && state.pointee.keyCount > 0) { return state.pointee.keys[0] }
        return laterKey(word, ordinal)
    }

    @inline(__always)
    private func laterKey(_ word: Int, _ ordinal: Int) -> Key {
        let step = max(1, Int(state.pointee.command.pointee.keyStep))
        let index = step == 1 ? ordinal : ordinal / step
        if ordinal > 0 && index < state.pointee.keyCount && index &* step == ordinal {
            return state.pointee.keys[index]
        }
        return Key(self[word])
    }

    /// The way to a key of the current database. Its partition's lock is held.
    @inline(__always)
    public func access(_ key: Key) -> Access { access(key, database: state.pointee.database) }

    /// The way to a key of another database.
    @inline(__always)
    public func access(_ key: Key, database: Int) -> Access {
        Access(state.pointee.partitions + key.partition, database: database, moment: state.pointee.moment)
    }

    /// The entry of a live key for a reading command: counted as hit or miss, marked as accessed.
    @inline(__always)
    public func read(_ key: Key) -> Entry? {
        if _slowPath(state.pointee.noTouch || state.pointee.countsFrequency) { return readSpecially(key) }
        return access(key).read(key)
    }

    @inline(never)
    private func readSpecially(_ key: Key) -> Entry? {
        let access = access(key)
        guard let entry = access.peek(key) else {
            access.missed(key)
            return nil
        }
        access.partition.pointee.hits &+= 1
        if !state.pointee.noTouch {
            entry.setAccessStamp(
                state.pointee.countsFrequency
                    ? AccessStamp.touched(entry.accessStamp, access.frequencyRules, now: now, &state.pointee.random)
                    : AccessStamp.fresh(frequency: false, now: now))
        }
        return entry
    }

    /// The partitions one after another, each under its lock (already held inside a transaction).
    public func forEachPartition(_ body: (PartitionPointer) -> Void) {
        for i in 0..<Limits.partitions { withPartition(i, body) }
    }

    /// Runs `body` under the partition's lock (already held inside a transaction).
    public func withPartition<R>(_ i: Int, _ body: (PartitionPointer) -> R) -> R {
        let partition = state.pointee.partitions + i
        let holds = state.pointee.held.contains(i)
        if !holds && !Partition.tryLock(partition) {
            // Others are served meanwhile if it takes long: a script may hold the lock.
            while !Partition.lock(partition, microseconds: 1000) {
                state.pointee.stall(UnsafeMutableRawPointer(state))
            }
        }
        defer { if !holds { Partition.unlock(partition) } }
        return body(partition)
    }

    // MARK: replies

    /// An array whose length is known only after its elements: `body` writes them and answers how many.
    public func replyDeferredArray(_ body: (ReplyWriter) -> Int) {
        let scratch = state.pointee.scratch
        let count = body(ReplyWriter(scratch, version: state.pointee.version))
        reply.array(count)
        while let run = scratch.pointee.unsent {
            reply.raw(run)
            scratch.pointee.consume(run.count)
        }
        scratch.pointee.shrink(keep: Limits.replyBlockBytes)
    }
}
