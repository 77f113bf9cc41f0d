import Base
import Cluster

/// What other nodes ask of this one, and answer it.
extension Executor: PeerRequests {
    func answered(_ id: UInt64, from member: Int, code: UInt8, payload: ByteView) {}

    func lost(_ member: Int) {}

    func asked(by member: Int, id: UInt64, code: UInt8, timeLeft: UInt32, payload: ByteView, via: PeerReturn) {}
}
