import Base

/// What is known of how many entries came before an ID, or after it. Redis 7.0 defines these in terms of the
/// entries ever added, the length and the greatest deleted ID, so that no entry has to be counted.
extension Stream {
    /// Whether an entry after `id` (or it) may have been deleted.
    public func hasGaps(from id: StreamID) -> Bool {
        if count == 0 || maxDeletedID == .zero || firstID > maxDeletedID { return false }
        return id <= maxDeletedID
    }

    /// How many entries were ever added up to an ID; nil if that cannot be told.
    public func entriesAdded(upTo id: StreamID) -> Int64? {
        if entriesAdded == 0 { return 0 }
        if count == 0 && id <= lastID { return entriesAdded }
        if id >= lastID { return id == lastID ? entriesAdded : nil }
        if maxDeletedID != .zero && maxDeletedID >= firstID { return nil }
        let before = entriesAdded &- Int64(count)
        if id < firstID { return before }
        return id == firstID ? before &+ 1 : nil
    }

    /// How many entries a group has yet to deliver; nil if that cannot be told.
    public func lag(of group: StreamGroup) -> Int64? {
        if entriesAdded == 0 { return 0 }
        if let read = group.entriesRead, !hasGaps(from: group.lastID) { return entriesAdded &- read }
        return entriesAdded(upTo: group.lastID).map { entriesAdded &- $0 }
    }

    /// A group's count of entries delivered once it has delivered `id`, the next one.
    public func entriesRead(after read: Int64?, delivering id: StreamID) -> Int64? {
        if let read, !hasGaps(from: id) { return read &+ 1 }
        return entriesAdded == 0 ? read : entriesAdded(upTo: id)
    }

    /// Nodes that a radix tree of the pieces' first IDs would have, as Redis keeps them: one for each that is a
    /// leaf, one where several part, and one for each run of bytes that they share. Walks over the pieces.
    public var radixTreeNodes: Int {
        var previous: StreamID?
        // Depths of the nodes above the current leaf at which IDs part.
        var forks: [Int] = []
        var nodes = 0
        func close(downTo depth: Int) {
            while let fork = forks.last, fork > depth {
                forks.removeLast()
                let above = max(depth, forks.last ?? -1)
                nodes += 1 + (fork - above - 1 > 0 ? 1 : 0)
            }
        }
        var lastShared = -1
        forEachPiece { base in
            let id = StreamPiece(base).first
            defer { previous = id }
            guard let previous else { return }
            let shared = id.sharedBytes(with: previous)
            nodes += StreamID.leafNodes(parent: max(lastShared, shared))
            close(downTo: shared)
            if forks.last != shared { forks.append(shared) }
            lastShared = shared
        }
        if previous == nil { return 1 }
        nodes += StreamID.leafNodes(parent: lastShared)
        close(downTo: -1)
        return nodes
    }
}

extension StreamID {
    /// How many bytes two IDs have in common at their beginning, as 16 bytes, the highest first.
    fileprivate func sharedBytes(with other: StreamID) -> Int {
        let high = ms ^ other.ms
        return high != 0 ? high.leadingZeroBitCount / 8 : 8 + (seq ^ other.seq).leadingZeroBitCount / 8
    }

    /// Nodes of a leaf whose ID parts from all others after so many bytes: itself, and the bytes left.
    fileprivate static func leafNodes(parent: Int) -> Int { parent < 15 ? 2 : 1 }
}
