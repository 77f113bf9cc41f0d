import Base
import NodeSimulation

/// A client of one server, with at most one request under way.
final class TrialClient {
    private unowned let trial: Trial
    private let server: Int
    private var connection: SimulatedClient?
    private var request: Request?
    private var replies: [Reply] = []
    private var rest: [UInt8] = []
    /// Replies to what it sent first on its connection, which have not come.
    private var greetings = 0
    /// Which of its requests this is: what is due for an earlier one is not done.
    private var number = 0
    /// Requests that have been answered without an error.
    private(set) var successes = 0

    /// How long it waits for a reply, ms.
    private static let patience: Int64 = 9000

    init(_ trial: Trial, _ server: Int) { (self.trial, self.server) = (trial, server) }

    /// Sends the next request, after a while.
    func begin(after milliseconds: Int64) {
        trial.cluster.after(milliseconds: milliseconds) { [unowned self] in next() }
    }

    private func next() {
        guard let request = trial.nextRequest() else { return }
        if !trial.cluster.servers[server].isRunning { return begin(after: 200) }
        send(request)
    }

    /// Sends this one; `whenEnded` hears of it in the end.
    func send(_ request: Request) {
        if !(connection?.isOpen ?? false) { connect() }
        self.request = request
        replies = []
        number += 1
        var text = ""
        for words in request.commands {
            text += "*\(words.count)\r\n"
            for word in words { text += "$\(word.utf8.count)\r\n\(word)\r\n" }
        }
        connection?.send(Array(text.utf8))
        let sent = number
        trial.cluster.after(milliseconds: Self.patience) { [unowned self] in
            if number == sent && self.request != nil { giveUp() }
        }
    }

    var isIdle: Bool { request == nil }

    private func connect() {
        let connection = trial.cluster.client(of: server)
        connection.whenArrived = { [unowned self, unowned connection] in arrived(connection) }
        self.connection = connection
        rest = []
        // Where stand-ins do not count, reads and writes meet (docs/consistency.md).
        connection.send("CONSISTENCY", trial.plan.isStrict ? "STRICT" : "SLOPPY")
        greetings = 1
    }

    private func arrived(_ from: SimulatedClient) {
        if from !== connection { return }
        rest += from.takeBytes()
        let (replies, count) = Reply.read(rest)
        rest.removeFirst(count)
        self.replies += replies.dropFirst(greetings)
        greetings -= min(greetings, replies.count)
        if let request, self.replies.count >= request.commands.count {
            end(request, self.replies.last)
        } else if !from.isOpen {
            giveUp()
        }
    }

    /// No answer will come.
    private func giveUp() {
        connection?.close()
        connection = nil
        if let request { end(request, nil) }
    }

    private func end(_ request: Request, _ reply: Reply?) {
        self.request = nil
        number += 1
        if let reply {
            if case .error = reply {} else { successes += 1 }
        }
        trial.note(request, reply)
        request.ended(reply, trial.cluster.now / 1000)
        begin(after: trial.pause())
    }
}
