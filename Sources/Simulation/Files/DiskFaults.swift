import Base
import CSystem

/// One way in which a simulated disk goes wrong.
public enum DiskFault: Int, CaseIterable, Sendable {
    /// EIO. A write may have begun, a sync has made some of the pages durable.
    case error
    /// ENOSPC.
    case noSpace
    /// EINTR, of reads and writes.
    case interrupted
    /// A read or a write of fewer bytes than asked for, but at least one.
    case short
    /// A sync that says nothing and leaves one page as it was.
    case lostWrite
    /// A sync that puts one page where another page belongs, and says nothing.
    case misdirectedWrite
    /// A read with one wrong bit; the next read may be right.
    case rotOnRead
    /// A read that finds a bit turned for good.
    case rotAtRest
    /// A read of what is on the disk, where others answer from the system's cache: damage shows.
    case coldRead
    /// EAGAIN of a read that is not to wait for the disk.
    case wouldWait

    /// Whether a call of this kind can go wrong in this way.
    func applies(to call: DiskCall) -> Bool {
        switch self {
        case .error: true
        case .noSpace:
            switch call.kind {
            case .open: call.creates
            case .write, .sync, .truncate, .rename, .link, .makeDirectory, .syncDirectory: true
            default: false
            }
        case .interrupted, .short: call.kind == .read || call.kind == .write
        case .lostWrite, .misdirectedWrite: call.kind == .sync
        case .rotOnRead, .rotAtRest, .coldRead: call.kind == .read
        case .wouldWait: call.kind == .read && !call.waits
        }
    }

    /// The system's number for a fault that refuses.
    var code: Int32? {
        switch self {
        case .error: EIO
        case .noSpace: ENOSPC
        case .interrupted: EINTR
        case .wouldWait: EAGAIN
        default: nil
        }
    }
}

/// How often a simulated disk goes wrong, and in which ways. The rates are probabilities for each call, 0 to 1; all
/// are 0 to begin with.
public struct DiskFaults: Sendable {
    /// EIO of reads.
    public var readErrors = 0.0
    /// EIO of writes and truncations.
    public var writeErrors = 0.0
    /// EIO of file and directory syncs.
    public var syncErrors = 0.0
    /// EIO of all other calls.
    public var nameErrors = 0.0
    /// ENOSPC of all calls that may need space.
    public var noSpace = 0.0
    /// EINTR. Less than 1: who is interrupted tries again.
    public var interruptions = 0.0
    public var shortReads = 0.0
    public var shortWrites = 0.0
    public var lostWrites = 0.0
    public var misdirectedWrites = 0.0
    public var rotOnRead = 0.0
    public var rotAtRest = 0.0
    public var coldReads = 0.0
    /// EAGAIN of reads that are not to wait.
    public var waits = 0.0

    /// After a sync that failed the file's pages count as clean, so that the next sync succeeds and proves nothing
    /// (fsyncgate: Linux' ext4 and XFS). Otherwise they wait for the next sync.
    public var failedSyncCleans = true
    /// The bytes that all files together may hold, in pages of 4096; nil: no limit.
    public var capacity: Int64?
    /// How many of a page's unsynced versions a crash may bring back; at least 1, the newest.
    public var versionsPerPage = 1

    public init() {}

    func rate(of fault: DiskFault, in call: DiskCall) -> Double {
        switch fault {
        case .error:
            switch call.kind {
            case .read: readErrors
            case .write, .truncate: writeErrors
            case .sync, .syncDirectory: syncErrors
            default: nameErrors
            }
        case .noSpace: noSpace
        case .interrupted: interruptions
        case .short: call.kind == .read ? shortReads : shortWrites
        case .lostWrite: lostWrites
        case .misdirectedWrite: misdirectedWrites
        case .rotOnRead: rotOnRead
        case .rotAtRest: rotAtRest
        case .coldRead: coldReads
        case .wouldWait: waits
        }
    }
}
