import CSystem
import Glibc
import Node
import Reactor

/// The TCP sockets that are listened on: every address once per loop. Opened at start, and anew when
/// CONFIG SET changes `port` or `bind`.
final class TCPSockets: Sendable {
    private let loops: [EventLoop]
    private let backlog: Int32

    init(_ loops: [EventLoop], backlog: Int) {
        self.loops = loops
        self.backlog = Int32(backlog)
    }

    /// Opens the sockets at start, before the loops run. Port 0 is any free one; answers which it is.
    func open(_ addresses: [String], port: Int) throws(StartError) -> Int {
        var port = Int32(port)
        let listeners = try listen(addresses, &port, isNew: true)
        for (loop, own) in zip(loops, listeners) { for listener in own { loop.add(listener) } }
        return Int(port)
    }

    /// CONFIG SET: moves to the new addresses. Clients that are connected stay. Answers why it cannot.
    func follow(_ old: Settings, _ new: Settings, _ node: Node, _ log: LogFile) -> String? {
        if old.port == new.port && old.bind == new.bind { return nil }
        // A server started on any free port stays there while only addresses change.
        var port = Int32(old.port == new.port ? node.port : new.port)
        do throws(StartError) {
            let addresses = port == 0 ? [] : new.bind
            let listeners = try listen(addresses, &port, isNew: Int(port) != node.port)
            for (loop, own) in zip(loops, listeners) { loop.replaceTCPListeners(own) }
        } catch {
            log.write(.warning, error.text)
            return old.port == new.port
                ? "bind: Failed to bind to specified addresses."
                : "port: Unable to listen on this port. Check server logs."
        }
        node.port = Int(port)
        return nil
    }

    /// Opens the sockets for other nodes of the cluster, before the loops run.
    func openForPeers(_ addresses: [String], port: Int) throws(StartError) {
        var port = Int32(port)
        let listeners = try listen(addresses, &port, isNew: true, isForPeers: true)
        for (loop, own) in zip(loops, listeners) { for listener in own { loop.add(listener) } }
    }

    /// The loops share every address and port (SO_REUSEPORT). That would also let two servers share one
    /// unnoticed, so a port that is new to this server is first tried without.
    private func listen(
        _ addresses: [String], _ port: inout Int32, isNew: Bool, isForPeers: Bool = false
    ) throws(StartError) -> [[EventLoop.Listener]] {
        var opened = [[EventLoop.Listener]](repeating: [], count: loops.count)
        for address in addresses {
            let isOptional = address.hasPrefix("-")
            let name = isOptional ? String(address.dropFirst()) : address
            for i in loops.indices {
                if i == 0 && isNew && port != 0 {
                    let trial = cs_listen_tcp(name, port, 1, 0)
                    if trial >= 0 { close(trial) }
                    if trial == -EADDRINUSE { try fail(opened, name, port, trial) }
                }
                let descriptor = cs_listen_tcp(name, port, backlog, 1)
                if descriptor < 0 {
                    if isOptional && (descriptor == -EADDRNOTAVAIL || descriptor == -EAFNOSUPPORT) { break }
                    try fail(opened, name, port, descriptor)
                }
                if port == 0 { port = cs_local_port(descriptor) }
                opened[i].append(EventLoop.Listener(descriptor: descriptor, isTCP: true, isForPeers: isForPeers))
            }
        }
        return opened
    }

    private func fail(
        _ opened: [[EventLoop.Listener]], _ name: String, _ port: Int32, _ error: Int32
    ) throws(StartError) {
        for listener in opened.joined() { close(listener.descriptor) }
        throw StartError(text: "cannot listen on \(name) port \(port): \(errorText(-error))")
    }
}
