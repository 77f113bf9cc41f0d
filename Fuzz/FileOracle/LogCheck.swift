import Base
import FuzzCorpus
import Simulation
import Storage

/// Reads a log as a start does: twice, cut short, and after it has gone on.
enum LogCheck {
    private static let path = "/d"

    static func run(_ bytes: [UInt8], sealed: Bool, low: Bool) -> Outcome {
        let files = SimulatedFileSystem(seed: 1, directories: [path])
        do {
            _ = try DataDirectory.open(files, path, newIdentity: FileSeals.identity)
            for segment in segments(bytes) { try write(segment, sealed: sealed, files) }
        } catch {
            return .wrong("the disk: \(error)")
        }
        let before = contents(files)
        let check = DirectoryCheck(files, path)
        if contents(files) != before { return .wrong("looking at it has changed it") }
        // No record has a higher number than this.
        let start = min(segmentStarts(files).min() ?? 1, (1 << 62) - 1)
        guard let found = read(files, from: max(start, 1)) else {
            if contents(files) != before { return .wrong("it was refused, and changed") }
            return check.problems.isEmpty && start > 0 ? .wrong("it was refused, and nothing is wrong") : .refused
        }
        if !check.problems.isEmpty { return .wrong("it was read, though \(check.problems)") }
        if let problem = again(files, found, from: max(start, 1)) { return .wrong(problem) }
        return ReplayCheck.run(found.records, low: low)
    }

    struct Found: Equatable {
        var end: LogEnd
        var records: [[UInt8]] = []
    }

    /// What is in the log, which is cut where it ends; nil: it is refused.
    private static func read(_ files: SimulatedFileSystem, from start: UInt64) -> Found? {
        var recovery = LogRecovery(files, directory: path, identity: FileSeals.identity)
        var records: [[UInt8]] = []
        let end = try? recovery.run(from: start) { records.append($1.bytes) }
        return end.map { Found(end: $0, records: records) }
    }

    private static func again(_ files: SimulatedFileSystem, _ found: Found, from start: UInt64) -> String? {
        var expected = found
        expected.end.torn = 0
        if read(files.afterKill(), from: start) != expected { return "it is another one when it is read again" }
        if let problem = cut(files, expected, from: start) { return problem }
        return goOn(files, expected, from: start)
    }

    /// Without its last bytes it has the first of its records.
    private static func cut(_ files: SimulatedFileSystem, _ found: Found, from start: UInt64) -> String? {
        guard let last = found.end.segments.last else { return nil }
        let name = path + "/" + LogFormat.segmentName(last)
        let count = files.contents(name)?.count ?? 0
        // Some place that depends on the input and nothing else.
        let hash = found.records.reduce(count) { ($0 &* 31 &+ $1.count) & 0xffff }
        for place in [count - 1, count / 2, hash % max(count, 1)] where place >= 0 && place < count {
            let shorter = files.afterKill()
            do { try shorter.open(name, .write).truncate(to: Int64(place)) } catch { return "the disk: \(error)" }
            guard let rest = read(shorter, from: start) else { return "cut at \(place), it is refused" }
            if !found.records.starts(with: rest.records) { return "cut at \(place), it has other records" }
        }
        return nil
    }

    /// A log that goes on after it has what it had, and more.
    private static func goOn(_ files: SimulatedFileSystem, _ found: Found, from start: UInt64) -> String? {
        let log = Log(files, directory: path, identity: FileSeals.identity, after: found.end)
        let number = log.append(ByteView("more"))
        do {
            for segment in log.closedSegments where try !log.verify(segment) { return "a segment is gone" }
            try log.write()
            try log.sync()
        } catch {
            return "it does not go on: \(error)"
        }
        if number != found.end.last + 1 { return "the next record has number \(number)" }
        guard let more = read(files, from: start) else { return "with another record it is refused" }
        return more.records == found.records + [Array("more".utf8)] ? nil : "with another record it has other ones"
    }

    // MARK: Files

    /// Parts that begin with a segment's magic number; what is before the first such is one, too.
    private static func segments(_ bytes: [UInt8]) -> [[UInt8]] {
        let magic = FileSeals.segmentMagic
        var starts = [0]
        var at = 1
        while at + magic.count <= bytes.count {
            if bytes[at] == magic[0], Array(bytes[at..<at + magic.count]) == magic { starts.append(at) }
            at += 1
        }
        return zip(starts, starts.dropFirst() + [bytes.count]).map { Array(bytes[$0..<$1]) }
    }

    private static func write(_ segment: [UInt8], sealed: Bool, _ files: SimulatedFileSystem) throws {
        var segment = segment
        if sealed { FileSeals.renewSegment(&segment) }
        let first = segment.count >= FileSeals.headerBytes ? segment.integer(at: 24, UInt64.self) : 1
        try files.replace(path + "/" + LogFormat.segmentName(first), segment)
    }

    private static func segmentStarts(_ files: SimulatedFileSystem) -> [UInt64] {
        ((try? files.list(path)) ?? []).compactMap { LogFormat.firstRecord(ofName: $0) }
    }

    private static func contents(_ files: SimulatedFileSystem) -> [[UInt8]?] { files.paths.map { files.contents($0) } }
}

extension SimulatedFileSystem {
    /// Gives a file other contents.
    func replace(_ path: String, _ bytes: [UInt8]) throws {
        let file = try open(path, .write)
        try file.truncate(to: 0)
        try bytes.withView { (view) throws(DiskError) in try file.write(view, at: 0) }
    }
}
