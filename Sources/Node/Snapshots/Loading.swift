import Base
import CSystem
import Commands
import Keyspace
import Scripting

/// How far reading what is on disk has come, for INFO and the log. One thread tells, any may ask.
public final class LoadingProgress: @unchecked Sendable {
    /// Places in `words`.
    private enum Word {
        static let isOn = 0
        static let started = 1
        static let total = 2
        static let done = 3
        static let keys = 4
        static let usedMemory = 5
        static let count = 6
    }

    private let words: UnsafeMutablePointer<UInt64>

    init() {
        words = .allocate(capacity: Word.count)
        words.initialize(repeating: 0, count: Word.count)
    }

    deinit { words.deallocate() }

    private func value(_ word: Int) -> Int64 { Int64(bitPattern: cs_load_u64(words + word)) }
    private func set(_ word: Int, _ value: Int64) { cs_store_u64(words + word, UInt64(bitPattern: value)) }

    var isOn: Bool { value(Word.isOn) != 0 }
    /// Seconds since 1970.
    var started: Int64 { value(Word.started) }
    /// Bytes to read, and read.
    var total: Int64 { value(Word.total) }
    var done: Int64 { value(Word.done) }
    var keys: Int64 { value(Word.keys) }
    /// Bytes that the writer of an RDB file used.
    var usedMemory: Int64 { value(Word.usedMemory) }

    var percent: Double { total == 0 ? 0 : min(100, Double(done) * 100 / Double(total)) }

    /// Seconds left, if it goes on as it did; 1: nothing is known yet.
    func secondsLeft(now: Int64) -> Int64 {
        let passed = now - started
        if passed <= 0 || done == 0 { return 1 }
        return max(0, passed * (total - done) / done)
    }

    func begin(total: Int64, now: Int64) {
        set(Word.started, now)
        set(Word.total, total)
        set(Word.done, 0)
        set(Word.keys, 0)
        set(Word.isOn, 1)
    }

    func note(keys: Int, done: Int64) {
        set(Word.keys, Int64(keys))
        set(Word.done, done)
    }

    func note(usedMemory: Int) { set(Word.usedMemory, Int64(usedMemory)) }

    func end() { set(Word.isOn, 0) }
}

extension Node {
    /// Reads the snapshot file into the key space; nil: there is none. On any thread, if the rules take locks.
    func readSnapshot(_ rules: SnapshotRules, _ moment: Moment) throws(SnapshotError) -> SnapshotReport? {
        guard let place = snapshotPlace else { return nil }
        let file: (any File)?
        let size: Int64
        do throws(DiskError) {
            file = try place.open()
            size = try file?.size() ?? 0
        } catch {
            throw .disk(error)
        }
        guard let file else { return nil }
        var rules = rules
        rules.checksChecksum = configuration.settings.hasSnapshotChecksum
        rules.countsFrequency = configuration.settings.countsFrequency
        loading.begin(total: size, now: cs_wall_us() / 1_000_000)
        defer { loading.end() }
        var loader = SnapshotLoader(file, into: keyspace, rules, moment: moment)
        var pace = Pace(configuration.settings.keyLoadDelay, doors.sleep)
        var paced = 0
        try loader.run { keys, bytes in
            loading.note(keys: keys, done: bytes)
            if keys == paced { return }
            paced = keys
            pace.next()
        }
        let report = loader.report
        snapshots.change {
            $0.loadedKeys = report.keys
            $0.expiredKeys = report.expired
            $0.memoryOfFile = report.usedMemory
        }
        return report
    }

    /// Reads the snapshot at the start. On any thread, while no loop runs or all answer LOADING.
    public func loadSnapshot() throws(SnapshotError) -> SnapshotReport? {
        let now = cs_wall_us() / 1000
        let stamp = AccessStamp.fresh(frequency: configuration.settings.countsFrequency, now: now)
        return try readSnapshot(SnapshotRules(), Moment(wall: now, stamp: stamp))
    }

    /// From now on commands are answered LOADING, but for those that may run. Before the loops run.
    public func beginLoading() { for executor in executors { executor.isLoading = true } }

    /// What was read is in force: its libraries are made, and the loops answer again. Before the loops run, or on the
    /// first loop (`post`). Throws if a library cannot be made.
    public func finishLoading(_ libraries: [[UInt8]], loopsRun: Bool) throws(SnapshotError) {
        let first = executors[0]
        let failure =
            loopsRun
            ? first.takeLibraries(libraries, .replace) : first.asCurrent { first.takeLibraries(libraries, .replace) }
        if let failure { throw .library(failure) }
        snapshots.saved(writes: keyspace.writes, now: cs_wall_us() / 1000)
        for executor in executors {
            if loopsRun && executor !== first {
                executor.mailbox.post { $0.endLoading() }
            } else {
                executor.endLoading()
            }
        }
    }

    /// Where the snapshot is, for messages.
    public var snapshotPath: String { snapshotPlace?.path ?? configuration.settings.snapshotName }

    /// How far reading has come, for the log.
    public var loadingShown: String {
        "Loading: \(Figure.fixed(loading.percent, 1)) % of \(loading.total >> 20) MB, "
            + "\(loading.keys) \(doors.snapshots == nil || configuration.settings.appendOnly ? "changes" : "keys")"
    }

    /// Runs `work` on the first loop's thread.
    public func post(_ work: @escaping @Sendable () -> Void) { executors[0].mailbox.post { _ in work() } }
}

extension Executor {
    static let loadingText: StaticString = "LOADING Redis is loading the dataset in memory"

    /// Runs `work` as the loop's thread does, which does not run yet.
    func asCurrent<R>(_ work: () -> R) -> R {
        cs_set_thread_value(state.pointee.executor)
        defer { cs_set_thread_value(nil) }
        return work()
    }

    /// Makes libraries of these sources and adds them. Answers what is wrong; nil: done.
    func takeLibraries(_ sources: [[UInt8]], _ policy: LibraryStore.Policy) -> String? {
        var made: [Library] = []
        for source in sources {
            let library = source.withView { view in
                Result { () throws(Shebang.Refusal) in try scripts.makeLibrary(view) }
            }
            switch library {
            case .success(let library): made.append(library)
            case .failure(let refusal): return refusal.text
            }
        }
        return made.isEmpty ? nil : node.libraries.add(made, policy)
    }

    func endLoading() {
        isLoading = false
        if let persistence {
            sharesPartitions()
            persistence.policy = settings.syncPolicy
        }
        timers.quietTicks = 0
    }
}
