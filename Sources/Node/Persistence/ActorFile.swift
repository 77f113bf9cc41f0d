import Base
import Causality
import Keyspace
import Storage

/// The file `actor` of a data directory: under which id its server writes, and whether the next one may go on under it
/// (docs/causality.md, rule 6).
struct ActorFile {
    private let directory: DataDirectory
    /// An identity's bytes are fewer.
    private static let bytesMax = 256

    init(_ directory: DataDirectory) { self.directory = directory }

    private var path: String { directory.path + "/actor" }

    /// What the file says; nil: it is not there (it was removed, the directory is an earlier version's, or a backup), which
    /// means that counters may have been lost.
    func read() throws(DirectoryError) -> ActorIdentity? {
        guard let bytes = try disk({ () throws(DiskError) in try contents() }) else { return nil }
        do throws(CausalityError) {
            return try bytes.withView { (bytes) throws(CausalityError) in try ActorIdentity(bytes) }
        } catch {
            if case .version(let version) = error { throw .newerVersion(path, UInt32(version)) }
            throw .damaged(path)
        }
    }

    private func contents() throws(DiskError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: ActorFile.bytesMax)
        let count: Int
        do throws(DiskError) {
            let file = try directory.files.open(path, .read)
            let result: Result<Int, DiskError> = bytes.withUnsafeMutableBytes { buffer in
                do throws(DiskError) { return .success(try file.read(buffer, at: 0)) } catch { return .failure(error) }
            }
            count = try result.get()
        } catch {
            if error.isMissing { return nil }
            throw error
        }
        return Array(bytes[..<count])
    }

    private func disk<R>(_ body: () throws(DiskError) -> R) throws(DirectoryError) -> R {
        do throws(DiskError) { return try body() } catch { throw .disk(error) }
    }

    /// Durable when this returns. Under another name first, so that there is a whole one or none.
    func write(_ identity: ActorIdentity) throws(DirectoryError) {
        try disk { () throws(DiskError) in try put(identity) }
    }

    private func put(_ identity: ActorIdentity) throws(DiskError) {
        var output = ByteBuffer(capacity: 64)
        identity.encode(to: &output)
        let file = try directory.files.open(path + ".new", .write)
        try file.truncate(to: 0)
        try file.write(output.view, at: 0)
        try file.sync()
        try directory.files.rename(path + ".new", to: path)
        try directory.files.syncDirectory(directory.path)
    }
}

extension Node {
    /// Settles under which actor this process writes, durably, before its first write: under the directory's if its last
    /// server has ended in order, else under a new one. All that is in the directory has been read. Answers the identity,
    /// and whether the log has yet to tell of it.
    /// `found`: what its file said at the start.
    func takeActor(
        _ directory: DataDirectory, _ found: ActorIdentity?, lastRecord: UInt64
    ) throws(RecoveryError) -> (ActorIdentity, isNew: Bool) {
        let own = keyspace.actors.read { $0.id(at: keyspace.actor) }
        // Nothing in the directory tells of actors: there is none yet, or what is there was written before there were any.
        let isFirst = own == firstActor
        do throws(DirectoryError) {
            let file = ActorFile(directory)
            let previous = found?.actor == own && mayContinue ? found : nil
            let fresh = isFirst ? own : doors.newActor()
            let identity = ActorIdentity(
                after: previous, directory: directory.identity, lastRecord: lastRecord, fresh: fresh)
            try file.write(identity)
            if identity.actor != own {
                // Nobody else has ever held anything of a directory that was in no cluster: nothing of its earlier actors
                // can still arrive.
                keyspace.write(
                    asNew: identity.actor, dropsOld: !configuration.settings.cluster.isEnabled, now: startedAt)
            }
            makeContexts(good: directory)
            return (identity, isFirst || identity.actor != own)
        } catch {
            throw .directory(error)
        }
    }

    /// Whether this server may write under the id of the directory's last one, if that has ended in order. Not in a cluster: if
    /// the directory is an old copy, others hold writes that it does not know of.
    private var mayContinue: Bool {
        #if CANARIES
            if Canary.active == .reuseActor { return true }
        #endif
        return !configuration.settings.cluster.isEnabled
    }

    /// Contexts outlive the process, as what they are about does. A cluster has its own.
    private func makeContexts(good directory: DataDirectory) {
        if configuration.settings.cluster.isEnabled { return }
        var secret = ByteBuffer(capacity: 16)
        secret.append(ByteView("context!"))
        secret.append(littleEndian: directory.identity)
        keyspace.shared.pointee.contexts = ContextToken(cluster: ByteView(""), secret: secret.view)
    }

    /// From now on the log hears of actors. `isNew`: it does not know this node's.
    func tellActors(_ sink: CommitLogSink, isNew: Bool) {
        let (keyspace, now) = (keyspace, startedAt)
        // The key space has the closure.
        let tell = { @Sendable [unowned keyspace] (table: ActorTable) in
            keyspace.withActorMutation(table, timestamp: now) { sink.precede(with: $0) }
        }
        if isNew { tell(keyspace.actors.table) }
        keyspace.actors.onChange(tell)
    }
}
