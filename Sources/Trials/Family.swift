import Base

/// What a client sends, and what is to be done with the answers.
struct Request {
    /// Commands that are sent at once.
    var commands: [[String]]
    /// The reply of the last one; nil: none came. And when: ms.
    var ended: (Reply?, Int64) -> Void

    init(_ commands: [[String]], _ ended: @escaping (Reply?, Int64) -> Void) {
        (self.commands, self.ended) = (commands, ended)
    }

    init(_ words: String..., ended: @escaping (Reply?, Int64) -> Void) { self.init([words], ended) }
}

/// Keys of one kind: what clients do with them, what has been promised for them, and what the cluster answers.
protocol Family: AnyObject {
    /// The next request of some client.
    func request(_ random: inout PRNG, now: Int64) -> Request
    /// Requests that look at everything, once all replicas are equal and nobody writes any more.
    func questions(now: Int64) -> [Request]
}

/// What a run has found, and what holds in it.
final class Findings {
    /// What is wrong.
    private(set) var violations: [String] = []
    /// Writes that were acknowledged; reads that were answered.
    var acknowledged = 0
    var answered = 0
    let promises: Promises
    /// All replicas are equal, and what is asked now is what has come of everything.
    var isFinal = false
    /// ms; of the requests that are answered now.
    var now: () -> Int64 = { 0 }
    /// When nodes may not have been agreed on who is there, ms.
    private var disturbances: [(from: Int64, to: Int64)] = []

    init(_ promises: Promises) { self.promises = promises }

    func violate(_ text: String) {
        if violations.count < 20 { violations.append("\(now()) ms: \(text)") }
    }

    // MARK: disturbances

    /// From now on, until `settle`, nodes may disagree on who is there. Answers its number.
    func disturb() -> Int {
        disturbances.append((now(), .max))
        return disturbances.count - 1
    }

    /// That is over, or will be at this time, ms.
    func settle(_ disturbance: Int, at time: Int64) { disturbances[disturbance].to = time }

    func wasDisturbed(from: Int64, to: Int64) -> Bool {
        disturbances.contains { $0.from <= to && $0.to >= from }
    }

    // MARK: answers

    /// A read's answer; nil: there is none.
    func expect(_ reply: Reply?, _ question: String) -> Reply? {
        guard let reply else { return nil }
        if case .error(let text) = reply {
            if !text.hasPrefix("NOQUORUM") { violate("\(question) is answered \(text)") }
            return nil
        }
        answered += 1
        return reply
    }

    /// A write's answer.
    func fate(_ reply: Reply?, _ question: String) -> Fate {
        let fate = Fate(reply)
        switch fate {
        case .acknowledged: acknowledged += 1
        case .refused:
            if case .error(let text)? = reply, !text.hasPrefix("NOQUORUM") {
                violate("\(question) is answered \(text)")
            }
        case .unknown: break
        }
        return fate
    }
}

/// What docs/consistency.md promises in a run.
struct Promises {
    /// R + W > N, and no disk is lost: a read sees every write acknowledged before it began.
    var readsAreFresh = false
    /// And W is a majority: what a write goes by, which asks a majority, is every write acknowledged before it began.
    var writesAreFresh = false
    /// Nothing but delays: nobody is suspected, no connection breaks, every change has one coordinator.
    var isCalm = false
    /// Clocks are apart by no more, ms.
    var skew: Int64 = 0
}
