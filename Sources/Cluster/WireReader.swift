import Base

/// Bytes that are not what they should be. Says no more: who sent them is told nothing.
struct MalformedBytes: Error, Equatable {}

extension ByteView {
    /// The integer at an offset, its lowest byte first. It must lie within the bytes.
    @inlinable
    public func number<T: FixedWidthInteger>(at offset: Int, _ type: T.Type) -> T {
        precondition(offset + MemoryLayout<T>.size <= count)
        return T(littleEndian: UnsafeRawPointer(start + offset).loadUnaligned(as: T.self))
    }
}

/// Reads bytes that somebody else wrote, one thing after the other; never past the end.
struct WireReader {
    let bytes: ByteView
    private(set) var at = 0

    init(_ bytes: ByteView) { self.bytes = bytes }

    var left: Int { bytes.count - at }

    /// The next bytes, as they lie there.
    mutating func view(_ count: Int) throws(MalformedBytes) -> ByteView {
        if count < 0 || count > left { throw MalformedBytes() }
        defer { at += count }
        return bytes.slice(at, at + count)
    }

    /// An integer whose lowest byte comes first.
    mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws(MalformedBytes) -> T {
        try view(MemoryLayout<T>.size).number(at: 0, type)
    }

    mutating func byte() throws(MalformedBytes) -> UInt8 { try integer(UInt8.self) }

    mutating func id() throws(MalformedBytes) -> NodeID { NodeID(try view(NodeID.bytes)) }

    mutating func varint() throws(MalformedBytes) -> UInt64 {
        guard let value = bytes.varint(at: &at) else { throw MalformedBytes() }
        return value
    }

    /// One byte of length and so many of visible ASCII: what hosts, racks and data centres are made of. Anything else
    /// could break the lines of CLUSTER NODES or of a log.
    mutating func label(max: Int) throws(MalformedBytes) -> String {
        let view = try view(Int(try byte()))
        if view.count > max { throw MalformedBytes() }
        for i in 0..<view.count where !Label.allows(view[i]) { throw MalformedBytes() }
        return view.text
    }

    /// That there is nothing more.
    func end() throws(MalformedBytes) {
        if left != 0 { throw MalformedBytes() }
    }
}

/// Hosts', racks' and data centres' names.
public enum Label {
    static func allows(_ byte: UInt8) -> Bool { byte > 32 && byte < 127 && byte != UInt8(ascii: ",") }

    /// Whether a name may be used: visible ASCII without commas, at most so many bytes.
    public static func isValid(_ text: String, max: Int = Member.labelBytesMax) -> Bool {
        text.utf8.count <= max && text.utf8.allSatisfy(allows)
    }

    static func write(_ text: String, to output: inout ByteBuffer) {
        var text = text
        text.withUTF8 { bytes in
            precondition(bytes.count <= 255)
            output.append(UInt8(bytes.count))
            if let base = bytes.baseAddress { output.append(ByteView(base, bytes.count)) }
        }
    }
}
