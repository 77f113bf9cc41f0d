import Base
import CSystem

/// Registers as runs of equal ones (Redis' sparse HyperLogLog), each in one or two bytes:
///
///     00nnnnnn            n+1 registers are 0
///     01nnnnnn nnnnnnnn   n+1 registers are 0
///     1vvvvvnn            n+1 registers are v+1
///
/// A view of bytes that may have come from a client: no run is believed to be whole or to end where it should.
public struct SparseRegisters {
    static let valueMax: UInt8 = 32
    static let valueRunMax = 4
    static let shortZerosMax = 64

    let start: UnsafePointer<UInt8>
    let count: Int

    init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        self.start = start
        self.count = count
    }

    struct Run {
        /// Where it is, and its bytes.
        var at: Int
        var size: Int
        /// Its first register, and how many they are.
        var first: Int
        var length: Int
        /// What they are.
        var value: UInt8

        var last: Int { first + length - 1 }
        var end: Int { at + size }
    }

    /// The run at this byte; nil past the end, and if it is cut off.
    @inline(__always)
    func run(_ at: Int, first: Int) -> Run? {
        if at >= count { return nil }
        let byte = start[at]
        if byte & 0x80 != 0 {
            return Run(at: at, size: 1, first: first, length: Int(byte & 3) &+ 1, value: (byte >> 2 & 31) &+ 1)
        }
        if byte & 0x40 == 0 { return Run(at: at, size: 1, first: first, length: Int(byte & 63) &+ 1, value: 0) }
        if at &+ 1 >= count { return nil }
        let length = (Int(byte & 63) << 8 | Int(start[at &+ 1])) &+ 1
        return Run(at: at, size: 2, first: first, length: length, value: 0)
    }

    /// Visits the runs. False if they are not 16384 registers in all; then some may have been visited.
    @inline(__always)
    func forEachRun(_ body: (Run) -> Void) -> Bool {
        var at = 0
        var first = 0
        while let run = run(at, first: first) {
            if run.length > Sketch.registers &- first { return false }
            body(run)
            at = run.end
            first &+= run.length
        }
        return at == count && first == Sketch.registers
    }

    /// Where looking for a register may begin: a run, and its first register.
    public struct Cursor {
        var at = 0
        var first = 0
    }

    /// The run that a register is in.
    struct Place {
        var run: Run
        /// Where the run before it is.
        var previous: Int?
        /// From where to look for a later register once this one has been raised: before all that raising may
        /// change, which begins with the run before this one.
        var cursor: Cursor
    }

    /// The run that a register is in; nil if the runs end before it.
    func locate(_ register: Int, from cursor: Cursor = Cursor()) -> Place? {
        // The last four runs, so that the next search can begin well before this one's neighbour.
        var history = (cursor, cursor, cursor, cursor)
        var steps = 0
        var previous: Int?
        var here = cursor
        while let run = run(here.at, first: here.first) {
            if register < run.first &+ run.length {
                // The neighbour's neighbour must be known: without it, the next search would miss the neighbour's.
                if steps < 2 && cursor.at != 0 { return locate(register) }
                return Place(run: run, previous: previous, cursor: history.0)
            }
            previous = here.at
            history = (history.1, history.2, history.3, here)
            steps &+= 1
            here = Cursor(at: run.end, first: run.first &+ run.length)
        }
        return nil
    }

    // MARK: changing

    /// What takes a run's place when one of its registers gets another value: at most five bytes.
    struct Replacement {
        private(set) var bytes: (UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0)
        private(set) var count = 0

        init(_ run: Run, _ register: Int, _ value: UInt8) {
            addRun(run.value, register - run.first)
            addRun(value, 1)
            addRun(run.value, run.last - register)
        }

        private mutating func addRun(_ value: UInt8, _ length: Int) {
            if length == 0 { return }
            if value != 0 { return add(SparseRegisters.valueRun(value, length)) }
            if length > SparseRegisters.shortZerosMax {
                add(0x40 | UInt8((length - 1) >> 8))
                add(UInt8((length - 1) & 255))
            } else {
                add(UInt8(length - 1))
            }
        }

        private mutating func add(_ byte: UInt8) {
            withUnsafeMutableBytes(of: &bytes) { $0[count] = byte }
            count += 1
        }

        func write(to place: UnsafeMutablePointer<UInt8>) {
            withUnsafeBytes(of: bytes) { _ = memcpy(place, $0.baseAddress.unsafelyUnwrapped, count) }
        }
    }

    static func valueRun(_ value: UInt8, _ length: Int) -> UInt8 { 0x80 | (value - 1) << 2 | UInt8(length - 1) }

    /// Joins neighbouring runs of one value near a change, looking at five runs from `from` on as Redis does, so
    /// that both end up with the same bytes. Answers how many bytes are left.
    static func join(_ start: UnsafeMutablePointer<UInt8>, _ count: Int, from: Int) -> Int {
        var count = count
        var at = from
        for _ in 0..<5 where at < count {
            let byte = start[at]
            if byte & 0x80 == 0 {
                at += byte & 0x40 == 0 ? 1 : 2
                continue
            }
            if at + 1 < count, (start[at + 1] ^ byte) & 0xfc == 0 {
                let length = Int(byte & 3) + Int(start[at + 1] & 3) + 2
                if length <= valueRunMax {
                    start[at] = byte & 0xfc | UInt8(length - 1)
                    memmove(start + at + 1, start + at + 2, count - at - 2)
                    count -= 1
                    continue
                }
            }
            at += 1
        }
        return count
    }
}
