import Base
import CSystem

/// A call that the system refuses, with the system's number.
struct Refusal: Error {
    let code: Int32

    init(_ code: Int32) { self.code = code }
}

/// A name in a directory.
struct Place: Hashable {
    var directory: Int
    var name: String
}

/// A change of directories that was not synced: a name that goes, a name that comes, or both at once (a rename).
struct EntryChange {
    let removed: Place?
    let added: Place?
    /// What the added name stands for.
    let node: Int
    /// The number of the call that did it.
    let stamp: Int
    let text: String

    var places: [Place] { [removed, added].compactMap(\.self) }
}

/// The names in a directory, as processes see them and as a crash leaves them.
struct DirectoryNode {
    var cached: [String: Int] = [:]
    var durable: [String: Int] = [:]

    mutating func crash() { cached = durable }
}

/// A file that a process has open.
struct OpenFile {
    let node: Int
    let process: Int
    let writes: Bool
}

/// Everything that a simulated disk and the system's cache of it hold. A copy is cheap.
struct DiskState {
    static let root = 1

    var files: [Int: FileNode] = [:]
    var directories = [root: DirectoryNode()]
    /// Changes of directories that are not durable, in order.
    var entryChanges: [EntryChange] = []
    var handles: [Int: OpenFile] = [:]
    /// Which handle has locked a node.
    var locks: [Int: Int] = [:]
    private var lastNode = root
    private var lastHandle = 0

    mutating func newNode() -> Int {
        lastNode += 1
        return lastNode
    }

    mutating func newHandle(_ node: Int, of process: Int, writes: Bool) -> Int {
        lastHandle += 1
        handles[lastHandle] = OpenFile(node: node, process: process, writes: writes)
        return lastHandle
    }

    mutating func close(_ handle: Int) {
        guard let open = handles.removeValue(forKey: handle) else { return }
        if locks[open.node] == handle { locks[open.node] = nil }
        if files[open.node]?.links == 0 { collect(open.node) }
    }

    mutating func closeAll(of process: Int) {
        for handle in handles.filter({ $0.value.process == process }).keys.sorted() { close(handle) }
    }

    private func isOpen(_ node: Int) -> Bool { handles.values.contains { $0.node == node } }

    /// Bytes that files take, in whole pages.
    var used: Int64 {
        var pages = 0
        for (node, file) in files where file.links > 0 || isOpen(node) { pages += file.cached.pages.count }
        return Int64(pages * FileImage.pageSize)
    }

    // MARK: What is no more

    /// Forgets a file without a name, unless a crash may bring a name back.
    mutating func collect(_ node: Int) {
        guard let file = files[node], file.links == 0, !isOpen(node), !mayReturn(node) else { return }
        files[node] = nil
    }

    /// Whether a crash may leave a name for the node.
    func mayReturn(_ node: Int) -> Bool {
        directories.values.contains { $0.durable.values.contains(node) }
            || entryChanges.contains { $0.added != nil && $0.node == node }
    }

    /// Forgets the files without a name that nothing can bring back.
    mutating func collectAll() {
        for node in files.filter({ $0.value.links == 0 }).keys { collect(node) }
    }
}
