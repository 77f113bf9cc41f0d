import Base
import CSystem

/// The parts that payloads are made of.
extension ByteBuffer {
    mutating func appendKind(_ kind: PayloadKind) { append(kind.rawValue) }

    /// A length or another number.
    mutating func appendNumber(_ number: UInt64) {
        if number < 64 {
            append(UInt8(number))
        } else if number < 16384 {
            append(0x40 | UInt8(number >> 8))
            append(UInt8(number & 255))
        } else if number <= UInt64(UInt32.max) {
            append(0x80)
            append(bigEndian: UInt32(number))
        } else {
            append(0x81)
            append(bigEndian: number)
        }
    }

    mutating func appendCount(_ count: Int) { appendNumber(UInt64(count)) }

    /// A string in the form Redis gives it: as an integer if it spells a short one, compressed if that is shorter.
    mutating func appendText(_ text: ByteView) {
        if text.count <= 11, let integer = text.integer, let narrow = Int32(exactly: integer) {
            return appendNarrow(narrow)
        }
        if text.count > 20 && appendCompressed(text) { return }
        appendCount(text.count)
        append(text)
    }

    /// The decimal text of an integer.
    mutating func appendText(_ integer: Int64) {
        if let narrow = Int32(exactly: integer) { return appendNarrow(narrow) }
        appendCount(Decimal.length(integer))
        let place = reserve(Decimal.lengthMax)
        advance(Decimal.write(integer, place))
    }

    mutating func appendText(_ element: Listpack.Element) {
        if let view = element.view { appendText(view) } else { appendText(element.integer) }
    }

    private mutating func appendNarrow(_ integer: Int32) {
        if let value = Int8(exactly: integer) {
            append(0xc0)
            append(UInt8(bitPattern: value))
        } else if let value = Int16(exactly: integer) {
            append(0xc1)
            append(littleEndian: value)
        } else {
            append(0xc2)
            append(littleEndian: integer)
        }
    }

    /// Redis takes compression that spares four bytes. False, and nothing appended, if it would not.
    private mutating func appendCompressed(_ text: ByteView) -> Bool {
        // The compressed length is known only afterwards, and its own length depends on it: written in front at last.
        let room = text.count - 4
        let headerMax = 1 + 9 + 9
        let place = reserve(room + headerMax)
        guard let packed = LZF.compress(text, into: place + headerMax, room: room) else { return false }
        append(0xc3)
        appendCount(packed)
        appendCount(text.count)
        memmove(reserve(packed), place + headerMax, packed)
        advance(packed)
        return true
    }
}
