import Base

/// What a crash can undo, and the state it leaves.
extension DiskState {
    /// All that is not durable, in the order it was done. Without files that no crash can bring back.
    var pending: [PendingChange] {
        var found: [PendingChange] = []
        let names = Dictionary(paths.map { ($0.node, $0.path) }, uniquingKeysWith: { first, _ in first })
        for (node, file) in files.sorted(by: { $0.key < $1.key }) where !file.changes.isEmpty && mayReturn(node) {
            let name = names[node] ?? "file \(node) without a name"
            for (index, change) in file.changes.enumerated() {
                found.append(
                    PendingChange(
                        target: .file(node, change: index), isPage: change.page != nil, stamp: change.stamp,
                        text: "\(change.text) of \(name)"))
            }
        }
        for (index, change) in entryChanges.enumerated() {
            found.append(
                PendingChange(target: .entry(index), isPage: false, stamp: change.stamp, text: change.text))
        }
        // The sort keeps the order of those of one call.
        return found.enumerated().sorted { ($0.element.stamp, $0.offset) < ($1.element.stamp, $1.offset) }
            .map(\.element)
    }

    /// The power fails.
    mutating func crash(_ keeping: Keeping) {
        let changes = pending
        var entries = [Bool](repeating: false, count: entryChanges.count)
        var sectors = files.mapValues { [UInt8](repeating: 0, count: $0.changes.count) }
        for (change, kept) in zip(changes, keeping.sectors(changes)) {
            switch change.target {
            case .entry(let index): entries[index] = kept != 0
            case .file(let node, let index): sectors[node]?[index] = kept
            }
        }
        endProcesses()
        keepWhatWasBefore(&entries)
        makeDurable(entries)
        entryChanges = []
        for (node, kept) in sectors { files[node]?.crash(keeping: kept) }
        for node in directories.keys { directories[node]?.crash() }
        forgetUnreachable()
    }

    /// All handles are gone, and the locks with them.
    mutating func endProcesses() {
        for handle in handles.keys.sorted() { close(handle) }
    }

    private mutating func forgetUnreachable() {
        for node in files.keys { files[node]?.links = 0 }
        let reached = paths.map(\.node)
        for node in reached { files[node]?.links += 1 }
        let known = Set(reached + [Self.root])
        files = files.filter { known.contains($0.key) }
        directories = directories.filter { known.contains($0.key) }
    }
}
