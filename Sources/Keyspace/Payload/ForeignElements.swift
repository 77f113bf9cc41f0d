import Base
import CSystem

/// A sequence of elements in a form that Redis has (had), from bytes that may be anything.
protocol ForeignElements {
    init(_ bytes: ByteView)

    /// Visits the elements. False if the bytes are not sound, which may turn out only after elements were visited.
    func forEach(_ body: (Listpack.Element) -> Void) -> Bool
}

/// The elements of a listpack.
struct CheckedListpack: ForeignElements {
    private let bytes: ByteView

    init(_ bytes: ByteView) { self.bytes = bytes }

    func forEach(_ body: (Listpack.Element) -> Void) -> Bool {
        if !Listpack.isValid(bytes) { return false }
        let pack = Listpack(bytes)
        var at = pack.first
        while at != pack.end {
            body(pack.element(at))
            at = pack.next(at)
        }
        return true
    }
}

/// A ziplist, the packed form before Redis 7: bytes in all, offset of the last entry, entries (each the size of
/// the one before it, its encoding, its data), 255.
struct Ziplist: ForeignElements {
    private let bytes: ByteView
    private static let headerBytes = 10

    init(_ bytes: ByteView) { self.bytes = bytes }

    private func load<T: FixedWidthInteger>(_ at: Int, _ type: T.Type) -> Int {
        Int(truncatingIfNeeded: T(littleEndian: UnsafeRawPointer(bytes.start + at).loadUnaligned(as: T.self)))
    }

    func forEach(_ body: (Listpack.Element) -> Void) -> Bool {
        guard bytes.count > Ziplist.headerBytes, load(0, UInt32.self) == bytes.count else { return false }
        let end = bytes.count - 1
        var at = Ziplist.headerBytes
        var last = 0
        var previousSize = 0
        var count = 0
        while at < end {
            guard bytes[at] != 255, let (size, body0) = header(at, end), size == previousSize,
                let (element, next) = element(body0, end)
            else { return false }
            body(element)
            previousSize = next - at
            last = at
            at = next
            count += 1
        }
        guard bytes[end] == 255, count == 0 || load(4, UInt32.self) == last else { return false }
        let announced = load(8, UInt16.self)
        return announced == 65535 || announced == count
    }

    /// The size of the entry before, and where this one's encoding is.
    private func header(_ at: Int, _ end: Int) -> (size: Int, at: Int)? {
        if bytes[at] != 254 { return at + 1 < end ? (Int(bytes[at]), at + 1) : nil }
        return at + 5 < end ? (load(at + 1, UInt32.self), at + 5) : nil
    }

    /// The element whose encoding is here, and where the next entry is.
    private func element(_ at: Int, _ end: Int) -> (Listpack.Element, Int)? {
        let first = bytes[at]
        switch first >> 6 {
        case 0: return string(at + 1, Int(first & 63), end)
        case 1: return at + 1 < end ? string(at + 2, Int(first & 63) << 8 | Int(bytes[at + 1]), end) : nil
        case 2:
            if first != 0x80 || at + 4 >= end { return nil }
            let start = UnsafeRawPointer(bytes.start + at + 1)
            return string(at + 5, Int(UInt32(bigEndian: start.loadUnaligned(as: UInt32.self))), end)
        default: return integer(at, first, end)
        }
    }

    private func string(_ at: Int, _ count: Int, _ end: Int) -> (Listpack.Element, Int)? {
        if at > end || count > end - at { return nil }
        return (Listpack.Element(bytes: bytes.start + at, count), at + count)
    }

    private func integer(_ at: Int, _ kind: UInt8, _ end: Int) -> (Listpack.Element, Int)? {
        let size: Int
        switch kind {
        case 0xfe: size = 1
        case 0xc0: size = 2
        case 0xf0: size = 3
        case 0xd0: size = 4
        case 0xe0: size = 8
        case 0xf1...0xfd: return (Listpack.Element(integer: Int64(kind & 15) - 1), at + 1)
        default: return nil
        }
        if at + 1 + size > end { return nil }
        var value: Int64 = 0
        for i in 0..<size { value |= Int64(bytes[at + 1 + i]) << Int64(8 * i) }
        let unused = Int64(64 - 8 * size)
        return (Listpack.Element(integer: (value << unused) >> unused), at + 1 + size)
    }
}

/// A zipmap, Redis' small hash before 2.6: a count, then fields and values with their lengths, each value with
/// some unused bytes after it, 255.
struct Zipmap: ForeignElements {
    private let bytes: ByteView

    init(_ bytes: ByteView) { self.bytes = bytes }

    func forEach(_ body: (Listpack.Element) -> Void) -> Bool {
        guard bytes.count >= 2, bytes[bytes.count - 1] == 255 else { return false }
        let end = bytes.count - 1
        var at = 1
        var count = 0
        while at < end {
            if bytes[at] == 255 { return false }
            guard let field = part(at, end, spare: false), let value = part(field.next, end, spare: true) else {
                return false
            }
            body(field.element)
            body(value.element)
            at = value.next
            count += 1
        }
        return at == end && (bytes[0] >= 254 || Int(bytes[0]) == count)
    }

    /// The part whose length is here; after a value's length comes the number of unused bytes behind it.
    private func part(_ at: Int, _ end: Int, spare: Bool) -> (element: Listpack.Element, next: Int)? {
        if at >= end { return nil }
        var count = Int(bytes[at])
        var from = at + 1
        if count == 254 {
            if at + 5 > end { return nil }
            let start = UnsafeRawPointer(bytes.start + from)
            count = Int(UInt32(littleEndian: start.loadUnaligned(as: UInt32.self)))
            // A length that fits one byte is in one byte.
            if count < 254 { return nil }
            from += 4
        } else if count == 255 {
            return nil
        }
        var unused = 0
        if spare {
            if from >= end { return nil }
            unused = Int(bytes[from])
            from += 1
        }
        if count + unused > end - from { return nil }
        return (Listpack.Element(bytes: bytes.start + from, count), from + count + unused)
    }
}
