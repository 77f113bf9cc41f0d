import Base

/// The payload of FUNCTION DUMP: Redis' RDB form of libraries, its version, and a checksum.
public enum LibraryPayload {
    /// RDB_OPCODE_FUNCTION2: a library's source follows as a string.
    private static let opcode: UInt8 = 245
    /// The form of Redis 7.0.
    private static let version: UInt16 = 10
    private static let footerBytes = 10

    public static func encode(_ libraries: [Library]) -> [UInt8] {
        var bytes: [UInt8] = []
        for library in libraries {
            bytes.append(opcode)
            appendLength(library.source.count, to: &bytes)
            bytes += library.source
        }
        bytes += [UInt8(truncatingIfNeeded: version), UInt8(truncatingIfNeeded: version >> 8)]
        let checksum = bytes.withView { CRC64.checksum($0) }
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: checksum >> shift))
        }
        return bytes
    }

    private static func appendLength(_ count: Int, to bytes: inout [UInt8]) {
        if count < 64 {
            bytes.append(UInt8(count))
        } else if count < 16384 {
            bytes += [UInt8(0x40 | count >> 8), UInt8(count & 255)]
        } else {
            bytes.append(0x80)
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
        }
    }

    /// The sources of the libraries in a payload. Throws the error reply.
    public static func decode(_ payload: ByteView) throws(Shebang.Refusal) -> [[UInt8]] {
        guard isWhole(payload) else {
            throw Shebang.Refusal(text: "ERR DUMP payload version or checksum are wrong")
        }
        var reader = Reader(bytes: payload.slice(0, payload.count - footerBytes))
        var sources: [[UInt8]] = []
        while let kind = reader.byte() {
            guard kind == opcode else { throw Shebang.Refusal(text: "ERR given type is not a function") }
            guard let source = reader.string() else {
                throw Shebang.Refusal(text: "ERR Failed loading library data")
            }
            sources.append(source)
        }
        return sources
    }

    private static func isWhole(_ payload: ByteView) -> Bool {
        guard payload.count >= footerBytes else { return false }
        let at = payload.count - footerBytes
        if UInt16(payload[at]) | UInt16(payload[at + 1]) << 8 > version { return false }
        var stored: UInt64 = 0
        for i in 0..<8 { stored |= UInt64(payload[at + 2 + i]) << UInt64(8 * i) }
        return stored == CRC64.checksum(payload.slice(0, payload.count - 8))
    }

    /// Reads RDB lengths and strings. nil: the bytes end too early, or make no sense.
    private struct Reader {
        let bytes: ByteView
        var at = 0

        init(bytes: ByteView) { self.bytes = bytes }

        mutating func byte() -> UInt8? {
            guard at < bytes.count else { return nil }
            at += 1
            return bytes[at - 1]
        }

        private mutating func number(_ size: Int) -> Int? {
            guard bytes.count - at >= size else { return nil }
            var value: UInt64 = 0
            for i in 0..<size { value = value << 8 | UInt64(bytes[at + i]) }
            at += size
            return Int(exactly: value)
        }

        /// A length, or (negative) the kind of a specially encoded string.
        private mutating func length() -> Int? {
            guard let first = byte() else { return nil }
            switch first >> 6 {
            case 0: return Int(first & 63)
            case 1: return byte().map { Int(first & 63) << 8 | Int($0) }
            case 2: return first == 0x80 ? number(4) : first == 0x81 ? number(8) : nil
            default: return -1 - Int(first & 63)
            }
        }

        mutating func string() -> [UInt8]? {
            guard let length = length() else { return nil }
            if length >= 0 { return raw(length)?.bytes }
            // Of the special forms only compressed text can be a library.
            guard length == -4, let packed = self.length(), let count = self.length(), packed >= 0, count >= 0,
                count <= Limits.stringBytes, let input = raw(packed)
            else { return nil }
            guard LZF.expandedCount(input) == count else { return nil }
            return [UInt8](unsafeUninitializedCapacity: count) { room, used in
                if let start = room.baseAddress { LZF.expand(input, into: start) }
                used = count
            }
        }

        private mutating func raw(_ count: Int) -> ByteView? {
            guard bytes.count - at >= count else { return nil }
            at += count
            return bytes.slice(at - count, at)
        }
    }
}
