import Base
import Causality
import Foundation
import Testing

@testable import Keyspace

/// Random lives of replicas whose keys have siblings, against maps of `StoredSiblings` (`VersionWorld`).
@Suite struct VersionModelTests {
    private static let lives = ProcessInfo.processInfo.environment["MARTLET_LIVES"].flatMap { Int($0) } ?? 45

    @Test func keySpacesAreWhatTheirWritesSay() {
        var happened: [String: Int] = [:]
        for seed in 0..<UInt64(Self.lives) {
            let world = VersionWorld(seed: seed, replicas: 2 + Int(seed % 2))
            for _ in 0..<120 where world.problem == nil { world.step() }
            if world.problem == nil { world.heal() }
            #expect(world.problem == nil, "seed \(seed)")
            if world.problem != nil { return }
            happened.merge(world.happened, uniquingKeysWith: +)
        }
        for what in [
            "plain write", "plain delete", "change", "version write", "version delete", "arrival: done",
            "arrival: held", "arrival: superseded", "delta: done", "delta: held", "delta: mismatch", "repair",
            "siblings", "residue without versions",
        ] {
            #expect(happened[what, default: 0] >= Self.lives / 5, "\(what) happens too rarely")
        }
    }

    /// What a replica logs, replayed into an empty key space of the same actor, makes the same versions and clocks.
    @Test func logsRebuildTheVersions() {
        for seed in 1000..<UInt64(1010) {
            let world = VersionWorld(seed: seed)
            for _ in 0..<120 { world.step() }
            for replica in world.replicas { checkReplay(of: replica, world, seed) }
        }
    }

    private func checkReplay(of replica: VersionWorld.Replica, _ world: VersionWorld, _ seed: UInt64) {
        let copy = VersionWorld.Replica(0).keyspace
        replica.keyspace.withActorMutation(timestamp: world.now) { #expect(RecordedMutation($0).apply(to: copy)) }
        for mutation in replica.sink.log { #expect(mutation.apply(to: copy), "seed \(seed)") }
        #expect(copy.versions(at: world.now) == replica.keyspace.versions(at: world.now), "seed \(seed)")
        for mutation in replica.sink.log {
            #expect(!mutation.apply(to: copy), "seed \(seed): what is held must change nothing")
        }
        #expect(copy.state == replica.keyspace.state, "seed \(seed)")
    }
}

extension Keyspace {
    /// Of the world's keys, what there is; of its slots, which writes are held.
    fileprivate func versions(at now: Int64) -> [String] {
        VersionWorld.names.flatMap { name in
            name.withView { view in
                let key = Key(view)
                let access = Access(partition(of: key), database: 0, moment: moment(now))
                var lines: [String] = []
                if let set = try? access.siblings(of: key) {
                    for version in set.versions {
                        lines.append(
                            "\(version.dot) \(version.timestamp) \(version.payload) \(version.context.base.entries.map(\.dot))"
                        )
                    }
                    lines.append("\(set.context.base.entries.map(\.dot)) \(set.context.dots.map(\.dot))")
                }
                let clock = clock(of: key.slot, now: now)
                return lines + ["\(clock.base.entries.map(\.dot)) \(clock.gaps)"]
            }
        }
    }
}
