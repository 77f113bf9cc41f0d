import Base
import Keyspace
import RESP

/// One integer inside a string: `width` bits from bit `offset` on, the highest first.
struct BitField {
    var isSigned: Bool
    /// 1 to 64, unsigned ones to 63.
    var width: Int
    var offset = 0

    /// The mark of a type: "i16", "u8".
    init?(_ text: ByteView) {
        guard text.count > 1, text[0] == 105 || text[0] == 117,
            let width = text.slice(1, text.count).integer
        else { return nil }
        isSigned = text[0] == 105
        if width < 1 || width > (isSigned ? 64 : 63) { return nil }
        self.width = Int(width)
    }

    /// The bytes it touches.
    var firstByte: Int { offset >> 3 }
    var lastByte: Int { (offset + width - 1) >> 3 }

    /// The highest bits of the first 72 that the field lies in: 64 and 8 more. Zeros past the end.
    private func load(_ bytes: ByteView) -> (high: UInt64, low: UInt8) {
        func byte(_ i: Int) -> UInt8 { i < bytes.count ? bytes[i] : 0 }
        var high: UInt64 = 0
        for i in firstByte..<firstByte + 8 { high = high << 8 | UInt64(byte(i)) }
        return (high, byte(firstByte + 8))
    }

    /// The integer's value, its sign extended.
    func value(in bytes: ByteView) -> Int64 {
        let (high, low) = load(bytes)
        let shift = UInt64(offset & 7)
        let aligned = high << shift | UInt64(low) >> (8 - shift)
        let unused = UInt64(64 - width)
        return isSigned ? Int64(bitPattern: aligned) >> Int64(unused) : Int64(bitPattern: aligned >> unused)
    }

    /// Lends the bytes it touches with `value` in its place.
    func withBytes(_ bytes: ByteView, holding value: Int64, _ body: (ByteView) -> Void) {
        var (high, low) = load(bytes)
        let shift = UInt64(offset & 7)
        let mask = UInt64.max << UInt64(64 - width)
        let aligned = UInt64(bitPattern: value) << UInt64(64 - width)
        high = high & ~(mask >> shift) | aligned >> shift
        low = low & ~UInt8(truncatingIfNeeded: mask << (8 - shift)) | UInt8(truncatingIfNeeded: aligned << (8 - shift))
        let count = lastByte - firstByte + 1
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 9) { place in
            for i in 0..<8 { place[i] = UInt8(truncatingIfNeeded: high >> UInt64(56 - i * 8)) }
            place[8] = low
            body(ByteView(UnsafePointer(place.baseAddress.unsafelyUnwrapped), count))
        }
    }

    enum Overflow {
        case wrap, saturate, fail
    }

    /// `value` + `increment` as this field can hold it; nil if it cannot and `overflow` says to fail.
    /// The comparisons wrap as Redis' do: a value far below a signed field's range saturates to its
    /// maximum there, and clients may compare.
    func sum(_ value: Int64, _ increment: Int64, _ overflow: Overflow) -> Int64? {
        isSigned ? signedSum(value, increment, overflow) : unsignedSum(value, increment, overflow)
    }

    private func signedSum(_ value: Int64, _ increment: Int64, _ overflow: Overflow) -> Int64? {
        let maximum = Int64.max >> Int64(64 - width)
        let minimum = ~maximum
        let room = maximum &- value, depth = minimum &- value
        let isNarrow = width < 64
        let over =
            value > maximum || (isNarrow && increment > room) || (value >= 0 && increment > 0 && increment > room)
        let under =
            value < minimum || (isNarrow && increment < depth) || (value < 0 && increment < 0 && increment < depth)
        let sum = value &+ increment
        guard over || under else { return sum }
        switch overflow {
        case .fail: return nil
        case .saturate: return over ? maximum : minimum
        case .wrap:
            let unused = Int64(64 - width)
            return (sum << unused) >> unused
        }
    }

    private func unsignedSum(_ signed: Int64, _ increment: Int64, _ overflow: Overflow) -> Int64? {
        let value = UInt64(bitPattern: signed)
        let maximum = (1 as UInt64) << UInt64(width) - 1
        let room = Int64(bitPattern: maximum &- value), depth = 0 &- signed
        let over = value > maximum || (increment > 0 && increment > room)
        let under = increment < 0 && increment < depth
        let sum = signed &+ increment
        guard over || under else { return sum }
        switch overflow {
        case .fail: return nil
        case .saturate: return over ? Int64(bitPattern: maximum) : 0
        case .wrap: return Int64(bitPattern: UInt64(bitPattern: sum) & maximum)
        }
    }
}

extension Call {
    private struct FieldOperation {
        enum Kind {
            case get, set, add
        }

