import Base
import CSystem

/// A HyperLogLog that a key holds, for changing it in place. Valid as long as its slot; the partition's lock is
/// held. Changes are completed with `Access.changed`.
public struct SketchEditor {
    public let access: Access
    public let slot: Access.Slot
    public let key: Key
    /// The most bytes that the sparse form may take (hll-sparse-max-bytes).
    let sparseBytesMax: Int

    /// `Sketch.init` has accepted the entry.
    public init(_ access: Access, _ slot: Access.Slot, _ key: Key, sparseBytesMax: Int? = nil) {
        self.access = access
        self.slot = slot
        self.key = key
        self.sparseBytesMax = sparseBytesMax ?? access.packing[.sparseBytes]
    }

    /// The string's bytes, where they are now.
    private var start: UnsafeMutablePointer<UInt8> {
        UnsafeMutablePointer(mutating: access.entry(slot).stringBytes.unsafelyUnwrapped.start)
    }

    private var count: Int { access.entry(slot).stringCount }

    /// A string that is changed in place is shown as raw from then on.
    private func makeRaw() { _ = access.extend(key, slot, to: 0) }

    public var sketch: Sketch { Sketch(access.entry(slot)).unsafelyUnwrapped }

    public var isDense: Bool { start[4] == 0 }

    /// The cardinality is out of date from now on.
    public func forgetCardinality() { start[15] |= 0x80 }

    public enum Outcome {
        /// The register has been as high before.
        case unchanged
        case raised
        case corrupt
    }

    /// Raises a register to a rank if it is lower, and emits that.
    public func raise(_ register: Int, to rank: UInt8) -> Outcome {
        var cursor = SparseRegisters.Cursor()
        return raise(register, to: rank, &cursor)
    }

    /// The same for registers one after another in ascending order, without looking from the start each time.
    public func raise(_ register: Int, to rank: UInt8, _ cursor: inout SparseRegisters.Cursor) -> Outcome {
        let outcome = raiseSilently(register, to: rank, &cursor)
        if outcome == .raised {
            access.changed(slot, key, .raise(register: register, rank: rank, isDense: isDense))
        }
        return outcome
    }

    func raiseSilently(_ register: Int, to rank: UInt8, _ cursor: inout SparseRegisters.Cursor) -> Outcome {
        if isDense { return raiseDense(register, to: rank) }
        if rank > SparseRegisters.valueMax { return densify() ? raiseDense(register, to: rank) : .corrupt }
        guard let place = sketch.sparse.locate(register, from: cursor) else { return .corrupt }
        cursor = place.cursor
        if place.run.value >= rank { return .unchanged }
        let new = SparseRegisters.Replacement(place.run, register, rank)
        let growth = new.count - place.run.size
        if growth > 0 && count + growth > sparseBytesMax {
            return densify() ? raiseDense(register, to: rank) : .corrupt
        }
        replace(place, by: new)
        forgetCardinality()
        return .raised
    }

    private func raiseDense(_ register: Int, to rank: UInt8) -> Outcome {
        let registers = DenseRegisters(start + Sketch.headerBytes)
        if registers[register] >= rank { return .unchanged }
        makeRaw()
        registers[register] = rank
        forgetCardinality()
        return .raised
    }

    private func replace(_ place: SparseRegisters.Place, by new: SparseRegisters.Replacement) {
        makeRaw()
        let old = count
        let growth = new.count - place.run.size
        if growth > 0 { access.resizeString(key, slot, to: old + growth) }
        let runs = start + Sketch.headerBytes
        let rest = old - Sketch.headerBytes - place.run.end
        memmove(runs + place.run.end + growth, runs + place.run.end, rest)
        new.write(to: runs + place.run.at)
        let left = SparseRegisters.join(runs, old + growth - Sketch.headerBytes, from: place.previous ?? 0)
        if left + Sketch.headerBytes != count { access.resizeString(key, slot, to: left + Sketch.headerBytes) }
    }

    /// Turns the sparse form into the dense one; nothing is emitted. False, and no change, if it is corrupt.
    func densify() -> Bool {
        if isDense { return true }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Sketch.registers) { values in
            values.initialize(repeating: 0)
            let values = values.baseAddress.unsafelyUnwrapped
            guard sketch.merge(into: values) else { return false }
            access.resizeString(key, slot, to: Sketch.denseBytes)
            let bytes = start
            bytes[4] = 0
            memset(bytes + Sketch.headerBytes, 0, Sketch.denseBytes - Sketch.headerBytes)
            let registers = DenseRegisters(bytes + Sketch.headerBytes)
            for i in 0..<Sketch.registers where values[i] != 0 { registers[i] = values[i] }
            return true
        }
    }
}
