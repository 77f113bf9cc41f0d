import Base
import Cluster

/// One end of a connection to another node. Its link refers to it by `Link.session`; it belongs to its loop's `Peers`.
class PeerEnd {
    /// Nil while there is no connection.
    final var link: LinkPointer?
    /// On the list of those with something to send at the end of the turn.
    final var isTouched = false

    final var isConnected: Bool { link.map { !$0.pointee.state.contains(.connecting) } ?? false }

    static func of(_ link: LinkPointer) -> PeerEnd? {
        link.pointee.session.map { Unmanaged<PeerEnd>.fromOpaque($0).takeUnretainedValue() }
    }

    final func attach(_ link: LinkPointer) {
        self.link = link
        link.pointee.session = Unmanaged.passUnretained(self).toOpaque()
    }

    /// The link goes its own way from now on.
    final func detach() {
        link?.pointee.session = nil
        link = nil
    }

    /// Bytes of frames that may be sent now, and that they have been moved to the link.
    func withOutput(_ body: (ByteView) -> Int) {}

    /// Bytes that the other end has not taken.
    var pending: Int { link?.pointee.output.pending ?? 0 }

    /// Ends the turn's frame.
    func endFrame(waitingFor number: UInt64) {}

    /// What has to go before more is moved: a short run of bytes is copied twice, a backlog stays where it is bounded.
    static let linkBytes = 128 * 1024

    /// Moves what may be sent to the link, as far as that has room.
    final func pump() {
        guard let link, isConnected else { return }
        withOutput { bytes in
            let room = PeerEnd.linkBytes - link.pointee.output.pending
            let count = min(room, bytes.count)
            if count <= 0 { return 0 }
            link.pointee.output.append(bytes.slice(0, count))
            return count
        }
    }
}

/// To a member, opened by this node.
final class OutgoingPeer: PeerEnd {
    let member: Int
    var session: PeerSession
    /// Why it was lost last: said once in the log.
    var complaint: PeerError?

    init(_ member: Int, _ session: consuming PeerSession) {
        self.member = member
        self.session = session
    }

    override func withOutput(_ body: (ByteView) -> Int) {
        let output = session.output
        if output.count == 0 { return }
        let count = body(output)
        if count > 0 { session.consume(count) }
    }

    override var pending: Int { super.pending + session.output.count }

    override func endFrame(waitingFor number: UInt64) { session.flush() }
}

/// From a member, accepted by this node.
final class IncomingPeer: PeerEnd {
    let place: Int
    let generation: UInt32
    var channel: PeerChannel
    /// The member's index, once it has proved who it is.
    var member = -1
    /// Until when it has to.
    let greetingEnd: Int64
    /// Responses have been added in this turn.
    private var hasResponses = false
    /// Ids of this turn's requests of which there is nothing to say but that all went well.
    private var acknowledged = ByteBuffer()
    /// Bytes that have been moved to the link, ever; those that are frames when the turn's first response came.
    private var moved: UInt64 = 0
    private var turnStart: UInt64 = 0
    /// Bytes from there on wait until the log is durable up to that record. Both ascend.
    private(set) var gates: [(number: UInt64, from: UInt64)] = []

    init(place: Int, generation: UInt32, _ channel: consuming PeerChannel, greetingEnd: Int64) {
        (self.place, self.generation, self.greetingEnd) = (place, generation, greetingEnd)
        self.channel = channel
    }

    /// For a request that comes in this turn.
    func via(_ turn: UInt64) -> PeerReturn { PeerReturn(place: UInt32(place), generation: generation, turn: turn) }

    /// Adds a response.
    func respond(_ id: UInt64, code: UInt8, payload: ByteView) {
        if !hasResponses {
            hasResponses = true
            turnStart = moved + UInt64(channel.output.count)
        }
        if code == PeerResponseCode.ok && payload.count == 0 {
            acknowledged.append(littleEndian: id)
        } else {
            channel.append(PeerMessage(.response, code: code, id: id, payload: payload))
        }
    }

    override func withOutput(_ body: (ByteView) -> Int) {
        var output = channel.output
        if let gate = gates.first { output = output.slice(0, min(output.count, Int(gate.from - moved))) }
        if output.count == 0 { return }
        let count = body(output)
        if count == 0 { return }
        channel.consume(count)
        moved += UInt64(count)
    }

    override var pending: Int { super.pending + channel.waiting }

    override func endFrame(waitingFor number: UInt64) {
        if acknowledged.count > 0 {
            channel.append(PeerMessage(.acknowledgements, code: 0, id: 0, payload: acknowledged.view))
            acknowledged.truncate(to: 0)
        }
        channel.flush()
        if hasResponses && number != 0 { gates.append((number, turnStart)) }
        hasResponses = false
    }

    /// Takes away what no response waits for any more. Answers false if some will never be sent.
    func release(_ standing: (UInt64) -> WaitStanding) -> Bool {
        while let gate = gates.first {
            switch standing(gate.number) {
            case .pending: return true
            case .lost: return false
            case .reached: gates.removeFirst()
            }
        }
        return true
    }
}