        var kind: Kind
        var field: BitField
        var operand: Int64
        var overflow: BitField.Overflow
        /// Words it takes.
        var words: Int { kind == .get ? 3 : 4 }
    }

    /// BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET | INCRBY type offset value ...]
    func bitField() { bitField(readOnly: false) }

    /// BITFIELD_RO key [GET type offset ...]
    func bitFieldReadOnly() { bitField(readOnly: true) }

    private func bitField(readOnly: Bool) {
        var operations = 0
        var writes = false
        var end = 0
        // All words are checked before any is done.
        let sound = forEachFieldOperation { operation in
            operations += 1
            if operation.kind != .get {
                writes = true
                end = max(end, operation.field.lastByte + 1)
            }
        }
        guard sound else { return }
        if writes && readOnly { return fail("ERR BITFIELD_RO only supports the GET subcommand") }
        let key = key(1)
        if !writes {
            let entry = read(key)
            if let entry, !isString(entry) { return }
            reply.array(operations)
            _ = forEachFieldOperation { operation in
                guard let entry else { return reply.integer(0) }
                entry.withString { reply.integer(operation.field.value(in: $0)) }
            }
            return
        }
        let access = access(key)
        let slot = access.find(key)
        guard isStringOrMissing(access, slot) else { return }
        // The string reaches to the last bit that any operation may write, even if it then fails.
        let before = slot.map { access.entry($0).stringCount } ?? 0
        _ = access.extend(key, slot, to: end)
        var recorded = before
        var isChanged = false
        reply.array(operations)
        _ = forEachFieldOperation { operation in
            let outcome = perform(operation, access, key)
            recorded = max(recorded, outcome.recorded)
            isChanged = isChanged || outcome.recorded > 0 || (outcome.wrote && before < end)
        }
        // Having grown is a change of its own only if no operation's change says as much.
        if recorded < end { access.finishSplice(key, offset: end, ByteView("")) }
        if isChanged { access.notify(.string, "setbit", key) }
    }

    /// Answers up to which byte it has recorded a change, 0 for none, and whether it has written at all.
    private func perform(_ operation: FieldOperation, _ access: Access, _ key: Key) -> (recorded: Int, wrote: Bool) {
        let slot = access.find(key).unsafelyUnwrapped
        let bytes = access.entry(slot).stringBytes.unsafelyUnwrapped
        let field = operation.field
        let old = field.value(in: bytes)
        let new: Int64?
        switch operation.kind {
        case .get:
            reply.integer(old)
            return (0, false)
        case .set: new = field.sum(operation.operand, 0, operation.overflow)
        case .add: new = field.sum(old, operation.operand, operation.overflow)
        }
        guard let new else {
            reply.null()
            return (0, false)
        }
        reply.integer(operation.kind == .set ? old : new)
        if new == old { return (0, true) }
        field.withBytes(bytes, holding: new) { _ = access.splice(key, slot, offset: field.firstByte, $0) }
        return (field.lastByte + 1, true)
    }

    /// Hands over the operations in order; replies and answers false at the first that makes no sense.
    private func forEachFieldOperation(_ body: (FieldOperation) -> Void) -> Bool {
        var overflow = BitField.Overflow.wrap
        var word = 2
        while word < count {
            if self[word].isWord("overflow"), word + 1 < count {
                guard let named = overflowNamed(self[word + 1]) else {
                    fail("ERR Invalid OVERFLOW type specified")
                    return false
                }
                overflow = named
                word += 2
                continue
            }
            guard let operation = fieldOperation(word, overflow) else { return false }
            body(operation)
            word += operation.words
        }
        return true
    }

    private func overflowNamed(_ word: ByteView) -> BitField.Overflow? {
        if word.isWord("wrap") { return .wrap }
        if word.isWord("sat") { return .saturate }
        return word.isWord("fail") ? .fail : nil
    }

    private func fieldOperation(_ word: Int, _ overflow: BitField.Overflow) -> FieldOperation? {
        let name = self[word]
        let kind: FieldOperation.Kind
        if name.isWord("get"), word + 2 < count {
            kind = .get
        } else if name.isWord("set"), word + 3 < count {
            kind = .set
        } else if name.isWord("incrby"), word + 3 < count {
            kind = .add
        } else {
            fail(ErrorText.syntax)
            return nil
        }
        guard var field = BitField(self[word + 1]) else {
            fail("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
            return nil
        }
        guard let offset = bitOffset(word + 2, width: field.width) else { return nil }
        field.offset = offset
        var operand: Int64 = 0
        if kind != .get {
            guard let number = integer(word + 3) else { return nil }
            operand = number
        }
        return FieldOperation(kind: kind, field: field, operand: operand, overflow: overflow)
    }
}
