import Base
import CSystem
import Glibc

/// One core's loop: an epoll instance, the sockets accepted on it, and a handler that does the rest.
///
/// A turn reads every ready socket once (into an arena that all share), lets the handler execute
/// everything read, and sends every client's replies with one call. Events are edge-triggered: a
/// socket is registered once; one whose read filled its room is read again in the next turn.
///
/// Owned by one thread; `wake` and `stop` may be called from any.
public final class EventLoop: @unchecked Sendable {
    private let handler: LinkHandler
    private let epoll: Int32
    private let wakeDescriptor: Int32
    private var events: UnsafeMutablePointer<epoll_event>
    /// Events of this turn, and how many have been dispatched.
    private var eventCount: Int32 = 0
    private var eventIndex: Int32 = 0
    private var arena: UnsafeMutablePointer<UInt8>
    private var arenaUsed = 0
    /// Closed ones keep their place, with a negative descriptor, so that later events find nothing there.
    private var listeners: [Listener] = []
    private let exchange = SpinLock()
    /// TCP listeners that take the place of all present ones. Under `exchange`.
    private var replacement: [Listener]?
    /// Open links by descriptor: what an event's registration is checked against.
    private var links: UnsafeMutablePointer<LinkPointer?>
    private var linkCapacity = 1024
    private var registrations: UInt32 = 0
    /// Links to read without waiting for an event.
    private var unread: [LinkPointer] = []
    /// Those of them that this turn reads, and how many have been read.
    private var reading: [LinkPointer] = []
    private var readCount = 0
    /// Inside a turn that a long command has interrupted; and whether clients are read meanwhile.
    private var isNested = false
    /// The list of links to send to is being gone through.
    private var isFinishing = false
    private var readsNested = false
    /// A second set of buffers for that, made when first needed.
    private var spare: (events: UnsafeMutablePointer<epoll_event>, arena: UnsafeMutablePointer<UInt8>)?
    /// Descriptors with more to send in the next turn, without an event.
    private var continuing: [Int32] = []
    /// Links whose replies wait, and what for; in the order of these numbers.
    private var waiting: [(number: UInt64, link: LinkPointer)] = []
    private let stopFlag: UnsafeMutablePointer<UInt32>
    private let keepalive: @Sendable () -> Int
    private var gathering = Gathering()

    private static let eventsMax: Int32 = 512
    /// After so many milliseconds without a sign of life a connection between nodes ends, rather than that what waits
    /// in it is sent again ever more rarely.
    private static let peerTimeout: Int32 = 6000
    private static let wakeTag = UInt64.max
    /// Events of listeners carry this bit and the listener's index.
    private static let listenerTag: UInt64 = 1 << 63

    /// A socket that clients connect to.
    public struct Listener {
        public let descriptor: Int32
        public let isTCP: Bool
        /// For other nodes of the cluster, not for clients.
        public let isForPeers: Bool

        public init(descriptor: Int32, isTCP: Bool, isForPeers: Bool = false) {
            self.descriptor = descriptor
            self.isTCP = isTCP
            self.isForPeers = isForPeers
        }
    }

    /// `keepalive` answers the seconds of TCP keepalive for new connections, 0 for none.
    public init(handler: LinkHandler, keepalive: @escaping @Sendable () -> Int) {
        self.handler = handler
        self.keepalive = keepalive
        epoll = cs_epoll_create()
        wakeDescriptor = cs_eventfd()
        precondition(epoll >= 0 && wakeDescriptor >= 0, "no descriptors for an event loop")
        events = .allocate(capacity: Int(EventLoop.eventsMax))
        arena = EventLoop.makeArena()
        links = .allocate(capacity: linkCapacity)
        links.initialize(repeating: nil, count: linkCapacity)
        stopFlag = .allocate(capacity: 1)
        stopFlag.initialize(to: 0)
        _ = cs_epoll_control(epoll, EPOLL_CTL_ADD, wakeDescriptor, CS_EPOLLIN, EventLoop.wakeTag)
        handler.attend = { [unowned(unsafe) self] in attend(reading: $0) }
        handler.connect = { [unowned(unsafe) self] in connect($0, $1) }
    }

    private static func makeArena() -> UnsafeMutablePointer<UInt8> {
        cs_map_pages(Limits.arenaBytes)!.bindMemory(to: UInt8.self, capacity: Limits.arenaBytes)
    }

    /// Accepts clients from a listening socket. Before `run`.
    public func add(_ listener: Listener) {
        // Never the place of one closed in this turn: its events may still be waiting.
        let tag = EventLoop.listenerTag | UInt64(listeners.count)
        listeners.append(listener)
        _ = cs_epoll_control(epoll, EPOLL_CTL_ADD, listener.descriptor, CS_EPOLLIN, tag)
    }

