import Base

/// What fuzzers change in a file's bytes so that its checksums are right. Integers have their lowest byte first.
extension [UInt8] {
    public func integer<T: FixedWidthInteger>(at place: Int, _ type: T.Type) -> T {
        (0..<MemoryLayout<T>.size).reduce(0) { $0 | T(truncatingIfNeeded: self[place + $1]) << T(8 * $1) }
    }

    public mutating func put(_ new: [UInt8], at place: Int) { replaceSubrange(place..<place + new.count, with: new) }

    public mutating func put(_ value: some FixedWidthInteger, at place: Int) { put(Self.little(value), at: place) }

    /// An integer's bytes.
    public static func little(_ value: some FixedWidthInteger) -> [UInt8] {
        Swift.withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// CRC-32C of some of the bytes, going on after others.
    public func checksum(_ range: Range<Int>, after before: UInt32 = 0) -> UInt32 {
        withView { CRC32C.checksum($0.slice(range.lowerBound, range.upperBound), after: before) }
    }
}
