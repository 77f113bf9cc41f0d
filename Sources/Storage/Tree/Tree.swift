import Base

/// A log-structured merge tree (O'Neil et al., Acta Informatica 1996) of one directory: sorted tables in levels, from
/// keys to values, which are bytes to it. Runs of changes come in at level 0; a newer record hides older ones with the
/// same key, and a tombstone hides them as if there were none.
///
/// Any thread may read, and holds no lock while it reads from disk. One thread at a time begins and installs runs (the
/// flusher), any compact (a slice at a time); they may do so side by side, and so may `scrub` and `backUp`.
public final class Tree: @unchecked Sendable {
    let place: TablePlaces
    let options: Options
    let cache: BlockCache
    let refuse: TableRefuse

    /// For a moment only: what the tree is now.
    private let lock = SpinLock()
    private var version: Version
    private var figures = Figures()
    /// Tables in which damage was found.
    private var damaged: Set<UInt64> = []

    /// Who has this one changes the tree; the disk is waited for in it (it sleeps, then). Readers never take it.
    let editing = SpinLock()
    let manifest: ManifestWriter
    /// Files that belong to nothing: `tidy` removes them. Its caller's.
    var orphans: [String] = []

    /// Who has this one compacts; the disk is waited for in it, too. Taken before `editing`.
    let compacting = SpinLock()
    var step: CompactionStep? {
        didSet {
            let isUnderWay = step != nil
            count { $0.isCompacting = isUnderWay }
        }
    }

    /// Where `scrub` is; its caller's.
    var scrubbing = Scrubbing()

    init(
        _ place: TablePlaces, _ options: Options, _ manifest: ManifestWriter, _ version: Version,
        _ refuse: TableRefuse = TableRefuse()
    ) {
        self.place = place
        self.options = options
        self.manifest = manifest
        self.version = version
        self.refuse = refuse
        cache = BlockCache(capacity: options.cacheBytes)
        measure(version)
    }

    /// What the owner kept with the last run; empty if there was none.
    public var state: [UInt8] { editing.withLock { manifest.contents.state } }

    /// The tree as it is now, for as long as it is held.
    @inline(__always)
    var current: Version { lock.withLock { version } }

    /// A sync of the manifest failed: nothing will be changed any more.
    public var failure: DiskError? { editing.withLock { manifest.finalFailure } }

    // MARK: changing

    /// Begins a run of changes. One at a time.
    public func beginRun() -> TreeRun {
        TreeRun(number: place.numbers.take(), output(level: 0))
    }

    func output(level: Int) -> TableOutput {
        var tables = TableOptions(compression: options.compression(of: level))
        tables.blockBytes = options.blockBytes
        tables.filterBitsPerKey = options.filterBitsPerKey
        return TableOutput(place, tables, limit: options.tableBytes)
    }

    /// Makes a run count, and the state with it: both are durable, or neither is. A run without records installs the
    /// state alone. After an error the run is gone, its files too, and the tree is what it was; another one may be
    /// tried, unless a sync of the manifest failed.
    public func install(_ run: consuming TreeRun, state: ByteView) throws(TreeError) {
        let output = run.output
        try finish(output)
        try commit(output, level: 0, run: run.number, removing: [], state: state.bytes)
        let bytes = output.tables.reduce(0) { $0 + $1.fileBytes }
        lock.withLock { figures.flushedBytes += bytes }
        removeRefuse()
    }

    /// Forgets a run, and removes its files.
    public func abandon(_ run: consuming TreeRun) { run.output.discard() }

    /// Ends an output's last table.
    func finish(_ output: TableOutput) throws(TreeError) {
        do throws(DiskError) {
            try output.finish()
        } catch {
            output.discard()
            throw .disk(error)
        }
    }

    /// Makes an output's tables part of the tree, in place of others.
    func commit(
        _ output: TableOutput, level: Int, run: UInt64, removing: [UInt64], state: [UInt8]?
    ) throws(TreeError) {
        do throws(TreeError) {
            let handles = try open(output)
            let added = handles.map { (TablePlace($0.table.properties, level: level, run: run), $0) }
            try edit(removing: removing, adding: added, state: state)
        } catch {
            // Tables that a manifest in doubt may name stay.
            if !editing.withLock({ manifest.isInDoubt }) { output.discard() }
            throw error
        }
    }

    private func open(_ output: TableOutput) throws(TreeError) -> [TableHandle] {
        if output.isEmpty { return [] }
        try orTreeError { () throws(DiskError) in try place.files.syncDirectory(place.directory) }
        var handles: [TableHandle] = []
        for table in output.tables { handles.append(TableHandle(try place.open(table.number), refuse)) }
        return handles
    }

    /// One edit: durable, then to be seen.
    func edit(
        removing: [UInt64], adding: [(place: TablePlace, handle: TableHandle)], state: [UInt8]?
    ) throws(TreeError) {
        var old: Version?
        try editing.withLock { () throws(TreeError) in
            let before = current
            guard let after = before.after(removing: removing, adding: adding) else {
                throw .unreadable(place.directory, edit: 0)
            }
            var edit = ManifestEdit(nextNumber: 0, state: state, added: adding.map(\.place), removed: removing)
            edit.added.sort { $0.number < $1.number }
            try manifest.append(edit)
            let staying = Set(adding.map(\.place.number))
            let gone = Set(removing).subtracting(staying)
            for handle in before.tables where gone.contains(handle.number) { handle.markObsolete() }
            lock.withLock {
                version = after
                damaged.subtract(gone)
            }
            measure(after)
            // It goes outside the lock, and tables with it.
            old = before
        }
        _ = old
    }

    /// Removes the files of tables that nobody has any more. What cannot be removed waits for the next time, or for the
    /// next process.
    func removeRefuse() {
        for number in refuse.takeAll() {
            do throws(DiskError) {
                try place.files.remove(place.path(number))
            } catch {
                if !error.isMissing { refuse.add(number) }
            }
        }
    }

    /// What there is and what the manifest says of it, at one moment.
    var snapshot: (version: Version, contents: ManifestContents) {
        editing.withLock { (current, manifest.contents) }
    }

    // MARK: figures

    private func measure(_ version: Version) {
        let debt = CompactionPicker(version.layout, options).debtBytes
        lock.withLock { figures.debtBytes = debt }
    }

    /// Bytes that compaction is behind by: writers are to be slowed down by it.
    public var debtBytes: Int64 { lock.withLock { figures.debtBytes } }

    /// How much there is to compact: bytes still to be written, of so many; and runs in level 0.
    public var backlog: (debtBytes: Int64, bytes: Int64, runs: Int) {
        (debtBytes, bytes, current.runs.count)
    }

    func count(_ change: (inout Figures) -> Void) { lock.withLock { change(&figures) } }

    var counted: (figures: Figures, damaged: Set<UInt64>) { lock.withLock { (figures, damaged) } }

    /// A table was found damaged: compaction leaves it where it is, since what it would write could lack records.
    func note(damaged number: UInt64) { lock.withLock { _ = damaged.insert(number) } }
}

/// What a tree counts since it was opened.
struct Figures: Sendable {
    var flushedBytes: Int64 = 0
    var compactedBytes: Int64 = 0
    var compactionReadBytes: Int64 = 0
    var compactions: Int64 = 0
    var movedTables: Int64 = 0
    var debtBytes: Int64 = 0
    /// A step of compaction has begun.
    var isCompacting = false
}
