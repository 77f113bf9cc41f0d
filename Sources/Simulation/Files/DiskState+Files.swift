import Base
import CSystem

/// What is done with open files.
extension DiskState {
    func file(_ handle: Int) throws(Refusal) -> (node: Int, file: FileNode) {
        guard let open = handles[handle] else { throw Refusal(EBADF) }
        guard let file = files[open.node] else { throw Refusal(EISDIR) }
        return (open.node, file)
    }

    private func writable(_ handle: Int, otherwise code: Int32) throws(Refusal) -> Int {
        guard let open = handles[handle], open.writes else { throw Refusal(code) }
        return open.node
    }

    mutating func read(
        _ handle: Int, _ bytes: UnsafeMutableRawBufferPointer, at offset: Int64, _ fault: DiskFault?,
        _ random: inout PRNG
    ) throws(Refusal) -> Int {
        if offset < 0 { throw Refusal(EINVAL) }
        let node = try file(handle).node
        if fault == .coldRead { files[node]?.dropCache() }
        let there = files[node]?.cached.read(bytes, at: offset) ?? 0
        if there == 0 { return 0 }
        switch fault {
        case .short: return there == 1 ? 1 : 1 + random.below(there - 1)
        case .rotOnRead: bytes[random.below(there)] ^= 1 << UInt8(random.below(8))
        case .rotAtRest:
            files[node]?.flip(random.below(8), at: offset + Int64(random.below(there)))
            _ = files[node]?.cached.read(bytes, at: offset)
        default: break
        }
        return there
    }

    mutating func write(
        _ handle: Int, _ bytes: UnsafeRawBufferPointer, at offset: Int64, stamp: Int, _ fault: DiskFault?,
        _ source: inout FaultSource
    ) throws(Refusal) -> Int {
        if offset < 0 { throw Refusal(EINVAL) }
        let node = try writable(handle, otherwise: EBADF)
        if bytes.isEmpty { return 0 }
        var count = bytes.count
        if offset > FileImage.largest - Int64(count) { throw Refusal(EFBIG) }
        if fault == .error { count = source.random.below(count + 1) }
        if fault == .short, count > 1 { count = 1 + source.random.below(count - 1) }
        if let capacity = source.faults.capacity { count = fitting(count, at: offset, in: node, capacity) }
        if count > 0 {
            files[node]?.write(
                UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: offset, stamp: stamp,
                versions: source.faults.versionsPerPage)
        }
        if fault == .error { throw Refusal(EIO) }
        if count == 0 { throw Refusal(ENOSPC) }
        return count
    }

    /// How many of the bytes there is space for.
    private func fitting(_ count: Int, at offset: Int64, in node: Int, _ capacity: Int64) -> Int {
        var free = max(0, capacity - used) / Int64(FileImage.pageSize)
        for page in FileImage.pages(at: offset, count) where files[node]?.cached.pages[page] == nil {
            if free == 0 { return max(0, page * FileImage.pageSize - Int(offset)) }
            free -= 1
        }
        return count
    }

    mutating func truncate(_ handle: Int, to size: Int64, stamp: Int) throws(Refusal) {
        if size < 0 { throw Refusal(EINVAL) }
        let node = try writable(handle, otherwise: EINVAL)
        if size > FileImage.largest { throw Refusal(EFBIG) }
        files[node]?.truncate(to: size, stamp: stamp)
    }

    mutating func sync(_ handle: Int, _ fault: DiskFault?, _ source: inout FaultSource) throws(Refusal) {
        guard let node = handles[handle]?.node else { throw Refusal(EBADF) }
        if let code = fault?.code {
            files[node]?.failSync(cleans: source.faults.failedSyncCleans, &source.random)
            throw Refusal(code)
        }
        if directories[node] != nil { return syncDirectory(node) }
        let spared = files[node]?.sync(sparing: fault, &source.random)
        if fault == .misdirectedWrite, let spared { misdirect(spared, of: node, &source.random) }
    }

    /// Puts a page of a file where another page belongs. If the disk has no other, the page is lost.
    private mutating func misdirect(_ page: (index: Int, bytes: FileImage.Page), of node: Int, _ random: inout PRNG) {
        var places: [(Int, Int)] = []
        for (other, file) in files.sorted(by: { $0.key < $1.key }) {
            for index in file.durable.pages.keys.sorted() where (other, index) != (node, page.index) {
                places.append((other, index))
            }
        }
        if places.isEmpty { return }
        let (target, index) = places[random.below(places.count)]
        files[target]?.misdirect(page.bytes, to: index)
    }

    /// EWOULDBLOCK if another handle has the lock: as flock(2), of the same process too.
    mutating func lock(_ handle: Int) throws(Refusal) {
        guard let open = handles[handle] else { throw Refusal(EBADF) }
        if let owner = locks[open.node], owner != handle { throw Refusal(EWOULDBLOCK) }
        locks[open.node] = handle
    }
}
