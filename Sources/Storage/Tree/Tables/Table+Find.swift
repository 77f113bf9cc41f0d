import Base
import CSystem

/// Looking a key up.
extension Table {
    /// What came of reading a block.
    private enum Reading {
        case done
        case wouldWait
        case failed(TableError)
    }

    /// Looks a key up and appends its value to a buffer, whose free memory is used for the block, too.
    /// - Parameters:
    ///   - stem: how many bytes of the key the filter knows.
    ///   - cache: blocks are looked for there and put there.
    ///   - waits: false: answers `.wouldWait` rather than wait for the disk.
    public func find(
        _ key: ByteView, stem: Int, _ cache: BlockCache?, waits: Bool, into output: inout ByteBuffer
    ) -> TableAnswer {
        if !filter.mayHold(StemFilter.hash(key.slice(0, stem), seed: filterSeed)) { return .absent }
        let block = index.block(holding: key)
        if block < 0 { return .absent }
        let section = index.section(block)
        if let cache { return find(key, section, block, cache, waits, &output) }
        let raw = Int(section.rawBytes)
        let place = output.reserve(raw &+ Int(section.storedBytes))
        let stored = UnsafeMutableRawBufferPointer(start: place + raw, count: Int(section.storedBytes))
        switch read(section, into: stored, waits) {
        case .done: break
        case .wouldWait: return .wouldWait
        case .failed(let error): return .damaged(error)
        }
        let packed = ByteView(place + raw, stored.count &- TableFormat.trailerBytes)
        guard let compression = Compression(rawValue: packed.start[packed.count]) else { return damage(section) }
        if compression == .none { return find(key, in: packed, section, &output) }
        if !compression.decompress(packed, to: place, raw) { return damage(section) }
        return find(key, in: ByteView(place, raw), section, &output)
    }

    private func find(
        _ key: ByteView, _ section: Section, _ block: Int, _ cache: BlockCache, _ waits: Bool,
        _ output: inout ByteBuffer
    ) -> TableAnswer {
        if let held = cache.get(cacheNumber, block) {
            defer { held.letGo() }
            cs_prefetch(held.start)
            cs_prefetch(held.start + held.byteCount - 4)
            return find(key, in: held.bytes, section, &output)
        }
        let stored = UnsafeMutableRawBufferPointer(
            start: output.reserve(Int(section.storedBytes)), count: Int(section.storedBytes))
        switch read(section, into: stored, waits) {
        case .done: break
        case .wouldWait: return .wouldWait
        case .failed(let error): return .damaged(error)
        }
        let packed = ByteView(raw: stored.baseAddress.unsafelyUnwrapped, stored.count &- TableFormat.trailerBytes)
        let held = CachedBlock(byteCount: Int(section.rawBytes))
        defer { held.letGo() }
        guard let compression = Compression(rawValue: packed.start[packed.count]),
            compression.decompress(packed, to: held.start, held.byteCount)
        else { return damage(section) }
        cache.put(cacheNumber, block, held)
        return find(key, in: held.bytes, section, &output)
    }

    /// Looks the key up in a block, which may lie in the buffer's free memory.
    @inline(__always)
    private func find(
        _ key: ByteView, in bytes: ByteView, _ section: Section, _ output: inout ByteBuffer
    ) -> TableAnswer {
        guard let block = Block(bytes) else { return damage(section) }
        switch block.find(key) {
        case .value(let value):
            memmove(output.reserve(value.count), value.start, value.count)
            output.advance(value.count)
            return .value
        case .tombstone: return .tombstone
        case .absent: return .absent
        case .damaged: return damage(section)
        }
    }

    @inline(never)
    private func damage(_ section: Section) -> TableAnswer {
        .damaged(.damaged(path, offset: Int64(section.offset)))
    }

    /// Reads a section as it is stored and checks it; once more if it is wrong, since that may have happened on the way.
    private func read(_ section: Section, into stored: UnsafeMutableRawBufferPointer, _ waits: Bool) -> Reading {
        var triesLeft = 2
        while true {
            triesLeft &-= 1
            var done = 0
            while done < stored.count {
                let count = file.readSome(
                    UnsafeMutableRawBufferPointer(rebasing: stored[done...]), at: Int64(section.offset) &+ Int64(done),
                    waits: waits)
                if count > 0 {
                    done &+= count
                } else if count == -Int(Errno.wouldWait) {
                    return .wouldWait
                } else if count == 0 {
                    return .failed(.truncated(path))
                } else if count != -Int(Errno.interrupted) {
                    return .failed(.disk(DiskError(.read, path, Int32(-count))))
                }
            }
            let bytes = ByteView(raw: stored.baseAddress.unsafelyUnwrapped, stored.count)
            if seal.compression(of: bytes, at: section.offset) != nil { return .done }
            if triesLeft == 0 { return .failed(.damaged(path, offset: Int64(section.offset))) }
        }
    }

    /// A section's stored bytes, read and checked, into a buffer in place of what it holds.
    func readStored(_ section: Section, into buffer: inout ByteBuffer) throws(TableError) {
        buffer.truncate(to: 0)
        let count = Int(section.storedBytes)
        let place = UnsafeMutableRawBufferPointer(start: buffer.reserve(count), count: count)
        if case .failed(let error) = read(section, into: place, true) { throw error }
        buffer.advance(count)
    }
}
