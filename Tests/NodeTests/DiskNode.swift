import Base
import Causality
import Commands
import Simulation
import Storage

@testable import Keyspace
@testable import Node

/// A node on a simulated disk, with clients on two loops, whose threads run when the test says so.
final class DiskNode {
    let files: SimulatedFileSystem
    let shell: FakeShell
    let a: FakeClient
    let b: FakeClient

    /// Small limits, so that a short course meets everything: a segment is begun every 4 KiB.
    static let options = [
        "--appendonly", "yes", "--dir", "/tmp", "--flush-log-size", "4096", "--databases", "2",
        "--hash-max-listpack-entries", "8", "--set-max-intset-entries", "8", "--zset-max-listpack-entries", "8",
        "--list-max-listpack-size", "8", "--stream-node-max-entries", "4",
    ]

    static func disk(seed: UInt64 = 1) -> SimulatedFileSystem {
        SimulatedFileSystem(seed: seed, directories: ["/tmp"])
    }

    /// Fails as the server's start would.
    init(
        _ files: SimulatedFileSystem = DiskNode.disk(), sync: String = "always", now: Int64? = nil, loops: Int = 2,
        _ options: [String] = DiskNode.options
    ) throws {
        self.files = files
        shell = try FakeShell(loops: loops, options: options + ["--appendfsync", sync], files: files)
        if let now { shell.now = now }
        _ = try shell.node.openPersistence()
        shell.node.startPersisting()
        a = shell.connect(loop: 0)
        b = shell.connect(loop: loops - 1)
        shell.whileAsleep = { [unowned self] in persistence?.step() }
    }

    var persistence: Persistence? { shell.node.persistence }
    var keeper: TreeKeeper? { persistence?.keeper }
    var keyspace: Keyspace { shell.node.keyspace }

    /// A command as one line; what has come back, nothing if the reply waits or the client was disconnected.
    func run(_ line: String, _ client: FakeClient? = nil) -> String { shell.exchange(client ?? a, line + "\r\n") }

    /// The clients' part of a restart: what they send from now on goes to new connections.
    func client() -> FakeClient { shell.connect(loop: 0) }

    /// The node as it comes up after a loss of power.
    func crashed(_ keeping: Keeping = .nothing) throws -> DiskNode { try DiskNode(files.crash(keeping: keeping)) }

    /// Takes every value out of memory that may go. Answers how many those were.
    @discardableResult
    func setAside() -> Int {
        var count = 0
        let moment = Moment(wall: shell.now, stamp: 0)
        keyspace.forEachPartition { partition in
            for database in 0..<keyspace.databaseCount {
                var keys: [[UInt8]] = []
                partition.pointee.databases[database].entries.forEach { keys.append($0.key.bytes) }
                for key in keys {
                    let isGone = key.withView {
                        Access(partition, database: database, moment: moment).setAside(Key($0))
                    }
                    if isGone { count += 1 }
                }
            }
        }
        return count
    }

    /// Ends as the server does.
    func close() { shell.node.closePersistence() }

    /// Brings all values back. Answers false if one cannot be read.
    func bringBack() -> Bool {
        keyspace.firstLeftAway { [values = persistence?.values] in values?.load($0, $1) ?? false } == nil
    }

    /// Compacts until there is nothing to do, or nothing that works.
    func compact() { while keeper?.compact() ?? false {} }
}

/// What clients can see of all keys, without the forms that only depend on how values grew.
struct Contents: Equatable {
    var keys: [KeyState] = []
    /// What there is of keys besides their values.
    var siblings: [String] = []

    init() {}

    /// Values that are away are not seen.
    init(_ keyspace: Keyspace) {
        keys = keyspace.state.keys
        keys.forgetStringEncodings()
        siblings = keyspace.siblingsShown
    }

    /// The same after a restart, or after values were away, where they have the form that the limits give them.
    func isReplay(of original: Contents) -> Bool {
        keys.count == original.keys.count && siblings == original.siblings
            && zip(keys, original.keys).allSatisfy { $0.isReplay(of: $1) || $1.isReplay(of: $0) }
    }

    /// For comparing with one that has been started less often: writes are counted anew after an unclean end.
    var withoutDots: Contents {
        var copy = self
        for i in copy.keys.indices { copy.keys[i].dot = 0 }
        return copy
    }

    /// What two contents differ in, for a failure's message.
    func difference(_ other: Contents) -> String {
        func name(_ key: KeyState) -> String { "\(key.database):\(String(decoding: key.key, as: UTF8.self))" }
        func short(_ key: KeyState) -> String {
            "\(key.type) \(key.encoding) \(key.dot) \(String(decoding: key.value.prefix(80), as: UTF8.self))"
        }
        let mine = Dictionary(keys.map { (name($0), $0) }, uniquingKeysWith: { a, _ in a })
        let its = Dictionary(other.keys.map { (name($0), $0) }, uniquingKeysWith: { a, _ in a })
        var lines: [String] = []
        for key in Set(mine.keys).union(its.keys).sorted() where mine[key] != its[key] {
            lines.append("\(key): \(mine[key].map(short) ?? "none") / \(its[key].map(short) ?? "none")")
        }
        let others = Set(siblings).symmetricDifference(other.siblings).sorted()
        return (lines.prefix(5) + others.prefix(4)).joined(separator: "\n")
    }
}

extension Keyspace {
    /// What there is of keys besides their values.
    var siblingsShown: [String] {
        var lines: [String] = []
        forEachPartition { partition in
            for database in 0..<databaseCount {
                for name in partition.pointee.siblings?.pointee.keys(database) ?? [] {
                    let stored = name.withView { partition.pointee.siblings(database, $0)!.stored }
                    var line = "\(database):\(String(decoding: name, as: UTF8.self)):"
                    stored.forEachVersion { line += " \($0.dot.packed) \($0.timestamp) \($0.payload)" }
                    let residue = stored.residue.base.entries + stored.residue.dots
                    lines.append(line + " residue \(residue.map(\.dot.packed))")
                }
            }
        }
        return lines.sorted()
    }
}

extension SimulatedFileSystem {
    /// The end of `trace`.
    func lastCalls(_ count: Int) -> String {
        trace.split(separator: "\n").suffix(count).joined(separator: "\n")
    }
}

extension [KeyState] {
    /// How a string is kept depends on how it came about, and is not kept up.
    mutating func forgetStringEncodings() {
        for i in indices where self[i].type == "string" { self[i].encoding = "" }
    }
}
