import Base
import Foundation
import Testing

@testable import Causality

/// Random lives of a slot against causal histories as plain sets (`CausalWorld`).
@Suite struct CausalHistoryTests {
    private static let lives = ProcessInfo.processInfo.environment["MARTLET_HISTORIES"].flatMap { Int($0) } ?? 1_000

    private func live(_ seed: UInt64, _ mistakes: CausalWorld.Mistakes = []) -> CausalWorld {
        var world = CausalWorld(seed: seed, mistakes: mistakes)
        world.seesOnlyVersions = !mistakes.isEmpty
        for steps in [40 + Int(seed % 5) * 20, 20] {
            for _ in 0..<steps where world.problem == nil { world.step() }
            if world.problem == nil { world.heal() }
            world.dropActors()
        }
        return world
    }

    @Test func replicasAgreeWithHistories() {
        var happened: [String: Int] = [:]
        for seed in 0..<UInt64(Self.lives) {
            let world = live(seed)
            #expect(world.problem == nil, "seed \(seed)")
            if world.problem != nil { return }
            happened.merge(world.happened, uniquingKeysWith: +)
        }
        for what in [
            "without context", "with context", "over all", "stand-in writes", "flush", "failed write", "settles",
            "catching up", "handed off", "loss", "survivor", "abandoned", "joined", "refreshed", "refresh abandoned",
            "residue at the start",
            "gone at the source",
            "dropped actor", "equal clocks",
        ] {
            #expect(happened[what, default: 0] >= Self.lives / 50, "\(what) happens too rarely")
        }
    }

    /// Each of the rules of docs/causality.md, broken on purpose: the histories must notice.
    @Test(arguments: [
        CausalWorld.Mistakes.reusesActors, .adoptsEarly, .dropsResidues, .fillsNothing, .standInClaims,
        .claimsBeforeStates, .forgetsSurvivorsPast, .fillsLate,
    ])
    func mistakesAreNoticed(_ mistake: CausalWorld.Mistakes) {
        #expect((0..<200).contains { live($0, mistake).problem != nil })
    }
}
