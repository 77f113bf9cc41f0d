import Base
import Simulation
import Testing

@testable import Storage

/// What the tree promises on a disk that loses, tears and refuses.
@Suite struct TreeCrashTests {
    typealias Contents = [TreeKey: [UInt8]]

    /// A moment at which power may fail, and what may be there afterwards: states with their contents.
    private struct Moment {
        var files: SimulatedFileSystem
        var allowed: [[UInt8]: Contents]
        var hint: String
    }

    private final class Watch: @unchecked Sendable {
        var moments: [Moment] = []
        var allowed: [[UInt8]: Contents] = [:]
        var calls = 0

        /// Copies of the disk after a crash now: all subsets of what is pending if they are few, else some.
        func crash(_ files: SimulatedFileSystem, _ call: DiskCall) {
            calls += 1
            if [.read, .measure, .list].contains(call.kind) { return }
            let count = files.pending.count
            var keepings: [Keeping] = count <= 3 ? (0..<UInt64(1) << UInt64(count)).map(Keeping.subset) : []
            if count > 3 {
                keepings = [.nothing, .everything] + (0..<5).map { .each(seed: UInt64(calls * 31 + $0)) }
            }
            for keeping in keepings {
                moments.append(
                    Moment(files: files.afterCrash(keeping: keeping), allowed: allowed, hint: "before \(call)"))
            }
        }
    }

    private static let options: Tree.Options = {
        var options = Tree.Options.small
        options.tableBytes = 3000
        options.level0Runs = 2
        return options
    }()

    /// Opens what a crash left: it is one of the allowed states, whole, and nothing else is in the directory.
    private func check(_ moment: Moment, again: Bool) throws {
        let play = try TreePlay(moment.files, Self.options)
        let state = play.tree.state
        let contents = try #require(moment.allowed[state], "\(moment.hint): state \(state)")
        play.model = contents
        let found = try play.tree.everything()
        let expected = contents.sorted { $0.key < $1.key }.map { ($0.key.bytes, $0.value) }
        #expect(found.elementsEqual(expected) { $0.0 == $1.0 && $0.1 == $1.1 }, "\(moment.hint)")
        let tables = play.files.paths.filter { $0.contains("/table-") }.count
        #expect(tables == play.tree.statistics.tables, "\(moment.hint)")
        #expect(play.files.paths.count == tables + 4, "\(moment.hint): \(play.files.paths)")
        if !again { return }
        // The next process goes on, and what it adds is there after the next crash, too.
        try play.install([TreeKey(stem: 3): [1, 2, 3]], state: [200])
        try play.settle()
        let next = try TreePlay(play.files.crash(keeping: .nothing), Self.options)
        #expect(next.tree.state == [200])
        #expect(try next.find(TreeKey(stem: 3)) == [1, 2, 3], "\(moment.hint)")
    }

    /// Power fails before every call of installs and compactions, with subsets of what was pending: reopening gives
    /// the old state or the new one.
    @Test(arguments: 1...4)
    func powerFailsAnywhere(seed: Int) throws {
        let files = treeDisk(seed: UInt64(seed))
        var random = PRNG(seed: UInt64(seed) &* 13)
        let watch = Watch()
        let play = try TreePlay(files, Self.options)
        watch.allowed = [[]: [:]]
        files.beforeEachCall { [unowned files] in watch.crash(files, $0) }
        var compactions = 0
        for round in 1...10 as ClosedRange<UInt8> {
            let changes = TreePlay.changes(&random, count: 12, keys: 60, valueBytes: 200)
            var after = play.model
            for (key, value) in changes { after[key] = value }
            watch.allowed[[round]] = after
            try play.install(changes, state: [round])
            watch.allowed = [[round]: after]
            while try play.tree.compact() { compactions += 1 }
        }
        files.beforeEachCall(nil)
        #expect(compactions >= 5)
        for (i, moment) in watch.moments.enumerated() { try check(moment, again: i % 5 == 0) }
        #expect(watch.moments.count > 500)
        print("seed \(seed): \(watch.moments.count) crashes at \(watch.calls) calls, \(compactions) compactions")
    }

