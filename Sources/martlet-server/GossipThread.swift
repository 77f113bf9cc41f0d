import Base
import CSystem
import Cluster
import Glibc
import Node

/// The thread `gossip`: datagrams in and out, and the membership's time. It lives as long as the process.
final class GossipThread: @unchecked Sendable {
    private let keeper: ClusterKeeper
    private let sockets: [DatagramSocket]
    /// IP addresses of seeds that are named, and when they were looked up, ms.
    private var known: [String: (address: String, at: Int64)] = [:]

    /// A name's address may have changed after so long, ms.
    private static let nameLifetime: Int64 = 30_000
    private static let datagramBytesMax = 2048
    /// Datagrams that are read before the clock is looked at again.
    private static let batch = 256

    init(_ keeper: ClusterKeeper, _ sockets: [DatagramSocket]) {
        (self.keeper, self.sockets) = (keeper, sockets)
        keeper.send = { [unowned self] in send($0, $1) }
    }

    func start() { BackgroundThread.start("gossip") { [self] in run() } }

    private var now: Int64 { Int64(cs_monotonic_ns() / 1_000_000) }

    private func run() {
        var waiting = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: GossipThread.datagramBytesMax)
        while true {
            let timeout = Int32(clamping: max(0, min(keeper.nextDeadline - now, 60_000)))
            poll(&waiting, nfds_t(waiting.count), timeout)
            for socket in sockets { receive(socket, buffer) }
            keeper.tick(now: now)
        }
    }

    private func receive(_ socket: DatagramSocket, _ buffer: UnsafeMutablePointer<UInt8>) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { host in
            for _ in 0..<GossipThread.batch {
                var port: Int32 = 0
                let count = cs_receive_datagram(
                    socket.descriptor, buffer, GossipThread.datagramBytesMax, host.baseAddress!, &port)
                if count < 0 { return }
                let sender = NodeAddress(
                    host: String(cString: host.baseAddress!), port: UInt16(truncatingIfNeeded: port))
                keeper.received(ByteView(UnsafePointer(buffer), count), from: sender, now: now)
            }
        }
    }

    /// What does not go out at once is lost, as on the way.
    private func send(_ bytes: ByteView, _ address: NodeAddress) {
        guard let host = resolved(address.host) else { return }
        let isIPv6 = host.contains(":")
        guard let socket = sockets.first(where: { $0.isIPv6 == isIPv6 }) else { return }
        _ = cs_send_datagram(socket.descriptor, bytes.start, bytes.count, host, Int32(address.port))
    }

    private func resolved(_ name: String) -> String? {
        if cs_address_family(name) != 0 { return name }
        if let entry = known[name], now - entry.at < GossipThread.nameLifetime { return entry.address }
        let found = ClusterSockets.resolve(name) ?? known[name]?.address
        if let found { known[name] = (found, now) }
        return found
    }
}
