import CSystem

/// Frees memory that loops may still be reading without a lock (bucket arrays, prefetched).
///
/// Epoch-based reclamation (Fraser, 2004): a reader announces the epoch in which its turn began and
/// withdraws it when it goes to wait; memory retired in an epoch is freed once no announced epoch is
/// that old. Announcing and retiring from any thread.
public final class Reclaimer: @unchecked Sendable {
    private struct Retired {
        var pointer: UnsafeMutableRawPointer
        var size: Int
        var epoch: UInt64
    }

    /// One cache line per reader: the epoch it is in, 0 when it reads nothing.
    private let announced: UnsafeMutableRawPointer
    private let readers: Int
    private let epoch: UnsafeMutableRawPointer
    private let lock = SpinLock()
    private var retired: [Retired] = []
    private let waiting: UnsafeMutableRawPointer

    public init(readers: Int) {
        self.readers = readers
        announced = .allocate(byteCount: 64 * (readers + 2), alignment: 64)
        announced.initializeMemory(as: UInt8.self, repeating: 0, count: 64 * (readers + 2))
        epoch = announced + 64 * readers
        waiting = announced + 64 * (readers + 1)
        cs_store_u64(epoch, 1)
    }

    deinit {
        for item in retired { cs_release_lines(item.pointer, item.size) }
        announced.deallocate()
    }

    /// A reader begins a turn: nothing retired from now on is freed before it ends.
    @inline(__always)
    public func enter(_ reader: Int) { cs_store_ordered_u64(announced + 64 &* reader, cs_load_ordered_u64(epoch)) }

    /// The reader holds no pointers any more.
    @inline(__always)
    public func leave(_ reader: Int) {
        cs_store_release_u64(announced + 64 &* reader, 0)
        if _slowPath(cs_load_u64(waiting) != 0) { collect() }
    }

    /// Takes over cache-line aligned memory that nobody can reach any more except through pointers
    /// read before this call.
    public func retire(_ pointer: UnsafeMutableRawPointer, size: Int) {
        lock.withLock {
            retired.append(Retired(pointer: pointer, size: size, epoch: cs_add_u64(epoch, 1)))
            cs_store_u64(waiting, UInt64(retired.count))
        }
    }

    /// Pieces of memory that are retired and not freed.
    public var waitingCount: Int { Int(cs_load_u64(waiting)) }

    /// Frees what no reader can reach any more.
    @inline(never)
    public func collect() {
        lock.withLock {
            var oldest = UInt64.max
            for reader in 0..<readers {
                let e = cs_load_ordered_u64(announced + 64 * reader)
                if e != 0 && e < oldest { oldest = e }
            }
            retired.removeAll { item in
                if item.epoch >= oldest { return false }
                cs_release_lines(item.pointer, item.size)
                return true
            }
            cs_store_u64(waiting, UInt64(retired.count))
        }
    }
}
