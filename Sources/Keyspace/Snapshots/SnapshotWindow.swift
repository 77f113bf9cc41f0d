import Base
import CSystem

/// A file from its beginning, of which a part is in memory at a time: as much as the longest record needs.
struct SnapshotWindow: ~Copyable {
    private let file: any File
    private let sums: Bool
    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var filled = 0
    /// What has been used.
    private var used = 0
    /// What of it is in the checksum.
    private var summed = 0
    private var checksum: UInt64 = 0
    /// The byte of the file that comes next.
    private(set) var offset: Int64 = 0

    init(_ file: any File, sums: Bool, capacity: Int) {
        self.file = file
        self.sums = sums
        self.capacity = max(64, capacity)
        bytes = cs_allocate(self.capacity).unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
    }

    deinit { cs_release(bytes, capacity) }

    /// What is here and not used, until the next change.
    var view: ByteView { ByteView(UnsafePointer(bytes) + used, filled - used) }

    mutating func use(_ count: Int) {
        used += count
        offset += Int64(count)
    }

    /// The checksum of all that has been used.
    mutating func sum() -> UInt64 {
        if sums { checksum = CRC64.update(checksum, ByteView(UnsafePointer(bytes) + summed, used - summed)) }
        summed = used
        return checksum
    }

    /// Reads on behind what is here. Answers false at the file's end.
    mutating func extend() throws(DiskError) -> Bool {
        _ = sum()
        let rest = filled - used
        if rest > capacity / 2 { grow(rest) } else { memmove(bytes, bytes + used, rest) }
        filled = rest
        used = 0
        summed = 0
        let room = UnsafeMutableRawBufferPointer(start: bytes + filled, count: capacity - filled)
        let count = try file.read(room, at: offset + Int64(rest))
        filled += count
        return count > 0
    }

    private mutating func grow(_ rest: Int) {
        let grown = cs_allocate(capacity * 2).unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
        memcpy(grown, bytes + used, rest)
        cs_release(bytes, capacity)
        bytes = grown
        capacity *= 2
    }
}
