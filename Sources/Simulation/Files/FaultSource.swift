import Base

/// Decides which calls go wrong, from a seed, and counts them.
struct FaultSource {
    var faults: DiskFaults
    var random: PRNG
    private var plans: [Plan] = []
    private(set) var calls = 0
    private(set) var callsOfKind: [DiskError.Operation: Int] = [:]
    private(set) var injected = [Int](repeating: 0, count: DiskFault.allCases.count)

    /// A fault at the n-th call of those that count.
    private struct Plan {
        let number: Int
        let fault: DiskFault
        let kind: DiskError.Operation?
        let persistent: Bool
        var seen = 0

        mutating func fires(at call: DiskCall) -> Bool {
            guard kind == nil || kind == call.kind, fault.applies(to: call) else { return false }
            seen += 1
            return persistent ? seen >= number : seen == number
        }
    }

    init(_ faults: DiskFaults, seed: UInt64) {
        self.faults = faults
        random = PRNG(seed: seed)
    }

    mutating func plan(_ number: Int, _ fault: DiskFault, of kind: DiskError.Operation?, persistent: Bool) {
        plans.append(Plan(number: number, fault: fault, kind: kind, persistent: persistent))
    }

    mutating func forgetPlans() { plans = [] }

    /// What goes wrong with the call. Numbers and counts it.
    mutating func next(_ call: inout DiskCall) -> DiskFault? {
        calls += 1
        call.number = calls
        callsOfKind[call.kind, default: 0] += 1
        let fault = planned(call) ?? drawn(call)
        if let fault { injected[fault.rawValue] += 1 }
        return fault
    }

    private mutating func planned(_ call: DiskCall) -> DiskFault? {
        var found: DiskFault?
        for index in plans.indices where plans[index].fires(at: call) { found = found ?? plans[index].fault }
        return found
    }

    private mutating func drawn(_ call: DiskCall) -> DiskFault? {
        for fault in DiskFault.allCases where fault.applies(to: call) {
            let rate = faults.rate(of: fault, in: call)
            if rate > 0, random.fraction() < rate { return fault }
        }
        return nil
    }
}

extension PRNG {
    /// 0 up to, and without, 1.
    mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// 0 to `bound` - 1; `bound` is above 0.
    mutating func below(_ bound: Int) -> Int { Int(below(UInt64(bound))) }
}
