import Base

/// What a slice of compaction has done.
public enum CompactionProgress: Sendable {
    /// There was nothing to do.
    case nothing
    /// A step goes on.
    case unfinished
    /// A step has come to its end.
    case finished
}

extension Tree {
    /// Bytes of a slice: they take some hundred microseconds, and maybe a wait for the disk.
    private static let sliceBytes = 32 << 10

    /// One step of compaction, the most urgent one, or the rest of one that has begun.
    /// - Parameters:
    ///   - isDroppable: whether a record's value is worth nothing any more (it has expired): then it vanishes, as if it
    ///     had been deleted.
    ///   - eager: while nothing else is to be done: merges what level 0 has, so that reads have fewer runs to ask.
    ///   - shouldStop: asked now and then; true: the step is given up, and nothing has changed.
    /// - Returns: false if there was nothing to do.
    @discardableResult
    public func compact(
        _ isDroppable: (_ key: ByteView, _ value: ByteView) -> Bool = { _, _ in false },
        eager: Bool = false, shouldStop: () -> Bool = { false }
    ) throws(TreeError) -> Bool {
        while true {
            switch try compactSlice(isDroppable, eager: eager) {
            case .nothing: return false
            case .finished: return true
            case .unfinished: break
            }
            if !shouldStop() { continue }
            giveUpCompacting()
            return true
        }
    }

    /// A slice of the step that has begun, or the beginning of the most urgent one: see `compact`. Any thread; two wait
    /// for each other, for a slice.
    public func compactSlice(
        _ isDroppable: (_ key: ByteView, _ value: ByteView) -> Bool, eager: Bool = false
    ) throws(TreeError) -> CompactionProgress {
        try compacting.withLock { () throws(TreeError) in
            guard let step else { return try beginStep(eager) }
            do throws(TreeError) {
                if try !step.advance(bytes: Self.sliceBytes, isDroppable) { return .unfinished }
            } catch {
                self.step = nil
                step.output.discard()
                if case .table = error { findDamage(step.pick, step.version) }
                throw error
            }
            self.step = nil
            try finish(step)
            removeRefuse()
            return .finished
        }
    }

    /// Forgets a step that has begun: nothing has changed.
    public func giveUpCompacting() {
        compacting.withLock {
            step?.output.discard()
            step = nil
        }
    }

    private func beginStep(_ eager: Bool) throws(TreeError) -> CompactionProgress {
        removeRefuse()
        let version = current
        let picker = CompactionPicker(version.layout, options, damaged: counted.damaged)
        guard let pick = picker.pick(eager: eager) else { return .nothing }
        if pick.isMove {
            try move(pick, version)
            removeRefuse()
            return .finished
        }
        let output = output(level: pick.level)
        let sources = pick.inputs.map { handles($0, version).map(\.table) }
        let merge = TableMerge(sources, below(pick, version), beside(pick, version), output)
        step = CompactionStep(pick, version, merge, output)
        return .unfinished
    }

    private func handles(_ tables: [TableSummary], _ version: Version) -> [TableHandle] {
        let byNumber = Dictionary(version.tables.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        return tables.compactMap { byNumber[$0.number] }
    }

    private func move(_ pick: CompactionPick, _ version: Version) throws(TreeError) {
        let handles = handles(pick.tables, version)
        let added = handles.map { (TablePlace($0.table.properties, level: pick.level, run: 0), $0) }
        try edit(removing: handles.map(\.number), adding: added, state: nil)
        count { $0.movedTables += Int64(handles.count) }
    }

    private func finish(_ step: CompactionStep) throws(TreeError) {
        let (pick, output) = (step.pick, step.output)
        try finish(output)
        let (tables, written) = (pick.tables, output.tables.reduce(0) { $0 + $1.fileBytes })
        try commit(output, level: pick.level, run: pick.run, removing: tables.map(\.number), state: nil)
        count {
            $0.compactions += 1
            $0.compactedBytes += written
            $0.compactionReadBytes += tables.bytes
        }
    }

    /// What is older than a step's inputs, and is not among them.
    private func below(_ pick: CompactionPick, _ version: Version) -> [SortedRun] {
        let inputs = Set(pick.tables.map(\.number))
        var older = version.levels[(pick.level + 1)...].filter { !$0.tables.isEmpty }
        if pick.level == 0 {
            let merged = version.runs.lastIndex { run in run.tables.contains { inputs.contains($0.number) } }
            older = version.runs[((merged ?? -1) + 1)...] + version.levels.filter { !$0.tables.isEmpty }
        }
        return older
    }

    /// Where tables that come of the step had better end: at the ends of the next level's.
    private func beside(_ pick: CompactionPick, _ version: Version) -> SortedRun? {
        pick.level == 0 || pick.level == LevelSizes.last ? nil : version.levels[pick.level + 1]
    }

    /// A step failed at a table: finds out which, so that the next step is another one. A disk that only refused for a
    /// moment is not held against the tables.
    private func findDamage(_ pick: CompactionPick, _ version: Version) {
        for handle in handles(pick.tables, version) {
            do throws(TableError) {
                try handle.table.verify()
            } catch {
                if case .disk = error { continue }
                note(damaged: handle.number)
            }
        }
    }
}
