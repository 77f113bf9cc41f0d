import Base

/// How records say how long their parts are: one byte up to 239, two up to 3839, and a mark for what lies in a
/// LongRecord.
enum RecordLength {
    /// Longer records (their parts together) have memory of their own.
    static let inlineMax = 1024
    /// Stands where a length would, before the address of a LongRecord.
    static let outside: UInt8 = 0xff
    /// Bytes of a record that is outside.
    static let outsideBytes = 9

    @inline(__always)
    static func bytes(_ length: Int) -> Int { length < 0xf0 ? 1 : 2 }

    /// The length at `place`, which is not `outside`, and how many bytes it takes there.
    @inline(__always)
    static func read(_ place: UnsafePointer<UInt8>) -> (length: Int, bytes: Int) {
        let first = place[0]
        if _fastPath(first < 0xf0) { return (Int(first), 1) }
        return (Int(first & 15) << 8 | Int(place[1]), 2)
    }

    /// Writes a length up to `inlineMax`; answers the bytes it took.
    @inline(__always)
    static func write(_ length: Int, _ place: UnsafeMutablePointer<UInt8>) -> Int {
        if _fastPath(length < 0xf0) {
            place[0] = UInt8(truncatingIfNeeded: length)
            return 1
        }
        place[0] = 0xf0 | UInt8(truncatingIfNeeded: length >> 8)
        place[1] = UInt8(truncatingIfNeeded: length)
        return 2
    }
}
