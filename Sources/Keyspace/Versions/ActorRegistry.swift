import Base
import Causality
import Synchronization

/// The node's table of actors, shared by all threads.
///
/// Index 0 is nobody's, so that a dot that is none has no owner. Indexes are never taken back, so what has been read of
/// the table stays right. Its lock is taken last, after any partition's, and held for some ten nanoseconds.
public final class ActorRegistry: Sendable {
    /// The id behind index 0.
    public static let nobody = ActorID(high: 0, low: 0)

    private struct State {
        var table: ActorTable
        /// Hears of every change, under the lock: before anybody can use a new index.
        var changed: (@Sendable (ActorTable) -> Void)?
    }

    private let state: Mutex<State>

    /// The first actor has index 1.
    init(first: ActorID) {
        var table = ActorTable()
        for id in [ActorRegistry.nobody, first] {
            do throws(CausalityError) { _ = try table.intern(id) } catch {
                preconditionFailure("an empty table is full")
            }
        }
        state = Mutex(State(table: table))
    }

    /// Reads the table. `body` must not come back here.
    public func read<R>(_ body: (ActorTable) -> R) -> R {
        var table: ActorTable?
        state.withLock { table = $0.table }
        return body(table.unsafelyUnwrapped)
    }

    /// The table as it is now.
    public var table: ActorTable { read { $0 } }

    /// Runs `body` on the table: decoding gives indexes to ids. What has changed is logged before this returns.
    public func update<R, E: Error>(_ body: (inout ActorTable) throws(E) -> R) throws(E) -> R {
        var result: Result<R, E>?
        state.withLock { state in
            let before = state.table
            do throws(E) { result = .success(try body(&state.table)) } catch { result = .failure(error) }
            if state.table != before { state.changed?(state.table) }
        }
        return try result.unsafelyUnwrapped.get()
    }

    /// The actor's index, which it gets if it has none.
    public func intern(_ id: ActorID) throws(CausalityError) -> UInt64 {
        try update { (table) throws(CausalityError) in try table.intern(id) }
    }

    /// From now on `changed` hears of every change, on whatever thread makes it. nil: nobody does.
    public func onChange(_ changed: (@Sendable (ActorTable) -> Void)?) { state.withLock { $0.changed = changed } }

    /// Takes over a table from a log or a manifest, which says more than this one. Nobody is told.
    func adopt(_ table: ActorTable) { state.withLock { $0.table = table } }
}
