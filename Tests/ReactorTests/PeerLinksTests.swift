import Base
import CSystem
import Glibc
import Testing

@testable import Reactor

/// Connects to itself, and echoes what comes over connections that it has accepted.
private final class Echo: LinkHandler {
    weak var loop: EventLoop?
    let ports: [UInt16]
    /// More than a socket takes at once, if it is to be.
    let message: [UInt8]
    private var begun = false
    private var turns = 0
    private(set) var own: [LinkPointer] = []
    private(set) var accepted: [LinkPointer] = []
    private(set) var connectedCount = 0
    private(set) var closedCount = 0
    private(set) var received: [UInt8] = []
    private var toSend: [UInt8] = []

    init(ports: [UInt16], message: [UInt8]) {
        self.ports = ports
        self.message = message
    }

    override func takeMail() {
        turns += 1
        if turns == 5000 { loop?.stop() }
        if begun { return }
        begun = true
        for port in ports {
            if let link = connect("127.0.0.1", port) { own.append(link) } else { closedCount += 1 }
        }
    }

    override func connected(_ link: LinkPointer) {
        connectedCount += 1
        #expect(link.pointee.state.contains(.peer) && !link.pointee.state.contains(.connecting))
        message.withView { link.pointee.output.append($0) }
        markDirty(link)
    }

    override func opened(_ link: LinkPointer) {
        #expect(link.pointee.state.contains(.peer))
        accepted.append(link)
    }

    override func received(_ link: LinkPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, own isOwn: Bool) {
        let view = ByteView(UnsafePointer(bytes), count)
        if own.contains(link) {
            received += view.bytes
            if received.count == message.count * connectedCount { loop?.stop() }
        } else {
            link.pointee.output.append(view)
            markDirty(link)
        }
    }

    /// What clients are told waits for ever: what nodes are told does not.
    override func repliesWaitFor() -> UInt64 { 1 }
    override func standing(of number: UInt64) -> WaitStanding { .pending }

    override func closed(_ link: LinkPointer) {
        closedCount += 1
        if connectedCount == 0 && closedCount == ports.count { loop?.stop() }
    }

    override func turnEnded(monotonic: UInt64) -> Int32 { 1 }
}

struct PeerLinksTests {
    private static func run(_ handler: Echo, _ listener: Int32?) {
        let loop = EventLoop(handler: handler, keepalive: { 0 })
        handler.loop = loop
        if let listener {
            loop.add(EventLoop.Listener(descriptor: listener, isTCP: true, isForPeers: true))
            // Listeners for clients may go, those for nodes stay.
            loop.replaceTCPListeners([])
        }
        loop.run()
    }

    @Test(arguments: [5, 4_000_000]) func aLoopConnectsAndAccepts(_ length: Int) throws {
        let listener = cs_listen_tcp("127.0.0.1", 0, 16, 0)
        try #require(listener >= 0)
        let port = UInt16(cs_local_port(listener))
        let message = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let handler = Echo(ports: [port, port], message: message)
        Self.run(handler, listener)
        #expect(handler.connectedCount == 2 && handler.accepted.count == 2)
        #expect(handler.received.count == 2 * length)
        #expect(handler.closedCount == 4)
        if length < 100 { #expect(handler.received == message + message) }
    }

    @Test func whereNobodyListensItIsClosed() throws {
        // A port that was free a moment ago.
        let listener = cs_listen_tcp("127.0.0.1", 0, 16, 0)
        let port = UInt16(cs_local_port(listener))
        close(listener)
        let handler = Echo(ports: [port], message: [1])
        Self.run(handler, nil)
        #expect(handler.connectedCount == 0 && handler.closedCount == 1)
    }

    @Test func addressesMustBeNumeric() {
        #expect(cs_connect_start("localhost", 1) == -EINVAL)
        #expect(cs_address_family("localhost") == 0)
        #expect(cs_address_family("127.0.0.1") == 4 && cs_address_family("::1") == 6)
    }

    @Test func datagramsComeWithTheirSender() throws {
        let a = cs_bind_udp("127.0.0.1", 0)
        let b = cs_bind_udp("127.0.0.1", 0)
        try #require(a >= 0 && b >= 0)
        defer {
            close(a)
            close(b)
        }
        let sent: [UInt8] = [1, 2, 3]
        #expect(cs_send_datagram(a, sent, 3, "127.0.0.1", cs_local_port(b)) == 0)
        var waiting = pollfd(fd: b, events: Int16(POLLIN), revents: 0)
        #expect(poll(&waiting, 1, 10_000) == 1)
        var bytes = [UInt8](repeating: 0, count: 64)
        var host = [CChar](repeating: 0, count: 64)
        var port: Int32 = 0
        #expect(cs_receive_datagram(b, &bytes, 64, &host, &port) == 3)
        #expect(Array(bytes[..<3]) == sent && port == cs_local_port(a))
        #expect(host.withUnsafeBufferPointer { String(cString: $0.baseAddress!) } == "127.0.0.1")
        #expect(cs_receive_datagram(b, &bytes, 64, &host, &port) == -Int(EAGAIN))
    }
}
