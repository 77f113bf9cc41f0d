import Base
import CSystem

/// Files in memory, on a disk that loses, tears and refuses what a real one might, as a seed says: same seed, same
/// calls, same outcome. Files are durable in pages of 4096 bytes once they are synced, names once their directory is; a
/// crash may undo everything else, in any combination that journalling file systems allow.
///
/// This is one process's view; `asAnotherProcess` gives another of the same disk. Any thread may call; with several the
/// outcome also depends on who comes first. Reads no clock, starts no thread.
public final class SimulatedFileSystem: FileSystem {
    private let disk: Disk
    private let process: DiskProcess

    /// An empty disk with these directories, which are durable.
    public convenience init(seed: UInt64, faults: DiskFaults = DiskFaults(), directories: [String] = []) {
        self.init(Disk(DiskState(directories: directories), FaultSource(faults, seed: seed)))
    }

    private init(_ disk: Disk) {
        self.disk = disk
        process = disk.newProcess()
    }

    // MARK: FileSystem

    public func open(_ path: String, _ use: FileUse) throws(DiskError) -> any File {
        let number = process.number
        let handle = try check(DiskCall(.open, path, creates: use != .read)) {
            (state, _, call, _) throws(Refusal) in
            let node = try state.open(path, use, stamp: call.number)
            return Int64(state.newHandle(node, of: number, writes: use != .read))
        }
        return SimulatedFile(path, disk, process, handle: Int(handle))
    }

    public func rename(_ path: String, to new: String) throws(DiskError) {
        try check(DiskCall(.rename, path, to: new)) { (state, _, call, _) throws(Refusal) in
            try state.rename(path, to: new, stamp: call.number)
            return 0
        }
    }

    public func link(_ path: String, to new: String) throws(DiskError) {
        try check(DiskCall(.link, path, to: new)) { (state, _, call, _) throws(Refusal) in
            try state.link(path, to: new, stamp: call.number)
            return 0
        }
    }

    public func remove(_ path: String) throws(DiskError) {
        try check(DiskCall(.remove, path)) { (state, _, call, _) throws(Refusal) in
            try state.remove(path, stamp: call.number)
            return 0
        }
    }

    public func list(_ directory: String) throws(DiskError) -> [String] {
        var names: [String] = []
        try check(DiskCall(.list, directory)) { (state, _, _, _) throws(Refusal) in
            names = state.directories[try state.directory(directory)]?.cached.keys.sorted() ?? []
            return Int64(names.count)
        }
        return names
    }

    public func makeDirectory(_ path: String) throws(DiskError) {
        try check(DiskCall(.makeDirectory, path)) { (state, _, call, _) throws(Refusal) in
            try state.makeDirectory(path, stamp: call.number)
            return 0
        }
    }

    public func syncDirectory(_ path: String) throws(DiskError) {
        try check(DiskCall(.syncDirectory, path)) { (state, _, _, _) throws(Refusal) in
            state.syncDirectory(try state.directory(path))
            return 0
        }
    }

    /// As the capacity says; without one, 2 to the 50th.
    public func freeBytes(_ path: String) throws(DiskError) -> Int64 {
        try check(DiskCall(.measure, path)) { (state, source, _, _) throws(Refusal) in
            _ = try state.existing(path)
            return source.faults.capacity.map { max(0, $0 - state.used) } ?? 1 << 50
        }
    }

    @discardableResult
    private func check(_ call: DiskCall, _ body: Disk.Body) throws(DiskError) -> Int64 {
        let answer = disk.call(call, by: process, body)
        if answer < 0 { throw DiskError(call.kind, call.path, Int32(-answer)) }
        return answer
    }

    // MARK: Processes and power

    /// The same disk as another process sees it: of a file that this one has locked, it gets no lock.
    public func asAnotherProcess() -> SimulatedFileSystem { SimulatedFileSystem(disk) }

    /// As after kill -9: what this process wrote is there, still to be synced, and its locks are free. The process's
    /// file system and files answer EIO from now on. Other processes go on.
    public func kill() -> SimulatedFileSystem {
        disk.end(process)
        return SimulatedFileSystem(disk)
    }

