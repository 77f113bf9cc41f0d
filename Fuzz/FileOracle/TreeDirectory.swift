import Base
import FuzzCorpus
import Simulation
import Storage

/// A directory with a tree of several levels, one file of which is replaced by an input.
final class TreeDirectory {
    private static let path = "/d"
    private let files = SimulatedFileSystem(seed: 1, directories: [TreeDirectory.path])
    /// The manifest's name and number.
    private let manifest: (name: String, number: UInt64)

    /// So small that some dozen records make several tables.
    private static var options: Tree.Options {
        var options = Tree.Options()
        options.tableBytes = 1000
        options.baseBytes = 4000
        options.levelRatio = 4
        options.level0Runs = 3
        options.blockBytes = 200
        options.cacheBytes = 1 << 16
        options.compressAll(.none)
        return options
    }

    init() {
        do {
            let tree = try Self.open(files)
            for round in 0..<5 {
                try Self.install(round, tree)
                if round == 3 { while try tree.compact({ _, _ in false }) {} }
            }
            let name = try files.list(Self.path).first { $0.hasPrefix("manifest-") }!
            manifest = (name, UInt64(name.dropFirst(9), radix: 16)!)
        } catch {
            fatalError("a tree cannot be made: \(error)")
        }
    }

    private static func open(_ files: SimulatedFileSystem, tidies: Bool = true) throws -> Tree {
        try Tree.open(
            try DataDirectory.open(files, path, newIdentity: FileSeals.identity), options, tidies: tidies)
    }

    private static func install(_ round: Int, _ tree: Tree) throws {
        let run = tree.beginRun()
        for i in 0..<24 {
            let value = [UInt8](repeating: UInt8(i), count: 20 + 3 * i)
            try Array("key \(10 + i * (round % 3 + 1))".utf8).withView { key in
                try value.withView { try run.add(key: key, stem: key.count, value: i % 7 == 3 ? nil : $0) }
            }
        }
        try Array("state \(round)".utf8).withView { try tree.install(run, state: $0) }
    }

    /// What a tree holds.
    private struct Contents: Equatable {
        var state: [UInt8]
        var records: [[UInt8]] = []
    }

    private static func contents(_ tree: Tree) throws -> Contents {
        var contents = Contents(state: tree.state)
        var scan = tree.scan(from: ByteView(""), upTo: nil)
        while let record = try scan.next() { contents.records += [record.key.bytes, record.value?.bytes ?? []] }
        return contents
    }

    /// The file's name, and its bytes as they are.
    func original(_ kind: FileOracle.Kind) -> (name: String, bytes: [UInt8]) {
        let name =
            switch kind {
            case .current: "current"
            case .identity: "identity"
            default: manifest.name
            }
        return (name, files.contents(Self.path + "/" + name) ?? [])
    }

    func check(_ kind: FileOracle.Kind, _ bytes: [UInt8], sealed: Bool) -> Outcome {
        let files = files.afterKill()
        var bytes = bytes
        if sealed {
            switch kind {
            case .current: FileSeals.renewCurrent(&bytes)
            case .identity: FileSeals.renewIdentity(&bytes)
            default: FileSeals.renewManifest(&bytes, number: manifest.number)
            }
        }
        do {
            try files.replace(Self.path + "/" + original(kind).name, bytes)
        } catch {
            return .wrong("the disk: \(error)")
        }
        return check(files)
    }

    private func check(_ files: SimulatedFileSystem) -> Outcome {
        let before = files.paths.map { files.contents($0) }
        let looked = files.afterKill()
        let check = DirectoryCheck(looked, Self.path)
        if looked.paths.map({ looked.contents($0) }) != before { return .wrong("looking at it has changed it") }
        let found: Contents
        do {
            found = try Self.contents(try Self.open(files, tidies: false))
        } catch {
            if files.paths.map({ files.contents($0) }) != before { return .wrong("it was refused, and changed") }
            return check.problems.isEmpty ? .wrong("it was refused, and nothing is wrong: \(error)") : .refused
        }
        // Whether there is anything else than what the manifest says is not looked at by a start.
        if !check.problems.isEmpty { return .wrong("it was read, though \(check.problems)") }
        do {
            return try again(files, found)
        } catch {
            return .wrong("it does not go on: \(error)")
        }
    }

    /// What was accepted is the same once it has been tidied up, and with another run it has that.
    private func again(_ files: SimulatedFileSystem, _ found: Contents) throws -> Outcome {
        let next = files.afterKill()
        if try Self.contents(try Self.open(next)) != found { return .wrong("tidied up, it is another one") }
        let last = next.afterKill()
        let tree = try Self.open(last)
        if try Self.contents(tree) != found { return .wrong("it is another one when it is read again") }
        try Self.install(9, tree)
        let after = try Self.contents(tree)
        if after.state != Array("state 9".utf8) { return .wrong("another run's state is not kept") }
        if try Self.contents(try Self.open(last.afterKill())) != after { return .wrong("another run is not kept") }
        return .accepted
    }
}
