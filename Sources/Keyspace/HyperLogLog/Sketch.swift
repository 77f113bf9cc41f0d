import Base
import CSystem

/// A HyperLogLog in a string, in Redis' representation (so that GET and SET, dumps and replicas agree with it):
///
///     offset 0   "HYLL"
///            4   0: dense, 1: sparse
///            5   three zeros
///            8   the cardinality last computed, little endian; its highest bit says that it is out of date
///           16   16384 registers of six bits (dense), or runs of equal registers (sparse)
///
/// A view: owns nothing. What a client may have SET is trusted in nothing but what `init` looked at.
public struct Sketch {
    public static let registers = 16384
    static let indexBits = 14
    static let headerBytes = 16
    static let denseBytes = headerBytes + registers * 6 / 8
    /// The largest rank: bits of a hash that are not the register's index, and one more.
    static let rankMax = 64 - indexBits + 1
    static let seed: UInt32 = 0xadc8_3b19

    public let bytes: ByteView
    public let isDense: Bool

    /// nil if the bytes are no HyperLogLog by their header and length.
    public init?(_ bytes: ByteView) {
        guard bytes.count >= Sketch.headerBytes, bytes.slice(0, 4) == ByteView("HYLL"), bytes[4] <= 1 else {
            return nil
        }
        if bytes[4] == 0 && bytes.count != Sketch.denseBytes { return nil }
        self.bytes = bytes
        isDense = bytes[4] == 0
    }

    /// nil if the entry is no string that holds a HyperLogLog.
    public init?(_ entry: Entry) {
        guard entry.type == .string, let bytes = entry.stringBytes else { return nil }
        self.init(bytes)
    }

    /// The cardinality that was computed last, unless registers have changed since.
    public var knownCardinality: UInt64? {
        if bytes[15] & 0x80 != 0 { return nil }
        return UInt64(littleEndian: UnsafeRawPointer(bytes.start).loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    var sparse: SparseRegisters { SparseRegisters(bytes.start + Sketch.headerBytes, bytes.count - Sketch.headerBytes) }

    /// The register that an element belongs to, and its rank there: one more than the zeros that the rest of its
    /// hash ends in.
    @inline(__always)
    public static func place(of element: ByteView) -> (register: Int, rank: UInt8) {
        let hash = MurmurHash64.hash(element, seed: seed)
        let rest = hash >> UInt64(indexBits) | 1 << UInt64(64 - indexBits)
        return (
            Int(truncatingIfNeeded: hash & UInt64(registers - 1)),
            UInt8(truncatingIfNeeded: rest.trailingZeroBitCount + 1)
        )
    }

    /// Raises each of 16384 registers, one byte each, to what it is here. False if this is corrupt.
    public func merge(into registers: UnsafeMutablePointer<UInt8>) -> Bool {
        if !isDense {
            return sparse.forEachRun { run in
                if run.value == 0 { return }
                for i in run.first..<run.first + run.length { registers[i] = max(registers[i], run.value) }
            }
        }
        DenseRegisters(bytes.start + Sketch.headerBytes).forEachFour { at, a, b, c, d in
            registers[at] = max(registers[at], a)
            registers[at &+ 1] = max(registers[at &+ 1], b)
            registers[at &+ 2] = max(registers[at &+ 2], c)
            registers[at &+ 3] = max(registers[at &+ 3], d)
        }
        return true
    }

    /// How many different elements were added, about; nil if this is corrupt.
    public func cardinality() -> UInt64? {
        var isValid = true
        let estimate = Cardinality.estimate { counts in
            if !isDense {
                isValid = sparse.forEachRun { counts[Int($0.value)] += $0.length }
                return
            }
            DenseRegisters(bytes.start + Sketch.headerBytes).forEachFour { _, a, b, c, d in
                counts[Int(a)] &+= 1
                counts[Int(b)] &+= 1
                counts[Int(c)] &+= 1
                counts[Int(d)] &+= 1
            }
        }
        return isValid ? estimate : nil
    }

    /// The cardinality of what 16384 registers of one byte each have seen.
    public static func cardinality(of registers: UnsafePointer<UInt8>) -> UInt64 {
        Cardinality.estimate { counts in
            for i in 0..<Sketch.registers { counts[Int(registers[i] & 63)] &+= 1 }
        }
    }
}

/// From registers to a number: Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
/// (arXiv:1702.01284), algorithm 6, as Redis uses it since version 5.
enum Cardinality {
    /// `count` fills in how many registers have each of the values 0 to 63.
    static func estimate(_ count: (UnsafeMutablePointer<Int>) -> Void) -> UInt64 {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 64) { counts in
            counts.initialize(repeating: 0)
            count(counts.baseAddress.unsafelyUnwrapped)
            let m = Double(Sketch.registers)
            var z = m * tau((m - Double(counts[Sketch.rankMax])) / m)
            for rank in stride(from: Sketch.rankMax - 1, through: 1, by: -1) { z = (z + Double(counts[rank])) * 0.5 }
            z += m * sigma(Double(counts[0]) / m)
            // 1 / (2 ln 2)
            let estimate = (0.721347520444481703680 * m * m / z).rounded(.toNearestOrAwayFromZero)
            // Only registers that no element can have set make this infinite; Redis then shows the least integer.
            return estimate < 0x1p63 ? UInt64(estimate) : 1 << 63
        }
    }

    private static func sigma(_ share: Double) -> Double {
        if share == 1 { return .infinity }
        var x = share
        var y = 1.0
        var z = share
        var last: Double
        repeat {
            x *= x
            last = z
            z += x * y
            y += y
        } while last != z
        return z
    }

    private static func tau(_ share: Double) -> Double {
        if share == 0 || share == 1 { return 0 }
        var x = share
        var y = 1.0
        var z = 1 - share
        var last: Double
        repeat {
            x = x.squareRoot()
            last = z
            y *= 0.5
            z -= (1 - x) * (1 - x) * y
        } while last != z
        return z / 3
    }
}

extension Sketch {
    /// Visits the registers of a dense sketch in order.
    public func forEachRegister(_ body: (UInt8) -> Void) {
        if !isDense { return }
        DenseRegisters(bytes.start + Sketch.headerBytes).forEachFour { _, a, b, c, d in
            body(a)
            body(b)
            body(c)
            body(d)
        }
    }

