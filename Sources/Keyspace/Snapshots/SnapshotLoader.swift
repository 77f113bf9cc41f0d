import Base
import CSystem
import Causality

/// What a snapshot held.
public struct SnapshotReport: Sendable, Equatable {
    /// Keys that are in the key space now.
    public var keys = 0
    /// Keys left out: their deadline had passed.
    public var expired = 0
    /// Keys left out: collections without elements, which some old servers wrote.
    public var empty = 0
    /// Sources of libraries of functions.
    public var libraries: [[UInt8]] = []
    /// Who wrote it.
    public var version = ""
    /// Bytes of memory that the writer used.
    public var usedMemory = 0
    /// Bytes of the file that have been read.
    public var bytes: Int64 = 0
}

/// How a snapshot is read.
public struct SnapshotRules: Sendable {
    /// Takes each key's partition lock: commands may run meanwhile. Otherwise all locks are held, or nobody is there.
    public var locks = true
    /// A key that is there already is replaced; otherwise that is an error.
    public var replaces = false
    /// Keys whose deadline has passed are read, too.
    public var keepsExpired = false
    public var checksChecksum = true
    /// Which of the hints about a key's use is heeded.
    public var countsFrequency = false
    /// Bytes that are in memory at a time, at first.
    public var windowBytes = 1 << 20

    public init() {}
}

/// Reads a snapshot into a key space. Nothing is believed before it has been looked at.
public struct SnapshotLoader: ~Copyable {
    private let keyspace: Keyspace
    private let rules: SnapshotRules
    private let moment: Moment
    private var window: SnapshotWindow
    private var version = 0
    private var database = 0
    private var pending = Pending()
    public private(set) var report = SnapshotReport()

    /// What marks say of the next key.
    private struct Pending {
        var deadline: Int64?
        var idle: UInt64?
        var frequency: UInt8?
    }

    private enum Step {
        case goOn, end
        case refused(SnapshotError)
    }

    /// `moment`: deadlines before it have passed.
    public init(_ file: any File, into keyspace: Keyspace, _ rules: SnapshotRules, moment: Moment) {
        self.keyspace = keyspace
        self.rules = rules
        self.moment = moment
        window = SnapshotWindow(file, sums: rules.checksChecksum, capacity: rules.windowBytes)
    }

    /// Reads everything. `progress` is told after every record how many keys and bytes have been read. Keys read
    /// before an error stay.
    public mutating func run(progress: (_ keys: Int, _ bytes: Int64) -> Void) throws(SnapshotError) {
        try readHeader()
        var goesOn = true
        while goesOn {
            goesOn = try readRecord()
            progress(report.keys, window.offset)
        }
        try readChecksum()
        report.bytes = window.offset
    }

    private mutating func extend() throws(SnapshotError) -> Bool {
        do throws(DiskError) { return try window.extend() } catch { throw .disk(error) }
    }

    /// Has so many bytes in the window, if the file does.
    private mutating func need(_ count: Int) throws(SnapshotError) -> Bool {
        while window.view.count < count { if try !extend() { return false } }
        return true
    }

    private mutating func readHeader() throws(SnapshotError) {
        guard try need(SnapshotFormat.headerBytes) else { throw .foreign }
        let magic = ByteView(SnapshotFormat.magic)
        let header = window.view
        let digits = header.slice(magic.count, SnapshotFormat.headerBytes).text
        guard header.slice(0, magic.count) == magic, digits.utf8.allSatisfy({ 48...57 ~= $0 }),
            let version = Int(digits), version > 0
        else { throw .foreign }
        if version > SnapshotFormat.version { throw .version(version) }
        self.version = version
        window.use(SnapshotFormat.headerBytes)
    }

    /// Answers whether another one follows.
    private mutating func readRecord() throws(SnapshotError) -> Bool {
        while true {
            let whole = window.view
            var reader = PayloadReader(whole)
            let step: Step
            do throws(PayloadError) {
                step = try self.step(&reader)
            } catch {
                guard case .short = error else { throw .damaged(at: window.offset) }
                // A record that is not whole leaves no trace: it is read again when there is more of it.
                if try !extend() { throw .truncated(at: window.offset) }
                continue
            }
            if case .refused(let error) = step { throw error }
            window.use(whole.count - reader.rest)
            if case .end = step { return false }
            return true
        }
    }

