import Base
import CSystem

/// How many clients share a sync under `always` (group commit; DeWitt et al., SIGMOD 1984).
///
/// A sync costs the same however many it serves. Clients that wait for their replies before they send on would split
/// into many small groups, since a sync begins with whoever comes first. So, while there are many, the writer waits for
/// half of those that have waited of late, the other half being those of the sync before; but not for long, since
/// nobody knows whether they come.
final class GroupCommit: @unchecked Sendable {
    /// Clients below which nobody is waited for.
    static let populationMin: UInt64 = 8
    /// Microseconds that are waited at most: half of what a sync takes, within these bounds.
    static let waitBounds: ClosedRange<Int64> = 500...1000

    /// Clients whose replies have begun to wait, ever.
    private let arrived: UnsafeMutablePointer<UInt64>
    /// How many there were when the last write began, and of how many the writer wants to hear.
    private let goals: UnsafeMutablePointer<UInt64>

    // The writer's.
    private var groupStart: UInt64 = 0
    /// Clients that wait at the same time, of late.
    private(set) var population: UInt64 = 0
    private var waitMax: Int64 = 0

    init() {
        arrived = .allocate(capacity: 1)
        arrived.initialize(to: 0)
        goals = .allocate(capacity: 2)
        goals.initialize(to: 0)
        (goals + 1).initialize(to: 1)
    }

    deinit {
        arrived.deallocate()
        goals.deallocate()
    }

    /// A loop's: the replies of so many more clients wait, and what they wait for is in the log. Answers whether the
    /// writer needs to know.
    func add(_ clients: Int) -> Bool {
        let before = cs_add_u64(arrived, UInt64(clients))
        if before == cs_load_ordered_u64(goals) { return true }
        let goal = cs_load_ordered_u64(goals + 1)
        return before < goal && before &+ UInt64(clients) >= goal
    }

    /// Microseconds to wait at most until it is worthwhile to write, after so many have been waited; 0: it is.
    func patience(waited: Int64) -> Int64 {
        if population < GroupCommit.populationMin { return 0 }
        if cs_load_ordered_u64(arrived) >= cs_load_u64(goals + 1) { return 0 }
        return max(0, waitMax - waited)
    }

    /// What has been added is about to be written, for whoever waits now.
    ///
    /// The next to come has to see that it is the first. Who comes between the look and the note of it would not, nor
    /// would anybody after it, and the writer would never hear of them: so it looks once more.
    func begin() {
        groupStart = cs_load_u64(goals)
        var known: UInt64
        repeat {
            known = cs_load_ordered_u64(arrived)
            cs_store_ordered_u64(goals, known)
        } while cs_load_ordered_u64(arrived) != known
        setGoal()
    }

    private func setGoal() { cs_store_ordered_u64(goals + 1, cs_load_u64(goals) &+ max(1, population / 2)) }

    /// It is durable; that took so many nanoseconds.
    func end(_ nanoseconds: UInt64) {
        let held = cs_load_ordered_u64(arrived) &- groupStart
        population = max(held, population &- (population &+ 7) / 8)
        setGoal()
        let half = Int64(nanoseconds / 2000)
        waitMax = min(max(half, GroupCommit.waitBounds.lowerBound), GroupCommit.waitBounds.upperBound)
    }
}