    /// Has the loop accept clients from these TCP listeners only, from its next turn on; it closes the old ones.
    /// From any thread.
    public func replaceTCPListeners(_ listeners: [Listener]) {
        exchange.withLock {
            for unused in replacement ?? [] { Glibc.close(unused.descriptor) }
            replacement = listeners
        }
        wake()
    }

    private func takeReplacement() {
        let new = exchange.withLock {
            defer { replacement = nil }
            return replacement
        }
        guard let new else { return }
        for (i, old) in listeners.enumerated() where old.isTCP && !old.isForPeers && old.descriptor >= 0 {
            Glibc.close(old.descriptor)
            listeners[i] = Listener(descriptor: -1, isTCP: true)
        }
        for listener in new { add(listener) }
    }

    /// Ends the current or next wait. From any thread.
    public func wake() { cs_eventfd_signal(wakeDescriptor) }

    /// Has `run` return after its current turn, with what is written sent as far as sockets take it.
    public func stop() {
        cs_store_release_u32(stopFlag, 1)
        wake()
    }

    /// Runs turns until `stop`.
    public func run() {
        cs_sleep_precisely()
        var timeout: Int32 = 0
        while cs_load_acquire_u32(stopFlag) == 0 {
            eventCount = epoll_wait(
                epoll, events, EventLoop.eventsMax, unread.isEmpty && continuing.isEmpty ? timeout : 0)
            eventIndex = 0
            handler.turnBegan(wall: cs_wall_us(), monotonic: cs_monotonic_ns())
            if _slowPath(!waiting.isEmpty) { release() }
            handler.takeMail()
            if _slowPath(!handler.rested.isEmpty) { readRested() }
            readUnread()
            continueSending()
            dispatchEvents()
            handler.execute()
            arenaUsed = 0
            finishDirty()
            let now = cs_monotonic_ns()
            timeout = handler.turnEnded(monotonic: now)
            if _slowPath(handler.isAtRest) { giveBack() }
            let wait = gathering.afterTurn(monotonic: now)
            if _slowPath(wait > 0) && unread.isEmpty && continuing.isEmpty { usleep(wait) }
        }
        closeAll()
    }

    /// Nothing has come for a while: the arena's pages, and what the thread's allocator keeps, go back to the system.
    private func giveBack() {
        handler.isAtRest = false
        if arenaUsed == 0 { cs_empty_pages(arena, Limits.arenaBytes) }
        cs_allocator_purge_own()
    }

    // MARK: in the midst of a long command

    /// One turn inside a turn, without waiting. The outer one's buffers stay as they are; no link is freed.
    private func attend(reading: Bool) {
        if isNested || isFinishing { return }
        if cs_load_acquire_u32(stopFlag) != 0 { handler.isStopping = true }
        isNested = true
        readsNested = reading
        let outer = (events, arena, arenaUsed)
        let spare =
            spare ?? (.allocate(capacity: Int(EventLoop.eventsMax)), EventLoop.makeArena())
        self.spare = spare
        arena = spare.arena
        arenaUsed = 0
        // What the outer turn had not come to yet.
        dispatchEvents()
        if reading { readWaiting() }
        events = spare.events
        eventCount = epoll_wait(epoll, events, EventLoop.eventsMax, 0)
        eventIndex = 0
        dispatchEvents()
        if reading {
            readUnread()
            handler.execute()
        }
        finishDirtyNested()
        (events, arena, arenaUsed) = outer
        eventCount = 0
        eventIndex = 0
        isNested = false
    }

    /// Sends what there is to send. Links to be closed are cut off now, for their peers to see, and closed by the
    /// outer turn.
    private func finishDirtyNested() {
        holdBack()
        let waiting = handler.dirty
        handler.dirty.removeAll(keepingCapacity: true)
        for link in waiting {
            link.pointee.state.remove(.dirty)
            if link.pointee.state.contains(.held) {
                handler.markDirty(link)
                continue
            }
            let isGone = !link.pointee.state.contains(.close) && !flush(link)
            if isGone || link.pointee.state.contains(.closeAfterFlush) && link.pointee.output.isEmpty {
                link.pointee.state.insert(.close)
            }
            guard link.pointee.state.contains(.close) else { continue }
            _ = Glibc.shutdown(link.pointee.descriptor, Int32(SHUT_RDWR))
            handler.markDirty(link)
        }
    }

    // MARK: events

