/// Bytes for another server, and what it is to answer. `Doors.exchange` carries them, away from the loops.
public struct PeerRequest: Sendable {
    /// A name or an address.
    public var host: String
    public var port: Int
    /// Each step (connecting, a write, a read) may take so long.
    public var timeoutMilliseconds: Int
    /// What is sent.
    public var bytes: [UInt8]
    /// Lines that are waited for.
    public var replyLines: Int
}

/// What the other server answered.
public struct PeerReply: Sendable {
    /// The lines that came, without their ends.
    public var lines: [[UInt8]] = []
    /// Where it failed; nil: all lines came.
    public var failure: Failure?

    public enum Failure: Sendable {
        case connecting, writing, reading
    }

    public init(lines: [[UInt8]] = [], failure: Failure? = nil) {
        self.lines = lines
        self.failure = failure
    }
}
