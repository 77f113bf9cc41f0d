import Base
import Commands

extension Call {
    /// The executor that runs the command. The pointer was put there by that very executor.
    var executor: Executor { Unmanaged<Executor>.fromOpaque(state.pointee.executor).takeUnretainedValue() }

    var node: Node { executor.node }

    /// The calling client.
    var session: SessionPointer { state.pointee.session.assumingMemoryBound(to: Session.self) }

    var settings: Settings { executor.settings }
}
