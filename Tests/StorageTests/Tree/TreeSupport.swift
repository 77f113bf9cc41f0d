import Base
import Simulation
import Testing

@testable import Storage

extension Tree.Options {
    /// So small that a few hundred records make several levels.
    static var small: Tree.Options {
        var options = Tree.Options()
        options.tableBytes = 1500
        options.baseBytes = 6000
        options.levelRatio = 4
        options.level0Runs = 3
        options.blockBytes = 256
        options.cacheBytes = 20_000
        // So that the records' sizes are those of tables.
        options.newest = .none
        return options
    }
}

/// A record's key: four bytes for its stem, and two more for a piece. Piece 0 is the head, which has none.
struct TreeKey: Hashable, Comparable {
    var stem: Int
    var piece = 0

    var bytes: [UInt8] {
        let start: [UInt8] = [UInt8(stem >> 8 & 255), UInt8(stem & 255), 7, 1]
        return piece == 0 ? start : start + [UInt8(piece >> 8), UInt8(piece & 255)]
    }

    static func < (a: TreeKey, b: TreeKey) -> Bool { (a.stem, a.piece) < (b.stem, b.piece) }
}

func treeDisk(seed: UInt64, _ faults: DiskFaults = DiskFaults()) -> SimulatedFileSystem {
    SimulatedFileSystem(seed: seed, faults: faults, directories: ["/data"])
}

/// A tree on a simulated disk and what it is to hold.
final class TreePlay {
    let files: SimulatedFileSystem
    let tree: Tree
    var model: [TreeKey: [UInt8]]
    private let directory: DataDirectory

    init(_ files: SimulatedFileSystem, _ options: Tree.Options = .small, model: [TreeKey: [UInt8]] = [:]) throws {
        self.files = files
        self.model = model
        directory = try DataDirectory.open(files, "/data", newIdentity: 5)
        tree = try Tree.open(directory, options)
    }

    /// Changes at random: overwritten, new and deleted keys, and what they become.
    static func changes(_ random: inout PRNG, count: Int, keys: Int, valueBytes: Int = 60) -> [TreeKey: [UInt8]?] {
        var changes: [TreeKey: [UInt8]?] = [:]
        for _ in 0..<count {
            let stem = Int(random.below(UInt64(keys)))
            let key = TreeKey(stem: stem, piece: stem % 5 == 0 ? Int(random.below(6)) : 0)
            let length = Int(random.below(UInt64(valueBytes + 1)))
            let value = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            changes[key] = .some(random.below(5) == 0 ? nil : value)
        }
        return changes
    }

    func install(_ changes: [TreeKey: [UInt8]?], state: [UInt8]) throws {
        let run = tree.beginRun()
        do {
            for (key, value) in changes.sorted(by: { $0.key < $1.key }) { try Self.add(key, value, to: run) }
        } catch {
            tree.abandon(run)
            throw error
        }
        try state.withView { try tree.install(run, state: $0) }
        for (key, value) in changes { model[key] = value }
    }

    static func add(_ key: TreeKey, _ value: [UInt8]?, to run: TreeRun) throws(DiskError) {
        try key.bytes.withView { (bytes) throws(DiskError) in
            guard let value else { return try run.add(key: bytes, stem: 4, value: nil) }
            try value.withView { (value) throws(DiskError) in try run.add(key: bytes, stem: 4, value: value) }
        }
    }

    /// Compacts until there is nothing to do.
    @discardableResult
    func settle(_ isDroppable: (ByteView, ByteView) -> Bool = { _, _ in false }) throws -> Int {
        var steps = 0
        while try tree.compact(isDroppable) {
            steps += 1
            #expect(steps < 1000)
            if steps >= 1000 { break }
        }
        return steps
    }

    func find(_ key: TreeKey) throws -> [UInt8]? { try tree.value(key) }

    /// Every key, found and scanned, as the model has it.
    func check(keys: Int, _ hint: @autoclosure () -> String = "") throws {
        for stem in 0..<keys {
            for piece in 0..<(stem % 5 == 0 ? 6 : 1) {
                let key = TreeKey(stem: stem, piece: piece)
                #expect(try tree.value(key) == model[key], "\(hint()) \(key)")
            }
        }
        let found = try tree.everything()
        let expected = model.sorted { $0.key < $1.key }.map { ($0.key.bytes, $0.value) }
        #expect(found.elementsEqual(expected) { $0.0 == $1.0 && $0.1 == $1.1 }, "\(hint())")
    }
}

extension Tree {
    func value(_ key: TreeKey) throws -> [UInt8]? {
        var output = ByteBuffer()
        output.append(9)
        switch key.bytes.withView({ find($0, stem: 4, waits: true, into: &output) }) {
        case .value: return Array(output.view.bytes[1...])
        case .absent: return nil
        case .damaged(let error): throw error
        case .wouldWait:
            Issue.record("it was to wait")
            return nil
        }
    }

    func everything() throws -> [([UInt8], [UInt8])] { try records(from: [], upTo: nil) }

    func records(from: [UInt8], upTo: [UInt8]?, stem: [UInt8]? = nil) throws -> [([UInt8], [UInt8])] {
        var found: [([UInt8], [UInt8])] = []
        func take(_ scan: consuming TreeScan) throws {
            while let record = try scan.next() { found.append((record.key.bytes, record.value?.bytes ?? [])) }
        }
        try from.withView { from in
            guard let upTo else { return try take(scan(from: from, upTo: nil)) }
            try upTo.withView { upTo in
                guard let stem else { return try take(scan(from: from, upTo: upTo)) }
                try stem.withView { try take(scan(from: from, upTo: upTo, stem: $0)) }
            }
        }
        return found
    }

    /// What must hold of any tree.
    func checkOrder() {
        let version = current
        for run in version.sources {
            for (a, b) in zip(run.tables, run.tables.dropFirst()) {
                #expect(a.table.properties.lastKey < b.table.properties.firstKey)
            }
        }
        #expect(version.runs.map(\.number) == version.runs.map(\.number).sorted(by: >))
    }
}
