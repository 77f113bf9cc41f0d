import Base
import CSystem

/// Fetching towards the cache what a command will read of a collection. The entry's first lines are there already
/// (`Table.prefetchEntry`); the partition's lock is held.
extension Entry {
    /// Memory comes in turns: what tells where an element is, then the element. (A sorted set tells it in two.)
    public enum PrefetchStep {
        case first, second, third
    }

    /// For a command that looks for one element. Answers whether a third step is of use.
    @inline(__always)
    public func prefetch(_ element: ByteView, _ step: PrefetchStep) -> Bool {
        if encoding != .pieces {
            prefetch(step)
            return false
        }
        switch type {
        case .hash: prefetch(fields, FieldRecord.hash(of: element), step)
        case .set: prefetch(members, MemberRecord.hash(of: element), step)
        case .sortedSet:
            SortedSetTree(head).prefetch(element, step)
            return true
        default: break
        }
        return false
    }

    @inline(__always)
    private func prefetch<Record>(_ table: MemberTable<Record>, _ hash: UInt64, _ step: PrefetchStep) {
        switch step {
        case .first: table.prefetch(hash)
        case .second: table.prefetchRecord(hash)
        case .third: break
        }
    }

    /// For a command that reads all of a small value.
    @inline(__always)
    public func prefetch(_ step: PrefetchStep) {
        if step != .first { return }
        switch encoding {
        case .packed, .integers:
            let size = size
            var at = 120
            while at < size && at < 1024 {
                cs_prefetch(base + at)
                at &+= 64
            }
        case .packedBlock, .integersBlock:
            let bytes = block.bytes
            for line in 0..<8 { cs_prefetch(bytes + line &* 64) }
        default: break
        }
    }
}