    /// The disk as it is found after power fails now. All processes' file systems and files answer EIO from now on.
    public func crash(keeping: Keeping) -> SimulatedFileSystem {
        let after = afterCrash(keeping: keeping)
        disk.end()
        return after
    }

    /// The disk as it would be found after `crash`; nothing happens to this one. The copy has this one's faults, but
    /// not what `failAt` planned. Cheap: it shares the pages.
    public func afterCrash(keeping: Keeping) -> SimulatedFileSystem {
        SimulatedFileSystem(disk.copyAfterCrash(keeping))
    }

    /// The disk as it would be found after all its processes were killed; nothing happens to this one.
    public func afterKill() -> SimulatedFileSystem { SimulatedFileSystem(disk.copyAfterKill()) }

    /// What a crash may undo, in the order it was done: pages, cuts and growths of files, changes of directories.
    public var pending: [String] { disk.withState { $0.pending.map(\.text) } }

    /// Called before each call of this process, on its thread, without a lock: it may copy the disk, or crash it.
    public func beforeEachCall(_ hook: (@Sendable (DiskCall) -> Void)?) { disk.set(hook, for: process) }

    // MARK: Faults

    public var faults: DiskFaults {
        get { disk.withSource { $0.faults } }
        set { disk.withSource { $0.faults = newValue } }
    }

    /// Has the n-th call from now on go wrong, counted from 1 among those of the kind that can go wrong in this way.
    /// - Parameter persistent: so do all after it. Not for `.interrupted`: who is interrupted tries again for ever.
    public func failAt(
        _ number: Int, _ fault: DiskFault = .error, of kind: DiskError.Operation? = nil, persistent: Bool = false
    ) {
        precondition(number > 0 && !(persistent && fault == .interrupted))
        disk.withSource { $0.plan(number, fault, of: kind, persistent: persistent) }
    }

    /// Forgets what `failAt` planned.
    public func stopFailing() { disk.withSource { $0.forgetPlans() } }

    /// How many calls the disk got, also from other processes.
    public var calls: Int { disk.withSource { $0.calls } }

    public func calls(of kind: DiskError.Operation) -> Int { disk.withSource { $0.callsOfKind[kind] ?? 0 } }

    /// How many calls went wrong in this way.
    public func injected(_ fault: DiskFault) -> Int { disk.withSource { $0.injected[fault.rawValue] } }

    /// How many calls went wrong.
    public var injected: Int { disk.withSource { $0.injected.reduce(0, +) } }

    // MARK: For tests' eyes: these are no calls

    /// The paths of all files, sorted.
    public var paths: [String] {
        disk.withState { state in state.paths.filter { state.files[$0.node] != nil }.map(\.path).sorted() }
    }

    /// What a process would read; nil if there is no such file.
    public func contents(_ path: String) -> [UInt8]? {
        disk.withState { state in
            (try? state.existing(path)).flatMap { state.files[$0]?.cached.bytes }
        }
    }

    /// Turns a bit for good, on the disk and where it is cached. False if there is no such file or it ends before.
    @discardableResult
    public func flipBit(_ path: String, _ offset: Int64, _ bit: Int) -> Bool {
        disk.withState { state in
            guard let node = try? state.existing(path), let size = state.files[node]?.cached.size,
                (0..<size).contains(offset)
            else { return false }
            state.files[node]?.flip(bit, at: offset)
            return true
        }
    }

    /// Reads see the disk from now on: what was lost or put elsewhere shows.
    public func dropCaches() {
        disk.withState { state in
            for node in state.files.keys { state.files[node]?.dropCache() }
        }
    }

    /// The last 200 calls and their answers, a line each.
    public var trace: String { disk.traceText }
}

extension DiskState {
    /// A disk with directories that are durable.
    fileprivate init(directories: [String]) {
        self.init()
        for path in directories {
            var made = ""
            for component in path.split(separator: "/") {
                made += "/" + component
                try? makeDirectory(made, stamp: 0)
            }
        }
        makeDurable(entryChanges.map { _ in true })
    }
}
