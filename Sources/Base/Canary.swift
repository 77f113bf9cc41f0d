#if CANARIES
    /// Mistakes on purpose, one of which a build with `MARTLET_CANARIES=1` can be told to make, so that it shows whether the
    /// simulator notices (docs/testing.md). No other build has any of this.
    public enum Canary: String, CaseIterable, Sendable {
        /// Replies and acknowledgements do not wait for the log.
        case acknowledgeBeforeWriting = "acknowledge-before-writing"
        /// A replica that a read has found to be behind is not told.
        case skipReadRepair = "skip-read-repair"
        /// A node writes under its directory's actor id again, whatever has become of its counters.
        case reuseActor = "reuse-actor"
        /// What a context says beyond the clock's base is forgotten.
        case dropBeyondBase = "drop-beyond-base"
        /// When a version's deadline has passed, the whole key is deleted.
        case expiryDeletes = "expiry-deletes"
        /// Catching up takes over a clock before the states that it is about.
        case clockBeforeData = "clock-before-data"
        /// A write's context is filled in by the replica that it arrives at.
        case fillLate = "fill-late"
        /// Nobody asks a quorum before a write, however little he may know.
        case staleCoordinator = "stale-coordinator"
        /// A stand-in's acknowledgement counts like a replica's, also where only replicas' do (STRICT).
        case hintsCount = "hints-count"

        /// The one that is made. Set once, before anything else runs.
        public nonisolated(unsafe) static var active: Canary?
    }
#endif
