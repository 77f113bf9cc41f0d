import Base
import CSystem

/// Who has read a key and wants to know when it changes: a set of numbers that the node gave out. A plain value
/// over memory of its own, which `free` gives back.
struct KeyReaders: BitwiseCopyable {
    /// The only one, as long as there is no more.
    private var single: UInt64
    /// In ascending order.
    private var list: UnsafeMutablePointer<UInt64>?
    private(set) var count = 1
    private var capacity = 0

    init(_ reader: UInt64) { single = reader }

    /// Answers false if it is there already.
    mutating func insert(_ reader: UInt64) -> Bool {
        if count == 1 && single == reader { return false }
        let place = place(of: reader)
        if let list, place < count && list[place] == reader { return false }
        if count + 1 > capacity { grow() }
        let list = list.unsafelyUnwrapped
        memmove(list + place + 1, list + place, (count - place) * 8)
        list[place] = reader
        count += 1
        return true
    }

    /// Where a reader is in the list, or would be.
    private func place(of reader: UInt64) -> Int {
        guard let list else { return single < reader ? 1 : 0 }
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            if list[middle] < reader { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func grow() {
        let grown = UnsafeMutablePointer<UInt64>.allocate(capacity: max(4, capacity * 2))
        if let list {
            grown.update(from: list, count: count)
            list.deallocate()
        } else {
            grown[0] = single
        }
        list = grown
        capacity = max(4, capacity * 2)
    }

    func forEach(_ body: (UInt64) -> Void) {
        guard let list else { return body(single) }
        for i in 0..<count { body(list[i]) }
    }

    func free() { list?.deallocate() }
}

/// Client-side caching (redis.io, "Client-side caching in Redis"): which clients have read which keys. The names
/// are those of keys in any database, as in Redis.
extension Access {
    /// `reader` has read the key and is told, once, when it changes.
    public func remember(_ key: Key, reader: UInt64) {
        let readers = partition.pointee.readers ?? ByteMap()
        if partition.pointee.readers == nil { partition.pointee.readers = readers }
        if let known = readers.find(key.view) {
            if known.pointee.insert(reader) { _ = cs_add_u64(&shared.pointee.readerCount, 1) }
            return
        }
        readers.set(key.view, KeyReaders(reader))
        _ = cs_add_u64(&shared.pointee.readerCount, 1)
        _ = cs_add_u64(&shared.pointee.readKeyCount, 1)
        partition.pointee.countObservers()
    }

    /// Tells whoever has read a key, or wants to know of every change, that it has changed. `byClient`: not
    /// because its time was up.
    @inline(never)
    func tellReaders(_ key: ByteView, byClient: Bool) {
        if partition.pointee.tellsEveryChange { shared.pointee.events?.changed(key, byClient: byClient) }
        guard let readers = partition.pointee.readers, let told = readers.remove(key) else { return }
        Access.forget(told, partition)
        if readers.isEmpty { partition.pointee.countObservers() }
        told.forEach { shared.pointee.events?.becameStale(key, reader: $0) }
        told.free()
    }

    private static func forget(_ readers: KeyReaders, _ partition: PartitionPointer) {
        let shared = partition.pointee.shared
        _ = cs_add_u64(&shared.pointee.readerCount, 0 &- UInt64(readers.count))
        _ = cs_add_u64(&shared.pointee.readKeyCount, .max)
    }

    /// Gives up some key that has been read, picked by `number`, and tells those who read it as if it had
    /// changed. Answers false if there is none.
    public static func forgetSome(_ partition: PartitionPointer, _ number: UInt64) -> Bool {
        guard let readers = partition.pointee.readers, let (name, place) = readers.some(number) else { return false }
        let told = place.pointee
        let copy = name.bytes
        copy.withView { name in
            readers.remove(name)
            forget(told, partition)
            if readers.isEmpty { partition.pointee.countObservers() }
            told.forEach { partition.pointee.shared.pointee.events?.becameStale(name, reader: $0) }
        }
        told.free()
        return true
    }

    /// From now on the sink hears of every change in the partition, until it does not want to any more.
    public static func tellEveryChange(_ partition: PartitionPointer) {
        partition.pointee.tellsEveryChange = true
        partition.pointee.countObservers()
    }

    /// Nobody wants to hear of every change any more.
    public static func stopTellingEveryChange(_ partition: PartitionPointer) {
        partition.pointee.tellsEveryChange = false
        partition.pointee.countObservers()
    }
}

extension Partition {
    mutating func countObservers() {
        let others = (readers?.isEmpty ?? true ? 0 : 1) + (tellsEveryChange ? 1 : 0) + (siblings == nil ? 0 : 1)
        observers = UInt32(watched.count + others)
    }
}

extension Keyspace {
    /// Keys that have been read and whose readers want to know of changes; and readers of all of them. Relaxed.
    public var readKeyCount: Int { Int(cs_load_u64(&shared.pointee.readKeyCount)) }
    public var readerCount: Int { Int(cs_load_u64(&shared.pointee.readerCount)) }

    /// Forgets what has been read of any key, and has the sink tell everybody to. All locks are held.
    func forgetReaders() {
        var all: [ByteMap<KeyReaders>] = []
        if readKeyCount > 0 {
            for i in 0..<Limits.partitions {
                guard let readers = partitions[i].readers, !readers.isEmpty else { continue }
                all.append(readers)
                partitions[i].readers = nil
                partitions[i].countObservers()
            }
            cs_store_u64(&shared.pointee.readKeyCount, 0)
            cs_store_u64(&shared.pointee.readerCount, 0)
        }
        if !all.isEmpty {
            let forgotten = ForgottenReaders(all)
            shared.pointee.disposer.dispose(objects: 0) { forgotten.free() }
        }
        shared.pointee.events?.flushed()
    }
}

/// Maps on their way to the disposer: nobody else reaches them any more.
private final class ForgottenReaders: @unchecked Sendable {
    private var maps: [ByteMap<KeyReaders>]

    init(_ maps: [ByteMap<KeyReaders>]) { self.maps = maps }

    func free() {
        for map in maps { map.forEach { _, readers in readers.pointee.free() } }
        maps = []
    }
}
