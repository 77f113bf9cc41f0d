import Base
import Cluster

/// Where a request came from, for `Peers.respond`. Means nothing any more once the connection has ended, and does no
/// harm then.
public struct PeerReturn: Equatable, Sendable {
    let place: UInt32
    let generation: UInt32
    /// When the turn began in which the request came.
    let turn: UInt64

    func isSameConnection(as other: PeerReturn) -> Bool { place == other.place && generation == other.generation }
}

/// Who is told what comes from other nodes. All calls are made on the loop's own thread, between commands; payloads lie
/// where they do until the call returns. Within a call `Peers.request` and `respond` may be called.
protocol PeerRequests: AnyObject {
    /// A member answered a request of this loop.
    func answered(_ id: UInt64, from member: Int, code: UInt8, payload: ByteView)
    /// A member answered that all went well, and nothing else. `ids`: of the requests, 8 bytes each.
    func acknowledged(_ ids: ByteView, from member: Int)
    /// What this loop has asked of a member and what was not answered will not be. It may have had an effect or not.
    func lost(_ member: Int)
    /// What comes next of one connection: memory may be fetched for it.
    func expect(_ requests: UnsafeBufferPointer<PeerMessage>)
    /// A member asks for something. `Peers.respond` answers, in this turn or a later one. What changes something looks at
    /// `Executor.refusesWrites` first.
    /// - Parameter timeLeft: ms that the member still waited when it sent this.
    func asked(by member: Int, id: UInt64, code: UInt8, timeLeft: UInt32, payload: ByteView, via: PeerReturn)
    /// A connection of a member has ended: what has come over it need not be answered.
    func ended(_ connection: PeerReturn)
}

extension PeerRequests {
    func acknowledged(_ ids: ByteView, from member: Int) {
        for place in stride(from: 0, to: ids.count & ~7, by: 8) {
            answered(ids.number(at: place, UInt64.self), from: member, code: PeerResponseCode.ok, payload: ByteView(""))
        }
    }

    func expect(_ requests: UnsafeBufferPointer<PeerMessage>) {}
}
