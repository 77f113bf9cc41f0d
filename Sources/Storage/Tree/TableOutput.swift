import Base

/// What a run or a compaction writes: tables whose keys follow each other, each about so long. One thread at a time.
final class TableOutput {
    private let place: TablePlaces
    private let options: TableOptions
    private let limit: Int64
    private var writer: TableWriter?
    /// Of the files that were begun.
    private var numbers: [UInt64] = []
    /// The last record's stem.
    private var stem = ByteBuffer()
    private(set) var tables: [TableProperties] = []

    /// A table is ended within a stem's records only when it is so many times too long.
    private static let tooLong: Int64 = 4

    init(_ place: TablePlaces, _ options: TableOptions, limit: Int64) {
        self.place = place
        self.options = options
        self.limit = limit
    }

    var isEmpty: Bool { numbers.isEmpty }

    /// Adds a record; its key is behind all before it.
    /// - Parameter divides: here is a good place to end a table that is long enough by half.
    func add(key: ByteView, stem: Int, value: ByteView?, divides: Bool = false) throws(DiskError) {
        let stemBytes = key.slice(0, stem)
        if let writer, divides || writer.bytes >= limit {
            let isNewStem = !(self.stem.view == stemBytes)
            let isLong = writer.bytes >= limit || divides && writer.bytes >= limit / 2
            if isLong && isNewStem || writer.bytes >= limit * Self.tooLong { try finish() }
        }
        if writer == nil { try begin() }
        try writer?.add(key: key, stem: stem, value: value)
        self.stem.truncate(to: 0)
        self.stem.append(stemBytes)
    }

    private func begin() throws(DiskError) {
        let number = place.numbers.take()
        numbers.append(number)
        writer = try TableWriter(
            place.files, path: place.path(number), identity: place.identity, number: number, options)
    }

    /// Ends the table that is being written. It lasts once the directory is synced.
    func finish() throws(DiskError) {
        guard let writer else { return }
        tables.append(try writer.finish())
        self.writer = nil
    }

    /// Removes all files.
    func discard() {
        writer = nil
        for number in numbers { try? place.files.remove(place.path(number)) }
        numbers = []
        tables = []
    }
}

/// Where a tree's tables are.
struct TablePlaces: Sendable {
    let files: any FileSystem
    let directory: String
    let identity: UInt64
    let numbers: FileNumbers

    func path(_ number: UInt64) -> String { directory + "/" + ManifestFormat.tableName(number) }

    func open(_ number: UInt64) throws(TreeError) -> Table {
        let path = path(number)
        do throws(TableError) {
            return try Table.open(files, path: path, identity: identity, number: number)
        } catch {
            if case .disk(let error) = error, error.isMissing { throw .missing(path) }
            throw .table(error)
        }
    }
}

/// A run on its way to level 0: records in the order of their keys, each key once. `Tree.beginRun` makes it,
/// `Tree.install` makes it count. One thread at a time.
public final class TreeRun {
    let number: UInt64
    let output: TableOutput

    init(number: UInt64, _ output: TableOutput) {
        self.number = number
        self.output = output
    }

    /// Adds a record; its key is behind all before it.
    /// - Parameters:
    ///   - stem: how many of the key's bytes filters are to know.
    ///   - value: nil: the key is deleted.
    public func add(key: ByteView, stem: Int, value: ByteView?) throws(DiskError) {
        try output.add(key: key, stem: stem, value: value)
    }
}
