import Base
import CSystem
import Keyspace
import RESP

extension Call {
    /// SETBIT key offset value. Answers the bit that was there.
    func setBit() {
        guard let offset = bitOffset(2) else { return }
        guard let value = self[3].integer, value == 0 || value == 1 else {
            return fail("ERR bit is not an integer or out of range")
        }
        let key = key(1)
        let access = access(key)
        let slot = access.find(key)
        guard isStringOrMissing(access, slot) else { return }
        let byte = offset >> 3
        let before = slot.map { access.entry($0).stringCount } ?? 0
        let (bytes, _) = access.extend(key, slot, to: byte + 1)
        let old = bytes[byte]
        let mask: UInt8 = 0x80 >> UInt8(offset & 7)
        let new = value == 1 ? old | mask : old & ~mask
        reply.integer(old & mask == 0 ? 0 : 1)
        // Setting a bit to what it is changes nothing, unless the string has grown to hold it.
        if new == old && before > byte { return }
        bytes[byte] = new
        withUnsafePointer(to: new) { access.finishSplice(key, offset: byte, ByteView($0, 1)) }
        access.notify(.string, "setbit", key)
    }

    /// BITOP AND | OR | XOR | NOT destination key [key ...]. Shorter strings end in zeros.
    func bitOperation() {
        guard let operation = bitOperationNamed(self[1]) else { return fail(ErrorText.syntax) }
        if operation == .not && count != 4 { return fail("ERR BITOP NOT must be called with a single source key.") }
        guard let longest = longestOperand() else { return }
        let target = key(2)
        let access = access(target)
        if longest == 0 {
            if let slot = access.find(target) {
                access.remove(slot, target)
                access.notify(.generic, "del", target)
            }
            return reply.integer(0)
        }
        let result = cs_allocate(longest).unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
        withOperand(3) { first in
            if operation == .not {
                Bits.combine(.not, result, first.start, first.count)
            } else {
                memcpy(result, first.start, first.count)
                memset(result + first.count, 0, longest - first.count)
            }
        }
        for word in 4..<max(4, count) { withOperand(word) { combine(operation, result, $0, longest) } }
        access.putBuffer(target, result, count: longest, capacity: longest, access.find(target))
        access.notify(.string, "set", target)
        reply.integer(longest)
    }

    private func combine(
        _ operation: Bits.Operation, _ result: UnsafeMutablePointer<UInt8>, _ operand: ByteView, _ longest: Int
    ) {
        Bits.combine(operation, result, operand.start, operand.count)
        if operation == .and { memset(result + operand.count, 0, longest - operand.count) }
    }

    private func bitOperationNamed(_ word: ByteView) -> Bits.Operation? {
        if word.isWord("and") { return .and }
        if word.isWord("or") { return .or }
        if word.isWord("xor") { return .xor }
        return word.isWord("not") ? .not : nil
    }

    /// The length of the longest source; replies and answers nil if one is no string.
    private func longestOperand() -> Int? {
        var longest = 0
        for word in 3..<count {
            guard let entry = read(key(word)) else { continue }
            guard isString(entry) else { return nil }
            longest = max(longest, entry.stringCount)
        }
        return longest
    }

    private func withOperand(_ word: Int, _ body: (ByteView) -> Void) {
        let key = key(word)
        if let entry = access(key).peek(key) { entry.withString(body) } else { body(ByteView("")) }
    }
}
