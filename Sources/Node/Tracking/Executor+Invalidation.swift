import Base
import Keyspace
import RESP

/// Telling clients that what they have cached is not true any more.
extension Executor {
    /// A client of this loop by its id, if it is there and not about to go. Looks long only the first time.
    func client(_ id: UInt64) -> SessionPointer? {
        if let known = knownClients[id] { return known.pointee.mode.contains(.closing) ? nil : known }
        guard let found = roster.first(where: { $0.pointee.id == id }) else { return nil }
        knownClients[id] = found
        return found.pointee.mode.contains(.closing) ? nil : found
    }

    /// A key that a client of this loop has read has changed. Locks of the key space may be held.
    func invalidate(_ key: ByteView, for id: UInt64) {
        guard let session = client(id), let tracking = session.pointee.details.tracking else { return }
        // What it read before it turned to BCAST is not its concern any more.
        if tracking.isBroadcast || (tracking.skipsOwn && isRunning(session)) { return }
        Executor.invalidation(of: key).withView { sendInvalidation(session, tracking, $0) }
    }

    /// The payload that tells of one key.
    static func invalidation(of key: ByteView) -> [UInt8] {
        Array("*1\r\n$\(key.count)\r\n".utf8) + key.bytes + [13, 10]
    }

    /// A message about what another loop's client (`reader`) has cached, for the client that gets it in its place.
    func sendRedirected(_ payload: [UInt8], along route: Redirections.Route, from reader: UInt64) {
        if route.isBroken { return tellBroken(reader, redirection: route.target) }
        payload.withView { payload in
            if route.loop == index { return relayInvalidation(to: route.target, from: reader, payload) }
            node.executors[route.loop].inbox.post(.redirected, a: route.target, b: reader, payload)
        }
    }

    /// Databases have been emptied: all that clients of this loop have cached is void.
    func invalidateEverything() {
        if node.trackingClients.count == 0 { return }
        for session in roster {
            guard let tracking = session.pointee.details.tracking, !session.pointee.mode.contains(.closing) else {
                continue
            }
            sendInvalidation(session, tracking, ByteView(session.pointee.version == 3 ? "_\r\n" : "$-1\r\n"))
        }
    }

    /// Sends a client, or the one to which it redirects, an invalidation message; `payload`: the keys in RESP.
    func sendInvalidation(_ session: SessionPointer, _ tracking: ClientTracking, _ payload: ByteView) {
        if tracking.redirection == 0 { return pushInvalidation(session, payload, isRedirected: false) }
        if tracking.isBroken { return pushBroken(session, tracking) }
        if tracking.redirectionLoop != index {
            let sender = ReaderName.make(session.pointee.id, loop: index)
            if node.redirections.find(sender)?.isBroken ?? false { return noteBroken(session, tracking) }
            return node.executors[tracking.redirectionLoop].inbox.post(
                .redirected, a: tracking.redirection, b: sender, payload)
        }
        if let target = client(tracking.redirection) {
            pushInvalidation(target, payload, isRedirected: true)
        } else {
            noteBroken(session, tracking)
        }
    }

    /// A message of another loop's client for one of this loop.
    func relayInvalidation(to id: UInt64, from sender: UInt64, _ payload: ByteView) {
        if let target = client(id) { return pushInvalidation(target, payload, isRedirected: true) }
        tellBroken(sender, redirection: id)
    }

    /// Tells another loop's client that the client to which it redirects is gone.
    private func tellBroken(_ reader: UInt64, redirection: UInt64) {
        node.executors[ReaderName.loop(reader)].inbox.post(
            .redirectionBroken, a: ReaderName.id(reader), b: redirection)
    }

    /// The client to which one of this loop redirects is gone.
    func noteBroken(_ id: UInt64, redirection: UInt64) {
        guard let session = client(id), let tracking = session.pointee.details.tracking,
            tracking.redirection == redirection
        else { return }
        noteBroken(session, tracking)
    }

    private func noteBroken(_ session: SessionPointer, _ tracking: ClientTracking) {
        tracking.isBroken = true
        noteTracking(session)
        pushBroken(session, tracking)
    }

    private func pushBroken(_ session: SessionPointer, _ tracking: ClientTracking) {
        if session.pointee.version != 3 { return }
        pushes.frame.start()
        pushes.frame.raw("*2\r\n$21\r\ntracking-redir-broken\r\n")
        pushes.frame.integer(Int64(tracking.redirection))
        push(session, pushes.frame.view)
    }

    /// In RESP2 only a client that listens can get messages, and only those meant for others.
    private func pushInvalidation(_ session: SessionPointer, _ payload: ByteView, isRedirected: Bool) {
        pushes.frame.start()
        if session.pointee.version == 3 {
            pushes.frame.raw("*2\r\n$10\r\ninvalidate\r\n")
        } else if isRedirected && session.pointee.mode.contains(.subscribed) {
            pushes.frame.raw("*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n")
        } else {
            return
        }
        pushes.frame.raw(payload)
        push(session, pushes.frame.view)
    }
}
