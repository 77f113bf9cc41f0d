import Base
import CSystem
import Causality
import Keyspace
import Scripting
import Storage

/// Why a node cannot start from its directory.
public enum RecoveryError: Error, CustomStringConvertible {
    case directory(DirectoryError)
    case log(LogError)
    case tree(TreeError)
    /// What a flush wrote into the manifest besides tables cannot be read.
    case state
    /// Records of the tree that nobody of this version has written, or that do not fit together: whose, and why.
    case record(of: String, String)
    /// Libraries of functions that cannot be read, and why.
    case libraries(String)
    /// The log speaks of a database that the configuration does not have.
    case database(Int, of: Int)

    public var description: String {
        switch self {
        case .directory(let error): error.description
        case .log(let error): error.description
        case .tree(let error): "\(error)"
        case .state: "the manifest has a state that cannot be read"
        case .record(let key, let reason): "the tree has something of key \(key) that cannot be read: \(reason)"
        case .libraries(let reason): "the libraries of functions cannot be read: \(reason)"
        case .database(let number, let count):
            "the log has keys in database \(number), but `databases` is \(count)"
        }
    }
}

/// What a start found.
public struct RecoveryReport: Sendable {
    /// Keys that were in the tree.
    public var keys = 0
    public var records = 0
    public var mutations = 0
    /// The libraries of functions there were.
    public var libraries = SavedLibraries()
}

extension Node {
    /// Takes over what the directory holds, and logs every change once the loops answer (`finishLoading`). While no
    /// loop runs, or all answer LOADING.
    public func recover(_ directory: DataDirectory) throws(RecoveryError) -> RecoveryReport {
        loading.begin(total: directory.bytes, now: cs_wall_us() / 1_000_000)
        defer { loading.end() }
        standInAsBefore()
        var report = RecoveryReport()
        let found = try lastActor(directory)
        let tree = try openTree(directory)
        let values = TreeValues(tree, report: doors.log)
        // The log is about values that stay away, too.
        keyspace.shared.pointee.loader = values
        let state = try savedState(tree)
        let isWhole = state?.isComplete ?? true
        if let state {
            do { try keyspace.adopt(state) } catch { throw RecoveryError.state }
            if isWhole {
                report.libraries = state.libraries
                try load(tree, &report)
            }
        }
        // What the log tells is to be saved again, deletions included: the tree may have what they deleted.
        keyspace.shared.pointee.sink = UnsavedSink()
        defer { if persistence == nil { keyspace.shared.pointee.sink = nil } }
        let end: LogEnd
        if isWhole {
            end = try replay(directory, from: (state?.logPosition ?? 0) + 1, &report)
        } else {
            doors.log(.warning, "Appending had been switched on and never got to the end: beginning with no keys")
            end = try beginAnew(directory, tree, state!)
        }
        try tidy(tree)
        keyspace.forgetRecords()
        libraries.raiseVersion(above: report.libraries.version)
        let (identity, isNew) = try takeActor(directory, found, lastRecord: end.last)
        let persistence = makePersistence(directory, tree, values, end, configuration.settings)
        persistence.identity = identity
        attach(persistence, tellsActors: isNew)
        return report
    }

    /// Under whom the directory's last server wrote.
    private func lastActor(_ directory: DataDirectory) throws(RecoveryError) -> ActorIdentity? {
        do throws(DirectoryError) { return try ActorFile(directory).read() } catch { throw .directory(error) }
    }

    func openTree(_ directory: DataDirectory) throws(RecoveryError) -> Tree {
        try orRecoveryError { () throws(TreeError) in
            try Tree.open(directory, configuration.settings.treeOptions, tidies: false)
        }
    }

    /// All has been read.
    func tidy(_ tree: Tree) throws(RecoveryError) {
        try orRecoveryError { () throws(TreeError) in try tree.tidy() }
    }

    private func savedState(_ tree: Tree) throws(RecoveryError) -> SavedState? {
        if tree.state.isEmpty { return nil }
        guard let state = tree.state.withView({ SavedState($0) }) else { throw .state }
        return state
    }

    /// The directory's contents are given up, for good.
    private func beginAnew(
        _ directory: DataDirectory, _ tree: Tree, _ old: SavedState
    ) throws(RecoveryError) -> LogEnd {
        let end = try skipLog(directory, after: old)
        keyspace.beginSaving(over: old)
        try install(SavedState(keyspace, logPosition: end.last), tree)
        return end
    }

    func install(_ state: SavedState, _ tree: Tree) throws(RecoveryError) {
        var blob = ByteBuffer(capacity: 64 * 1024)
        state.encode(to: &blob)
        let view = blob.view
        try orRecoveryError { () throws(TreeError) in try tree.install(tree.beginRun(), state: view) }
    }

    func makePersistence(
        _ directory: DataDirectory, _ tree: Tree, _ values: TreeValues, _ end: LogEnd, _ settings: Settings
    ) -> Persistence {
        var options = Log.Options()
        // Segments go as a whole: longer ones would stay for several rounds.
        options.segmentBytes = min(options.segmentBytes, Int64(max(settings.flushLogBytes, 4096)))
        options.isCompressed = settings.compressesLog
        let log = Log(directory.files, directory: directory.path, identity: directory.identity, after: end, options)
        let persistence = Persistence(log, directory, settings.syncPolicy, sleep: doors.sleep, report: doors.log)
        persistence.flushBytes = settings.flushLogBytes
        if let state = tree.state.withView({ SavedState($0) }) {
            persistence.releaseLog(before: state.logPosition + 1)
        }
        persistence.keeper = TreeKeeper(
            keyspace, libraries, tree, persistence, settings.writePace, sleep: doors.sleep, report: doors.log)
        persistence.keeper?.scrubber.terms = settings.scrubTerms
        persistence.values = values
        persistence.readers = ColdReaders(self, values)
        return persistence
    }

