import Base
import CSystem

/// A hash table of entries: 64-byte buckets of seven tagged slots (the layout of Valkey 8.1's
/// table), a full bucket's last slot linking to a child bucket, resized bucket by bucket.
///
///     byte 0        bits 0-6: slot taken; bit 7: slot 6 links to a child
///     bytes 1-7     a tag of each slot's hash: its top 8 bits
///     bytes 8-63    seven entry pointers
///
/// Changed only under its partition's lock. `prefetch...` may run without it: they read the bucket
/// arrays with relaxed atomics, and a replaced array is retired to the Reclaimer. An array's address
/// and the log of its length share one word, so that no reader can see one without the other.
public struct Table {
    /// Where a bucket holds an entry's address. Valid until the next insertion or removal.
    public typealias Slot = UnsafeMutablePointer<UInt64>

    /// Address | log2(buckets) of the array that is in use, and of the one it is being moved to (or 0).
    @usableFromInline var mainWord: UInt64
    @usableFromInline var nextWord: UInt64 = 0
    @usableFromInline var mainCount = 0
    @usableFromInline var nextCount = 0
    /// The next bucket of the main array to move.
    @usableFromInline var moved = 0

    static let logMin: UInt64 = 1
    /// Mean entries per bucket past which the table grows.
    static let fillMax = 6

    /// One empty bucket that all empty tables share.
    private static let emptyWord: UInt64 = {
        let bucket = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
        bucket.initializeMemory(as: UInt64.self, repeating: 0, count: 8)
        return UInt64(UInt(bitPattern: bucket))
    }()

    public init() { mainWord = Table.emptyWord }

    /// Entries.
    @inline(__always)
    public var count: Int { mainCount &+ nextCount }

    /// Buckets are being moved to another array.
    @inline(__always)
    public var isResizing: Bool { nextWord != 0 }

    /// Bytes of the bucket arrays (children not counted).
    public var arrayBytes: Int {
        (mainWord == Table.emptyWord ? 0 : Table.buckets(mainWord) * 64)
            + (nextWord == 0 ? 0 : Table.buckets(nextWord) * 64)
    }

    /// Buckets of the array in use, and of the one being filled.
    public var bucketCounts: (main: Int, next: Int) {
        (mainWord == Table.emptyWord ? 0 : Table.buckets(mainWord), nextWord == 0 ? 0 : Table.buckets(nextWord))
    }

    @inline(__always)
    static func buckets(_ word: UInt64) -> Int { 1 << Int(truncatingIfNeeded: word & 63) }

