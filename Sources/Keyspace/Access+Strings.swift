import Base
import CSystem

extension Access {
    /// The slot of a live key for a command that reads it and may then change it: counted as a hit or miss.
    @inline(__always)
    public func findToRead(_ key: Key) -> Slot? {
        let slot = find(key)
        if slot == nil { missed(key) } else { partition.pointee.hits &+= 1 }
        return slot
    }

    /// Makes the key hold these bytes as text, even if they spell an integer (Redis: INCRBYFLOAT).
    /// `slot` is what `find` answered.
    public func putText(_ key: Key, _ value: ByteView, _ slot: Slot?, deadline: DeadlineChange = .clear) {
        if value.count > Limits.inlineValueBytes { return putRawString(key, value, slot, deadline: deadline) }
        let newDeadline = resolve(deadline, slot)
        let dot = nextDot(key.slot)
        let header = Entry.Header(type: .string, encoding: .bytes, dot: dot, moment: moment, deadline: newDeadline)
        let entry = put(header, key, valueCount: value.count, slot)
        memcpy(entry.value, value.start, value.count)
        emit(key, entry, dot, .putString(value, deadline: newDeadline))
    }

    /// Makes the key hold the first `count` bytes of a buffer from `cs_allocate`, reported as `raw`,
    /// without a deadline. Takes the buffer over: a long result is not copied once more (Redis: BITOP).
    public func putBuffer(
        _ key: Key, _ bytes: UnsafeMutablePointer<UInt8>, count: Int, capacity: Int, _ slot: Slot?
    ) {
        let value = ByteView(UnsafePointer(bytes), count)
        if count <= Limits.inlineValueBytes {
            putRawString(key, value, slot)
            cs_release(bytes, capacity)
            return
        }
        let dot = nextDot(key.slot)
        let header = Entry.Header(type: .string, encoding: .block, dot: dot, moment: moment, deadline: nil)
        let entry = put(header, key, valueCount: StringBlock.stride, slot)
        entry.block = StringBlock(bytes: bytes, count: count, capacity: capacity)
        emit(key, entry, dot, .putRawString(value, deadline: nil))
    }
}
