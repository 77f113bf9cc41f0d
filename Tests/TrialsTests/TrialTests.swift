import Base
import Testing

@testable import Trials

/// Whole runs of a few seconds; `tools/test` has longer ones, in a release build.
@Suite struct TrialTests {
    private func run(_ seed: UInt64, seconds: Int64 = 6) throws -> Trial {
        let trial = try Trial(Plan(seed: seed))
        trial.run(seconds: seconds)
        return trial
    }

    @Test(arguments: 1...3)
    func nothingIsWrong(seed: UInt64) throws {
        let trial = try run(seed)
        #expect(trial.violations == [])
        #expect(trial.acknowledged > 20 && trial.answered > 20)
    }

    @Test func oneSeedHasOneCourse() throws {
        let traces = try (0..<2).map { _ in try run(4, seconds: 4).trace }
        #expect(traces[0] == traces[1])
        #expect(try run(5, seconds: 4).trace != traces[0])
    }

    @Test func plansDiffer() {
        let plans = (1...300).map { Plan(seed: $0) }
        #expect(Set(plans.map(\.servers)) == [3, 4, 5, 6, 7])
        for event in Plan.Event.allCases {
            #expect(plans.contains { $0.events[event] != nil } && plans.contains { $0.events[event] == nil })
        }
        #expect(plans.contains(where: \.promises.isCalm) && plans.contains(where: \.promises.readsAreFresh))
        #expect(plans.contains { !$0.catchesUp } && plans.contains { $0.persists.contains(false) })
    }
}
