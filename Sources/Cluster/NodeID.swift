import Base

/// A node's name: 160 bits drawn at random once, when its data directory is made. As text 40 hexadecimal digits in
/// lower case, as Redis Cluster writes them. Ordered as the text is.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public static let bytes = 20

    private let high: UInt64
    private let middle: UInt64
    private let low: UInt32

    /// From 20 bytes.
    public init(_ bytes: ByteView) {
        precondition(bytes.count == Self.bytes)
        let start = UnsafeRawPointer(bytes.start)
        high = UInt64(bigEndian: start.loadUnaligned(as: UInt64.self))
        middle = UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        low = UInt32(bigEndian: start.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
    }

    /// From 40 hexadecimal digits in lower case; nil if it is anything else.
    public init?(hex: ByteView) {
        if hex.count != 2 * Self.bytes { return nil }
        var bytes = [UInt8](repeating: 0, count: Self.bytes)
        for i in 0..<hex.count {
            guard let digit = Self.digit(hex[i]) else { return nil }
            bytes[i / 2] = bytes[i / 2] << 4 | digit
        }
        self = bytes.withView { NodeID($0) }
    }

    /// From random numbers.
    public init(random: inout PRNG) {
        (high, middle, low) = (random.next(), random.next(), UInt32(truncatingIfNeeded: random.next()))
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 97...102: byte - 87
        default: nil
        }
    }

    /// 64 bits of it, for digests.
    var folded: UInt64 { high ^ middle &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(low) << 17 }

    /// The 20 bytes.
    func write(to output: inout ByteBuffer) {
        output.append(bigEndian: high)
        output.append(bigEndian: middle)
        output.append(bigEndian: low)
    }

    /// The 20 bytes. Not for hot paths.
    public var encoded: [UInt8] {
        var output = ByteBuffer()
        write(to: &output)
        return output.view.bytes
    }

    public var description: String { SHA1.hex(encoded) }

    public static func < (a: NodeID, b: NodeID) -> Bool { (a.high, a.middle, a.low) < (b.high, b.middle, b.low) }
}
