import Base
import Simulation
import Testing

@testable import Storage

@Suite struct TreeTests {
    /// Random runs, compactions, reopenings and kills against a dictionary.
    @Test(arguments: 1...12)
    func model(seed: Int) throws {
        var random = PRNG(seed: UInt64(seed))
        let keys = 40 + Int(random.below(300))
        var options = Tree.Options.small
        options.level0Runs = 2 + Int(random.below(3))
        options.levelRatio = 3 + Int(random.below(4))
        options.tableBytes = 500 + Int64(random.below(3000))
        options.baseBytes = options.tableBytes * 3
        var play = try TreePlay(treeDisk(seed: UInt64(seed)), options)
        var steps = 0
        var state: [UInt8] = []
        for round in 0..<60 {
            state = [UInt8(round), UInt8(seed)]
            let changes = TreePlay.changes(&random, count: 1 + Int(random.below(80)), keys: keys)
            try play.install(changes, state: state)
            switch random.below(8) {
            case 0...3: steps += try play.settle()
            case 4: if try play.tree.compact() { steps += 1 }
            case 5: play = try TreePlay(play.files.kill(), options, model: play.model)
            case 6: play = try TreePlay(play.files.crash(keeping: .nothing), options, model: play.model)
            default: break
            }
            #expect(play.tree.state == state)
            play.tree.checkOrder()
            if round % 6 == 0 { try play.check(keys: keys, "seed \(seed), round \(round)") }
        }
        steps += try play.settle()
        try play.check(keys: keys, "seed \(seed), in the end")
        #expect(steps > 5)
        #expect(play.tree.statistics.levels.dropFirst().contains { $0.tables > 0 })
        #expect(play.tree.statistics.cache.misses > 0)
    }

    @Test func emptyTree() throws {
        let play = try TreePlay(treeDisk(seed: 1))
        #expect(play.tree.state == [])
        #expect(try play.find(TreeKey(stem: 1)) == nil)
        #expect(try play.tree.everything().isEmpty)
        #expect(try !play.tree.compact())
        // A run without records brings a state alone.
        try play.install([:], state: [4, 5])
        #expect(play.tree.state == [4, 5])
        let again = try TreePlay(play.files.crash(keeping: .nothing))
        #expect(again.tree.state == [4, 5])
        #expect(again.tree.statistics.tables == 0)
    }

    @Test func anAbandonedRunLeavesNothing() throws {
        let play = try TreePlay(treeDisk(seed: 1))
        let before = play.files.paths
        let run = play.tree.beginRun()
        for stem in 0..<200 { try TreePlay.add(TreeKey(stem: stem), [UInt8](repeating: 1, count: 40), to: run) }
        #expect(play.files.paths.count > before.count + 2)
        play.tree.abandon(run)
        #expect(play.files.paths == before)
        #expect(try play.find(TreeKey(stem: 1)) == nil)
    }

    /// A scan shows the tree as it was when it began, and the files it needs stay.
    @Test func scansAreOfOneMoment() throws {
        var random = PRNG(seed: 3)
        let play = try TreePlay(treeDisk(seed: 3))
        for round in 0..<10 {
            try play.install(TreePlay.changes(&random, count: 60, keys: 200), state: [UInt8(round)])
        }
        let expected = play.model.sorted { $0.key < $1.key }.map(\.key.bytes)
        var scan = play.tree.scan(from: ByteView(""), upTo: nil)
        var found: [[UInt8]] = []
        for _ in 0..<5 { if let record = try scan.next() { found.append(record.key.bytes) } }
        let names = Set(play.files.paths)
        try play.install(Dictionary(uniqueKeysWithValues: play.model.keys.map { ($0, nil) }), state: [])
        try play.settle()
        #expect(names.isSubset(of: Set(play.files.paths)))
        while let record = try scan.next() { found.append(record.key.bytes) }
        #expect(found == expected)
        scan = play.tree.scan(from: ByteView(""), upTo: nil)
        #expect(try scan.next() == nil)
        // The next step removes the files.
        _ = try play.tree.compact()
        #expect(Set(play.files.paths).isDisjoint(with: names.filter { $0.contains("/table-") }))
    }

    @Test func scansOfAStem() throws {
        let play = try TreePlay(treeDisk(seed: 4))
        for round in 0..<6 {
            var changes: [TreeKey: [UInt8]?] = [:]
            for stem in 0..<20 where stem % 3 == round % 3 {
                for piece in 0..<30 where (piece + round) % 4 == 0 { changes[TreeKey(stem: stem, piece: piece)] = [1] }
            }
            try play.install(changes, state: [])
        }
        try play.check(keys: 20)
        for stem in 0..<25 {
            let (from, upTo) = (TreeKey(stem: stem).bytes, TreeKey(stem: stem + 1).bytes)
            let expected = play.model.keys.filter { $0.stem == stem }.sorted().map(\.bytes)
            #expect(try play.tree.records(from: from, upTo: upTo).map(\.0) == expected)
            #expect(try play.tree.records(from: from, upTo: upTo, stem: from).map(\.0) == expected)
        }
    }

