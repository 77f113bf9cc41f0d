import Base
import CSystem

/// A Bloom filter in cache lines: a stem sets its bits in one line of 512, so that asking costs one miss. After
/// Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters" (WEA 2007); the bits' places are
/// taken from the hash by multiplication, as in RocksDB. With ten bits a stem about one in a hundred others passes.
///
///     64 n   lines
///     4      n
///     4      bits that a stem sets
struct StemFilter: ~Copyable {
    private let lines: UnsafeMutablePointer<UInt8>
    private let lineCount: UInt32
    private let probes: UInt32

    static let lineBytes = 64
    private static let endBytes = 8

    /// What the filter knows of a stem. The seed is the directory's identity: who sends keys cannot choose it.
    @inline(__always)
    static func hash(_ stem: ByteView, seed: UInt64) -> UInt64 { cs_stable_hash(stem.start, stem.count, seed) }

    /// Of these hashes.
    init(_ hashes: [UInt64], bitsPerStem: Int) {
        let lines = (hashes.count * max(bitsPerStem, 1) + 511) / 512
        self.init(lineCount: UInt32(clamping: max(lines, 1)), probes: UInt32(min(max(bitsPerStem * 62 / 100, 1), 16)))
        memset(self.lines, 0, byteCount)
        for hash in hashes { add(hash) }
    }

    private init(lineCount: UInt32, probes: UInt32) {
        self.lineCount = lineCount
        self.probes = probes
        lines = cs_allocate_lines(Int(lineCount) * StemFilter.lineBytes)!.assumingMemoryBound(to: UInt8.self)
    }

    /// Nil if these bytes are none.
    init?(_ bytes: ByteView) {
        let end = bytes.count - StemFilter.endBytes
        guard end > 0 else { return nil }
        let lineCount = bytes.integer(at: end, UInt32.self)
        let probes = bytes.integer(at: end + 4, UInt32.self)
        guard end == Int(lineCount) * StemFilter.lineBytes, (1...16).contains(probes) else { return nil }
        self.init(lineCount: lineCount, probes: probes)
        memcpy(lines, bytes.start, end)
    }

    deinit { cs_release_lines(lines, byteCount) }

    var byteCount: Int { Int(lineCount) * StemFilter.lineBytes }

    func write(to output: inout ByteBuffer) {
        output.append(ByteView(UnsafePointer(lines), byteCount))
        output.append(littleEndian: lineCount)
        output.append(littleEndian: probes)
    }

    @inline(__always)
    private func line(of hash: UInt64) -> UnsafeMutablePointer<UInt8> {
        let number = (UInt64(UInt32(truncatingIfNeeded: hash)) &* UInt64(lineCount)) &>> 32
        return lines + Int(number) &* StemFilter.lineBytes
    }

    private func add(_ hash: UInt64) {
        let line = line(of: hash)
        var bits = UInt32(truncatingIfNeeded: hash &>> 32)
        for _ in 0..<probes {
            let bit = Int(bits &>> 23)
            line[bit &>> 3] |= 1 << UInt8(bit & 7)
            bits = bits &* 0x9e37_79b9
        }
    }

    /// False: nothing with this hash was put in.
    @inline(__always)
    func mayHold(_ hash: UInt64) -> Bool {
        let line = line(of: hash)
        var bits = UInt32(truncatingIfNeeded: hash &>> 32)
        var left = probes
        while left > 0 {
            let bit = Int(bits &>> 23)
            if line[bit &>> 3] & 1 &<< UInt8(bit & 7) == 0 { return false }
            bits = bits &* 0x9e37_79b9
            left &-= 1
        }
        return true
    }
}
