import Base
import CSystem

extension Listpack {
    /// A value to be written, with its encoding decided: an integer if the bytes are one's decimal text.
    public struct NewElement {
        let view: ByteView
        let integer: Int64
        let isInteger: Bool
        /// Bytes of encoding and data.
        let bodyCount: Int

        @inline(__always)
        public init(_ view: ByteView) {
            self.view = view
            if view.count <= 20, let spelled = view.integer {
                integer = spelled
                isInteger = true
                bodyCount = NewElement.integerBody(spelled)
            } else {
                integer = 0
                isInteger = false
                let count = view.count
                bodyCount = count &+ (count < 64 ? 1 : count < 4096 ? 2 : 5)
            }
        }

        @inline(__always)
        public init(integer: Int64) {
            view = ByteView("")
            self.integer = integer
            isInteger = true
            bodyCount = NewElement.integerBody(integer)
        }

        private static func integerBody(_ value: Int64) -> Int {
            if value >= 0 && value < 128 { return 1 }
            if value >= -4096 && value < 4096 { return 2 }
            if value == Int64(Int16(truncatingIfNeeded: value)) { return 3 }
            if value >= -8_388_608 && value < 8_388_608 { return 4 }
            return value == Int64(Int32(truncatingIfNeeded: value)) ? 5 : 9
        }

        /// Bytes that the element takes.
        @inline(__always)
        public var byteCount: Int { bodyCount &+ Listpack.tailBytes(bodyCount) }

        /// Writes the element; `byteCount` bytes are free there.
        @inline(__always)
        public func write(to place: UnsafeMutablePointer<UInt8>) {
            writeBody(to: place)
            if _fastPath(bodyCount < 128) {
                place[bodyCount] = UInt8(truncatingIfNeeded: bodyCount)
            } else {
                Listpack.writeTail(place + bodyCount, bodyCount)
            }
        }

        /// Writes encoding and data, without the backward length.
        @inline(__always)
        func writeBody(to place: UnsafeMutablePointer<UInt8>) {
            if isInteger {
                writeInteger(place)
            } else if view.count < 64 {
                place[0] = 0x80 | UInt8(truncatingIfNeeded: view.count)
                memcpy(place + 1, view.start, view.count)
            } else {
                writeLong(place)
            }
        }

        private func writeLong(_ place: UnsafeMutablePointer<UInt8>) {
            if view.count < 4096 {
                place[0] = 0xe0 | UInt8(view.count >> 8)
                place[1] = UInt8(view.count & 255)
                memcpy(place + 2, view.start, view.count)
            } else {
                place[0] = 0xf0
                UnsafeMutableRawPointer(place + 1).storeBytes(of: UInt32(view.count), as: UInt32.self)
                memcpy(place + 5, view.start, view.count)
            }
        }

        private func writeInteger(_ place: UnsafeMutablePointer<UInt8>) {
            let raw = UnsafeMutableRawPointer(place + 1)
            switch bodyCount {
            case 1: place[0] = UInt8(integer)
            case 2:
                let bits = UInt16(truncatingIfNeeded: integer) & 0x1fff
                place[0] = 0xc0 | UInt8(bits >> 8)
                place[1] = UInt8(bits & 255)
            case 3:
                place[0] = 0xf1
                raw.storeBytes(of: Int16(truncatingIfNeeded: integer), as: Int16.self)
            case 4:
                place[0] = 0xf2
                raw.storeBytes(of: UInt16(truncatingIfNeeded: integer), as: UInt16.self)
                place[3] = UInt8(truncatingIfNeeded: integer >> 16)
            case 5:
                place[0] = 0xf3
                raw.storeBytes(of: Int32(truncatingIfNeeded: integer), as: Int32.self)
            default:
                place[0] = 0xf4
                raw.storeBytes(of: integer, as: Int64.self)
            }
        }
    }

    /// Bytes that an integer takes as an element.
    @inline(__always)
    static func integerBytes(_ value: Int64) -> Int {
        // A backward length of one byte behind the body.
        _fastPath(value >= 0 && value < 128) ? 2 : NewElement(integer: value).byteCount
    }

    /// Writes a backward length: groups of seven bits, the lowest last; all but the first byte are marked.
    static func writeTail(_ place: UnsafeMutablePointer<UInt8>, _ body: Int) {
        let bytes = tailBytes(body)
        for i in 0..<bytes {
            let group = UInt8((body >> (7 * (bytes - 1 - i))) & 127)
            place[i] = i == 0 ? group : group | 128
        }
    }

    /// Whether foreign bytes are a well-formed listpack: every element within bounds and readable from
    /// both ends, header right. `count` elements must be whole multiples of `step`.
    public static func isValid(_ bytes: ByteView, step: Int = 1) -> Bool {
        guard bytes.count >= emptyBytes, bytes.count <= Int(UInt32.max) else { return false }
        let pack = Listpack(UnsafeMutablePointer(mutating: bytes.start))
        guard pack.byteCount == bytes.count, bytes[bytes.count - 1] == 255 else { return false }
        var at = headerBytes
        var total = 0
        while at < bytes.count - 1 {
            guard let next = pack.checkedNext(at) else { return false }
            at = next
            total += 1
        }
        let field = pack.countField
        return at == bytes.count - 1 && total % step == 0 && (field == countUnknown || field == total)
    }

    /// The position after the element at `at`, if it is well formed and ends before the end mark.
    private func checkedNext(_ at: Int) -> Int? {
        let limit = byteCount - 1
        let header: Int
        switch start[at] {
        case 0xe0..<0xf0: header = 2
        case 0xf0: header = 5
        case 0xf5...: return nil
        default: header = 1
        }
        if at + header > limit { return nil }
        let body = bodyCount(at)
        let tail = Listpack.tailBytes(body)
        if body > limit - at || tail > limit - at - body { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 5) { expected in
            Listpack.writeTail(expected.baseAddress!, body)
            return memcmp(expected.baseAddress!, start + at + body, tail) == 0 ? at + body + tail : nil
        }
    }
}
