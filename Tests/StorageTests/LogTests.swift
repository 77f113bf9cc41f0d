import Base
import CSystem
import Testing

@testable import Storage

/// A directory that goes with the test.
final class ScratchDirectory {
    let path: String

    init() {
        var template = Array("/tmp/martlet-test-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        let files = RealFileSystem()
        for name in (try? files.list(path)) ?? [] { try? files.remove(path + "/" + name) }
        removeDirectory(path)
    }
}

/// A record that is a function of its number, so that recovery can be checked without what was written. A third of them
/// can be compressed.
func sampleRecord(_ i: UInt64, bytes: Int) -> [UInt8] {
    if i % 3 == 0 { return [UInt8](repeating: UInt8(truncatingIfNeeded: i), count: bytes) }
    let start = Int(i &* 977 % 100_000)
    return Array(randomBytes[start..<start + bytes])
}

private let randomBytes: [UInt8] = {
    var random = PRNG(seed: 1)
    return (0..<400_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}()

/// Removes an empty directory.
func removeDirectory(_ path: String) { rmdir(path) }

@Suite struct LogTests {
    private let scratch = ScratchDirectory()
    private let files = RealFileSystem()
    private let identity: UInt64 = 0x1122_3344_5566_7788

    private func log(after end: LogEnd = .empty, segmentBytes: Int64 = 1 << 20) -> Log {
        var options = Log.Options()
        options.segmentBytes = segmentBytes
        return Log(files, directory: scratch.path, identity: identity, after: end, options)
    }

    private func recover(from start: UInt64 = 1) throws(LogError) -> (records: [UInt64: [UInt8]], end: LogEnd) {
        var recovery = LogRecovery(files, directory: scratch.path, identity: identity)
        var records: [UInt64: [UInt8]] = [:]
        let end = try recovery.run(from: start) { number, record throws(LogError) in records[number] = record.bytes }
        return (records, end)
    }

    private func record(_ i: UInt64) -> [UInt8] { sampleRecord(i, bytes: Int(i * 37 % 700)) }

    private func fill(_ log: Log, _ numbers: ClosedRange<UInt64>, writeEvery: UInt64 = 7) throws {
        for i in numbers {
            #expect(record(i).withView { log.append($0) } == i)
            if i % writeEvery == 0 { try log.write() }
        }
        try log.write()
    }

    private func contents(_ name: String) throws -> [UInt8] {
        let file = try files.open(scratch.path + "/" + name, .read)
        var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
        let count = try bytes.withUnsafeMutableBytes { try file.read($0, at: 0) }
        #expect(count == bytes.count)
        return bytes
    }

    private func put(_ name: String, _ bytes: [UInt8]) throws {
        let file = try files.open(scratch.path + "/" + name, .write)
        try file.truncate(to: 0)
        try bytes.withView { try file.write($0, at: 0) }
    }

    /// Headers whose checksums are right, with numbers that nobody has given.
    @Test func numbersThatCannotBe() {
        for (first, isRead): (UInt64, Bool) in [(0, false), (1, true), (1 << 62, false), (.max, false)] {
            var header = ByteBuffer(capacity: 40)
            LogSegmentHeader(identity: identity, first: first).write(to: &header)
            #expect((LogSegmentHeader(header.view) != nil) == isRead)
        }
        for (first, durable): (UInt64, UInt64) in [(5, 5), (1 << 62, 3), (.max, .max)] {
            #expect(LogFrameHeader(LogBuffer.empty(first: first, durable: durable).view) == nil)
        }
        #expect(LogFrameHeader(LogBuffer.empty(first: 5, durable: 4).view) != nil)
    }

    @Test func recordsComeBackInOrder() throws {
        let log = log(segmentBytes: 3000)
        try fill(log, 1...500)
        #expect(log.written == 500 && log.durable < 500)
        try log.sync()
        #expect(log.durable == 500)
        let (records, end) = try recover()
        #expect(end.last == 500 && end.segments.count > 10 && end.segments == log.segmentStarts)
        #expect(records.count == 500)
        for (number, bytes) in records { #expect(bytes == record(number)) }
        // It goes on where it ended, again and again.
        let second = self.log(after: end, segmentBytes: 3000)
        try fill(second, 501...600)
        let third = self.log(after: try recover().end)
        try fill(third, 601...601)
        #expect(try recover().end.last == 601)
    }

    @Test func segmentsGoFromTheFront() throws {
        let log = log(segmentBytes: 2000)
        try fill(log, 1...300)
        let starts = log.segmentStarts
        try log.removeSegments(before: starts[3])
        #expect(log.segmentStarts == Array(starts[3...]))
        #expect(try recover(from: starts[3]).records.count == 300 - Int(starts[3]) + 1)
        #expect(throws: LogError.missing(from: 1, to: starts[3] - 1)) { try recover() }
        try log.removeSegments(before: 10_000)
        #expect(log.segmentStarts.count == 1)
    }

    /// The tables have what comes before.
    @Test func recordsBeforeTheStartArePassedOver() throws {
        let log = log()
        try fill(log, 1...300)
        try log.sync()
        for start: UInt64 in [2, 148, 300, 301] {
            let (records, end) = try recover(from: start)
            #expect(Set(records.keys) == Set((start..<301)) && end == LogEnd(last: 300, segments: [1]))
        }
    }

    @Test func emptyDirectory() throws {
        #expect(try recover().end == .empty)
        #expect(try recover(from: 8).end == LogEnd(last: 7, segments: []))
    }

    /// Cut anywhere, the last segment gives the records of its whole frames, and no others; and can be gone on with.
    @Test func tornAnywhere() throws {
        let log = log()
        try fill(log, 1...40, writeEvery: 4)
        let name = LogFormat.segmentName(1)
        let whole = try contents(name)
        var lasts: Set<UInt64> = []
        for count in stride(from: whole.count, through: 0, by: -1)
        where count % 5 == 0 || count < 50 || count == whole.count {
            try put(name, Array(whole[..<count]))
            let (records, end) = try recover()
            #expect(end.last % 4 == 0 && records.count == end.last)
            lasts.insert(end.last)
            let again = self.log(after: end)
            #expect(record(end.last + 1).withView { again.append($0) } == end.last + 1)
            try again.write()
            #expect(try recover().end.last == end.last + 1)
            for name in try files.list(scratch.path) { try files.remove(scratch.path + "/" + name) }
        }
        #expect(lasts.count == 11)
    }

    /// A flipped bit in what was durable is an error; in the tail it costs the tail; no record is ever wrong.
    @Test func flippedBits() throws {
        let log = log()
        try fill(log, 1...8, writeEvery: 2)
        try log.sync()
        try fill(log, 9...10)
        let name = LogFormat.segmentName(1)
        let whole = try contents(name)
        var errors = 0
        for bit in 0..<whole.count * 8 {
            var bytes = whole
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            try put(name, bytes)
            do {
                let (records, end) = try recover()
                #expect(end.last == 8, "bit \(bit)")
                for (number, bytes) in records { #expect(bytes == record(number)) }
            } catch {
                errors += 1
            }
        }
        #expect(errors > whole.count * 4)
    }

    @Test func strangersAreTold() throws {
        let log = log(segmentBytes: 1000)
        try fill(log, 1...50)
        let starts = log.segmentStarts
        #expect(starts.count > 4)
        let names = starts.map { LogFormat.segmentName($0) }
        let second = try contents(names[1])
        // Another directory's.
        var other = LogRecovery(files, directory: scratch.path, identity: 7)
        #expect(throws: LogError.foreign(scratch.path + "/" + names[0])) {
            _ = try other.run(from: 1) { _, _ throws(LogError) in }
        }
        // Not a segment at all.
        try put(names[1], Array("something else that is longer than a header is".utf8))
        #expect(throws: LogError.foreign(scratch.path + "/" + names[1])) { try recover() }
        // A newer format's.
        var header = ByteBuffer()
        var newer = LogSegmentHeader(identity: identity, first: starts[1])
        newer.version = 9
        newer.write(to: &header)
        try put(names[1], header.view.bytes)
        #expect(throws: LogError.newerVersion(scratch.path + "/" + names[1], 9)) { try recover() }
        // One that is shorter than it was when the next one was begun.
        try put(names[1], Array(second.dropLast(1)))
        #expect(throws: LogError.self) { try recover() }
        // One that is gone.
        try files.remove(scratch.path + "/" + names[1])
        #expect(throws: LogError.missing(from: starts[1], to: starts[2] - 1)) { try recover() }
    }

    /// docs/storage-format.md. The checksums were computed bit by bit, by another program.
    @Test func bytesArePinned() throws {
        let log = log()
        _ = [UInt8]("abc".utf8).withView { log.append($0) }
        _ = [UInt8]().withView { log.append($0) }
        try log.write()
        let bytes = try contents("log-0000000000000001")
        let header: [UInt8] =
            Array("MartLog\n".utf8) + [2, 0, 0, 0, 0, 0, 0, 0] + [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]
            + [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let frame: [UInt8] =
            [5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
            + [3, 0x61, 0x62, 0x63, 0]
        #expect(Array(bytes[..<36]) == header)
        #expect(Array(bytes[40..<44]) == Array("MFra".utf8))
        #expect(Array(bytes[48...]) == frame)
        #expect(Array(bytes[36..<40]) == [0x9b, 0x21, 0x42, 0xcf])
        #expect(Array(bytes[44..<48]) == [0x82, 0x86, 0x14, 0xce])
        // The version before is read.
        let old = Array("MartLog\n".utf8) + [1] + bytes[9..<36] + [0x36, 0xca, 0x90, 0x2c] + bytes[40...]
        try put("log-0000000000000001", old)
        #expect(try recover().records == [1: Array("abc".utf8), 2: []])
    }

    /// A record of 300 a's: its length and the first one as literals, 294 more as a match, the last five as literals. The
    /// frame was made by hand.
    @Test func compressedBytesArePinned() throws {
        let block: [UInt8] = [0x3f, 0xac, 0x02, 0x61, 1, 0, 255, 20, 0x50, 0x61, 0x61, 0x61, 0x61, 0x61]
        let frame: [UInt8] =
            Array("MFra".utf8) + [0xfe, 0x5b, 0x4c, 0x91] + [14, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
            + [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x2e, 1, 0, 0] + block
        let record = [UInt8](repeating: 0x61, count: 300)
        let log = log()
        _ = record.withView { log.append($0) }
        try log.write()
        let bytes = try contents("log-0000000000000001")
        // Another version of LZ4 may find another block.
        #expect(bytes.count < 40 + 40 + 30 && Array(bytes[76..<80]) == Array(frame[36..<40]))
        #expect(try recover().records == [1: record])
        try put("log-0000000000000001", bytes[..<40] + frame)
        #expect(try recover().records == [1: record])
    }

    /// Short records, those that cannot be compressed, and all where it is switched off, are written as they are.
    @Test func compressesWhatPays() throws {
        var packed = Log.Options()
        packed.isCompressed = false
        let plain = Log(files, directory: scratch.path, identity: identity, after: .empty, packed)
        let long = [UInt8](repeating: 7, count: 5000)
        #expect(try bytesWritten(plain, long) == 5000 + 2 + 40 + 40)
        #expect(try bytesWritten(log(), long) < 200)
        #expect(try bytesWritten(log(), [UInt8](repeating: 7, count: 250)) == 250 + 2 + 40 + 40)
        #expect(try bytesWritten(log(), sampleRecord(1, bytes: 5000)) == 5000 + 2 + 40 + 40)
    }

    private func bytesWritten(_ log: Log, _ record: [UInt8]) throws -> Int {
        _ = record.withView { log.append($0) }
        try log.write()
        #expect(try recover().records == [1: record])
        return try contents("log-0000000000000001").count
    }

    /// A buffer of several frames, some of which become shorter: they follow each other without gaps.
    @Test func framesOfABufferCloseRanks() throws {
        let log = log()
        var records: [UInt64: [UInt8]] = [:]
        for i: UInt64 in 1...9 {
            let record = sampleRecord(i, bytes: 300_000)
            records[i] = record
            _ = record.withView { log.append($0) }
        }
        try log.write()
        #expect(try contents("log-0000000000000001").count < 6 * 301_000)
        #expect(try recover().records == records)
    }

    @Test func memoryIsThatOfItsBuffers() throws {
        let log = log()
        #expect(log.memory == 0)
        _ = sampleRecord(1, bytes: 300_000).withView { log.append($0) }
        #expect(log.memory >= 230_000)
        try log.write()
        #expect(log.memory >= 230_000)
        // A long buffer is not kept.
        _ = sampleRecord(3, bytes: 3_000_000).withView { log.append($0) }
        try log.write()
        #expect(log.memory < 1_000_000)
    }

    /// What is not what its header says is an error, and takes no more memory than it may stand for.
    @Test func damagedBlocksAreRefused() throws {
        let log = log()
        _ = [UInt8](repeating: 0x61, count: 300).withView { log.append($0) }
        try log.write()
        let whole = try contents("log-0000000000000001")
        for rawBytes: UInt32 in [301, 303, 100_000, .max] {
            var bytes = whole
            bytes.replaceSubrange(76..<80, with: withUnsafeBytes(of: rawBytes.littleEndian, Array.init))
            let checksum = Array(bytes[48...]).withView { CRC32C.checksum($0) }
            bytes.replaceSubrange(44..<48, with: withUnsafeBytes(of: checksum.littleEndian, Array.init))
            try put("log-0000000000000001", bytes)
            #expect(throws: LogError.unreadable(record: 1)) { try recover() }
        }
    }
}
