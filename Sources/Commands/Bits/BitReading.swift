import Base
import Keyspace
import RESP

/// Positions of bits: bit 0 is the highest of byte 0.
extension Call {
    private static var badOffset: StaticString { "ERR bit offset is not an integer or out of range" }

    /// A bit's position at a word; replies and answers nil when it is none. `width`: of a BITFIELD
    /// integer, in whose multiples "#3" counts; nil: that form is not taken.
    func bitOffset(_ word: Int, width: Int? = nil) -> Int? {
        var text = self[word]
        var scale: Int64 = 1
        if let width, text.count > 0, text[0] == 35 {
            text = text.slice(1, text.count)
            scale = Int64(width)
        }
        guard let number = text.integer, case let (offset, overflow) = number.multipliedReportingOverflow(by: scale),
            !overflow, offset >= 0, offset >> 3 < Int64(state.pointee.bulkBytesMax)
        else {
            fail(Call.badOffset)
            return nil
        }
        return Int(offset)
    }

    /// GETBIT key offset
    func getBit() {
        guard let offset = bitOffset(2) else { return }
        guard let entry = read(key(1)) else { return reply.integer(0) }
        guard isString(entry) else { return }
        entry.withString { bytes in
            let byte = offset >> 3
            reply.integer(byte < bytes.count ? Int(bytes[byte] >> UInt8(7 - offset & 7) & 1) : 0)
        }
    }

    /// Whether a word says that positions are bits (BIT or BYTE); replies and answers nil otherwise.
    private func countsBits(_ word: Int) -> Bool? {
        if self[word].isWord("bit") { return true }
        if self[word].isWord("byte") { return false }
        fail(ErrorText.syntax)
        return nil
    }

    /// BITCOUNT key [start end [BYTE | BIT]]
    func bitCount() {
        guard let entry = read(key(1)) else { return reply.integer(0) }
        guard isString(entry) else { return }
        entry.withString { bytes in
            guard count != 2 else { return reply.integer(Bits.ones(bytes)) }
            guard count == 4 || count == 5 else { return fail(ErrorText.syntax) }
            guard let start = integer(2), let end = integer(3) else { return }
            // Redis answers this before it looks at the unit.
            if start < 0 && end < 0 && start > end { return reply.integer(0) }
            var inBits = false
            if count == 5 {
                guard let unit = countsBits(4) else { return }
                inBits = unit
            }
            let total = inBits ? bytes.count << 3 : bytes.count
            guard let range = Call.range(start, end, within: total) else { return reply.integer(0) }
            if inBits { return reply.integer(Bits.ones(bytes, from: range.from, to: range.to)) }
            reply.integer(Bits.ones(bytes.slice(range.from, range.to + 1)))
        }
    }

    /// BITPOS key bit [start [end [BYTE | BIT]]]. A missing key is zeros without end.
    func bitPosition() {
        guard let bit = integer(2) else { return }
        guard bit == 0 || bit == 1 else { return fail("ERR The bit argument must be 1 or 0.") }
        guard let entry = read(key(1)) else { return reply.integer(bit == 1 ? -1 : 0) }
        guard isString(entry) else { return }
        guard count <= 6 else { return fail(ErrorText.syntax) }
        entry.withString { bytes in
            guard let range = positionRange(bytes.count) else { return }
            guard range.from <= range.to else { return reply.integer(-1) }
            if let found = Bits.first(bit == 1, in: bytes, from: range.from, to: range.to) {
                return reply.integer(found)
            }
            // Past the end there are zeros, unless the caller has set an end.
            reply.integer(bit == 0 && count < 5 ? bytes.count << 3 : -1)
        }
    }

    /// The bits that BITPOS looks at, inclusive, empty if from > to; nil: replied.
    private func positionRange(_ length: Int) -> (from: Int, to: Int)? {
        if count == 3 { return (0, length << 3 - 1) }
        guard let start = integer(3) else { return nil }
        var inBits = false
        if count == 6 {
            guard let unit = countsBits(5) else { return nil }
            inBits = unit
        }
        var end = Int64.max
        if count >= 5 {
            guard let given = integer(4) else { return nil }
            end = given
        }
        let total = Int64(inBits ? length << 3 : length)
        let from = Int(max(0, start < 0 ? start + total : start))
        let to = Int(min(max(0, end < 0 ? end + total : end), total - 1))
        if from > to { return (1, 0) }
        return inBits ? (from, to) : (from << 3, to << 3 + 7)
    }
}
