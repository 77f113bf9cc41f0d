import Base
import CSystem
import Glibc
import Trials

/// Runs seeds, in several processes if that is wanted.
struct Runner {
    private let options: Options

    init(_ options: Options) throws(UsageError) {
        self.options = options
        // So that two processes do the same: the order in tables comes from these.
        cs_hash_fix_secrets(1)
        #if CANARIES
            guard let name = options.canary else { return }
            guard let canary = Canary(rawValue: name) else {
                let all = Canary.allCases.map(\.rawValue).joined(separator: ", ")
                throw UsageError(description: "there is no canary \(name), only \(all)")
            }
            Canary.active = canary
        #else
            if options.canary != nil {
                throw UsageError(description: "this build has no canaries: build it with MARTLET_CANARIES=1")
            }
        #endif
    }

    /// Answers whether all went well.
    func run() -> Bool {
        var sum = Sum()
        let began = cs_monotonic_ns()
        let jobs = Jobs(options.jobs, endsAtFailure: options.canary != nil)
        for first in stride(from: options.seeds.lowerBound, through: options.seeds.upperBound, by: Self.seedsAtOnce) {
            let seeds = first...min(options.seeds.upperBound, first + UInt64(Self.seedsAtOnce) - 1)
            sum.add(jobs.run { job, say in each(seeds, job, say) })
            if options.canary != nil && sum.failed > 0 { break }
        }
        return report(sum, seconds: Double(cs_monotonic_ns() - began) / 1e9)
    }

    /// A server's memory is never given back while its process lives: after so many seeds there are new processes.
    private static let seedsAtOnce = 50

    /// A job's share of the seeds.
    private func each(_ seeds: ClosedRange<UInt64>, _ job: Int, _ say: (ResultLine) -> Void) {
        for seed in seeds where Int(seed % UInt64(options.jobs)) == job {
            let line = run(seed)
            say(line)
            if options.canary != nil && !line.passed { return }
        }
    }

    private func run(_ seed: UInt64) -> ResultLine {
        let plan = Plan(seed: seed, servers: options.nodes)
        do {
            let trial = try Trial(plan)
            if options.tells {
                print("seed \(seed): \(plan.text)")
                trial.tell = { print("\($0) \($1)") }
            }
            let began = cs_monotonic_ns()
            trial.run(seconds: options.seconds)
            let real = (cs_monotonic_ns() - began) / 1_000_000
            var text =
                "seed \(seed) \(trial.violations.isEmpty ? "passed" : "FAILED") trace \(hex(trial.trace)) "
                + "\(trial.lasted / 1000) s in \(real) ms, \(trial.acknowledged) writes, \(trial.answered) reads"
            if !trial.violations.isEmpty {
                text += " at commit \(Commit.text)"
                for line in [plan.text] + trial.violations { text += "\n  \(line)" }
            }
            return ResultLine(
                passed: trial.violations.isEmpty, milliseconds: trial.lasted, writes: trial.acknowledged, text: text)
        } catch {
            return ResultLine(passed: false, milliseconds: 0, writes: 0, text: "seed \(seed) FAILED: \(error)")
        }
    }

    private func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private func report(_ sum: Sum, seconds: Double) -> Bool {
        let hours = Double(sum.milliseconds) / 3_600_000
        print(
            "\(sum.passed + sum.failed) seeds: \(decimals(hours)) virtual hours in \(decimals(seconds)) s, "
                + "\(decimals(hours / seconds * 60)) in a minute; \(sum.writes) writes acknowledged")
        print("\(sum.passed) passed, \(sum.failed) failed")
        return options.canary == nil ? sum.failed == 0 : sum.failed > 0
    }

    private func decimals(_ number: Double) -> String {
        let hundredths = Int((number * 100).rounded())
        return "\(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10)"
    }
}

/// What has come of all seeds.
struct Sum {
    var passed = 0
    var failed = 0
    var milliseconds: Int64 = 0
    var writes = 0

    mutating func add(_ other: Sum) {
        passed += other.passed
        failed += other.failed
        milliseconds += other.milliseconds
        writes += other.writes
    }

    mutating func add(_ line: ResultLine) {
        if line.passed { passed += 1 } else { failed += 1 }
        milliseconds += line.milliseconds
        writes += line.writes
    }
}

/// What has come of a seed, as a process tells another.
struct ResultLine {
    var passed: Bool
    var milliseconds: Int64
    var writes: Int
    /// For people; may be several lines.
    var text: String
}
