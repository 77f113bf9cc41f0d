import Base

extension Tree {
    /// Opens the tree of a directory, or begins one in a directory that has none: reads the manifest, opens all tables.
    /// - Parameter tidies: whether `tidy` is done at once.
    public static func open(
        _ directory: DataDirectory, _ options: Options = Options(), tidies: Bool = true
    ) throws(TreeError) -> Tree {
        let (files, path) = (directory.files, directory.path)
        let reader = ManifestReader(files, directory: path, identity: directory.identity)
        let found = try reader.read()
        let names = try orTreeError { () throws(DiskError) in try files.list(path) }
        let used = names.compactMap { ManifestFormat.table(ofName: $0) ?? ManifestFormat.manifest(ofName: $0) }
        let next = max(found?.contents.nextNumber ?? ManifestWriter.firstNumber + 1, (used.max() ?? 0) + 1)
        let numbers = FileNumbers(next: next)
        let place = TablePlaces(files: files, directory: path, identity: directory.identity, numbers: numbers)
        guard let found else {
            let manifest = try ManifestWriter(newIn: path, files, identity: directory.identity, numbers)
            return Tree(place, options, manifest, Version.empty)
        }
        let refuse = TableRefuse()
        let version = try version(of: found, place, refuse)
        let manifest = try ManifestWriter(
            files, directory: path, identity: directory.identity, numbers, after: found)
        let tree = Tree(place, options, manifest, version, refuse)
        tree.orphans = orphans(names, found)
        if tidies { try tree.tidy() }
        return tree
    }

    /// Cuts off or removes what a crash left behind. Not before it is certain that the directory is as it should be: what
    /// a damaged manifest does not name may be all there is.
    public func tidy() throws(TreeError) {
        try editing.withLock { () throws(TreeError) in try manifest.takeOver() }
        for name in orphans { try? place.files.remove(place.directory + "/" + name) }
        orphans = []
    }

    /// The tables of a manifest, opened.
    static func version(
        of found: ManifestFindings, _ place: TablePlaces, _ refuse: TableRefuse
    ) throws(TreeError) -> Version {
        var tables: [(place: TablePlace, handle: TableHandle)] = []
        for wanted in found.contents.places {
            let table = try place.open(wanted.number)
            guard TablePlace(table.properties, level: wanted.level, run: wanted.run) == wanted else {
                throw .mistaken(place.path(wanted.number))
            }
            tables.append((wanted, TableHandle(table, refuse)))
        }
        guard let version = Version(tables) else {
            throw .unreadable(place.directory + "/" + ManifestFormat.manifestName(found.number), edit: found.last)
        }
        return version
    }

    /// The names of files that are the tree's kind, and not the tree's.
    static func orphans(_ names: [String], _ found: ManifestFindings) -> [String] {
        names.filter { name in
            if let number = ManifestFormat.table(ofName: name) { return found.contents.tables[number] == nil }
            if let number = ManifestFormat.manifest(ofName: name) { return number != found.number }
            return name == ManifestFormat.newCurrentName
        }
    }
}