    @inline(__always)
    private func dispatchEvents() {
        while eventIndex < eventCount {
            let i = eventIndex
            eventIndex &+= 1
            dispatch(cs_event_data(events, i), cs_event_mask(events, i))
        }
    }

    @inline(__always)
    private func dispatch(_ tag: UInt64, _ mask: UInt32) {
        if _slowPath(tag & EventLoop.listenerTag != 0) {
            if tag == EventLoop.wakeTag {
                cs_eventfd_drain(wakeDescriptor)
                return takeReplacement()
            }
            let listener = listeners[Int(tag & 0xffff)]
            return listener.descriptor >= 0 ? accept(listener) : ()
        }
        let descriptor = Int(tag & 0xffff_ffff)
        // An event of a link that this turn has already closed, its number perhaps taken by another.
        guard let link = links[descriptor], link.pointee.registration == UInt32(tag >> 32) else { return }
        if _slowPath(link.pointee.state.contains(.connecting)) { return finishConnecting(link, mask) }
        if mask & CS_EPOLLOUT != 0 && link.pointee.state.contains(.congested) { handler.markDirty(link) }
        if mask & ~CS_EPOLLOUT != 0 { read(link) }
        // The end of input is not announced again: read on until it is met.
        if _slowPath(mask & (CS_EPOLLRDHUP | CS_EPOLLHUP | CS_EPOLLERR) != 0), !link.pointee.state.contains(.unread) {
            queueUnread(link)
        }
    }

    private func accept(_ listener: Listener) {
        // A bounded number per turn: a storm of connections must not hold up those that are there.
        for _ in 0..<1000 {
            let descriptor = cs_accept(listener.descriptor)
            if descriptor < 0 { return }
            if listener.isForPeers {
                cs_configure_peer(descriptor, EventLoop.peerTimeout)
            } else if listener.isTCP {
                cs_configure_tcp(descriptor, Int32(keepalive()))
            }
            handler.opened(open(descriptor, listener.isForPeers ? .peer : []))
        }
    }

    /// What comes before the caller is done with the link waits for the next turn.
    private func connect(_ host: String, _ port: UInt16) -> LinkPointer? {
        let descriptor = cs_connect_start(host, Int32(port))
        if descriptor < 0 { return nil }
        cs_configure_peer(descriptor, EventLoop.peerTimeout)
        return open(descriptor, [.peer, .connecting])
    }

    private func finishConnecting(_ link: LinkPointer, _ mask: UInt32) {
        if link.pointee.state.contains(.close) { return }
        if cs_connect_result(link.pointee.descriptor) != 0 || mask & CS_EPOLLOUT == 0 {
            link.pointee.state.insert(.close)
            return handler.markDirty(link)
        }
        link.pointee.state.remove(.connecting)
        handler.connected(link)
        if mask & ~CS_EPOLLOUT != 0 && !link.pointee.state.contains(.unread) { queueUnread(link) }
    }

    private func open(_ descriptor: Int32, _ state: LinkState) -> LinkPointer {
        registrations = (registrations &+ 1) & 0x7fff_ffff
        let link = LinkPointer.allocate(capacity: 1)
        link.initialize(to: Link(descriptor: descriptor, registration: registrations))
        link.pointee.state = state
        if Int(descriptor) >= linkCapacity { growLinks(Int(descriptor)) }
        links[Int(descriptor)] = link
        let mask = CS_EPOLLIN | CS_EPOLLOUT | CS_EPOLLRDHUP | CS_EDGE_TRIGGERED
        let tag = UInt64(registrations) << 32 | UInt64(UInt32(bitPattern: descriptor))
        _ = cs_epoll_control(epoll, EPOLL_CTL_ADD, descriptor, mask, tag)
        return link
    }

    private func growLinks(_ descriptor: Int) {
        let capacity = max(linkCapacity * 2, descriptor + 1)
        let grown = UnsafeMutablePointer<LinkPointer?>.allocate(capacity: capacity)
        grown.update(from: links, count: linkCapacity)
        (grown + linkCapacity).initialize(repeating: nil, count: capacity - linkCapacity)
        links.deallocate()
        links = grown
        linkCapacity = capacity
    }

    // MARK: reading

    private func readUnread() {
        if unread.isEmpty { return }
        let outer = (reading, readCount)
        reading = unread
        readCount = 0
        unread.removeAll(keepingCapacity: true)
        readWaiting()
        (reading, readCount) = isNested ? outer : ([], 0)
        // An event may have one of them read again in this turn: what was read has to be used up first, since
        // a client's unexecuted requests must lie in one piece (and in a buffer that stays where it is).
        handler.execute()
        arenaUsed = 0
    }