    /// Where the log ends, whatever is in it after what the tree's state, if it has one, knows.
    func skipLog(_ directory: DataDirectory, after state: SavedState?) throws(RecoveryError) -> LogEnd {
        var recovery = LogRecovery(directory.files, directory: directory.path, identity: directory.identity)
        do throws(LogError) {
            return try recovery.run(from: (state?.logPosition ?? 0) + 1) { (_, _) throws(LogError) in }
        } catch {
            throw .log(error)
        }
    }

    private func replay(
        _ directory: DataDirectory, from start: UInt64, _ report: inout RecoveryReport
    ) throws(RecoveryError) -> LogEnd {
        var recovery = LogRecovery(directory.files, directory: directory.path, identity: directory.identity)
        var bytes = loading.done
        var strange: RecoveryError?
        let end: LogEnd
        do throws(LogError) {
            end = try recovery.run(from: start) { (number, record) throws(LogError) in
                strange = try keyspace.replay(number, record, &report) ?? strange
                bytes += Int64(record.count)
                loading.note(keys: report.keys + report.mutations, done: bytes)
            }
        } catch {
            throw .log(error)
        }
        if let strange { throw strange }
        if end.torn > 0 {
            doors.log(.warning, "The log ended in \(end.torn) bytes that a crash left unfinished: they are cut off")
        }
        return end
    }

    // MARK: the tree

    /// Puts all that the tree has into the key space.
    private func load(_ tree: Tree, _ report: inout RecoveryReport) throws(RecoveryError) {
        let stamp = AccessStamp.fresh(frequency: false, now: startedAt)
        var loaded = TreeLoading(keyspace, Moment(wall: startedAt, stamp: stamp))
        var scan = tree.scan(from: ByteView(""), upTo: nil)
        var bytes: Int64 = 0
        var records = 0
        while true {
            if records % Node.loadedBetweenLooks == 0 { loaded.staysAway = hasNoRoomToLoad }
            let record = try orRecoveryError { () throws(TreeError) in try scan.next() }
            guard let record, let value = record.value else { break }
            try loaded.add(record.key, value)
            records += 1
            bytes += Int64(record.key.count + value.count)
            report.keys = loaded.keys
            loading.note(keys: report.keys, done: bytes)
        }
        try loaded.finish()
    }

    /// How many records are read before the memory in use is looked at again.
    private static let loadedBetweenLooks = 256

    /// Where values may leave memory, those that do not fit are left where they are.
    private var hasNoRoomToLoad: Bool {
        let settings = configuration.settings
        return settings.maxMemory > 0 && settings.maxMemoryPolicy == .noEviction
            && memory.freshExcess(over: settings.maxMemory) > 0
    }

    private func orRecoveryError<R>(_ body: () throws(TreeError) -> R) throws(RecoveryError) -> R {
        do throws(TreeError) { return try body() } catch { throw .tree(error) }
    }
}

extension RecoveryReport {
    fileprivate mutating func note(librariesIn mutation: Mutation) {
        if case .libraries(let payload) = mutation.change, mutation.dot.counter > libraries.version {
            libraries = SavedLibraries(version: mutation.dot.counter, payload: payload.bytes)
        }
    }

    /// The libraries' sources.
    public func librarySources() throws(RecoveryError) -> [[UInt8]] {
        if libraries.payload.isEmpty { return [] }
        let sources = libraries.payload.withView { payload in
            Result { () throws(Shebang.Refusal) in try LibraryPayload.decode(payload) }
        }
        switch sources {
        case .success(let sources): return sources
        case .failure(let refusal): throw .libraries(refusal.text)
        }
    }
}

/// Has changes marked as unsaved and logs none: they come from the log.
private final class UnsavedSink: MutationSink, @unchecked Sendable {}

extension Keyspace {
    /// Applies a record's mutations. Commands that may run meanwhile only look. Answers what is wrong with the
    /// configuration, if something is.
    fileprivate func replay(
        _ number: UInt64, _ record: ByteView, _ report: inout RecoveryReport
    ) throws(LogError) -> RecoveryError? {
        var reader = MutationReader(record)
        while !reader.isAtEnd {
            do throws(MutationError) {
                let mutation = try reader.next()
                if mutation.database >= databaseCount { return .database(mutation.database, of: databaseCount) }
                if !mutation.isReadable(self) { throw MutationError() }
                report.note(librariesIn: mutation)
                let partition = partitions + (mutation.slot >> 6)
                Partition.lock(partition)
                mutation.apply(to: self)
                Partition.unlock(partition)
                report.mutations += 1
            } catch {
                throw .unreadable(record: number)
            }
        }
        report.records += 1
        return nil
    }
}

extension Settings {
    var treeOptions: Tree.Options {
        var options = Tree.Options()
        options.cacheBytes = blockCacheBytes
        switch tableCompression {
        case "none": options.compressAll(.none)
        case "lz4": options.compressAll(.lz4)
        case "zstd": options.compressAll(.zstd)
        default: break
        }
        return options
    }
}
