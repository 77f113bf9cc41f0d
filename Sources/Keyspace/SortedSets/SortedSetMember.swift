import Base
import CSystem

/// A member where it lies: in two parts, since what the members of a run begin with is kept once (`ScoreRun`).
/// Valid until the set changes.
public struct SortedSetMember {
    public let first: ByteView
    public let second: ByteView

    @inline(__always)
    init(_ first: ByteView, _ second: ByteView) {
        self.first = first
        self.second = second
    }

    /// A member that lies in one run.
    @inline(__always)
    public init(whole: ByteView) {
        first = ByteView(whole.start, 0)
        second = whole
    }

    @inline(__always)
    public var count: Int { first.count &+ second.count }

    /// Writes the member's bytes; `count` are free there.
    @inline(__always)
    public func copy(to place: UnsafeMutablePointer<UInt8>) {
        memcpy(place, first.start, first.count)
        memcpy(place + first.count, second.start, second.count)
    }

    /// Lends the member in one run.
    @inline(__always)
    public func withView<R>(_ body: (ByteView) throws -> R) rethrows -> R {
        if first.isEmpty { return try body(second) }
        return try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, count)) { place in
            let start = place.baseAddress.unsafelyUnwrapped
            copy(to: start)
            return try body(ByteView(UnsafePointer(start), count))
        }
    }

    public var bytes: [UInt8] { first.bytes + second.bytes }
}

/// A score's place in the order of all scores, as an unsigned number. -0 and 0 are the same.
@inline(__always)
func scoreKey(_ score: Double) -> UInt64 {
    let bits = (score + 0).bitPattern
    return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
}
