import Base

/// What is shown of a connection between nodes.
struct PeerCard {
    let member: Int
    let isOutgoing: Bool
    /// ms since 1970.
    let createdAt: Int64
    /// Bytes that the other end had not taken when the last turn ended that sent some.
    var pending = 0
}

/// A loop's connections to other nodes, for other loops to see (CLUSTER LINKS).
final class PeerBoard: @unchecked Sendable {
    private let lock = SpinLock()
    /// Under `lock`.
    private var all: [(owner: ObjectIdentifier, card: PeerCard)] = []

    var cards: [PeerCard] { lock.withLock { all.map(\.card) } }

    func add(_ peer: PeerEnd, _ card: PeerCard) {
        lock.withLock { all.append((ObjectIdentifier(peer), card)) }
    }

    func remove(_ peer: PeerEnd) {
        let owner = ObjectIdentifier(peer)
        lock.withLock { all.removeAll { $0.owner == owner } }
    }

    func note(_ peer: PeerEnd, pending: Int) {
        let owner = ObjectIdentifier(peer)
        lock.withLock {
            if let place = all.firstIndex(where: { $0.owner == owner }) { all[place].card.pending = pending }
        }
    }
}
