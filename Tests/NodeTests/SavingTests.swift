import Base
import Causality
import Commands
import Foundation
import Simulation
import Synchronization
import Testing

@testable import Keyspace
@testable import Node

/// A node that logs and saves to the tree while random commands of all kinds change everything, also between the
/// slices of a save; whose values leave memory and come back; and that dies again and again on a disk that then loses
/// what was not synced. What was durable is there again, in full, and nobody notices where a value is.
@Suite struct SavingTests {
    /// A node on a simulated disk.
    private final class Life {
        let shell: FakeShell
        let traffic: RandomTraffic
        let files: SimulatedFileSystem
        private let seed: UInt64
        /// What was there before time went on (and keys expired).
        let recovered: KeyspaceState
        /// Does what the node does, in memory only.
        private let twin: Keyspace
        private var isSaving = false
        private(set) var slices = 0
        private(set) var departures = 0
        /// What a crash in the middle of a save would leave, and what must be there afterwards.
        private(set) var crashes: [(SimulatedFileSystem, KeyspaceState)] = []

        init(_ files: SimulatedFileSystem, _ seed: UInt64, random: PRNG? = nil, now: Int64? = nil) throws {
            self.files = files
            self.seed = seed
            let options = RandomTraffic.options(seed) + ["--appendonly", "yes", "--dir", "/tmp"]
            shell = try FakeShell(loops: 2, options: options, files: files)
            _ = try shell.node.openPersistence()
            twin = try Life.twin(of: shell, options)
            recovered = try Life.contents(shell)
            if let now { shell.now = now }
            traffic = RandomTraffic(shell, seed)
            if let random { traffic.random = random }
            shell.whileAsleep = { [unowned self] in sleep() }
        }

        /// A key space that begins as the node's and follows its mutations.
        private static func twin(of shell: FakeShell, _ options: [String]) throws -> Keyspace {
            let keyspace = shell.node.keyspace
            let other = try FakeShell(options: options.filter { $0 != "yes" && $0 != "--appendonly" }).node.keyspace
            keyspace.withActorMutation(timestamp: shell.now) { RecordedMutation($0).apply(to: other) }
            let sink = TwinSink(keyspace.shared.pointee.sink!, other)
            keyspace.forEachPartition { partition in
                for database in 0..<keyspace.databaseCount {
                    partition.pointee.databases[database].entries.forEach { entry in
                        let key = Key(entry.key)
                        let moment = Moment(wall: entry.timestamp, stamp: 0)
                        let access = Access(other.partition(of: key), database: database, moment: moment)
                        access.putCopy(of: entry, key, nil)
                        access.settle(key, entry.dot)
                    }
                }
                let index = partition - keyspace.partitions
                for slot in 0..<64 {
                    other.partitions[index].slots[slot].writes = partition.pointee.slots[slot].writes
                }
            }
            keyspace.shared.pointee.sink = sink
            return other
        }

        var persistence: Persistence { shell.node.persistence! }

        /// Traffic, while values leave memory now and then.
        func step() {
            if traffic.below(3) == 0 { dismiss() }
            traffic.step()
        }

        /// Some value leaves memory, if the tree has it.
        private func dismiss() {
            let keyspace = shell.node.keyspace
            let wanted = ReplayMix.anyKey(&traffic.random)
            wanted.withView { view in
                let key = Key(view)
                let moment = Moment(wall: shell.now, stamp: 0)
                let access = Access(
                    keyspace.partition(of: key), database: traffic.below(4) == 0 ? 1 : 0, moment: moment)
                if access.setAside(key) { departures += 1 }
            }
        }

        /// Whoever waits leaves the others time: a save between two slices, or until the log is durable.
        private func sleep() {
            if isSaving {
                slices += 1
                for _ in 0..<traffic.below(4) { step() }
                if traffic.below(40) == 0 {
                    persistence.writeAll()
                    crashes.append((files.afterCrash(keeping: .nothing), twinContents))
                }
            }
            persistence.writeAll()
        }

        func save() {
            isSaving = true
            #expect(persistence.keeper!.runRound() == nil)
            isSaving = false
        }

        /// The node's own, values that are away among them.
        func contents() throws -> KeyspaceState { try Life.contents(shell) }
        var twinContents: KeyspaceState { Life.shown(twin) }

        private static func contents(_ shell: FakeShell) throws -> KeyspaceState {
            let keyspace = shell.node.keyspace
            try #require(keyspace.firstLeftAway { $0.find($1) != nil } == nil)
            try #require(keyspace.shared.pointee.awayValues == 0)
            return shown(keyspace)
        }

        private static func shown(_ keyspace: Keyspace) -> KeyspaceState {
            var state = keyspace.state
            state.keys.forgetStringEncodings()
            return state
        }
    }

    /// `isAnew`: found after a crash. What the node writes since then is counted from 1 on, under a new id.
    private func expect(
        _ found: KeyspaceState, isReplayOf expected: KeyspaceState, _ place: String, isAnew: Bool = true
    ) {
        let keys = { (state: KeyspaceState) in state.counters.map { $0[1] } }
        #expect(keys(found) == keys(expected), "\(place)")
        if isAnew { #expect(found.counters.allSatisfy { $0[0] == 0 }, "\(place)") }
        if !isAnew { #expect(found.counters == expected.counters, "\(place)") }
        #expect(found.keys.count == expected.keys.count, "\(place)")
        for (mine, its) in zip(expected.keys, found.keys)
        // One that has been away has come back in the form that the limits give it.
        where !its.isReplay(of: mine) && !mine.isReplay(of: its) {
            Issue.record("\(place): \(String(decoding: mine.key, as: UTF8.self)): \(mine) \(its)")
            return
        }
    }

    /// MARTLET_LONG=1: many more.
    private static let seeds: ClosedRange<UInt64> =
        ProcessInfo.processInfo.environment["MARTLET_LONG"] == nil ? 1...12 : 1...300

    @Test(arguments: seeds)
    func everythingIsThereAgain(seed: UInt64) throws {
        var life = try Life(SimulatedFileSystem(seed: seed, directories: ["/tmp"]), seed)
        var slices = 0
        var departures = 0
        for number in 1...6 {
            for _ in 0..<life.traffic.below(400) {
                life.step()
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
            departures += life.departures
            life.persistence.writeAll()
            let expected = life.twinContents
            let found = try life.contents()
            expect(expected, isReplayOf: found, "seed \(seed), life \(number), in memory", isAnew: false)
            life = try Life(
                life.files.crash(keeping: .nothing), seed, random: life.traffic.random, now: life.shell.now)
            expect(life.recovered, isReplayOf: found, "seed \(seed), life \(number)")
        }
        #expect(slices > 0)
        #expect(departures > 0)
    }
}

/// Logs, and does the same to another key space.
private final class TwinSink: MutationSink, @unchecked Sendable {
    private let log: MutationSink
    private let twin: Keyspace

    init(_ log: MutationSink, _ twin: Keyspace) {
        self.log = log
        self.twin = twin
    }

    override func record(_ mutation: Mutation) {
        log.record(mutation)
        RecordedMutation(mutation).apply(to: twin)
    }

    override func commit() { log.commit() }
}

extension Access {
    /// Has the key's entry carry this dot.
    fileprivate func settle(_ key: Key, _ dot: Dot) {
        _ = restamped(tables.pointee.entries.find(key)!, key, dot)
    }
}
