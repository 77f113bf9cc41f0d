import Base

/// The tree at one moment: which tables there are, and in which order they hide each other. Does not change; readers
/// hold one while they read, and with it the tables' files.
final class Version: Sendable {
    /// Level 0, the newest run first.
    let runs: [SortedRun]
    /// By level; of level 0, which is `runs`, nothing.
    let levels: [SortedRun]

    init(runs: [SortedRun], levels: [SortedRun]) {
        self.runs = runs
        self.levels = levels
    }

    static let empty = Version(
        runs: [], levels: (0...ManifestEdit.lastLevel).map { _ in SortedRun([]) })

    /// The version with these tables in these places. Nil if tables of a level overlap.
    init?(_ places: [(place: TablePlace, handle: TableHandle)]) {
        var byRun: [UInt64: [TableHandle]] = [:]
        var byLevel = [[TableHandle]](repeating: [], count: ManifestEdit.lastLevel + 1)
        for (place, handle) in places {
            if place.level == 0 {
                byRun[place.run, default: []].append(handle)
            } else {
                byLevel[place.level].append(handle)
            }
        }
        runs = byRun.sorted { $0.key > $1.key }.map { SortedRun(number: $0.key, Version.sorted($0.value)) }
        levels = byLevel.map { SortedRun(Version.sorted($0)) }
        for run in runs + levels where !Version.areDisjoint(run.tables) { return nil }
    }

    private static func sorted(_ tables: [TableHandle]) -> [TableHandle] {
        tables.sorted { a, b in
            a.table.properties.firstKey.withView { first in
                b.table.properties.firstKey.withView { first < $0 }
            }
        }
    }

    private static func areDisjoint(_ tables: [TableHandle]) -> Bool {
        zip(tables, tables.dropFirst()).allSatisfy { a, b in
            a.table.properties.lastKey.withView { last in b.table.properties.firstKey.withView { last < $0 } }
        }
    }

    /// All sorted runs, the newest first.
    var sources: [SortedRun] { runs + levels.dropFirst().filter { !$0.tables.isEmpty } }

    /// With the level (0: a run's) of each.
    var places: [(place: TablePlace, handle: TableHandle)] {
        var found: [(place: TablePlace, handle: TableHandle)] = []
        for run in runs { for handle in run.tables { found.append((Self.place(handle, 0, run.number), handle)) } }
        for (level, run) in levels.enumerated() {
            for handle in run.tables { found.append((Self.place(handle, level, 0), handle)) }
        }
        return found
    }

    private static func place(_ handle: TableHandle, _ level: Int, _ run: UInt64) -> TablePlace {
        TablePlace(handle.table.properties, level: level, run: run)
    }

    /// The version after an edit, with the tables that it adds. Nil if tables of a level would overlap.
    func after(removing removed: [UInt64], adding added: [(place: TablePlace, handle: TableHandle)]) -> Version? {
        let gone = Set(removed)
        return Version(places.filter { !gone.contains($0.place.number) } + added)
    }

    var tables: [TableHandle] { sources.flatMap(\.tables) }

    /// What compaction goes by.
    var layout: Layout {
        Layout(
            runs: runs.map {
                Layout.Run(number: $0.number, tables: $0.tables.map { TableSummary($0.table.properties) })
            },
            levels: levels.map { $0.tables.map { TableSummary($0.table.properties) } })
    }
}

extension TablePlace {
    init(_ properties: TableProperties, level: Int, run: UInt64) {
        self.init(
            level: level, run: run, number: properties.number, bytes: properties.fileBytes,
            records: Int64(properties.records))
    }
}
