import Base

extension Tree {
    /// One step of compaction, the most urgent one. The compactor's thread.
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
        removeRefuse()
        let version = current
        let picker = CompactionPicker(version.layout, options, damaged: counted.damaged)
        guard let pick = picker.pick(eager: eager) else { return false }
        if pick.isMove { try move(pick, version) } else { try merge(pick, version, isDroppable, shouldStop) }
        removeRefuse()
        return true
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

    private func merge(
        _ pick: CompactionPick, _ version: Version, _ isDroppable: (ByteView, ByteView) -> Bool,
        _ shouldStop: () -> Bool
    ) throws(TreeError) {
        let output = output(level: pick.level)
        let sources = pick.inputs.map { handles($0, version).map(\.table) }
        do throws(TreeError) {
            var merge = TableMerge(sources, below(pick, version), beside(pick, version), output)
            if try !merge.run(isDroppable, shouldStop) {
                output.discard()
                return
            }
        } catch {
            output.discard()
            if case .table = error { findDamage(pick, version) }
            throw error
        }
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
