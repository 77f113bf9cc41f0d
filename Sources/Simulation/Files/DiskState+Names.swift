import Base
import CSystem

/// Paths, as the system's calls treat them. There are no links but hard ones and no permissions; a slash at the end
/// means nothing.
extension DiskState {
    private static let longestName = 255
    private static let longestPath = 4095

    /// What a path leads to: a place where something may be or not, or a directory by way of `.` or `..` or the root.
    private enum Destination {
        case place(Place)
        case directory(Int)

        var place: Place? { if case .place(let place) = self { place } else { nil } }
    }

    private func walk(_ path: String) throws(Refusal) -> Destination {
        if path.isEmpty { throw Refusal(ENOENT) }
        if path.utf8.count > Self.longestPath { throw Refusal(ENAMETOOLONG) }
        var way = [Self.root]
        var last: Place?
        for component in path.split(separator: "/") {
            if let place = last { way.append(try step(to: place)) }
            last = nil
            switch component {
            case ".": break
            case "..": if way.count > 1 { way.removeLast() }
            default: last = Place(directory: way[way.count - 1], name: String(component))
            }
        }
        return last.map { .place($0) } ?? .directory(way[way.count - 1])
    }

    private func step(to place: Place) throws(Refusal) -> Int {
        guard let node = try entry(place) else { throw Refusal(ENOENT) }
        if directories[node] == nil { throw Refusal(ENOTDIR) }
        return node
    }

    private func node(_ destination: Destination) throws(Refusal) -> Int? {
        switch destination {
        case .directory(let node): node
        case .place(let place): try entry(place)
        }
    }

    private func resolve(_ path: String) throws(Refusal) -> (place: Place?, node: Int?) {
        let destination = try walk(path)
        return (destination.place, try node(destination))
    }

    private func entry(_ place: Place) throws(Refusal) -> Int? {
        if place.name.utf8.count > Self.longestName { throw Refusal(ENAMETOOLONG) }
        return directories[place.directory]?.cached[place.name]
    }

    func existing(_ path: String) throws(Refusal) -> Int {
        guard let node = try resolve(path).node else { throw Refusal(ENOENT) }
        return node
    }

    func directory(_ path: String) throws(Refusal) -> Int {
        let node = try existing(path)
        if directories[node] == nil { throw Refusal(ENOTDIR) }
        return node
    }

    /// The file's node; makes the file if it is missing and may be made.
    mutating func open(_ path: String, _ use: FileUse, stamp: Int) throws(Refusal) -> Int {
        let (place, existing) = try resolve(path)
        if let node = existing {
            if use == .create { throw Refusal(EEXIST) }
            if use == .write, directories[node] != nil { throw Refusal(EISDIR) }
            return node
        }
        guard use != .read, let place else { throw Refusal(ENOENT) }
        let node = newNode()
        files[node] = FileNode()
        change(removed: nil, added: place, node, stamp, "create \(path)")
        return node
    }

    mutating func rename(_ path: String, to new: String, stamp: Int) throws(Refusal) {
        let (fromWay, toWay) = (try walk(path), try walk(new))
        guard let from = fromWay.place, let to = toWay.place else { throw Refusal(EBUSY) }
        guard let source = try entry(from) else { throw Refusal(ENOENT) }
        let target = try entry(to)
        if directories[source] != nil, isInside(source, to.directory) { throw Refusal(EINVAL) }
        if let target, isInside(target, from.directory) { throw Refusal(ENOTEMPTY) }
        if source == target { return }
        if let target { try checkReplaces(target, source) }
        change(removed: from, added: to, source, stamp, "rename \(path) to \(new)")
    }

    private func checkReplaces(_ target: Int, _ source: Int) throws(Refusal) {
        switch (directories[source], directories[target]) {
        case (nil, nil): break
        case (nil, _?): throw Refusal(EISDIR)
        case (_?, nil): throw Refusal(ENOTDIR)
        case (_?, let old?): if !old.cached.isEmpty { throw Refusal(ENOTEMPTY) }
        }
    }

    /// Whether a directory is another one or is somewhere in it.
    private func isInside(_ outer: Int, _ inner: Int) -> Bool {
        if outer == inner { return true }
        let subdirectories = directories[outer]?.cached.values.filter { directories[$0] != nil } ?? []
        return subdirectories.contains { isInside($0, inner) }
    }

    mutating func link(_ path: String, to new: String, stamp: Int) throws(Refusal) {
        let source = try existing(path)
        let (to, target) = try resolve(new)
        guard let to, target == nil else { throw Refusal(EEXIST) }
        if directories[source] != nil { throw Refusal(EPERM) }
        change(removed: nil, added: to, source, stamp, "link \(path) to \(new)")
    }

    mutating func remove(_ path: String, stamp: Int) throws(Refusal) {
        let (place, node) = try resolve(path)
        guard let node else { throw Refusal(ENOENT) }
        guard let place, directories[node] == nil else { throw Refusal(EISDIR) }
        change(removed: place, added: nil, node, stamp, "remove \(path)")
        collect(node)
    }

    mutating func makeDirectory(_ path: String, stamp: Int) throws(Refusal) {
        let (place, existing) = try resolve(path)
        guard let place, existing == nil else { throw Refusal(EEXIST) }
        let node = newNode()
        directories[node] = DirectoryNode()
        change(removed: nil, added: place, node, stamp, "make directory \(path)")
    }

    // MARK: Changes and what becomes of them

    private mutating func change(removed: Place?, added: Place?, _ node: Int, _ stamp: Int, _ text: String) {
        let replaced = added.flatMap { directories[$0.directory]?.cached[$0.name] }
        for place in [removed, added] {
            if let gone = place.flatMap({ directories[$0.directory]?.cached.removeValue(forKey: $0.name) }) {
                files[gone]?.links -= 1
            }
        }
        if let added {
            directories[added.directory]?.cached[added.name] = node
            files[node]?.links += 1
        }
        entryChanges.append(EntryChange(removed: removed, added: added, node: node, stamp: stamp, text: text))
        if let replaced { collect(replaced) }
    }

    /// Makes a directory's names durable. A rename to another directory becomes durable with either, and what changed
    /// the same names before comes with it.
    mutating func syncDirectory(_ node: Int) {
        var kept = entryChanges.map { change in change.places.contains { $0.directory == node } }
        keepWhatWasBefore(&kept)
        makeDurable(kept)
        collectAll()
    }

    /// Journals keep the order of changes of the same name.
    func keepWhatWasBefore(_ kept: inout [Bool]) {
        var needed: Set<Place> = []
        for index in entryChanges.indices.reversed() {
            let places = entryChanges[index].places
            if kept[index] || places.contains(where: needed.contains) {
                kept[index] = true
                needed.formUnion(places)
            }
        }
    }

    mutating func makeDurable(_ kept: [Bool]) {
        for (change, isKept) in zip(entryChanges, kept) where isKept {
            if let removed = change.removed {
                directories[removed.directory]?.durable[removed.name] = nil
            }
            if let added = change.added { directories[added.directory]?.durable[added.name] = change.node }
        }
        entryChanges = zip(entryChanges, kept).filter { !$0.1 }.map(\.0)
    }

    /// All files and directories that processes see, by path.
    var paths: [(path: String, node: Int)] {
        var found: [(path: String, node: Int)] = []
        func walk(_ node: Int, _ path: String) {
            for (name, entry) in (directories[node]?.cached ?? [:]).sorted(by: { $0.key < $1.key }) {
                found.append((path + "/" + name, entry))
                if directories[entry] != nil { walk(entry, path + "/" + name) }
            }
        }
        walk(Self.root, "")
        return found
    }
}
