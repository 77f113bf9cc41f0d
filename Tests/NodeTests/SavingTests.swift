import Base
import Commands
import Simulation
import Synchronization
import Testing

@testable import Keyspace
@testable import Node

/// A node that logs and saves to the tree while random commands of all kinds change everything, also between the
/// slices of a save; and dies again and again on a disk that then loses what was not synced. What was durable is there
/// again, in full.
@Suite struct SavingTests {
    /// A node on a simulated disk.
    private final class Life {
        let shell: FakeShell
        let traffic: RandomTraffic
        let files: SimulatedFileSystem
        private let seed: UInt64
        /// What was there before time went on (and keys expired).
        let recovered: KeyspaceState
        private var isSaving = false
        private(set) var slices = 0
        /// What a crash in the middle of a save would leave, and what must be there afterwards.
        private(set) var crashes: [(SimulatedFileSystem, KeyspaceState)] = []

        init(_ files: SimulatedFileSystem, _ seed: UInt64, random: PRNG? = nil, now: Int64? = nil) throws {
            self.files = files
            self.seed = seed
            let options = RandomTraffic.options(seed) + ["--appendonly", "yes", "--dir", "/tmp"]
            shell = try FakeShell(loops: 2, options: options, files: files)
            _ = try shell.node.openPersistence()
            recovered = Life.contents(shell)
            if let now { shell.now = now }
            traffic = RandomTraffic(shell, seed)
            if let random { traffic.random = random }
            shell.whileAsleep = { [unowned self] in sleep() }
        }

        var persistence: Persistence { shell.node.persistence! }

        /// Whoever waits leaves the others time: a save between two slices, or until the log is durable.
        private func sleep() {
            if isSaving {
                slices += 1
                for _ in 0..<traffic.below(4) { traffic.step() }
                if traffic.below(40) == 0 {
                    persistence.writeAll()
                    crashes.append((files.afterCrash(keeping: .nothing), contents))
                }
            }
            persistence.writeAll()
        }

        func save() {
            isSaving = true
            #expect(persistence.keeper!.runRound() == nil)
            isSaving = false
        }

        var contents: KeyspaceState { Life.contents(shell) }

        private static func contents(_ shell: FakeShell) -> KeyspaceState {
            var state = shell.node.keyspace.state
            for i in state.keys.indices where state.keys[i].type == "string" { state.keys[i].encoding = "" }
            return state
        }
    }

    private func expect(_ found: KeyspaceState, isReplayOf expected: KeyspaceState, _ place: String) {
        #expect(found.counters == expected.counters, "\(place)")
        #expect(found.keys.count == expected.keys.count, "\(place)")
        for (mine, its) in zip(expected.keys, found.keys) where !its.isReplay(of: mine) {
            Issue.record("\(place): \(String(decoding: mine.key, as: UTF8.self)): \(mine) \(its)")
            return
        }
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func everythingIsThereAgain(seed: UInt64) throws {
        var life = try Life(SimulatedFileSystem(seed: seed, directories: ["/tmp"]), seed)
        var slices = 0
        for number in 1...6 {
            for _ in 0..<life.traffic.below(400) {
                life.traffic.step()
                switch life.traffic.below(60) {
                case 0: life.save()
                case 1: life.persistence.writeAll()
                default: break
                }
            }
            for (i, (files, expected)) in life.crashes.enumerated() {
                let other = try Life(files, seed)
                expect(other.recovered, isReplayOf: expected, "seed \(seed), life \(number), crash \(i)")
            }
            slices += life.slices
            life.persistence.writeAll()
            let expected = life.contents
            life = try Life(
                life.files.crash(keeping: .nothing), seed, random: life.traffic.random, now: life.shell.now)
            expect(life.recovered, isReplayOf: expected, "seed \(seed), life \(number)")
        }
        #expect(slices > 10)
    }
}
