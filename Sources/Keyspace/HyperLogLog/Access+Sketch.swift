import Base
import CSystem

extension Access {
    /// Makes an absent key hold a HyperLogLog of nothing. Invalidates slots; answers the new one.
    public func makeSketch(_ key: Key) -> SketchEditor {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Sketch.headerBytes + 2) { bytes in
            bytes.initialize(repeating: 0)
            let start = bytes.baseAddress.unsafelyUnwrapped
            memcpy(start, ByteView("HYLL").start, 4)
            bytes[4] = 1
            // Nobody has computed a cardinality yet; all registers are zero, in one run.
            bytes[15] = 0x80
            bytes[Sketch.headerBytes] = 0x7f
            bytes[Sketch.headerBytes + 1] = 0xff
            putRawString(key, ByteView(UnsafePointer(start), bytes.count), nil)
        }
        return SketchEditor(self, tables.pointee.entries.find(key).unsafelyUnwrapped, key)
    }

    /// Gives a raw string another length; what is added is zero. Not stamped nor emitted.
    func resizeString(_ key: Key, _ slot: Slot, to count: Int) {
        let entry = Table.entry(slot)
        if count > entry.stringCount {
            _ = extend(key, slot, to: count)
        } else if entry.encoding == .block {
            var block = entry.block
            block.count = count
            entry.block = block
        } else {
            _ = resized(slot, key, entry, count)
        }
    }

    /// Replays the raising of a register.
    func applyRaise(_ register: Int, _ rank: UInt8, isDense: Bool, _ key: Key, _ slot: Slot?) {
        guard let slot, Sketch(Table.entry(slot)) != nil, 0..<Sketch.registers ~= register else { return }
        // Which form a value has taken is part of the change; this key space's own limit has no say.
        let editor = SketchEditor(self, slot, key, sparseBytesMax: .max)
        if isDense && !editor.densify() { return }
        _ = editor.raise(register, to: rank)
    }
}

extension SketchEditor {
    /// Keeps a computed cardinality with the registers.
    public func keep(_ cardinality: UInt64) {
        withUnsafeBytes(of: cardinality.littleEndian) { bytes in
            _ = access.splice(key, slot, offset: 8, ByteView(raw: bytes.baseAddress.unsafelyUnwrapped, 8))
        }
    }

    /// Marks the cardinality as out of date, and emits that.
    public func outdate() {
        withUnsafeBytes(of: start15 | 0x80) { byte in
            _ = access.splice(key, slot, offset: 15, ByteView(raw: byte.baseAddress.unsafelyUnwrapped, 1))
        }
    }

    private var start15: UInt8 { sketch.bytes[15] }

    /// Takes on the dense form and emits it. False if the sparse one is corrupt.
    public func makeDense() -> Bool {
        if isDense { return true }
        if !densify() { return false }
        access.emitReplaced(slot, key)
        return true
    }

    /// Raises all registers that are lower than the given ones. False if the value is corrupt.
    public func raise(toAll ranks: UnsafePointer<UInt8>) -> Bool {
        guard let lower = countLower(ranks) else { return false }
        var cursor = SparseRegisters.Cursor()
        // Few changes go out one by one, many as the whole value, which is then shorter.
        let emitsEach = lower <= Sketch.denseBytes / 64
        for register in 0..<Sketch.registers where ranks[register] != 0 {
            _ =
                emitsEach
                ? raise(register, to: ranks[register], &cursor)
                : raiseSilently(register, to: ranks[register], &cursor)
        }
        forgetCardinality()
        if !emitsEach { access.emitReplaced(slot, key) } else { outdate() }
        return true
    }

    /// How many registers are lower than the given ones; nil if the value is corrupt.
    private func countLower(_ ranks: UnsafePointer<UInt8>) -> Int? {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Sketch.registers) { own in
            own.initialize(repeating: 0)
            guard sketch.merge(into: own.baseAddress.unsafelyUnwrapped) else { return nil }
            return (0..<Sketch.registers).reduce(0) { $0 + (own[$1] < ranks[$1] ? 1 : 0) }
        }
    }
}

extension Access {
    /// Stamps a value that was changed in place and emits it whole.
    func emitReplaced(_ slot: Slot, _ key: Key) { changed(slot, key, Table.entry(slot).wholeChange) }
}
