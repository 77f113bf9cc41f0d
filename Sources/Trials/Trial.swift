import Base
import Cluster
import Node
import NodeSimulation
import Simulation

/// One seed's run of a whole cluster: a while in which things go wrong, one in which nothing does and every request must
/// succeed, and one in which nobody asks for anything and all replicas must come to hold the same. Then everything is read
/// once more. Same plan, same run.
public final class Trial {
    public let plan: Plan
    /// What was wrong; the run ends when something is.
    public var violations: [String] { findings.violations }
    public var acknowledged: Int { findings.acknowledged }
    public var answered: Int { findings.answered }
    /// Virtual milliseconds in all.
    public private(set) var lasted: Int64 = 0
    /// Of everything that happened, in order.
    public private(set) var trace: UInt64 = 0
    /// Hears of faults and answers, if it is set: when (ms), and what.
    public var tell: ((Int64, String) -> Void)?

    private(set) var cluster: SimulatedCluster
    let findings: Findings
    private var random: PRNG
    private var families: [any Family] = []
    private var clients: [TrialClient] = []
    private var isLoaded = false
    /// What is asked in the end, the last first.
    private var questions: [Request]?
    /// Of what clients were told.
    private var replyTrace: UInt64 = 0xcbf2_9ce4_8422_2325

    public init(_ plan: Plan) throws {
        self.plan = plan
        random = PRNG(seed: plan.seed ^ 0x7472_6961_6c)
        findings = Findings(plan.promises)
        cluster = try SimulatedCluster(
            seed: plan.seed, servers: plan.servers, options: plan.options, ownOptions: { plan.ownOptions($0) })
        findings.now = { [unowned cluster] in cluster.now / 1000 }
        makeFamilies()
    }

    private func makeFamilies() {
        let all: [any Family] = [
            VersionFamily(findings, keys: 1 + Int(random.below(4)), expires: false),
            VersionFamily(findings, keys: 2, expires: true),
            OnceFamily(findings),
            CounterFamily(findings, keys: 1 + Int(random.below(4))),
            CollectionFamily(findings),
            TransactionFamily(findings),
        ]
        // Versions are always there; of the others some are left out.
        families = all.enumerated().filter { $0.offset == 0 || random.below(3) != 0 }.map(\.element)
    }

    var now: Int64 { cluster.now / 1000 }

    func say(_ text: @autoclosure () -> String) { tell?(now, text()) }

    // MARK: what clients do

    /// nil: nothing more is to be asked.
    func nextRequest() -> Request? {
        if questions != nil { return questions?.popLast() }
        if !isLoaded { return nil }
        return families[Int(random.below(UInt64(families.count)))].request(&random, now: now)
    }

    /// How long a client thinks, ms.
    func pause() -> Int64 { questions != nil ? 0 : Int64(random.below(plan.thinking)) }

    func note(_ request: Request, _ reply: Reply?) {
        let text = reply.map { "\($0)" } ?? "nothing"
        for byte in text.utf8 { replyTrace = (replyTrace ^ UInt64(byte)) &* 0x100_0000_01b3 }
        say("\(request.commands.map { $0.joined(separator: " ") }.joined(separator: "; ")) -> \(text)")
    }

    func start(_ server: Int) {
        if cluster.servers[server].isRunning { return }
        do {
            try cluster.start(server)
            say("start \(server)")
        } catch {
            findings.violate("server \(server) does not start: \(error)")
        }
    }

    /// Keeps of a server's disk who the node is.
    func replaceDisk(_ server: Int, seed: UInt64) {
        let new = SimulatedFileSystem(seed: seed, directories: ["/tmp"])
        do {
            try DiskCopy.copyFiles(in: "/tmp", from: cluster.servers[server].files, to: new)
            cluster.servers[server].files = new
        } catch {
            findings.violate("the disk of \(server) cannot be copied: \(error)")
        }
    }

    // MARK: phases

    /// Runs everything, with faults for so many seconds.
    public func run(seconds: Int64) {
        let began = cluster.now
        defer {
            lasted = (cluster.now - began) / 1000
            trace = cluster.trace &* 31 ^ replyTrace
        }
        if !cluster.found(limit: 60_000) { return findings.violate("the cluster has not been founded in a minute") }
        cluster.faults = plan.faults
        isLoaded = true
        for server in cluster.servers.indices {
            for _ in 0..<plan.clientsPerServer { clients.append(TrialClient(self, server)) }
        }
        for client in clients { client.begin(after: pause()) }
        let nemesis = Nemesis(self, plan)
        for _ in 0..<seconds where violations.isEmpty { cluster.run(milliseconds: 1000) }
        nemesis.end()
        if violations.isEmpty { checkLiveness() }
        if violations.isEmpty { checkConvergence() }
        if violations.isEmpty { askEverything() }
    }

    /// With all servers up and the network whole, requests must succeed.
    private func checkLiveness() {
        let settled = cluster.run(limit: 60_000) {
            cluster.servers.allSatisfy { $0.node!.answersForSlots && ($0.node!.hasComparedAll || !plan.catchesUp) }
        }
        guard settled != nil else {
            let states = cluster.servers.map { server in
                "\(server.node!.answersForSlots) \(server.node!.hasComparedAll) \(server.lines.suffix(2))"
            }
            return findings.violate("a minute after everything was mended nodes have not caught up: \(states)")
        }
        // Whatever waited for those who were gone has been given up.
        cluster.run(milliseconds: 10_000)
        let before = clients.map(\.successes)
        let served = cluster.run(limit: 10_000) { zip(clients, before).allSatisfy { $0.successes >= $1 + 3 } }
        if served == nil { findings.violate("requests do not succeed although nothing is wrong any more") }
    }

    private func checkConvergence() {
        isLoaded = false
        _ = cluster.run(limit: 20_000) { clients.allSatisfy(\.isIdle) }
        if !plan.catchesUp { return readEverywhere() }
        var differences: [String] = []
        for _ in 0..<60 {
            cluster.run(milliseconds: 2000)
            differences = Convergence.differences(cluster, withClocks: true)
            if differences.isEmpty { return say("all replicas are equal") }
        }
        for difference in differences.prefix(3) { findings.violate("two minutes after the last write \(difference)") }
    }

    /// Where nodes do not catch up by themselves, reading brings replicas up to date: what the first answer brings, the
    /// second reading takes on.
    private func readEverywhere() {
        // Deadlines pass in the meantime.
        cluster.run(milliseconds: 10_000)
        for _ in 0..<2 {
            var questions = families.flatMap { $0.questions(now: now) }
            for i in questions.indices {
                questions[i].commands.insert(["CONSISTENCY", "R", "ALL"], at: 0)
                questions[i].ended = { _, _ in }
            }
            ask(questions)
            cluster.run(milliseconds: 1000)
        }
        for difference in Convergence.differences(cluster, withClocks: false).prefix(3) {
            findings.violate("after everything was read by all \(difference)")
        }
    }

    private func askEverything() {
        findings.isFinal = true
        let count = findings.answered
        let all = families.flatMap { $0.questions(now: now) }
        ask(all)
        if violations.isEmpty && findings.answered < count + all.count {
            findings.violate("\(all.count) questions were answered \(findings.answered - count) times")
        }
    }

    private func ask(_ all: [Request]) {
        questions = all.reversed()
        for client in clients { client.begin(after: 0) }
        let isDone = cluster.run(limit: 60_000) { questions!.isEmpty && clients.allSatisfy(\.isIdle) }
        if isDone == nil { findings.violate("questions are not answered") }
        questions = []
    }
}
