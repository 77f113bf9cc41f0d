import Base
import Commands

extension Executor {
    /// One line of CLIENT LIST, without the newline. By the owning loop, or under the roster lock.
    func describe(_ session: SessionPointer) -> String {
        "id=\(session.pointee.id) addr=\(session.pointee.details.address)"
    }
}
