/// What the simulated network does. Times in microseconds.
public struct NetworkFaults: Sendable {
    /// Of datagrams, pieces of streams and connections.
    public var delay: ClosedRange<Int64> = 50...2000
    /// Parts of all datagrams: lost, delivered twice.
    public var loss = 0.0
    public var duplication = 0.0
    /// What is written at once arrives in so many pieces at most, cut anywhere.
    public var pieces = 3
    /// Parts of all writes between nodes after which the connection breaks, some of what was written undelivered.
    public var breaks = 0.0

    public init() {}
}
