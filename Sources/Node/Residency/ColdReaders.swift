import Base
import CSystem
import Keyspace
import Synchronization

/// Threads that wait for the disk in the loops' place: they bring values back, then tell the loop whose client wants
/// them. They start when the first is needed.
final class ColdReaders: Sendable {
    struct Job: Sendable {
        var keys: [ColdKey]
        var loop: Int
        var session: UInt64
        var moment: Int64
    }

    private final class Desk: Sendable {
        let bell = Doorbell()
        let jobs = Mutex<[Job]>([])

        /// All there is to do, which is the caller's then.
        func take() -> [Job] {
            jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
        }
    }

    /// Enough to keep a disk busy. Those that share a loop's processor make one another wait with what the loop may be
    /// waiting for.
    private let count: Int

    private struct State {
        var desks: [Desk] = []
        var next = 0
        var isStopping = false
    }

    private let state = Mutex(State())
    private let values: TreeValues
    private unowned let node: Node

    init(_ node: Node, _ values: TreeValues) {
        self.node = node
        self.values = values
        count = min(8, max(2, node.executors.count))
    }

    func post(_ job: Job) {
        let desk = state.withLock { state -> Desk in
            if state.desks.isEmpty { start(&state) }
            state.next += 1
            return state.desks[state.next % count]
        }
        desk.jobs.withLock { $0.append(job) }
        desk.bell.ring()
    }

    private func start(_ state: inout State) {
        for i in 0..<count {
            let desk = Desk()
            state.desks.append(desk)
            node.doors.spawn("read-\(i)", .low) { [self] in run(desk) }
        }
    }

    /// The threads end as soon as they have nothing to do.
    func stop() {
        let desks = state.withLock { state in
            state.isStopping = true
            return state.desks
        }
        for desk in desks { desk.bell.ring() }
    }

    private func run(_ desk: Desk) {
        var buffer = ValueBuffer()
        while true {
            desk.bell.wait()
            let jobs = desk.take()
            for job in jobs { carryOut(job, &buffer) }
            if jobs.isEmpty && state.withLock({ $0.isStopping }) { return }
        }
    }

    /// Does on the calling thread what there is to do: tests have no others.
    func catchUp() {
        var buffer = ValueBuffer()
        for desk in state.withLock({ $0.desks }) {
            for job in desk.take() { carryOut(job, &buffer) }
        }
    }

    private func carryOut(_ job: Job, _ buffer: inout ValueBuffer) {
        let moment = Moment(wall: job.moment, stamp: 0)
        for cold in job.keys {
            cs_give_way()
            cold.key.withView { view in
                _ = values.bringBack(
                    node.keyspace, Key(view), database: cold.database, moment, waits: true, &buffer)
            }
        }
        let session = job.session
        node.executors[job.loop].mailbox.post { $0.resumeCold(session) }
    }
}

/// A key whose value is wanted.
struct ColdKey: Sendable {
    var database: Int
    var key: [UInt8]
}