    /// Those whose replies wait are read once these have gone.
    private func readRested() {
        for link in handler.rested where link.pointee.state.isDisjoint(with: [.waiting, .slowed, .unread]) {
            link.pointee.state.remove(.readable)
            queueUnread(link)
        }
        handler.rested.removeAll(keepingCapacity: true)
    }

    private func readWaiting() {
        while readCount < reading.count {
            let link = reading[readCount]
            readCount += 1
            link.pointee.state.remove(.unread)
            read(link)
        }
    }

    /// Inside an interrupted turn: whether the link has to be read later.
    private func postpones(_ link: LinkPointer) -> Bool {
        // A peer's request may need what the long command holds.
        if readsNested && link.pointee.state.isDisjoint(with: [.held, .peer]) { return false }
        if !link.pointee.state.contains(.unread) { queueUnread(link) }
        return true
    }

    @inline(__always)
    private func read(_ link: LinkPointer) {
        if _slowPath(isNested) && postpones(link) { return }
        if _slowPath(!link.pointee.state.isDisjoint(with: [.close, .closeAfterFlush, .unread, .waiting, .slowed])) {
            return drain(link)
        }
        if _slowPath(!link.pointee.input.isEmpty) { return readOwn(link) }
        if Limits.arenaBytes &- arenaUsed < Limits.readBytes {
            handler.execute()
            arenaUsed = 0
        }
        gathering.note(&link.pointee.readGeneration)
        let place = arena + arenaUsed
        let count = recv(link.pointee.descriptor, place, Limits.readBytes, 0)
        guard count > 0 else { return noInput(link, count) }
        // The next client's bytes start on a cache line of their own.
        arenaUsed &+= (count &+ 63) & ~63
        if count == Limits.readBytes { queueUnread(link) }
        handler.received(link, place, count, own: false)
    }

    /// Reads behind an unfinished request.
    private func readOwn(_ link: LinkPointer) {
        let (place, room) = link.pointee.input.prepare(Limits.readBytes)
        let count = recv(link.pointee.descriptor, place, min(room, 1 << 20), 0)
        guard count > 0 else { return noInput(link, count) }
        link.pointee.input.filled(count)
        if count == min(room, 1 << 20) { queueUnread(link) }
        handler.received(link, place, count, own: true)
    }

    private func queueUnread(_ link: LinkPointer) {
        link.pointee.state.insert(.unread)
        unread.append(link)
    }

    private func noInput(_ link: LinkPointer, _ result: Int) {
        if result < 0 && (cs_errno() == EAGAIN || cs_errno() == EINTR) { return }
        // The peer is gone or will send no more: what it sent is still executed, replies are tried once.
        link.pointee.state.insert(.closeAfterFlush)
        handler.markDirty(link)
    }

    /// A link that is being closed, or is to be read later anyway: notices only that the peer is gone.
    private func drain(_ link: LinkPointer) {
        if link.pointee.state.contains(.unread) { return }
        if !link.pointee.state.isDisjoint(with: [.waiting, .slowed]) { return link.pointee.state.formUnion(.readable) }
        var byte: UInt8 = 0
        let count = recv(link.pointee.descriptor, &byte, 1, Int32(MSG_PEEK))
        if count == 0 || (count < 0 && cs_errno() != EAGAIN && cs_errno() != EINTR) {
            link.pointee.state.insert(.close)
            handler.markDirty(link)
        }
    }

    // MARK: replies that wait

    /// Takes links whose replies have to wait from those that are to be sent to.
    @inline(__always)
    private func holdBack() {
        let number = handler.repliesWaitFor()
        if _slowPath(number != 0 || !waiting.isEmpty) { holdBack(until: number) }
    }

    @inline(never)
    private func holdBack(until number: UInt64) {
        let dirty = handler.dirty
        handler.dirty.removeAll(keepingCapacity: true)
        for link in dirty {
            link.pointee.state.remove(.dirty)
            if link.pointee.state.contains(.waiting) {
                waitAnew(link, number)
            } else if number == 0 || !link.pointee.state.isDisjoint(with: [.close, .peer])
                || link.pointee.output.isEmpty
            {
                handler.markDirty(link)
            } else {
                link.pointee.state.insert(.waiting)
                waiting.append((number, link))
            }
        }
    }

    /// Something was added for a client that waits: what was pushed may go with what is there already.
    private func waitAnew(_ link: LinkPointer, _ number: UInt64) {
        if link.pointee.state.contains(.close) {
            waiting.removeAll { $0.link == link }
            link.pointee.state.remove(.waiting)
            return handler.markDirty(link)
        }
        guard link.pointee.state.contains(.answered) else { return }
        link.pointee.state.remove(.answered)
        if number == 0 { return }
        waiting.removeAll { $0.link == link }
        waiting.append((number, link))
    }

