import Base
import Cluster
import Node
import Simulation

/// A server of the simulated cluster: a node, its loops, its disk. What it was before a crash is gone, its disk is not.
public final class SimulatedServer {
    public let index: Int
    public let host: String
    public static let clientPort = 6379
    public static let peerPort = 16379
    /// Nil while it is down.
    public internal(set) var node: Node?
    /// Its disk; what it has when it starts next.
    public var files: SimulatedFileSystem
    /// How far its wall clock is ahead, microseconds.
    public var skew: Int64 = 0
    /// What its log was told, over all its lives.
    public var lines: [String] { log.lines }
    var loops: [SimulatedLoop] = []
    /// Which of its lives this is: what is due for an earlier one is not done.
    var life = 0
    var isWriteDue = false
    var gossipAt = Int64.max
    public internal(set) var isPaused = false
    /// Datagrams that came while it was paused, and who sent them.
    var held: [(from: Int, bytes: [UInt8])] = []
    static let heldMax = 200
    let log = SimulatedLog()

    init(_ index: Int, files: SimulatedFileSystem) {
        self.index = index
        self.files = files
        host = "10.0.\(index / 250).\(index % 250 + 1)"
    }

    /// Its sockets to other nodes take nothing any more, until it starts anew: nobody reads at the other end.
    public func stopSending() { for loop in loops { loop.isStuffed = true } }

    public var isRunning: Bool { node != nil }
    public var keeper: ClusterKeeper { node!.cluster! }
    public var view: ClusterView { keeper.view }
    public func executor(_ loop: Int = 0) -> Executor { loops[loop].executor }
}

/// Touched by the simulation's one thread only.
final class SimulatedLog: @unchecked Sendable {
    var lines: [String] = []
    var random = PRNG(seed: 0)
    /// What would run in threads. All are told to end before anybody waits for them, and are done at once then: those of the
    /// tree first.
    var threads: [(name: String, body: @Sendable () -> Void)] = []

    /// What happens while a thread of the node's waits.
    var whileAsleep: () -> Void = {}

    func sleep(_ microseconds: Int) {
        whileAsleep()
        // So long waits who ends the threads.
        if microseconds != 1000 { return }
        let ending = threads.filter { $0.name != "log" }
        for thread in ending.isEmpty ? threads : ending { thread.body() }
        threads.removeAll { ending.isEmpty || $0.name != "log" }
    }
}
