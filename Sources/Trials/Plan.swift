import Base
import NodeSimulation

/// What a seed says about its run: how many nodes, what goes wrong and how often. Most runs leave some kinds of faults out
/// altogether, so that others come together more often.
public struct Plan {
    /// Things that happen again and again while faults are on.
    enum Event: Int, CaseIterable {
        case split, crash, powerFailure, pause, clockJump, diskLoss, diskRestore, orderlyRestart, save
    }

    public let seed: UInt64
    public let servers: Int
    let replicas: Int
    let read: String
    let write: String
    /// Which servers log to a disk; the others forget everything.
    let persists: [Bool]
    let catchesUp: Bool
    let faults: NetworkFaults
    /// Whether only replicas count towards quorums, for all clients.
    let isStrict: Bool
    /// Milliseconds between two events of a kind, on the mean.
    let events: [Event: Int64]
    let promises: Promises
    let clientsPerServer: Int
    /// Milliseconds a client waits between two requests, at most.
    let thinking: UInt64

    /// - Parameter servers: nil: 3 to 7.
    public init(seed: UInt64, servers: Int? = nil) {
        var random = PRNG(seed: seed &* 0x9e37_79b9_7f4a_7c15 ^ 0x7472_6961_6c73)
        func one(in count: UInt64) -> Bool { random.below(count) == 0 }
        let servers = servers ?? 3 + Int(random.below(5))
        let isCalm = one(in: 8)
        let catchesUp = isCalm || !one(in: 6)
        let forgets = catchesUp && one(in: 3)
        persists = (0..<servers).map { _ in !forgets || one(in: 3) }
        replicas = servers >= 5 && one(in: 4) ? 5 : 3
        (read, write) = Self.quorums(&random, forgets: forgets)
        var faults = NetworkFaults()
        let slow = [2000, 5000, 20_000, 60_000][Int(random.below(4))]
        faults.delay = 50...Int64(slow)
        faults.pieces = 1 + Int(random.below(4))
        faults.duplication = one(in: 2) ? 0.05 : 0
        var events: [Event: Int64] = [:]
        var skew: Int64 = 0
        if !isCalm {
            faults.loss = [0, 0, 0.01, 0.1][Int(random.below(4))]
            faults.breaks = one(in: 2) ? 0.001 : 0
            for event in Event.allCases where !one(in: 3) { events[event] = 3000 + Int64(random.below(15_000)) }
            if one(in: 2) { events[.clockJump] = nil }
            if events[.clockJump] != nil { skew = [20, 500, 5000][Int(random.below(3))] }
        }
        // Nobody could bring back what they had.
        if write == "ONE" || !catchesUp { (events[.diskLoss], events[.diskRestore]) = (nil, nil) }
        if isCalm { events[.save] = 5000 }
        if forgets { (events[.powerFailure], events[.diskLoss], events[.diskRestore]) = (nil, nil, nil) }
        let losesData =
            forgets && (events[.crash] ?? events[.orderlyRestart]) != nil || events[.diskLoss] != nil
            || events[.diskRestore] != nil
        var promises = Promises()
        promises.skew = skew
        promises.isCalm = isCalm
        promises.readsAreFresh = !losesData && Self.overlap(read, write, replicas)
        promises.writesAreFresh = promises.readsAreFresh && write != "ONE"
        (self.seed, self.servers, self.catchesUp, self.faults, self.events) = (seed, servers, catchesUp, faults, events)
        clientsPerServer = 1 + Int(random.below(2))
        thinking = [50, 200, 500][Int(random.below(3))]
        isStrict = !one(in: 4)
        if !isStrict && !isCalm && servers > replicas {
            (promises.readsAreFresh, promises.writesAreFresh) = (false, false)
        }
        self.promises = promises
    }

    private static func quorums(_ random: inout PRNG, forgets: Bool) -> (read: String, write: String) {
        switch random.below(forgets ? 5 : 8) {
        case 0: ("ONE", "ALL")
        case 1: ("ONE", "QUORUM")
        case 2...4: ("QUORUM", "QUORUM")
        case 5: ("QUORUM", "QUORUM")
        case 6: ("ALL", "ONE")
        default: ("ONE", "ONE")
        }
    }

    private static func overlap(_ read: String, _ write: String, _ replicas: Int) -> Bool {
        func count(_ word: String) -> Int { word == "ONE" ? 1 : word == "ALL" ? replicas : replicas / 2 + 1 }
        return count(read) + count(write) > replicas
    }

    var options: [String] {
        [
            "--cluster-replication", "\(replicas)", "--cluster-read-quorum", read, "--cluster-write-quorum", write,
            "--cluster-catch-up", catchesUp ? "yes" : "no", "--vector-clock-max-entries", "10000",
        ]
    }

    func ownOptions(_ server: Int) -> [String] {
        persists[server] ? ["--appendonly", "yes", "--appendfsync", "always", "--flush-log-size", "65536"] : []
    }

    /// In a line.
    public var text: String {
        let kinds = Event.allCases.filter { events[$0] != nil }.map { "\($0)" }.joined(separator: " ")
        let disks = persists.map { $0 ? "d" : "-" }.joined()
        return "\(servers) nodes (\(disks)), N=\(replicas) R=\(read) W=\(write)\(isStrict ? "" : " sloppy")"
            + "\(catchesUp ? "" : ", no catching up"), "
            + "delays to \(faults.delay.upperBound / 1000) ms, loss \(faults.loss), breaks \(faults.breaks), "
            + "skew \(promises.skew) ms; \(promises.isCalm ? "calm" : kinds)"
    }
}
