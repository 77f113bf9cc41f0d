import Base
import Simulation
import Testing

@testable import Keyspace
@testable import Node

/// What a loss of power left, and what a restart may find of it.
struct CrashState {
    var files: SimulatedFileSystem
    var hint: String
}

/// Copies of a disk as it would be after a loss of power, taken before calls that change something.
final class CrashWatch: @unchecked Sendable {
    private(set) var states: [CrashState] = []
    private let files: SimulatedFileSystem
    private let hint: String
    private var random: PRNG
    private let allSubsets: Bool
    /// Of so many pending changes all subsets are kept, of more only some.
    var subsetsUpTo = 2
    /// The n-th call from now on; nil: all of them.
    private let only: Int?
    private var calls = 0

    /// - Parameter allSubsets: of what is pending, if it is little; else one of them by lot.
    init(_ files: SimulatedFileSystem, seed: UInt64, _ hint: String, allSubsets: Bool, only: Int? = nil) {
        self.files = files
        self.hint = hint
        self.allSubsets = allSubsets
        self.only = only
        random = PRNG(seed: seed)
    }

    /// Watches while something is done.
    func watch(_ body: () throws -> Void) rethrows {
        files.beforeEachCall { [unowned self] call in
            if [.read, .measure, .list, .lock].contains(call.kind) { return }
            calls += 1
            if only == nil || only == calls { crash("before \(call)") }
        }
        defer { files.beforeEachCall(nil) }
        try body()
    }

    /// Power fails now.
    func crash(_ place: String) {
        for keeping in keepings {
            states.append(CrashState(files: files.afterCrash(keeping: keeping), hint: "\(hint), \(place)"))
        }
    }

    private var keepings: [Keeping] {
        if !allSubsets { return [.each(seed: random.next())] }
        let count = files.pending.count
        if count <= subsetsUpTo { return (0..<UInt64(1) << UInt64(count)).map(Keeping.subset) }
        return [.nothing, .everything] + (0..<subsetsUpTo).map { _ in .each(seed: random.next()) }
    }
}

extension CrashState {
    /// Opens it. What is there must be one of the allowed contents; and the next crash finds the same.
    /// - Parameter subset: some of these keys, as they were, are allowed, too.
    func check(_ allowed: [Contents], orSomeOf subset: Contents? = nil, now: Int64, again: Bool) {
        do {
            let node = try DiskNode(files, now: now)
            let found = Contents(node.keyspace).without(expiredAt: now)
            let allowed = allowed.map { $0.without(expiredAt: now) }
            let isAllowed = allowed.contains { found.isReplay(of: $0) } || subset.map(found.isSome(of:)) ?? false
            if !isAllowed {
                let difference = allowed.map { found.difference($0) }.joined(separator: "\nor\n")
                Issue.record(Comment(rawValue: "\(hint): \(difference)\n\(files.lastCalls(30))"))
            }
            if again {
                let next = try DiskNode(files.crash(keeping: .nothing), now: now)
                if !Contents(next.keyspace).without(expiredAt: now).isReplay(of: found) {
                    Issue.record(Comment(rawValue: "\(hint): another start finds something else"))
                }
            }
        } catch {
            Issue.record(Comment(rawValue: "\(hint): \(error)\n\(files.lastCalls(30))"))
        }
    }
}

extension Contents {
    func without(expiredAt now: Int64) -> Contents {
        var copy = self
        copy.keys.removeAll { $0.deadline.map { $0 <= now } ?? false }
        return copy
    }

    /// Whether all keys are among another's, as they are there.
    func isSome(of other: Contents) -> Bool {
        keys.allSatisfy { key in other.keys.contains { key.isReplay(of: $0) } }
    }
}
