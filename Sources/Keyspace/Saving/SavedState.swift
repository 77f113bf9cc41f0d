import Base
import Causality

/// What goes into the tree's manifest together with the tables of a flush (docs/storage-format.md): what each
/// partition was when its share was cut, and from which record on the log is to be replayed over it.
public struct SavedState: Equatable, Sendable {
    /// Records up to this number are in the tables.
    public var logPosition: UInt64
    /// False: persistence was switched on, and what was there then has not been saved: the directory has no
    /// state worth having.
    public var isComplete: Bool
    public var cuts: [PartitionCut]
    public var libraries = SavedLibraries()
    /// The node's actors, and which one is its own (`Keyspace.actorRecord`). Empty: of a time when there was one,
    /// without an id.
    public var actors: [UInt8] = []

    /// No record and no space has such a number, or a higher one.
    fileprivate static let numberBound: UInt64 = 1 << 62

    /// Version 1 had no libraries, version 2 no actors, clocks of others and revisions.
    static let version: UInt8 = 3

    public init(logPosition: UInt64, isComplete: Bool, cuts: [PartitionCut]) {
        self.logPosition = logPosition
        self.isComplete = isComplete
        self.cuts = cuts
    }

    /// All of a key space as it is. All locks are held, or nobody else is there.
    public init(_ keyspace: Keyspace, logPosition: UInt64 = 0) {
        self.init(logPosition: logPosition, isComplete: true, cuts: keyspace.cuts())
        actors = keyspace.actorRecord
    }

    public func encode(to output: inout ByteBuffer) {
        output.append(SavedState.version)
        output.append(isComplete ? 1 : 0)
        output.append(varint: logPosition)
        output.append(varint: UInt64(cuts.count))
        for cut in cuts {
            for clock in cut.clocks { output.append(varint: clock) }
            output.append(varint: UInt64(cut.spaces.count))
            for space in cut.spaces { output.append(varint: space) }
            output.append(varint: cut.nextSpace)
            cut.encodeVersions(to: &output)
        }
        output.append(varint: libraries.version)
        libraries.payload.withView { output.append(counted: $0) }
        actors.withView { output.append(counted: $0) }
    }

    /// Nil if the bytes are no state that this version or an earlier one writes.
    public init?(_ bytes: ByteView) {
        guard bytes.count >= 2, (1...SavedState.version).contains(bytes[0]), bytes[1] <= 1 else { return nil }
        isComplete = bytes[1] == 1
        var at = 2
        guard let position = bytes.varint(at: &at), let count = bytes.varint(at: &at),
            position < SavedState.numberBound,
            count <= Limits.partitions
        else { return nil }
        logPosition = position
        cuts = []
        for _ in 0..<count {
            guard var cut = PartitionCut(bytes, &at) else { return nil }
            if bytes[0] >= 3 && !cut.readVersions(bytes, &at) { return nil }
            cuts.append(cut)
        }
        if bytes[0] >= 2 {
            guard let version = bytes.varint(at: &at), let count = bytes.varint(at: &at),
                count <= UInt64(bytes.count - at)
            else { return nil }
            libraries = SavedLibraries(version: version, payload: bytes.slice(at, at + Int(count)).bytes)
            at += Int(count)
        }
        if bytes[0] >= 3 {
            guard let count = bytes.varint(at: &at), count <= UInt64(bytes.count - at) else { return nil }
            actors = bytes.slice(at, at + Int(count)).bytes
            at += Int(count)
            if !actors.isEmpty && actors.withView({ try? ActorRecord.decode($0) }) == nil { return nil }
        }
        if at != bytes.count || cuts.count != Limits.partitions { return nil }
    }
}

/// The node's libraries of functions as they are saved and logged.
public struct SavedLibraries: Equatable, Sendable {
    /// Grows with each change, also from one start to the next; 0: there never were any.
    public var version: UInt64
    /// As FUNCTION DUMP has them.
    public var payload: [UInt8]

    public init(version: UInt64 = 0, payload: [UInt8] = []) {
        self.version = version
        self.payload = payload
    }
}

extension Keyspace {
    /// Hands libraries to the sink, as a change at this time (ms since 1970). On a loop's thread.
    public func record(_ libraries: SavedLibraries, timestamp: Int64) {
        libraries.payload.withView { payload in
            shared.pointee.sink?.record(
                Mutation(
                    database: 0, key: ByteView(""), slot: 0, dot: Dot(actor: 0, counter: libraries.version),
                    timestamp: timestamp, change: .libraries(payload)))
        }
    }
}

