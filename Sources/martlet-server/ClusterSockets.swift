import CSystem
import Cluster
import Glibc
import Node
import Reactor

/// What a cluster's node listens on: TCP for other nodes' connections, on every loop, and UDP for gossip, both at the
/// same addresses and port.
struct ClusterSockets {
    /// Where others reach this node.
    let address: ClusterAddress
    /// One for each of `bind`'s addresses.
    let datagrams: [DatagramSocket]
    private let bind: [String]
    private let port: Int

    init(_ settings: Settings) throws(StartError) {
        let cluster = settings.cluster
        port = try Self.port(settings)
        bind = settings.bind
        let announced = cluster.announcedPeerPort > 0 ? cluster.announcedPeerPort : port
        address = ClusterAddress(
            host: try Self.host(settings, peerPort: announced),
            clientPort: cluster.announcedPort > 0 ? cluster.announcedPort : settings.port, peerPort: announced)
        datagrams = try Self.openDatagrams(bind, port)
    }

    func listen(_ loops: [EventLoop], backlog: Int) throws(StartError) {
        try TCPSockets(loops, backlog: backlog).openForPeers(bind, port: port)
    }

    /// The port for other nodes. Known before anything is opened, so that settings that cannot work are told of as such,
    /// whether or not another process has one of the ports.
    static func port(_ settings: Settings) throws(StartError) -> Int {
        if settings.port == 0 {
            throw StartError(text: "a cluster's node needs a port of its own: port 0, any free one, will not do")
        }
        if settings.cluster.peerPort > 0 { return settings.cluster.peerPort }
        let port = settings.port + ClusterSettings.peerPortOffset
        if port > 65535 {
            throw StartError(
                text: "port \(settings.port) leaves none for other nodes, \(ClusterSettings.peerPortOffset) above it: "
                    + "cluster-port says which")
        }
        return port
    }

    private static func isWildcard(_ address: String) -> Bool {
        ["*", "0.0.0.0", "::*", "::"].contains(address)
    }

    /// As others should call this node: as configured, else as the seeds do, else as it listens.
    private static func host(_ settings: Settings, peerPort: Int) throws(StartError) -> String {
        if !settings.cluster.announcedHost.isEmpty { return settings.cluster.announcedHost }
        let bind = settings.bind.map { $0.hasPrefix("-") ? String($0.dropFirst()) : $0 }
        for seed in settings.cluster.seeds where Int(seed.port) == peerPort {
            guard let found = resolve(seed.host), bind.contains(where: { $0 == found || isWildcard($0) }) else {
                continue
            }
            // Only an address of this machine can be listened on.
            let trial = cs_bind_udp(found, 0)
            if trial < 0 { continue }
            close(trial)
            return found
        }
        guard let host = bind.first(where: { !isWildcard($0) && cs_address_family($0) != 0 }) else {
            throw StartError(
                text:
                    "no telling where other nodes reach this one: none of cluster-seeds is here. cluster-announce-ip says"
            )
        }
        return host
    }

    private static func openDatagrams(_ addresses: [String], _ port: Int) throws(StartError) -> [DatagramSocket] {
        var sockets: [DatagramSocket] = []
        for address in addresses {
            let isOptional = address.hasPrefix("-")
            let name = isOptional ? String(address.dropFirst()) : address
            let descriptor = cs_bind_udp(name, Int32(port))
            if descriptor >= 0 {
                sockets.append(DatagramSocket(descriptor: descriptor, isIPv6: name.contains(":")))
            } else if !(isOptional && (descriptor == -EADDRNOTAVAIL || descriptor == -EAFNOSUPPORT)) {
                throw StartError(
                    text: "cannot listen on \(name) port \(port) (UDP, for other nodes): \(errorText(-descriptor))")
            }
        }
        return sockets
    }

    /// The IP address of a name; nil if nobody knows it now. May block.
    static func resolve(_ name: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            text.initialize(repeating: 0)
            return cs_resolve(name, text.baseAddress!) == 0 ? String(cString: text.baseAddress!) : nil
        }
    }
}

struct DatagramSocket {
    let descriptor: Int32
    let isIPv6: Bool
}
