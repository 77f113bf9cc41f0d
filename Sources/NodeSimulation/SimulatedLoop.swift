import Base
import Node

/// A loop of a simulated server: does what the event loop does, on virtual time. What is read lies in memory that is
/// spoilt after the turn.
final class SimulatedLoop {
    unowned(unsafe) let world: SimulatedCluster
    let server: Int
    let executor: Executor
    /// When its next turn is; `.max`: once it is woken.
    var turnAt = Int64.max
    /// Sockets to other nodes take nothing.
    var isStuffed = false
    private var ends: [StreamEnd] = []
    private var opening: [StreamEnd] = []
    private var established: [StreamEnd] = []
    /// Links whose replies wait, and what for.
    private var waiting: [(number: UInt64, link: LinkPointer)] = []
    private let arena = UnsafeMutablePointer<UInt8>.allocate(capacity: Limits.arenaBytes)

    init(_ world: SimulatedCluster, server: Int, _ executor: Executor) {
        (self.world, self.server, self.executor) = (world, server, executor)
        executor.connect = { [unowned(unsafe) self] in connect($0, $1) }
    }

    deinit { arena.deallocate() }

    var isWaiting: Bool { !waiting.isEmpty || executor.peersWaitForLog }

    private func makeLink(_ end: StreamEnd, _ state: LinkState) -> LinkPointer {
        let link = LinkPointer.allocate(capacity: 1)
        link.initialize(to: Link(descriptor: -1, registration: 1))
        link.pointee.state = state
        end.owner = .link(self, link)
        ends.append(end)
        return link
    }

    private func connect(_ host: String, _ port: UInt16) -> LinkPointer? {
        let stream = world.connect(from: server, host, port)
        return makeLink(stream.a, [.peer, .connecting])
    }

    /// Somebody has connected to this loop.
    func accept(_ end: StreamEnd) {
        opening.append(end)
        world.wake(self)
    }

    /// A connection that this loop opened is there.
    func connected(_ end: StreamEnd) {
        established.append(end)
        world.wake(self)
    }

    private func link(_ end: StreamEnd) -> LinkPointer? {
        if case .link(_, let link) = end.owner { return link }
        return nil
    }

    // MARK: turns

    /// Answers when the next turn is due, in microseconds from now; nil: when something happens.
    func turn() -> Int64? {
        let clock = world.clock(server)
        executor.turnBegan(wall: clock.wall, monotonic: clock.monotonic)
        release()
        executor.takeMail()
        for end in opening where end.isOpen {
            executor.opened(makeLink(end, end.isForPeers ? .peer : []))
        }
        opening.removeAll()
        for end in established {
            guard let link = link(end), link.pointee.state.contains(.connecting) else { continue }
            link.pointee.state.remove(.connecting)
            executor.connected(link)
        }
        established.removeAll()
        var used = 0
        for end in ends {
            guard let link = link(end) else { continue }
            used += read(end, link, arena + used, room: Limits.arenaBytes - used)
        }
        executor.execute()
        arena.update(repeating: 0x5a, count: used)
        finish()
        let sleep = executor.turnEnded(monotonic: clock.monotonic)
        let mayRead = ends.contains { !$0.arrived.isEmpty && isReadable($0) }
        if sleep == 0 || mayRead || !executor.dirty.isEmpty { return 50 }
        return sleep < 0 ? nil : Int64(sleep) * 1000
    }

    private func isReadable(_ end: StreamEnd) -> Bool {
        guard let link = link(end) else { return false }
        return link.pointee.state.isDisjoint(with: [.close, .closeAfterFlush, .waiting, .slowed, .connecting])
    }

    private func read(_ end: StreamEnd, _ link: LinkPointer, _ place: UnsafeMutablePointer<UInt8>, room: Int) -> Int {
        if !isReadable(end) {
            if end.isEnded && link.pointee.state.contains(.connecting) {
                link.pointee.state.insert(.close)
                executor.markDirty(link)
            }
            return 0
        }
        let count = min(end.arrived.count, Limits.readBytes, room)
        if count == 0 {
            if end.isEnded && end.arrived.isEmpty {
                link.pointee.state.insert(.closeAfterFlush)
                executor.markDirty(link)
            }
            return 0
        }
        let own = !link.pointee.input.isEmpty
        let target = own ? link.pointee.input.prepare(count).start : place
        end.arrived.withUnsafeBufferPointer { target.update(from: $0.baseAddress!, count: count) }
        end.arrived.removeFirst(count)
        if own { link.pointee.input.filled(count) }
        executor.received(link, target, count, own: own)
        return own ? 0 : (count + 63) & ~63
    }

    private func release() {
        while let first = waiting.first {
            let standing = executor.standing(of: first.number)
            if standing == .pending { return }
            waiting.removeFirst()
            first.link.pointee.state.subtract([.waiting, .readable, .answered])
            if standing == .lost { first.link.pointee.state.insert(.close) }
            executor.markDirty(first.link)
        }
    }

    private func finish() {
        let number = executor.repliesWaitFor()
        var i = 0
        while i < executor.dirty.count {
            let link = executor.dirty[i]
            link.pointee.state.remove(.dirty)
            i += 1
            guard let end = ends.first(where: { self.link($0) == link }) else { continue }
            let state = link.pointee.state
            if state.contains(.close) { close(end, link); continue }
            if state.contains(.waiting) { continue }
            if number != 0 && !state.contains(.peer) && !link.pointee.output.isEmpty {
                link.pointee.state.insert(.waiting)
                waiting.append((number, link))
                continue
            }
            if !state.contains(.connecting) { flush(end, link) }
            if state.contains(.closeAfterFlush) { close(end, link) }
        }
        executor.dirty.removeAll()
    }

    private func flush(_ end: StreamEnd, _ link: LinkPointer) {
        if isStuffed && link.pointee.state.contains(.peer) { return }
        while let run = link.pointee.output.unsent {
            world.send(run.bytes, from: end)
            link.pointee.output.consume(run.count)
            executor.sent(link, run.count)
        }
    }

    private func close(_ end: StreamEnd, _ link: LinkPointer) {
        waiting.removeAll { $0.link == link }
        executor.closed(link)
        ends.removeAll { $0 === end }
        end.owner = .nobody
        world.close(end)
        Link.free(link)
    }

    /// The process is gone: others see their connections end.
    func crash() {
        for end in ends {
            guard let link = link(end) else { continue }
            end.owner = .nobody
            world.close(end)
            executor.closed(link)
            Link.free(link)
        }
        for end in opening { world.close(end) }
        ends = []
        opening = []
    }
}