    private mutating func step(_ reader: inout PayloadReader) throws(PayloadError) -> Step {
        let first = try reader.byte()
        switch SnapshotMark(rawValue: first) {
        case .deadline: pending.deadline = try reader.littleEndian(Int64.self)
        case .deadlineSeconds: pending.deadline = Int64(try reader.littleEndian(Int32.self)) * 1000
        case .idle: pending.idle = try reader.number()
        case .frequency: pending.frequency = try reader.byte()
        case .note:
            let (name, value) = (try reader.text(), try reader.text())
            try name.withView { (name) throws(PayloadError) in
                try value.withView { (value) throws(PayloadError) in try note(name, value) }
            }
        case .size: _ = (try reader.number(), try reader.number())
        case .database:
            let number = try reader.number()
            if number >= UInt64(keyspace.databaseCount) {
                return .refused(.database(number, of: keyspace.databaseCount))
            }
            database = Int(number)
        case .library: report.libraries.append(try reader.text().withView { $0.bytes })
        case .earlyLibrary, .module: return .refused(.unknown(first, at: window.offset))
        case .end: return .end
        case nil:
            guard let kind = PayloadKind(rawValue: first) else {
                return .refused(.unknown(first, at: window.offset))
            }
            return try readKey(&reader, kind)
        }
        return .goOn
    }

    private mutating func note(_ name: ByteView, _ value: ByteView) throws(PayloadError) {
        if name == ByteView(SnapshotFormat.siblingNote) { return try readSibling(value) }
        if name.isWord("redis-ver") { report.version = String(value.text.prefix(64)) }
        if name.isWord("used-mem") { report.usedMemory = Int(value.integer ?? 0) }
    }

    /// A version that a key had besides its value. It gets a dot of this node's own, and supersedes nothing.
    private func readSibling(_ note: ByteView) throws(PayloadError) {
        var at = 0
        guard let count = note.varint(at: &at), count <= UInt64(note.count - at) else { throw .corrupt }
        let name = note.slice(at, at + Int(count))
        at += Int(count)
        guard let time = note.signedVarint(at: &at),
            let version = try? KeyVersion(note.slice(at, note.count))
        else { throw .corrupt }
        let key = Key(name)
        let partition = keyspace.partition(of: key)
        if rules.locks { Partition.lock(partition) }
        defer { if rules.locks { Partition.unlock(partition) } }
        // The value that the file has for the key goes on winning, whatever the clock was then.
        let written = Moment(wall: min(time &+ Limits.timestampEpoch, moment.wall - 1), stamp: moment.stamp)
        let access = Access(partition, database: database, moment: written)
        if version.isExpired(moment.wall) && !rules.keepsExpired { return }
        do throws(VersionError) {
            try access.write(version, superseding: CausalContext(), key)
        } catch {
            throw .corrupt
        }
    }

    private mutating func readKey(_ reader: inout PayloadReader, _ kind: PayloadKind) throws(PayloadError) -> Step {
        try (try reader.text()).withView { name throws(PayloadError) in
            let key = Key(name)
            let partition = keyspace.partition(of: key)
            if rules.locks { Partition.lock(partition) }
            defer { if rules.locks { Partition.unlock(partition) } }
            let access = Access(partition, database: database, moment: moment)
            let target = PayloadTarget(access, key, pending.deadline)
            let entry: Entry
            do throws(PayloadError) {
                entry = try Payload.readObject(&reader, kind, target)
            } catch {
                guard case .empty = error else { throw error }
                report.empty += 1
                pending = Pending()
                return .goOn
            }
            defer { pending = Pending() }
            return place(entry, access, key)
        }
    }

    private mutating func place(_ entry: Entry, _ access: Access, _ key: Key) -> Step {
        if let deadline = entry.deadline, deadline < moment.wall, !rules.keepsExpired {
            access.discard(entry)
            report.expired += 1
            return .goOn
        }
        let slot = access.tables.pointee.entries.find(key)
        if slot != nil && !rules.replaces {
            access.discard(entry)
            return .refused(.duplicate(key.view.bytes, database: database))
        }
        access.putEntry(entry, key, slot)
        report.keys += 1
        if let stamp { access.peekAny(key)?.setAccessStamp(stamp) }
        return .goOn
    }

    /// What the marks say of the key's use, if the policy goes by it.
    private var stamp: UInt32? {
        if rules.countsFrequency {
            return pending.frequency.map { AccessStamp.counted(UInt32($0), now: moment.wall) }
        }
        guard let idle = pending.idle else { return nil }
        let passed = Int64(min(idle, UInt64(AccessStamp.bits)))
        return AccessStamp.fresh(frequency: false, now: moment.wall - passed * 1000)
    }

    /// Some servers write no checksum, which is 0.
    private mutating func readChecksum() throws(SnapshotError) {
        if version < SnapshotFormat.checksumFrom { return }
        let actual = window.sum()
        guard try need(8) else { throw .truncated(at: window.offset) }
        let stored = UInt64(littleEndian: UnsafeRawPointer(window.view.start).loadUnaligned(as: UInt64.self))
        window.use(8)
        if rules.checksChecksum && stored != 0 && stored != actual { throw .checksum }
    }
}
