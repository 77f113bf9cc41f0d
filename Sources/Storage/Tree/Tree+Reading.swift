import Base

/// What a tree says about a key.
public enum TreeAnswer {
    /// It was appended to the caller's buffer.
    case value
    /// There is no such key, or it is deleted.
    case absent
    /// The disk would have to be asked.
    case wouldWait
    case damaged(TreeError)
}

extension Tree {
    /// Looks a key up. Any thread; no lock is held while the disk is read.
    /// - Parameters:
    ///   - stem: how many of the key's bytes filters know, as when it was added.
    ///   - waits: false: answers `.wouldWait` rather than wait for the disk.
    ///   - output: gets the value, at its end; otherwise it stays as it is.
    public func find(_ key: ByteView, stem: Int, waits: Bool, into output: inout ByteBuffer) -> TreeAnswer {
        let version = current
        for run in version.runs {
            if let answer = find(key, stem, run, waits, &output) { return answer }
        }
        for level in 1...ManifestEdit.lastLevel {
            if let answer = find(key, stem, version.levels[level], waits, &output) { return answer }
        }
        return .absent
    }

    /// Nil if the run says nothing about the key.
    @inline(__always)
    private func find(
        _ key: ByteView, _ stem: Int, _ run: SortedRun, _ waits: Bool, _ output: inout ByteBuffer
    ) -> TreeAnswer? {
        guard let table = run.table(around: key) else { return nil }
        switch table.find(key, stem: stem, cache, waits: waits, into: &output) {
        case .absent: return nil
        case .value: return .value
        case .tombstone: return .absent
        case .wouldWait: return .wouldWait
        case .damaged(let error):
            if case .disk = error {} else { note(damaged: table.properties.number) }
            return .damaged(.table(error))
        }
    }

    /// The records from a key up to another one (nil: to the end), as they are now: what changes later does not show.
    /// - Parameter stem: if all keys that count have this stem: tables whose filters do not know it are not read.
    public func scan(from: ByteView, upTo: ByteView?, stem: ByteView? = nil) -> TreeScan {
        TreeScan(current, from, upTo, stem)
    }
}

/// The records of a tree, in the order of their keys, without those that are deleted. One thread at a time.
public struct TreeScan: ~Copyable {
    private var merged: MergedScan
    /// Has the tables' files stay.
    private let version: Version

    init(_ version: Version, _ from: ByteView, _ upTo: ByteView?, _ stem: ByteView?) {
        self.version = version
        let sources = version.sources.map { run in
            run.tables(from: from, upTo: upTo).map(\.table).filter { table in
                stem.map { table.mayHold(stem: $0) } ?? true
            }
        }
        merged = MergedScan(sources.filter { !$0.isEmpty }, from: from, upTo: upTo, tombstones: false)
    }

    /// The next record, nil after the last one. Its views are valid until the next call.
    public mutating func next() throws(TreeError) -> TableRecord? {
        do throws(TableError) { return try merged.next() } catch { throw .table(error) }
    }
}
