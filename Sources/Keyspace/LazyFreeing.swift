import CSystem

/// Why values go, as a set: those whose values are freed in the background if that is much work
/// (redis.io, "UNLINK"; the settings `lazyfree-lazy-*`).
public struct LazyFreeing: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// UNLINK.
    public static let unlink = LazyFreeing(rawValue: 1)
    /// DEL.
    public static let deletion = LazyFreeing(rawValue: 2)
    public static let expiry = LazyFreeing(rawValue: 4)
    public static let eviction = LazyFreeing(rawValue: 8)
    /// Another value takes its place, or a command leaves nothing of it.
    public static let replacement = LazyFreeing(rawValue: 16)
    /// FLUSHALL and FLUSHDB that do not say.
    public static let flush = LazyFreeing(rawValue: 32)
}

extension KeyspaceShared {
    /// What is freed in the background at present. Set by any loop.
    public var lazyFreeing: LazyFreeing {
        mutating get { LazyFreeing(rawValue: cs_load_u32(&lazyFreeingBits)) }
        set { cs_store_u32(&lazyFreeingBits, newValue.rawValue) }
    }
}

extension Access {
    /// Frees an entry that is in no table.
    @inline(__always)
    func free(_ entry: Entry, _ cause: LazyFreeing = .replacement) {
        switch entry.encoding {
        case .integer, .bytes, .rawBytes, .packed, .integers: entry.release()
        case .block, .packedBlock, .integersBlock, .pieces: freeOutside(entry, cause)
        }
    }

    /// What is lazily freed counts in INFO's `lazyfreed_objects`. Values so large that a client would notice go to
    /// the disposer in any case, uncounted.
    @inline(never)
    private func freeOutside(_ entry: Entry, _ cause: LazyFreeing) {
        let isLazy = shared.pointee.lazyFreeing.contains(cause) && entry.freeingEffort > Entry.lazyEffort
        guard isLazy || entry.isLarge else { return entry.destroy() }
        let address = UInt(bitPattern: entry.base)
        shared.pointee.disposer.dispose(objects: isLazy ? 1 : 0) {
            Entry(UnsafeMutableRawPointer(bitPattern: address)!).destroy()
        }
    }
}

extension Entry {
    /// The least effort that is not worth a thread's attention (Redis' LAZYFREE_THRESHOLD).
    fileprivate static let lazyEffort = 64
    /// Elements that are freed in place: some hundred microseconds at worst, when each has memory of its own.
    private static let inPlaceMax = 4096

    /// About how many blocks of memory Redis would have to free.
    fileprivate var freeingEffort: Int {
        guard encoding == .pieces else { return 1 }
        return switch type {
        case .string: 1
        case .list: listSpine.pointee.pieceCount
        case .set, .hash, .sortedSet: pieces.count(head)
        case .stream: stream.freeingEffort
        }
    }

    /// Whether freeing the value takes so long that it should happen elsewhere.
    fileprivate var isLarge: Bool {
        switch encoding {
        case .block, .packedBlock, .integersBlock: block.capacity > 1 << 20
        case .pieces: type == .stream ? stream.heldCount > Entry.inPlaceMax : pieces.count(head) > Entry.inPlaceMax
        default: false
        }
    }
}

extension Stream {
    /// Nodes of the radix tree, and for each group those that the first one has.
    fileprivate var freeingEffort: Int {
        var effort = pieceCount > 64 ? pieceCount : radixTreeNodes
        if groupCount > 0 { effort += groupCount * (1 + group(0).pendingCount) }
        return effort
    }

    /// Entries, consumers and pending entries.
    fileprivate var heldCount: Int {
        var sum = count
        for i in 0..<groupCount { sum += 1 + group(i).consumerCount + group(i).pendingCount }
        return sum
    }
}
