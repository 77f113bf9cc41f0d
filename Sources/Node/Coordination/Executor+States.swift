import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// Keys' states as they travel: the key after its length, what is known of it (`SiblingSet.encode`) after its length.
extension Executor {
    /// Runs `body` on a key's partition, under its lock.
    func withAccess<R, E: Error>(_ key: Key, _ body: (Access) throws(E) -> R) throws(E) -> R {
        try withPartition(key.partition, body)
    }

    /// Runs `body` on a partition's share of database 0, which is all there is in a cluster, under its lock.
    func withPartition<R, E: Error>(_ index: Int, _ body: (Access) throws(E) -> R) throws(E) -> R {
        let partition = partitions + index
        if sharesKeyspace { lockPatiently(partition) }
        defer { if sharesKeyspace { Partition.unlock(partition) } }
        return try body(Access(partition, database: 0, moment: state.pointee.moment))
    }

    /// Appends all that this node knows of a key.
    func appendState(of key: Key, to message: inout ByteBuffer) {
        // A value that cannot be read stays with others that can read theirs.
        guard let siblings = withAccess(key, { try? $0.siblings(of: key) }) else { return }
        append(siblings, of: key.view, to: &message)
    }

    func append(_ siblings: SiblingSet<KeyVersion>, of key: ByteView, to message: inout ByteBuffer) {
        message.append(counted: key)
        var bytes = ByteBuffer()
        encode(siblings, to: &bytes)
        message.append(counted: bytes.view)
    }

    func encode(_ siblings: SiblingSet<KeyVersion>, to output: inout ByteBuffer) {
        keyspace.actors.read { actors in
            siblings.encode(to: &output, actors) { (version, output) in version.encode(to: &output) }
        }
    }

    func decodeState(_ bytes: ByteView) throws(CausalityError) -> SiblingSet<KeyVersion> {
        try keyspace.actors.update { (actors) throws(CausalityError) in
            try SiblingSet<KeyVersion>(bytes, &actors) { (bytes) throws(CausalityError) in try KeyVersion(bytes) }
        }
    }

    /// Takes over what another node knows of keys. Hands on each key, what the other node has of it, and what this one has now.
    func takeOver(
        states payload: ByteView,
        _ body: (ByteView, SiblingSet<KeyVersion>, SiblingSet<KeyVersion>) -> Void = { _, _, _ in }
    ) throws(CausalityError) {
        var reader = CausalReader(payload)
        while reader.rest > 0 {
            let name = try reader.counted()
            let theirs = try decodeState(try reader.counted())
            let key = Key(name)
            let merged = withAccess(key) { access in
                (try? access.absorb(theirs, key)).flatMap { _ in
                    keptForOthers(key, access)
                    return try? access.siblings(of: key)
                }
            }
            guard let mine = merged else { throw .corrupt }
            body(name, theirs, mine)
        }
    }
}
