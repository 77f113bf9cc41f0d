/// The server's fixed limits, each with its reason.
public enum Limits {
    /// Slots of the key space: Redis Cluster's number, so that its clients can route.
    public static let slots = 16384
    /// Partitions: the unit of locking, flushing and repair (64 consecutive slots each).
    public static let partitions = 256
    /// Room offered to one read from a socket: one turn takes at most this much from one client,
    /// which keeps a pipelining client from starving the others.
    public static let readBytes = 64 * 1024
    /// Milliseconds after which a client counts as idle and its buffers are given back (Redis: 2 s).
    public static let idleMilliseconds: Int64 = 2000
    /// What CLIENT LIST counts as a busy client's part of the shared arena (Redis' least read, 16 KiB).
    public static let inputRoomShown = 16 * 1024
    /// What CLIENT LIST counts as a client's reply buffer; the rest counts as its list of replies (Redis' fixed
    /// buffer, 16 KiB).
    public static let replyBlockShown = 16 * 1024
    /// The shared memory that one turn's reads go to.
    public static let arenaBytes = 512 * 1024
    /// Commands executed together (prefetch works within a batch).
    public static let batchCommands = 128
    /// Arguments of all commands of a batch.
    public static let batchArguments = 4096
    /// A request with more arguments than this is parsed into its own storage.
    public static let requestArgumentsInBatch = 256
    /// Longest inline request, and longest line announcing a length (Redis: PROTO_INLINE_MAX_SIZE).
    public static let inlineBytes = 64 * 1024
    /// Most arguments, and longest argument, of a client that has not authenticated (Redis 7).
    public static let unauthenticatedArguments = 10
    public static let unauthenticatedBulkBytes = 16384
    /// First size of a client's reply buffer; it doubles up to `replyBlockBytes`, then blocks chain.
    public static let replyBytesFirst = 1024
    public static let replyBlockBytes = 256 * 1024
    /// Strings up to this size live inside their entry; longer ones in a block of their own.
    public static let inlineValueBytes = 2048
    /// The longest string value a command may build, when `proto-max-bulk-len` is at its default.
    public static let stringBytes = 512 * 1024 * 1024
    /// Milliseconds between 1970 and the epoch of entry timestamps (2020-01-01T00:00:00Z).
    public static let timestampEpoch: Int64 = 1_577_836_800_000
    /// Active expiry works in slices of this length, so that clients wait no longer for it.
    public static let expirySliceNanoseconds: UInt64 = 500_000
}