    /// Power fails before every call while a directory gets its first tree, and while one is opened that a crash left
    /// unfinished.
    @Test func powerFailsWhileOpening() throws {
        var unfinished = [treeDisk(seed: 1)]
        let files = treeDisk(seed: 2)
        let play = try TreePlay(files, Self.options)
        nonisolated(unsafe) var found: [SimulatedFileSystem] = []
        files.beforeEachCall { [unowned files] call in
            if call.kind == .write { found.append(files.afterCrash(keeping: .each(seed: UInt64(call.number)))) }
        }
        try play.install([TreeKey(stem: 1): [1]], state: [1])
        try play.install([TreeKey(stem: 1): [2]], state: [2])
        try play.settle()
        files.beforeEachCall(nil)
        unfinished += found
        var moments = 0
        for disk in unfinished {
            let watch = Watch()
            let before = disk.afterCrash(keeping: .everything)
            watch.allowed = [[]: [:], [1]: [TreeKey(stem: 1): [1]], [2]: [TreeKey(stem: 1): [2]]]
            disk.beforeEachCall { [unowned disk] in watch.crash(disk, $0) }
            let state = try TreePlay(disk, Self.options).tree.state
            disk.beforeEachCall(nil)
            for moment in watch.moments {
                // It is not opened otherwise than without the crash.
                #expect(try TreePlay(moment.files.afterCrash(keeping: .nothing), Self.options).tree.state == state)
                try check(moment, again: false)
            }
            #expect(try TreePlay(before, Self.options).tree.state == state)
            moments += watch.moments.count
        }
        #expect(moments > 100)
    }

    // MARK: refusals

    /// One life with a call that fails: what each step said and what it left.
    private func life(_ n: Int, _ fault: DiskFault, persistent: Bool) throws -> Bool {
        let files = treeDisk(seed: UInt64(n))
        let play = try TreePlay(files, Self.options)
        var random = PRNG(seed: 4)
        let hint = "\(fault) of call \(n)\(persistent ? " and all after it" : "")"
        var pending: Contents?
        files.failAt(n, fault, persistent: persistent)
        for round in 1...5 as ClosedRange<UInt8> {
            let changes = TreePlay.changes(&random, count: 12, keys: 60, valueBytes: 200)
            do {
                try play.install(changes, state: [round])
                while try play.tree.compact() {}
            } catch {
                #expect(fault == .error || fault == .noSpace, "\(hint): \(error)")
                files.stopFailing()
                // The tree is what it was, and the step can be done now, unless a sync of the manifest failed.
                try play.check(keys: 60, hint)
                var after = play.model
                for (key, value) in changes { after[key] = value }
                do {
                    if play.tree.state != [round] { try play.install(changes, state: [round]) }
                    while try play.tree.compact() {}
                    try play.check(keys: 60, hint)
                } catch TreeError.failedBefore {
                    pending = after
                    break
                }
            }
        }
        let injected = files.injected > 0
        files.stopFailing()
        for keeping in [Keeping.nothing, .everything, .each(seed: UInt64(n))] {
            let again = try TreePlay(files.afterCrash(keeping: keeping), Self.options)
            let isNew = again.tree.state != play.tree.state
            #expect(!isNew || pending != nil, "\(hint)")
            again.model = isNew ? pending ?? [:] : play.model
            try again.check(keys: 60, hint)
            #expect(again.files.paths.count == again.tree.statistics.tables + 4, "\(hint)")
        }
        return injected
    }

    /// Each call of installs and compactions fails, in every way, once or for ever.
    @Test(
        arguments: [
            (DiskFault.error, false), (.error, true), (.noSpace, false), (.noSpace, true), (.interrupted, false),
            (.short, false), (.short, true),
        ])
    func everyCallFails(fault: DiskFault, persistent: Bool) throws {
        var reached = 0
        for n in 1...2000 {
            if try !life(n, fault, persistent: persistent) { break }
            reached = n
        }
        #expect(reached >= 30 && reached < 2000, "\(fault)")
        print("\(fault), \(persistent ? "persistent" : "once"): \(reached) calls")
    }

    /// A disk that is full: steps are refused, the tree stays, and goes on once there is space.
    @Test func fullDisk() throws {
        let files = treeDisk(seed: 8)
        let play = try TreePlay(files, Self.options)
        var random = PRNG(seed: 8)
        var refused = 0
        for round in 0..<40 as Range<UInt8> {
            let changes = TreePlay.changes(&random, count: 40, keys: 150, valueBytes: 200)
            files.faults.capacity = Int64(8 + random.below(60)) * 4096
            do {
                try play.install(changes, state: [round])
                while try play.tree.compact() {}
            } catch TreeError.disk(let error) {
                #expect(error.isFull)
                refused += 1
            } catch let error as DiskError {
                #expect(error.isFull)
                refused += 1
            }
            files.faults.capacity = nil
            if round % 4 == 0 { try play.check(keys: 150, "round \(round)") }
            try play.settle()
        }
        #expect(refused > 5)
        try play.check(keys: 150)
        #expect(files.paths.count == play.tree.statistics.tables + 4)
    }
}
