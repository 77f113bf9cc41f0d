import Base

/// Looks a data directory over that no process uses, and changes nothing: identity, log, manifest, every record of
/// every table. martlet-check prints what it says.
public struct DirectoryCheck {
    /// What is there, and what a crash left that the next start tidies up.
    public private(set) var notes: [String] = []
    /// What is wrong, and where.
    public private(set) var problems: [String] = []
    /// Another process has the directory: nothing was looked at.
    public private(set) var isTaken = false

    private let files: any FileSystem
    private let path: String
    /// While it is held no server starts.
    private var lock: (any File)?

    /// Looks at everything. Reads all files, the tables piece by piece, log segments and manifest as a whole.
    public init(_ files: any FileSystem, _ path: String) {
        self.files = files
        self.path = path
        do throws(DirectoryError) {
            try takeLock()
            guard let identity = try DataDirectory.identity(of: files, path) else {
                problems.append("\(path)/identity is missing: \(path) is no data directory, or has lost its beginning")
                return
            }
            notes.append("identity \(String(identity, radix: 16))")
            checkLog(identity)
            checkTree(identity)
        } catch {
            if case .taken = error { isTaken = true }
            problems.append("\(error)")
        }
    }

    private mutating func takeLock() throws(DirectoryError) {
        do throws(DiskError) {
            let file = try files.open(path + "/lock", .read)
            if try !file.lock() { throw DiskError(.lock, path, Errno.taken) }
            lock = file
        } catch {
            if error.operation == .lock && error.code == Errno.taken { throw .taken(path) }
            // Without such a file nobody has it.
            if !error.isMissing { throw .disk(error) }
        }
    }

    // MARK: the log

    private mutating func checkLog(_ identity: UInt64) {
        let unchanging = UnchangingFileSystem(files)
        do throws(LogError) {
            let names = try orLogError { () throws(DiskError) in try files.list(path) }
            let firsts = names.compactMap { LogFormat.firstRecord(ofName: $0) }
            var recovery = LogRecovery(unchanging, directory: path, identity: identity)
            var (records, bytes) = (0, 0)
            let end = try recovery.run(from: max(firsts.min() ?? 1, 1)) { _, record throws(LogError) in
                records += 1
                bytes += record.count
            }
            notes.append("log: \(firsts.count) segments, \(records) records of \(bytes) bytes, the last is \(end.last)")
        } catch {
            problems.append("\(error)")
        }
        notes += unchanging.notes
    }

    private func orLogError<R>(_ body: () throws(DiskError) -> R) throws(LogError) -> R {
        do throws(DiskError) { return try body() } catch { throw .disk(error) }
    }

    // MARK: the tree

    private mutating func checkTree(_ identity: UInt64) {
        do throws(TreeError) {
            let reader = ManifestReader(files, directory: path, identity: identity)
            guard let found = try reader.read() else {
                notes.append("tree: none")
                return
            }
            let manifest = ManifestFormat.manifestName(found.number)
            let contents = found.contents
            notes.append(
                "tree: \(manifest), \(found.last) edits, \(contents.tables.count) tables, "
                    + "state of \(contents.state.count) bytes")
            if found.torn > 0 {
                notes.append(
                    "\(path)/\(manifest) has \(found.torn) bytes at its end that a crash left unfinished: "
                        + "they will be cut off")
            }
            checkTables(found, identity)
            let names = try orTreeError { () throws(DiskError) in try files.list(path) }
            for name in Tree.orphans(names, found).sorted() {
                notes.append("\(path)/\(name) belongs to nothing: it will be removed at the next start")
            }
        } catch {
            problems.append("\(error)")
        }
    }

    private mutating func checkTables(_ found: ManifestFindings, _ identity: UInt64) {
        let numbers = FileNumbers(next: found.contents.nextNumber)
        let place = TablePlaces(files: files, directory: path, identity: identity, numbers: numbers)
        let refuse = TableRefuse()
        var whole: [(place: TablePlace, handle: TableHandle)] = []
        for wanted in found.contents.places {
            do throws(TreeError) {
                let table = try place.open(wanted.number)
                if TablePlace(table.properties, level: wanted.level, run: wanted.run) != wanted {
                    throw .mistaken(place.path(wanted.number))
                }
                do throws(TableError) { try table.verify() } catch { throw .table(error) }
                whole.append((wanted, TableHandle(table, refuse)))
            } catch {
                problems.append("\(error) (level \(wanted.level), \(wanted.records) records)")
            }
        }
        if Version(whole) == nil { problems.append("\(path): tables of one level overlap") }
        let records = whole.reduce(0) { $0 + $1.place.records }
        let bytes = whole.reduce(0) { $0 + $1.place.bytes }
        notes.append("tables: \(whole.count) whole, \(bytes) bytes, \(records) records")
    }
}
