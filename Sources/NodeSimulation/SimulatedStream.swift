import Base

/// One end of a connection: bytes that have arrived for it wait here until it is read.
final class StreamEnd {
    enum Owner {
        /// Of a server's loop.
        case link(SimulatedLoop, LinkPointer)
        case client(SimulatedClient)
        /// Not accepted yet, or closed.
        case nobody
    }

    var owner = Owner.nobody
    /// Which server it is at; nil: a client's.
    let server: Int?
    unowned(unsafe) var other: StreamEnd!
    var arrived: [UInt8] = []
    /// The other end is closed, and all it sent has arrived.
    var isEnded = false
    var isOpen = true
    /// It arrived at the port for nodes.
    var isForPeers = false
    /// The network has lost the connection: nothing more gets through.
    var isBroken = false
    /// When the last piece sent to this end arrives: pieces do not overtake each other.
    var lastArrival: Int64 = 0
    /// What was sent to this end while the network was cut, and whether the end of it was.
    var held: [[UInt8]] = []
    var holdsEnd = false

    init(server: Int?) { self.server = server }
}

/// A connection. Its ends refer to each other.
final class SimulatedStream {
    let a: StreamEnd
    let b: StreamEnd

    init(from: Int?, to: Int) {
        (a, b) = (StreamEnd(server: from), StreamEnd(server: to))
        a.other = b
        b.other = a
    }
}

/// A client of a server, outside of the cluster.
public final class SimulatedClient {
    unowned(unsafe) let world: SimulatedCluster
    let end: StreamEnd
    public private(set) var received: [UInt8] = []
    /// Called when something has come, or the connection has ended.
    public var whenArrived: (() -> Void)?

    init(_ world: SimulatedCluster, _ end: StreamEnd) { (self.world, self.end) = (world, end) }

    /// False once the server has closed the connection, or crashed.
    public var isOpen: Bool { end.isOpen && !end.isEnded }

    /// Sends a request: as an inline command, or any bytes.
    public func send(_ bytes: [UInt8]) { world.send(bytes, from: end) }

    public func send(_ words: String...) {
        var text = "*\(words.count)\r\n"
        for word in words { text += "$\(word.utf8.count)\r\n\(word)\r\n" }
        send(Array(text.utf8))
    }

    /// A whole reply has come.
    public var hasReply: Bool { ReplyLength.of(received[...]) != nil }

    /// What has come since the last time.
    public func take() -> String {
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }

    /// What has come since the last time, as bytes.
    public func takeBytes() -> [UInt8] {
        defer { received = [] }
        return received
    }

    func arrived() {
        received += end.arrived
        end.arrived = []
        whenArrived?()
    }

    public func close() { world.close(end) }
}
