import Base
import Node
import NodeSimulation
import Simulation

/// Has things go wrong as the plan says, within what the promises bear: of data only one copy is lost at a time, and the next one
/// not before the first is back.
final class Nemesis {
    private unowned let trial: Trial
    private let plan: Plan
    private var random: PRNG
    private var isOn = true
    private var isSplit = false
    /// Disks as they were some time ago.
    private var copies: [Int: SimulatedFileSystem] = [:]
    /// How often each thing has happened.
    private(set) var counts = [Int](repeating: 0, count: Plan.Event.allCases.count)

    /// Within so many ms all nodes agree on who is there.
    private static let agreement: Int64 = 15_000

    init(_ trial: Trial, _ plan: Plan) {
        (self.trial, self.plan) = (trial, plan)
        random = PRNG(seed: plan.seed ^ 0x6e65_6d65_7369_73)
        for event in Plan.Event.allCases { schedule(event) }
    }

    private var cluster: SimulatedCluster { trial.cluster }

    private func schedule(_ event: Plan.Event) {
        guard let mean = plan.events[event] else { return }
        cluster.after(milliseconds: mean / 4 + below(mean * 3 / 2)) { [unowned self] in
            if !isOn { return }
            happen(event)
            schedule(event)
        }
    }

    private func below(_ bound: Int64) -> Int64 { Int64(random.below(UInt64(max(1, bound)))) }

    private func happen(_ event: Plan.Event) {
        let server = Int(random.below(UInt64(plan.servers)))
        switch event {
        case .split: split()
        case .crash: crash(server)
        case .powerFailure: failPower()
        case .pause: pause(server)
        case .clockJump: cluster.servers[server].skew = (below(plan.promises.skew) - plan.promises.skew / 2) * 1000
        case .diskLoss: loseDisk(server)
        case .diskRestore: restoreDisk(server)
        case .orderlyRestart: stop(server)
        case .save: save(server)
        }
    }

    private func count(_ event: Plan.Event, _ text: String) {
        counts[event.rawValue] += 1
        trial.say(text)
    }

    // MARK: the network

    private func split() {
        if isSplit { return }
        isSplit = true
        let order = (0..<plan.servers).map { ($0, random.next()) }.sorted { $0.1 < $1.1 }.map(\.0)
        let some = Array(order[..<(1 + Int(below(Int64(plan.servers - 1))))])
        let others = order.filter { !some.contains($0) }
        let kind = random.below(5)
        if kind == 0 {
            for a in some { for b in others { cluster.cut(a, b) } }
        } else if kind == 1 {
            for a in some { for b in others where random.below(2) == 0 { cluster.split([a], [b]) } }
        } else {
            cluster.split(some, others)
        }
        let length = random.below(2) == 0 ? below(3000) : below(25_000)
        count(.split, "split \(some) from \(others), kind \(kind), for \(length) ms")
        let disturbance = trial.findings.disturb()
        let isClean = kind > 1 && length > Self.agreement
        if isClean { trial.findings.settle(disturbance, at: trial.now + Self.agreement) }
        cluster.after(milliseconds: length) { [unowned self] in
            if !isOn { return }
            trial.say("heal")
            cluster.heal()
            isSplit = false
            if !isClean { trial.findings.settle(disturbance, at: trial.now + Self.agreement) }
        }
    }

    // MARK: processes

    private func crash(_ server: Int) {
        if !isUp(server) || !plan.persists[server] && !mayLoseData { return }
        let (keeping, isKill) = (keeping(), random.below(3) == 0)
        count(.crash, "\(isKill ? "kill" : "crash") \(server)")
        end(server, for: below(10_000)) {
            if isKill { self.cluster.kill(server) } else { self.cluster.crash(server, keeping: keeping) }
        }
    }

    private func failPower() {
        if !cluster.servers.indices.allSatisfy({ isUp($0) }) { return }
        count(.powerFailure, "power failure")
        for server in cluster.servers.indices {
            let keeping = keeping()
            end(server, for: below(4000)) { self.cluster.crash(server, keeping: keeping) }
        }
    }

    private func stop(_ server: Int) {
        if !isUp(server) || !plan.persists[server] && !mayLoseData { return }
        count(.orderlyRestart, "stop \(server)")
        end(server, for: below(5000)) { self.cluster.stop(server) }
        if random.below(2) == 0 && plan.persists[server] { copies[server] = cluster.servers[server].files.afterKill() }
    }

    private func pause(_ server: Int) {
        if !isUp(server) { return }
        let length = random.below(2) == 0 ? below(500) : below(12_000)
        count(.pause, "pause \(server) for \(length) ms")
        let disturbance = trial.findings.disturb()
        cluster.pause(server)
        cluster.after(milliseconds: length) { [unowned self] in
            trial.findings.settle(disturbance, at: trial.now + Self.agreement)
            if isOn && cluster.servers[server].isPaused { cluster.resume(server) }
        }
    }

    private func keeping() -> Keeping {
        random.below(2) == 0 ? .nothing : .each(seed: random.next())
    }

    /// Ends a server in some way, and starts it again after so many ms.
    private func end(_ server: Int, for length: Int64, _ body: () -> Void) {
        let disturbance = trial.findings.disturb()
        body()
        cluster.after(milliseconds: length) { [unowned self] in
            trial.findings.settle(disturbance, at: trial.now + Self.agreement)
            if isOn { trial.start(server) }
        }
    }

    private func isUp(_ server: Int) -> Bool {
        cluster.servers[server].isRunning && !cluster.servers[server].isPaused
    }

    // MARK: data

    /// Whether everything is where it should be.
    private var mayLoseData: Bool {
        plan.write != "ONE" && !isSplit
            && cluster.servers.allSatisfy {
                isUp($0.index) && $0.node!.answersForSlots && $0.node!.hasComparedAll && !$0.node!.keepsForOthers
            }
    }

    /// Another disk, with nothing on it but who the node is.
    private func loseDisk(_ server: Int) {
        if !mayLoseData || !plan.persists[server] { return }
        count(.diskLoss, "lose the disk of \(server)")
        end(server, for: below(8000)) {
            self.cluster.crash(server, keeping: .everything)
            self.trial.replaceDisk(server, seed: self.random.next())
        }
    }

    private func restoreDisk(_ server: Int) {
        guard plan.persists[server], isUp(server) else { return }
        guard let copy = copies[server] else {
            copies[server] = cluster.servers[server].files.afterCrash(keeping: .everything)
            return trial.say("copy the disk of \(server)")
        }
        if !mayLoseData { return }
        count(.diskRestore, "restore the disk of \(server)")
        end(server, for: below(8000)) {
            self.cluster.crash(server)
            self.cluster.servers[server].files = copy.afterKill()
        }
    }

    private func save(_ server: Int) {
        if !isUp(server) { return }
        counts[Plan.Event.save.rawValue] += 1
        cluster.servers[server].node?.saveToTree()
    }

    // MARK: the end

    /// Nothing goes wrong any more, and all that has is mended.
    func end() {
        isOn = false
        trial.say("all is mended")
        cluster.heal()
        cluster.faults.loss = 0
        cluster.faults.duplication = 0
        cluster.faults.breaks = 0
        for server in cluster.servers.indices {
            cluster.resume(server)
            if !cluster.servers[server].isRunning { trial.start(server) }
        }
    }
}
