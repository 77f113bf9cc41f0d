import Base

extension Log {
    /// Segments that are complete: nothing is written to them any more. The oldest first. Any thread.
    public var closedSegments: [LogSegment] { segments.all.dropLast() }

    /// Reads a complete segment, frame by frame, and holds it against its checksums and numbers. Throws at the first thing
    /// that is wrong. False if it has been removed. Any thread.
    public func verify(_ segment: LogSegment) throws(LogError) -> Bool {
        try segments.whileHeld { () throws(LogError) in
            if !segments.all.contains(where: { $0.first == segment.first }) { return false }
            let damage = try damage(of: segment)
            if let damage { throw .damaged(path(segment.first), offset: Int(damage)) }
            return true
        }
    }

    private func damage(of segment: LogSegment) throws(LogError) -> Int64? {
        do throws(DiskError) {
            return try SegmentCheck(try files.open(path(segment.first), .read), segment, identity: identity).damage
        } catch {
            throw .disk(error)
        }
    }
}