    /// A sparse sketch's runs as PFDEBUG DECODE shows them: z and Z for zeros in one and two bytes, v for others.
    public var runsShown: String {
        var parts: [String] = []
        var at = 0
        while let run = sparse.run(at, first: 0) {
            parts.append(run.value != 0 ? "v:\(run.value),\(run.length)" : "\(run.size == 1 ? "z" : "Z"):\(run.length)")
            at = run.end
        }
        return parts.joined(separator: " ")
    }
}

/// What PFSELFTEST checks.
public enum SketchTest {
    /// Sets and reads registers, then counts up to 100,000 random elements. Answers what is wrong, nil if
    /// nothing is. Takes a few milliseconds.
    public static func run(seed: UInt64) -> String? {
        var random = PRNG(seed: seed)
        let ranks = UnsafeMutablePointer<UInt8>.allocate(capacity: Sketch.registers)
        let dense = UnsafeMutablePointer<UInt8>.allocate(capacity: Sketch.denseBytes)
        defer {
            ranks.deallocate()
            dense.deallocate()
        }
        dense.initialize(repeating: 0, count: Sketch.denseBytes)
        ranks.initialize(repeating: 0, count: Sketch.registers)
        let registers = DenseRegisters(dense)
        for i in 0..<Sketch.registers {
            ranks[i] = UInt8(random.below(64))
            registers[i] = ranks[i]
        }
        for i in 0..<Sketch.registers where registers[i] != ranks[i] {
            return "register \(i) should be \(ranks[i]), not \(registers[i])"
        }
        ranks.initialize(repeating: 0, count: Sketch.registers)
        for added in 1...100_000 {
            withUnsafeBytes(of: random.next()) {
                let place = Sketch.place(of: ByteView(raw: $0.baseAddress.unsafelyUnwrapped, 8))
                ranks[place.register] = max(ranks[place.register], place.rank)
            }
            guard added == 100 || added == 1000 || added == 10_000 || added == 100_000 else { continue }
            let counted = Double(Sketch.cardinality(of: ranks))
            // Six standard errors of 1.04 / sqrt(16384), and ten for luck among few.
            if abs(counted - Double(added)) > 0.049 * Double(added) + 10 { return "counted \(counted) of \(added)" }
        }
        return nil
    }
}
