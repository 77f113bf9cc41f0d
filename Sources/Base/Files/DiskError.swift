import CSystem

/// A disk operation that the system refused.
public struct DiskError: Error, Equatable, CustomStringConvertible {
    public enum Operation: String, Sendable {
        case open, read, write, sync, truncate, measure, lock, rename, link, remove, list
        case makeDirectory = "make directory"
        case syncDirectory = "sync directory"
    }

    public var operation: Operation
    public var path: String
    /// The system's number (errno), positive.
    public var code: Int32

    public init(_ operation: Operation, _ path: String, _ code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// The disk, or our part of it, is full: what was refused may work later.
    public var isFull: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }

    /// There is no such file or directory.
    public var isMissing: Bool { code == ENOENT }

    public var reason: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
            cs_error_text(code, text.baseAddress.unsafelyUnwrapped, text.count)
            return String(cString: text.baseAddress.unsafelyUnwrapped)
        }
    }

    public var description: String { "cannot \(operation.rawValue) \(path): \(reason)" }
}
