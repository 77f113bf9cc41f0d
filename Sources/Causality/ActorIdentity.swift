import Base

/// Under which actor id a directory's server writes, and whether it may go on doing so (rule 6).
///
/// It is on disk beside the log. While the server runs it says `inUse`; a start that finds that has come after an
/// unclean end, whose last counters others may hold although this directory does not. Only an orderly end, when the
/// log is durable up to its last record, makes it `clean`, and only for that record: if the log ends elsewhere, the
/// directory was restored from pieces of different times. A whole directory that was copied while it was clean cannot tell;
/// that is what `SlotState.hasForgottenIssuing` is for.
public struct ActorIdentity: Equatable, Sendable {
    public enum State: Equatable, Sendable {
        case inUse
        /// Ended in order; the log's last record has this number.
        case clean(lastRecord: UInt64)
    }

    public let actor: ActorID
    /// The directory's own random number: an identity that strayed in from elsewhere is recognised.
    public let directory: UInt64
    public private(set) var state: State

    /// What a server writes durably before it issues its first dot. `previous`: what it found, nil if nothing. `lastRecord`: of
    /// the log as it has been recovered, 0 for none. `fresh`: 128 random bits, which are used if the last id may not be.
    public init(after previous: ActorIdentity?, directory: UInt64, lastRecord: UInt64, fresh: ActorID) {
        self.directory = directory
        state = .inUse
        #if CANARIES
            if Canary.active == .reuseActor, let previous {
                actor = previous.actor
                return
            }
        #endif
        if let previous, previous.directory == directory, previous.state == .clean(lastRecord: lastRecord) {
            actor = previous.actor
        } else {
            actor = fresh
        }
    }

    private init(_ actor: ActorID, _ directory: UInt64, _ state: State) {
        self.actor = actor
        self.directory = directory
        self.state = state
    }

    /// What it writes durably when it has ended in order, after the log.
    public func ended(lastRecord: UInt64) -> ActorIdentity {
        ActorIdentity(actor, directory, .clean(lastRecord: lastRecord))
    }

    /// The id, the directory, 0 while in use or 1 when clean, the last record (8 each, the highest byte first).
    public func encode(to output: inout ByteBuffer) {
        CausalFrame.identity.encode(to: &output) {
            actor.encode(to: &$0)
            $0.append(bigEndian: directory)
            switch state {
            case .inUse:
                $0.append(0)
                $0.append(bigEndian: UInt64(0))
            case .clean(let lastRecord):
                $0.append(1)
                $0.append(bigEndian: lastRecord)
            }
        }
    }

    /// What `encode` wrote, and nothing behind it.
    public init(_ bytes: ByteView) throws(CausalityError) {
        var reader = try CausalFrame.identity.open(bytes)
        actor = try reader.actorID()
        directory = try reader.word()
        let isClean = try reader.byte()
        let lastRecord = try reader.word()
        if isClean > 1 || (isClean == 0 && lastRecord != 0) { throw .corrupt }
        state = isClean == 1 ? .clean(lastRecord: lastRecord) : .inUse
        try reader.finish()
    }
}