extension PartitionCut {
    fileprivate init?(_ bytes: ByteView, _ at: inout Int) {
        for _ in 0..<64 {
            // As many bits as a dot has for it.
            guard let clock = bytes.varint(at: &at), clock >> 48 == 0 else { return nil }
            clocks.append(clock)
        }
        guard let count = bytes.varint(at: &at), count <= UInt64(bytes.count) else { return nil }
        for _ in 0..<count {
            guard let space = bytes.varint(at: &at) else { return nil }
            spaces.append(space)
        }
        guard let next = bytes.varint(at: &at), next < SavedState.numberBound, spaces.allSatisfy({ $0 < next }),
            Set(spaces).count == spaces.count
        else { return nil }
        nextSpace = next
    }

    /// The revision; how many clocks; of each its slot of the partition (1 byte), length and bytes, by ascending slot.
    fileprivate func encodeVersions(to output: inout ByteBuffer) {
        output.append(varint: revision)
        output.append(varint: UInt64(others.count))
        for (slot, clock) in others.sorted(by: { $0.key < $1.key }) {
            output.append(UInt8(slot))
            clock.withView { output.append(counted: $0) }
        }
    }

    fileprivate mutating func readVersions(_ bytes: ByteView, _ at: inout Int) -> Bool {
        guard let revision = bytes.varint(at: &at), let count = bytes.varint(at: &at), count <= 64 else { return false }
        self.revision = revision
        var last = -1
        for _ in 0..<count {
            guard at < bytes.count, Int(bytes[at]) > last, bytes[at] < 64 else { return false }
            last = Int(bytes[at])
            at += 1
            guard let length = bytes.varint(at: &at), length <= UInt64(bytes.count - at) else { return false }
            others[last] = bytes.slice(at, at + Int(length)).bytes
            at += Int(length)
        }
        return true
    }
}

extension Keyspace {
    /// Takes over what partitions were when they were saved. No key is there yet, and nobody else. Throws if clocks or
    /// actors cannot be read.
    public func adopt(_ state: SavedState) throws(CausalityError) {
        if !state.actors.isEmpty {
            let (table, own) = try state.actors.withView { (bytes) throws(CausalityError) in
                try ActorRecord.decode(bytes)
            }
            adopt(table, own: own, now: Limits.timestampEpoch)
        }
        for (i, cut) in state.cuts.enumerated() {
            let partition = partitions + i
            for slot in 0..<64 { partition.pointee.slots[slot].writes = cut.clocks[slot] }
            partition.pointee.revision = cut.revision
            try Partition.adopt(cut.others, partition)
            adoptSpaces(of: cut, partition)
        }
    }

    private func adoptSpaces(of cut: PartitionCut, _ partition: PartitionPointer) {
        partition.pointee.nextSpace = max(partition.pointee.nextSpace, cut.nextSpace)
        for database in 0..<databaseCount {
            let tables = partition.pointee.databases + database
            if database < cut.spaces.count {
                tables.pointee.space = cut.spaces[database]
            } else if cut.spaces.contains(tables.pointee.space) {
                tables.pointee.space = partition.pointee.nextSpace
                partition.pointee.nextSpace += 1
            }
        }
    }

    /// Everything is to be saved, under names that the state's tables do not have. All locks are held.
    public func beginSaving(over state: SavedState?) {
        for i in 0..<Limits.partitions {
            let partition = partitions + i
            partition.pointee.nextSpace = max(partition.pointee.nextSpace, state?.cuts[i].nextSpace ?? 0)
            for database in 0..<databaseCount {
                let tables = partition.pointee.databases + database
                tables.pointee.space = partition.pointee.nextSpace
                partition.pointee.nextSpace += 1
                tables.pointee.unsaved.pointee = UnsavedKeys()
                tables.pointee.unsaved.pointee.isWhole = true
            }
        }
    }

    /// Nothing is to be committed: what was recorded came from the log. Nobody else is there.
    public func forgetRecords() {
        for i in 0..<Limits.partitions { partitions[i].hasOpenRecord = false }
    }

    /// What all partitions are now. All locks are held.
    public func cuts() -> [PartitionCut] {
        (0..<Limits.partitions).map { PartitionCut(partitions + $0, databases: databaseCount) }
    }

    /// Which database a space's keys are in; nil: none, the keys are gone.
    public func database(ofSpace space: UInt64, slot: Int) -> Int? {
        let partition = partitions + (slot >> 6)
        return (0..<databaseCount).first { partition.pointee.databases[$0].space == space }
    }
}