    @inline(__always)
    static func array(_ word: UInt64) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: word & ~63)).unsafelyUnwrapped
    }

    @inline(__always)
    static func bucket(_ word: UInt64, _ hash: UInt64) -> UnsafeMutableRawPointer {
        let index = Int(truncatingIfNeeded: hash) & (buckets(word) &- 1)
        return array(word) + index &* 64
    }

    @inline(__always)
    static func tag(_ hash: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: hash >> 56) }

    @inline(__always)
    static func slot(_ bucket: UnsafeMutableRawPointer, _ i: Int) -> Slot {
        (bucket + (8 &+ i &* 8)).assumingMemoryBound(to: UInt64.self)
    }

    /// What is in a slot.
    @inline(__always)
    public static func entry(_ slot: Slot) -> Entry {
        Entry(UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: slot.pointee)).unsafelyUnwrapped)
    }

    @inline(__always)
    static func child(_ bucket: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: slot(bucket, 6).pointee)).unsafelyUnwrapped
    }

    /// Taken slots that hold entries (a link is not one), as bits.
    @inline(__always)
    static func taken(_ head: UInt64) -> UInt32 {
        let bits = UInt32(truncatingIfNeeded: head & 0x7f)
        return head & 0x80 != 0 ? bits & 0x3f : bits
    }

    // MARK: prefetching, without the lock

    /// Brings the key's bucket (of the table of all entries) towards the cache.
    @inline(__always)
    public static func prefetchBucket(of tables: UnsafeMutablePointer<PartitionDatabase>, _ hash: UInt64) {
        let raw = UnsafeMutableRawPointer(tables)
        cs_prefetch(bucket(cs_load_acquire_u64(raw), hash))
        let next = cs_load_acquire_u64(raw + 8)
        if _slowPath(next != 0) { cs_prefetch(bucket(next, hash)) }
    }

    /// Brings the entries whose tag matches towards the cache. Answers the table's `guess`.
    @inline(__always)
    @discardableResult
    public static func prefetchEntry(of tables: UnsafeMutablePointer<PartitionDatabase>, _ hash: UInt64) -> UInt64 {
        let raw = UnsafeMutableRawPointer(tables)
        let main = cs_load_acquire_u64(raw)
        prefetchEntry(word: main, hash)
        let next = cs_load_acquire_u64(raw + 8)
        if _fastPath(next == 0) { return main }
        prefetchEntry(word: next, hash)
        return main | resizingBit
    }

    /// No array has so many buckets.
    private static let resizingBit: UInt64 = 32

    /// What `BucketGuesses` keep: the word of the array in use, and whether there is another one.
    var guess: UInt64 { isResizing ? mainWord | Table.resizingBit : mainWord }

    @inline(__always)
    static func isResizing(guess: UInt64) -> Bool { guess & resizingBit != 0 }

    @inline(__always)
    private static func prefetchEntry(word: UInt64, _ hash: UInt64) {
        let bucket = bucket(word, hash)
        let head = cs_load_u64(bucket)
        var matches = cs_match7(head, tag(hash)) & taken(head)
        if head & 0x80 != 0 {
            cs_prefetch(UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: cs_load_u64(bucket + 56))))
        }
        while matches != 0 {
            let i = matches.trailingZeroBitCount
            let entry = UInt(truncatingIfNeeded: cs_load_u64(bucket + (8 &+ i &* 8)))
            cs_prefetch(UnsafeRawPointer(bitPattern: entry))
            // An entry begins at any multiple of 16: its key is as likely as not in the next line.
            cs_prefetch(UnsafeRawPointer(bitPattern: entry &+ 56))
            matches &= matches &- 1
        }
    }

    // MARK: finding

    /// The slot that holds the key's entry.
    @inline(__always)
    public func find(_ key: Key) -> Slot? {
        if let slot = Table.search(mainWord, key.hash, { $0.hasKey(key.view) }) { return slot }
        if _slowPath(nextWord != 0) { return Table.search(nextWord, key.hash, { $0.hasKey(key.view) }) }
        return nil
    }

    /// The slot that holds this very entry.
    func find(_ entry: Entry, hash: UInt64) -> Slot? {
        if let slot = Table.search(mainWord, hash, { $0.base == entry.base }) { return slot }
        return nextWord == 0 ? nil : Table.search(nextWord, hash, { $0.base == entry.base })
    }

    @inline(__always)
    private static func search(_ word: UInt64, _ hash: UInt64, _ matches: (Entry) -> Bool) -> Slot? {
        var bucket = bucket(word, hash)
        let tag = tag(hash)
        while true {
            let head = bucket.load(as: UInt64.self)
            var candidates = cs_match7(head, tag) & taken(head)
            while candidates != 0 {
                let slot = slot(bucket, candidates.trailingZeroBitCount)
                if _fastPath(matches(entry(slot))) { return slot }
                candidates &= candidates &- 1
            }
            if head & 0x80 == 0 { return nil }
            bucket = child(bucket)
        }
    }

    /// Puts another entry with the same key into a slot.
    @inline(__always)
    static func replace(_ slot: Slot, with entry: Entry) { cs_store_u64(slot, UInt64(UInt(bitPattern: entry.base))) }

    // MARK: inserting and removing

    /// Adds an entry whose key is not in the table. May move entries: earlier slots are invalid.
    @inline(__always)
    mutating func insert(_ entry: Entry, hash: UInt64, _ reclaimer: Reclaimer) {
        if _slowPath(nextWord != 0) {
            step(reclaimer)
            if nextWord != 0 {
                Table.place(nextWord, hash, entry)
                nextCount &+= 1
                return
            }
        }
        if _slowPath(mainCount >= Table.buckets(mainWord) &* Table.fillMax || mainWord == Table.emptyWord) {
            grow(reclaimer)
            return insert(entry, hash: hash, reclaimer)
        }
        Table.place(mainWord, hash, entry)
        mainCount &+= 1
    }

    @inline(__always)
    private static func place(_ word: UInt64, _ hash: UInt64, _ entry: Entry) {
        var bucket = bucket(word, hash)
        let tag = tag(hash)
        while true {
            let head = bucket.load(as: UInt64.self)
            let free = ~UInt32(truncatingIfNeeded: head) & (head & 0x80 != 0 ? 0x3f : 0x7f)
            if _fastPath(free != 0) { return fill(bucket, head, free.trailingZeroBitCount, tag, entry) }
            if head & 0x80 == 0 { addChild(bucket, head) }
            bucket = child(bucket)
        }
    }

    @inline(__always)
    private static func fill(
        _ bucket: UnsafeMutableRawPointer, _ head: UInt64, _ i: Int, _ tag: UInt8, _ entry: Entry
    ) {
        cs_store_u64(slot(bucket, i), UInt64(UInt(bitPattern: entry.base)))
        let shift = UInt64(8 &+ i &* 8)
        let kept = head & ~(0xff << shift)
        cs_store_release_u64(bucket, kept | UInt64(tag) << shift | 1 << UInt64(i))
    }

    /// Moves the seventh entry of a full bucket to a new child.
    @inline(never)
    private static func addChild(_ bucket: UnsafeMutableRawPointer, _ head: UInt64) {
        let child = cs_allocate_zeroed_lines(64)!
        slot(child, 0).pointee = slot(bucket, 6).pointee
        child.storeBytes(of: (head >> 56) << 8 | 1, as: UInt64.self)
        cs_store_u64(slot(bucket, 6), UInt64(UInt(bitPattern: child)))
        cs_store_u64(bucket, (head & 0x00ff_ffff_ffff_ff3f) | 0x80)
    }

    /// Takes the entry out of its slot. The entry itself is the caller's to free.
    mutating func remove(_ slot: Slot, hash: UInt64, _ reclaimer: Reclaimer) {
        let inMain = Table.owns(mainWord, slot, hash)
        Table.clear(Table.bucket(inMain ? mainWord : nextWord, hash), slot)
        if inMain { mainCount &-= 1 } else { nextCount &-= 1 }
        if _slowPath(nextWord != 0) {
            step(reclaimer)
        } else if _slowPath(mainCount &* 2 < Table.buckets(mainWord) && mainWord & 63 > Table.logMin) {
            shrink()
        }
    }

    /// Whether the slot is in the chain of the hash's bucket in this array.
    private static func owns(_ word: UInt64, _ slot: Slot, _ hash: UInt64) -> Bool {
        let wanted = UInt(bitPattern: slot) & ~63
        var bucket = bucket(word, hash)
        while true {
            if UInt(bitPattern: bucket) == wanted { return true }
            if bucket.load(as: UInt64.self) & 0x80 == 0 { return false }
            bucket = child(bucket)
        }
    }

    /// Empties a slot; the hole is filled from the chain's last child, which is freed when empty.
    private static func clear(_ top: UnsafeMutableRawPointer, _ slot: Slot) {
        var parent: UnsafeMutableRawPointer?
        var last = top
        while last.load(as: UInt64.self) & 0x80 != 0 {
            parent = last
            last = child(last)
        }
        let bucket = UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: slot) & ~63).unsafelyUnwrapped
        let i = (Int(bitPattern: slot) & 63) / 8 - 1
        let lastHead = last.load(as: UInt64.self)
        var emptied = i
        if last != bucket {
            emptied = taken(lastHead).trailingZeroBitCount
            let tag = UInt8(truncatingIfNeeded: lastHead >> UInt64(8 + emptied * 8))
            let head = bucket.load(as: UInt64.self)
            let filler = entry(Table.slot(last, emptied))
            fill(bucket, head, i, tag, filler)
        }
        let rest = last.load(as: UInt64.self) & ~(1 << UInt64(emptied))
        cs_store_u64(last, rest)
        if rest & 0x7f == 0, let parent {
            cs_store_u64(parent, parent.load(as: UInt64.self) & ~0xc0)
            cs_release_lines(last, 64)
        }
    }

    // MARK: resizing

    private static func newArray(log: UInt64) -> UInt64 {
        UInt64(UInt(bitPattern: cs_allocate_zeroed_lines(64 << Int(log))!)) | log
    }

    private mutating func grow(_ reclaimer: Reclaimer) {
        if mainWord == Table.emptyWord {
            cs_store_release_u64(&mainWord, Table.newArray(log: Table.logMin))
            return
        }
        startMoving(to: (mainWord & 63) + 1)
    }

    private mutating func shrink() {
        var log = Table.logMin
        while 1 << Int(log) * 4 < mainCount { log += 1 }
        if log < mainWord & 63 { startMoving(to: log) }
    }

    private mutating func startMoving(to log: UInt64) {
        moved = 0
        nextCount = 0
        cs_store_release_u64(&nextWord, Table.newArray(log: log))
    }

    /// Moves one bucket of the main array.
    @inline(never)
    public mutating func step(_ reclaimer: Reclaimer) {
        guard nextWord != 0 else { return }
        let buckets = Table.buckets(mainWord)
        let array = Table.array(mainWord)
        // Empty buckets cost nothing: pass over a run of them in one step.
        var passed = 0
        while moved < buckets, passed < 16, (array + moved &* 64).load(as: UInt64.self) & 0xff == 0 {
            moved &+= 1
            passed &+= 1
        }
        if moved < buckets {
            Table.prefetchEntries(array, moved &+ 1, buckets)
            moveBucket(array + moved &* 64)
            moved &+= 1
        }
        if moved == buckets { finishMoving(reclaimer) }
    }

    private static func prefetchEntries(_ array: UnsafeMutableRawPointer, _ i: Int, _ buckets: Int) {
        guard i < buckets else { return }
        let bucket = array + i &* 64
        var taken = taken(bucket.load(as: UInt64.self))
        while taken != 0 {
            cs_prefetch(
                UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: slot(bucket, taken.trailingZeroBitCount).pointee))
            )
            taken &= taken &- 1
        }
        if i &+ 1 < buckets { cs_prefetch(bucket + 64) }
    }

    private mutating func moveBucket(_ top: UnsafeMutableRawPointer) {
        var bucket = top
        while true {
            let head = bucket.load(as: UInt64.self)
            var taken = Table.taken(head)
            while taken != 0 {
                let entry = Table.entry(Table.slot(bucket, taken.trailingZeroBitCount))
                let key = entry.key
                Table.place(nextWord, cs_hash(key.start, key.count), entry)
                mainCount &-= 1
                nextCount &+= 1
                taken &= taken &- 1
            }
            let next = head & 0x80 != 0 ? Table.child(bucket) : nil
            if bucket != top { cs_release_lines(bucket, 64) }
            guard let next else { break }
            bucket = next
        }
        cs_store_u64(top, 0)
    }

    private mutating func finishMoving(_ reclaimer: Reclaimer) {
        let old = mainWord
        cs_store_release_u64(&mainWord, nextWord)
        cs_store_release_u64(&nextWord, 0)
        mainCount = nextCount
        nextCount = 0
        reclaimer.retire(Table.array(old), size: Table.buckets(old) * 64)
    }

    /// Takes all contents out, leaving the table empty. What was in it is the caller's to free.
    mutating func detach() -> Table {
        let contents = self
        cs_store_release_u64(&mainWord, Table.emptyWord)
        cs_store_release_u64(&nextWord, 0)
        mainCount = 0
        nextCount = 0
        moved = 0
        return contents
    }

    /// Retires the bucket arrays, frees child buckets, and hands every entry to `body`.
    func dismantle(_ reclaimer: Reclaimer, _ body: (Entry) -> Void) {
        for word in [mainWord, nextWord] where word != 0 && word != Table.emptyWord {
            for i in 0..<Table.buckets(word) {
                Table.visit(Table.array(word) + i * 64, body)
                var bucket = Table.array(word) + i * 64
                var isTop = true
                while true {
                    let next = bucket.load(as: UInt64.self) & 0x80 != 0 ? Table.child(bucket) : nil
                    if !isTop { cs_release_lines(bucket, 64) }
                    isTop = false
                    guard let next else { break }
                    bucket = next
                }
            }
            reclaimer.retire(Table.array(word), size: Table.buckets(word) * 64)
        }
    }

    // MARK: walking

    /// Every entry of a bucket and its children.
    @inline(__always)
    static func visit(_ top: UnsafeMutableRawPointer, _ body: (Entry) -> Void) {
        var bucket = top
        while true {
            let head = bucket.load(as: UInt64.self)
            var taken = taken(head)
            while taken != 0 {
                body(entry(slot(bucket, taken.trailingZeroBitCount)))
                taken &= taken &- 1
            }
            if head & 0x80 == 0 { return }
            bucket = child(bucket)
        }
    }

    /// Every entry. The table must not change meanwhile.
    public func forEach(_ body: (Entry) -> Void) {
        for word in [mainWord, nextWord] where word != 0 {
            for i in 0..<Table.buckets(word) { Table.visit(Table.array(word) + i * 64, body) }
        }
    }

    /// One step of a scan: hands over the entries of the cursor's bucket and answers the next cursor,
    /// 0 at the end. Entries present from the first to the last step are seen at least once, however the
    /// table is resized between steps (the cursor counts in reversed bits; Pieter Noordhuis, Redis' SCAN).
    public func scan(_ cursor: UInt64, _ body: (Entry) -> Void) -> UInt64 {
        if nextWord == 0 {
            Table.visit(Table.bucket(mainWord, cursor), body)
            return Table.advance(cursor, UInt64(Table.buckets(mainWord) - 1))
        }
        let (small, large) = mainWord & 63 <= nextWord & 63 ? (mainWord, nextWord) : (nextWord, mainWord)
        let smallMask = UInt64(Table.buckets(small) - 1), largeMask = UInt64(Table.buckets(large) - 1)
        Table.visit(Table.bucket(small, cursor), body)
        var cursor = cursor
        repeat {
            Table.visit(Table.bucket(large, cursor), body)
            cursor = Table.advance(cursor, largeMask)
        } while cursor & (smallMask ^ largeMask) != 0
        return cursor
    }

    private static func advance(_ cursor: UInt64, _ mask: UInt64) -> UInt64 {
        ((cursor | ~mask).bitsReversed &+ 1).bitsReversed
    }

    /// A random bucket, which may have no entries.
    private func randomBucket(_ generator: inout PRNG) -> UnsafeMutableRawPointer {
        let buckets = bucketCounts
        let pick = Int(generator.below(UInt64(buckets.main + buckets.next)))
        let (word, i) = pick < buckets.main ? (mainWord, pick) : (nextWord, pick - buckets.main)
        return Table.array(word) + i * 64
    }

    /// Visits all entries of a random bucket.
    func visitRandomBucket(_ generator: inout PRNG, _ body: (Entry) -> Void) {
        Table.visit(randomBucket(&generator), body)
    }

    /// Some entry, each about equally likely. nil when the table is empty.
    public func random(_ generator: inout PRNG) -> Entry? {
        if count == 0 { return nil }
        while true {
            var seen: UInt64 = 0
            var chosen: Entry?
            Table.visit(randomBucket(&generator)) { entry in
                seen += 1
                if generator.below(seen) == 0 { chosen = entry }
            }
            if let chosen { return chosen }
        }
    }
}
