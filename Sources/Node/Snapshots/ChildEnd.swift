import Base

/// How a copy of this process, made to write a snapshot, has ended.
public enum ChildEnd: Sendable, Equatable {
    /// It did what it was to do; bytes of memory that had to be copied for it.
    case done(copied: Int)
    /// It did not, for this reason.
    case failed(String)
    case killed(signal: Int32)

    /// The signal by which we end a child ourselves: no failure.
    public static let endSignal: Int32 = 10
}

/// What came of the wish for a copy of this process.
public enum ForkResult: Sendable {
    /// Its id, and how long copying took, microseconds.
    case started(Int32, microseconds: Int)
    case failed(String)
}

/// What the node needs of the system to save its data as a file.
public struct SnapshotDoors: Sendable {
    public var files: any FileSystem
    public var processID: Int32
    /// Makes a copy of this process, which has only the calling thread, runs the work there (given its id; it answers
    /// what went wrong) and ends. The end is told on a thread of its own.
    public var fork:
        @Sendable (_ work: (Int32) -> String?, _ ended: @escaping @Sendable (ChildEnd) -> Void) -> ForkResult
    public var kill: @Sendable (Int32) -> Void

    public init(
        files: any FileSystem, processID: Int32,
        fork: @escaping @Sendable ((Int32) -> String?, @escaping @Sendable (ChildEnd) -> Void) -> ForkResult,
        kill: @escaping @Sendable (Int32) -> Void
    ) {
        self.files = files
        self.processID = processID
        self.fork = fork
        self.kill = kill
    }
}
