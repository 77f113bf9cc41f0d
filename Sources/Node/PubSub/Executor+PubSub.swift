import Base
import CSystem
import Commands
import RESP

/// Subscribing, unsubscribing and publishing, as one loop does it.
extension Executor {
    // MARK: publishing

    /// Sends a message to all who listen to the channel, or to a pattern that it matches, on any loop; answers
    /// how many. Locks of the key space may be held.
    @inline(__always)
    func publish(_ kind: TopicKind, _ channel: ByteView, _ message: ByteView) -> Int {
        var audience = broker.audience(kind, channel, loop: index)
        if let topic = audience.topic { deliver(topic, channel, message) }
        if _slowPath(kind == .channel && broker.count(.pattern) > 0) {
            deliverToPatterns(channel, message, &audience)
        }
        if _slowPath(!audience.others.isEmpty) {
            audience.others.forEach {
                node.executors[$0].inbox.post(kind == .shard ? .shardMessage : .message, channel, message)
            }
        }
        return audience.total
    }

    /// A message that another loop has published, to this loop's listeners.
    func deliver(_ kind: TopicKind, _ channel: ByteView, _ message: ByteView) {
        var audience = broker.audience(kind, channel, loop: index)
        if let topic = audience.topic { deliver(topic, channel, message) }
        if kind == .channel && broker.count(.pattern) > 0 { deliverToPatterns(channel, message, &audience) }
    }

    @inline(never)
    private func deliverToPatterns(_ channel: ByteView, _ message: ByteView, _ audience: inout Broker.Audience) {
        // Collected under the patterns' lock, delivered without it.
        broker.addPatterns(channel, loop: index, to: &audience) { pushes.matched.append($0) }
        for topic in pushes.matched { deliver(topic, channel, message) }
        pushes.matched.removeAll(keepingCapacity: true)
    }

    /// To this loop's listeners of one topic, of which there are some.
    @inline(__always)
    private func deliver(_ topic: TopicPointer, _ channel: ByteView, _ message: ByteView) {
        let listeners = topic.pointee.loops + index
        let members = listeners.pointee.members.unsafelyUnwrapped
        pushes.frame.start()
        let place = pushes.frame.reserve(Frame.messageMax(topic.pointee.name, channel, message))
        pushes.frame.advance(Frame.writeMessage(topic, channel, message, at: place))
        let frame = pushes.frame.view
        var i = 0
        while i < listeners.pointee.count {
            push(members[i].pointee.session, frame)
            i &+= 1
        }
    }

    // MARK: subscribing

    func subscribe(_ session: SessionPointer, _ kind: TopicKind, _ name: ByteView) {
        let details = session.pointee.details
        rosterLock.withLock {
            let subscriptions = details.subscriptions ?? Subscriptions()
            details.subscriptions = subscriptions
            subscriptions.add(session, broker, loop: index, kind, name)
        }
    }

    func unsubscribe(_ session: SessionPointer, _ kind: TopicKind, _ name: ByteView) {
        rosterLock.withLock { session.pointee.details.subscriptions?.remove(broker, loop: index, kind, name) }
    }

    /// Without a word to the client: it is reset or gone.
    func unsubscribeAll(_ session: SessionPointer) {
        guard let subscriptions = session.pointee.details.subscriptions else { return }
        rosterLock.withLock { subscriptions.removeAll(broker, loop: index) }
        noteSubscriptions(session)
    }

    /// Brings everything up to date that depends on whether, and to how much, a client has subscribed.
    func noteSubscriptions(_ session: SessionPointer) {
        let details = session.pointee.details
        let card = session.pointee.card
        card[.channels] = details.subscriptions?.count(.channel) ?? 0
        card[.patterns] = details.subscriptions?.count(.pattern) ?? 0
        card[.shardChannels] = details.subscriptions?.count(.shard) ?? 0
        if details.subscriptions?.isEmpty ?? true {
            rosterLock.withLock { details.subscriptions = nil }
            session.pointee.mode.remove(.subscribed)
        } else {
            session.pointee.mode.insert(.subscribed)
        }
        card[.mode] = Int(session.pointee.mode.rawValue)
        session.pointee.link.pointee.output.hardLimit = outputLimit(session)
    }

    /// Messages of other loops that came before a client changes what it listens to are its own or not by
    /// what it listened to then.
    func settleLetters(_ session: SessionPointer) {
        if inbox.hasLetters && mayInterrupt(session) { takeLetters() }
    }

    /// Tells a client what it has subscribed to or not any more, and to how much it listens now. It is the
    /// command's reply, but CLIENT REPLY does not silence it.
    func confirm(_ session: SessionPointer, _ kind: TopicKind, _ word: StaticString, _ name: ByteView?) {
        let version = session.pointee.version
        pushes.frame.start()
        pushes.frame.raw("*3\r\n")
        pushes.frame.bulk(ByteView(word))
        if let name { pushes.frame.bulk(name) } else { pushes.frame.raw(version == 3 ? "_\r\n" : "$-1\r\n") }
        pushes.frame.integer(Int64(session.pointee.details.subscriptions?.shownCount(kind) ?? 0))
        let frame = pushes.frame.view
        if !session.pointee.mode.isDisjoint(with: [.replyOff, .replySkip]) { return push(session, frame) }
        let output = state.pointee.output
        let place = output.pointee.reserve(frame.count)
        memcpy(place, frame.start, frame.count)
        if version == 3 { place[0] = Frame.pushByte }
        output.pointee.advance(frame.count)
    }
}
