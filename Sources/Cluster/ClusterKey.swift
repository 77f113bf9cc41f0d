import Base

/// What members know of each other by: the cluster's name and its secret, as keys for one purpose each. The name is
/// part of the keys: clusters that share a secret by mistake do not understand each other.
public struct ClusterKey: Sendable {
    /// Says which cluster, to whoever listens: the first bytes of a hash of its name.
    let tag: UInt64
    let gossip: HMAC
    let peer: HMAC

    /// A secret of any length; 32 bytes that nobody can guess.
    public init(cluster: String, secret: [UInt8]) {
        let name = Array("martlet cluster ".utf8) + Array(cluster.utf8)
        tag = name.withView { SHA256.digest($0).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        let key = secret.withView { HMAC(key: $0) }
        gossip = name.withView { key.derived(ByteView("martlet gossip 1")).derived($0) }
        peer = name.withView { key.derived(ByteView("martlet peer 1")).derived($0) }
    }
}