    /// Sends replies that need not wait any more, and reads their clients again. Before anything in this turn is
    /// answered.
    private func release() {
        let standings = waiting.map { handler.standing(of: $0.number) }
        let count = standings.firstIndex(of: .pending) ?? standings.count
        if count == 0 { return }
        let released = waiting[..<count].map(\.link)
        waiting.removeFirst(count)
        for (i, link) in released.enumerated() {
            if standings[i] == .lost {
                link.pointee.state.remove(.waiting)
                close(link)
                continue
            }
            let wasReadable = link.pointee.state.contains(.readable)
            link.pointee.state.subtract([.waiting, .readable, .answered])
            if link.pointee.state.contains(.closeAfterFlush) {
                finish(link)
            } else if !flush(link) {
                close(link)
            } else if wasReadable && !link.pointee.state.contains(.unread) {
                queueUnread(link)
            }
        }
    }

    // MARK: sending and closing

    private func finishDirty() {
        isFinishing = true
        defer { isFinishing = false }
        holdBack()
        // Closing may make others dirty; the list is walked by index.
        var i = 0
        while i < handler.dirty.count {
            let link = handler.dirty[i]
            link.pointee.state.remove(.dirty)
            if _slowPath(!link.pointee.state.isDisjoint(with: [.close, .closeAfterFlush])) {
                finish(link)
            } else if !flush(link) {
                close(link)
            }
            i &+= 1
        }
        handler.dirty.removeAll(keepingCapacity: true)
    }

    private func finish(_ link: LinkPointer) {
        let isOwed = link.pointee.state.contains(.owing)
        if link.pointee.state.contains(.close) || !flush(link) || link.pointee.output.isEmpty && !isOwed { close(link) }
    }

    /// Sends what is pending as far as the socket takes it. Answers false when the peer is gone.
    @inline(__always)
    private func flush(_ link: LinkPointer) -> Bool {
        if _slowPath(link.pointee.output.sealedCount > 0) { return flushBlocks(link) }
        while let run = link.pointee.output.unsent {
            let sent = send(link.pointee.descriptor, run.start, run.count, Int32(MSG_NOSIGNAL))
            if _slowPath(sent < 0) { return sendFailed(link) }
            link.pointee.output.consume(sent)
            handler.sent(link, sent)
        }
        link.pointee.state.remove(.congested)
        return true
    }

    /// Sends a backlog of several blocks, a bounded amount per turn.
    private func flushBlocks(_ link: LinkPointer) -> Bool {
        var budget = 8 << 20
        while budget > 0, let run = link.pointee.output.unsent {
            let sent = send(link.pointee.descriptor, run.start, min(run.count, budget), Int32(MSG_NOSIGNAL))
            if sent < 0 { return sendFailed(link) }
            link.pointee.output.consume(sent)
            handler.sent(link, sent)
            budget -= sent
        }
        if link.pointee.output.isEmpty {
            link.pointee.state.remove(.congested)
        } else {
            link.pointee.state.insert(.congested)
            continuing.append(link.pointee.descriptor)
        }
        return true
    }

    private func continueSending() {
        if continuing.isEmpty { return }
        for descriptor in continuing {
            if let link = links[Int(descriptor)] { handler.markDirty(link) }
        }
        continuing.removeAll(keepingCapacity: true)
    }

    private func sendFailed(_ link: LinkPointer) -> Bool {
        if cs_errno() == EAGAIN || cs_errno() == EINTR {
            link.pointee.state.insert(.congested)
            return true
        }
        return false
    }

    private func close(_ link: LinkPointer) {
        if link.pointee.state.contains(.waiting) { waiting.removeAll { $0.link == link } }
        if link.pointee.state.contains(.unread) { unread.removeAll { $0 == link } }
        handler.closed(link)
        let descriptor = link.pointee.descriptor
        links[Int(descriptor)] = nil
        Glibc.close(descriptor)
        Link.free(link)
    }

    private func closeAll() {
        for i in 0..<linkCapacity {
            guard let link = links[i] else { continue }
            if !link.pointee.state.contains(.waiting) { _ = flush(link) }
            close(link)
        }
        for listener in listeners where listener.isTCP && listener.descriptor >= 0 { Glibc.close(listener.descriptor) }
        Glibc.close(epoll)
        Glibc.close(wakeDescriptor)
    }
}