    /// Tables end between stems, unless one stem has far too much.
    @Test func tablesEndBetweenStems() throws {
        let play = try TreePlay(treeDisk(seed: 5))
        var changes: [TreeKey: [UInt8]?] = [:]
        for stem in 0..<30 {
            for piece in 0..<8 { changes[TreeKey(stem: stem, piece: piece)] = [UInt8](repeating: 3, count: 40) }
        }
        try play.install(changes, state: [])
        let tables = play.tree.current.runs[0].tables.map(\.table.properties)
        #expect(tables.count > 4)
        for (a, b) in zip(tables, tables.dropFirst()) { #expect(a.lastKey[..<4] != b.firstKey[..<4]) }
        changes = [:]
        for piece in 0..<600 { changes[TreeKey(stem: 500, piece: piece)] = [UInt8](repeating: 3, count: 40) }
        try play.install(changes, state: [])
        #expect(play.tree.current.runs[0].tables.count > 2)
        #expect(play.tree.current.runs[0].tables.allSatisfy { $0.table.properties.fileBytes < 4 * 1500 + 1000 })
        try play.check(keys: 30)
        #expect(try play.find(TreeKey(stem: 500, piece: 599)) != nil)
    }

    @Test func droppableRecordsVanish() throws {
        var random = PRNG(seed: 6)
        let play = try TreePlay(treeDisk(seed: 6))
        for round in 0..<30 {
            try play.install(TreePlay.changes(&random, count: 60, keys: 200), state: [UInt8(round)])
            try play.settle()
        }
        // What expired is written once more, and hides older records until it has gone, with them.
        let expired = play.model.keys.filter { $0.stem % 2 == 0 }
        try play.install(Dictionary(uniqueKeysWithValues: expired.map { ($0, [66, 66, 66]) }), state: [])
        for _ in 0..<20 {
            try play.install(TreePlay.changes(&random, count: 60, keys: 200).filter { $0.key.stem % 2 == 1 }, state: [])
            try play.settle { _, value in value.bytes == [66, 66, 66] }
            for (key, value) in try play.tree.everything() where key[1] % 2 == 0 { #expect(value == [66, 66, 66]) }
        }
        #expect(try play.tree.everything().filter { $0.0[1] % 2 == 0 }.count < expired.count)
    }

    /// Steps go on slice by slice, whatever comes between: runs, readers, what has become droppable.
    @Test func slicesAreHandedOn() throws {
        var random = PRNG(seed: 8)
        var options = Tree.Options.small
        options.tableBytes = 100_000
        options.baseBytes = 300_000
        let play = try TreePlay(treeDisk(seed: 8), options)
        for _ in 0..<4 { try play.install(TreePlay.changes(&random, count: 3000, keys: 3000), state: []) }
        var slices = (unfinished: 0, finished: 0)
        for round in 0..<40 {
            switch try play.tree.compactSlice({ _, _ in false }) {
            case .nothing: break
            case .unfinished: slices.unfinished += 1
            case .finished: slices.finished += 1
            }
            if round % 4 == 3 {
                try play.install(TreePlay.changes(&random, count: 500, keys: 3000), state: [])
                try play.check(keys: 3000)
            }
        }
        #expect(slices.unfinished > slices.finished && slices.finished >= 2)
        play.tree.giveUpCompacting()
        try play.settle()
        try play.check(keys: 3000)
        play.tree.checkOrder()
    }

    @Test func aStepCanBeStopped() throws {
        var random = PRNG(seed: 7)
        var options = Tree.Options.small
        options.tableBytes = 100_000
        options.baseBytes = 300_000
        let play = try TreePlay(treeDisk(seed: 7), options)
        for round in 0..<4 {
            try play.install(TreePlay.changes(&random, count: 3000, keys: 3000), state: [UInt8(round)])
        }
        let before = play.files.paths
        var questions = 0
        #expect(
            try play.tree.compact(
                shouldStop: {
                    questions += 1
                    return questions == 3
                }))
        #expect(questions == 3)
        #expect(play.files.paths == before)
        #expect(play.tree.statistics.runs == 4)
        #expect(try play.tree.compact())
        #expect(play.tree.statistics.runs == 0)
        try play.check(keys: 3000)
    }
}
