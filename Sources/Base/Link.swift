/// One client's byte channel between a shell (sockets; in tests, memory) and the node.
///
/// The shell moves bytes and knows nothing of commands; the node reads `input`, fills `output`
/// and sets `state`. Owned and freed by the shell; touched by its loop's thread only.
public struct Link {
    /// The socket.
    public var descriptor: Int32
    /// Tells late events of a closed and reused descriptor from this link's own.
    public var registration: UInt32
    public var state: LinkState = []
    /// When the shell last read it, in the shell's own count.
    public var readGeneration: UInt32 = 0
    /// The node's session for this link.
    public var session: UnsafeMutableRawPointer?
    /// What has come of a request that is not complete.
    public var input = InputBuffer()
    /// What has yet to be sent.
    public var output = OutputBuffer()

    public init(descriptor: Int32, registration: UInt32) {
        self.descriptor = descriptor
        self.registration = registration
    }
}

/// A link where it is for its whole life.
public typealias LinkPointer = UnsafeMutablePointer<Link>

/// What the shell has yet to do with a link, or must not do.
public struct LinkState: OptionSet, Sendable {
    public let rawValue: UInt32

    @inline(__always)
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// On this turn's list of links with something to send or to close.
    public static let dirty = LinkState(rawValue: 1)
    /// The socket did not take everything; waiting until it can.
    public static let congested = LinkState(rawValue: 2)
    /// The last read filled its room: there may be more without a new event. On the shell's list of
    /// links to read in the next turn.
    public static let unread = LinkState(rawValue: 4)
    /// Close once the output has gone.
    public static let closeAfterFlush = LinkState(rawValue: 8)
    /// Close now; the output is dropped.
    public static let close = LinkState(rawValue: 16)
    /// A long command of this client runs, or its bytes are being parsed: while the shell is entered again it is
    /// neither read, nor sent to, nor closed.
    public static let held = LinkState(rawValue: 32)
    /// Its replies wait for something (`LinkHandler.repliesWaitFor`); until then it is neither sent to nor read.
    public static let waiting = LinkState(rawValue: 64)
    /// There may be something to read once it no longer waits.
    public static let readable = LinkState(rawValue: 128)
    /// It has got a reply while it was waiting, so that it waits for what that reply waits for.
    public static let answered = LinkState(rawValue: 256)
    /// Replies to what it has sent are still to come (from other nodes): not closed before they are sent, even if its
    /// peer sends no more.
    public static let owing = LinkState(rawValue: 1 << 20)
    /// It has written more than is welcome: not read for a while (`LinkHandler.rested`).
    public static let slowed = LinkState(rawValue: 512)
    /// Another node of the cluster is at the other end: `session` is not a client's. What it is sent never waits here
    /// for `repliesWaitFor`, since the handler itself holds back what has to.
    public static let peer = LinkState(rawValue: 1024)
    /// Opened by this side (`LinkHandler.connect`), and not there yet.
    public static let connecting = LinkState(rawValue: 2048)
}

extension Link {
    /// Frees a link that has been allocated by itself, with what its buffers have. Nobody refers to it any more.
    public static func free(_ link: LinkPointer) {
        link.pointee.input.reset()
        link.pointee.output.reset()
        link.deinitialize(count: 1)
        link.deallocate()
    }
}

/// What has become of what replies wait for.
public enum WaitStanding {
    case pending
    /// They may be sent.
    case reached
    /// It will never come about: they must not be sent, and their links are closed.
    case lost
}

/// What a loop of the shell drives: one loop's share of the node.
///
/// All calls come from the loop's own thread. A turn is: `turnBegan`, then the shell sends replies that need not wait
/// any more, then `takeMail`, any number of `opened` and `received`, then `execute`, then the shell sends and closes
/// what `markDirty` collected, then `turnEnded`.
open class LinkHandler {
    public init() {}

    /// Set by the shell: in the midst of a long command, attends to the sockets once without waiting. Takes new
    /// connections and sends; with `reading`, also reads and executes. Links that are to be closed are cut off, but
    /// freed after the turn.
    public final var attend: (_ reading: Bool) -> Void = { _ in }

    /// Set by the shell: opens a connection to an IP address, of the state `peer` and for a start `connecting`. Answers
    /// without waiting for it; then comes `connected`, or `closed`. Nil: there is no way.
    public final var connect: (_ host: String, _ port: UInt16) -> LinkPointer? = { _, _ in nil }

    /// Set by the shell in `attend`: the loop is to end.
    public final var isStopping = false

    /// Set by the handler: nothing has been received for a while. The shell gives back memory that stands ready, and
    /// takes this back.
    public final var isAtRest = false

    /// Links with output to send or a close to carry out after this turn. Owned by the handler.
    public var dirty: [LinkPointer] = []

    /// Links that were slowed down and are not any more, while something came. Taken by the shell after `takeMail`.
    public final var rested: [LinkPointer] = []

    /// A connection that this side opened is there.
    open func connected(_ link: LinkPointer) {}

    /// A client connected, or, with `LinkState.peer`, another node. Set `session`; fill `output` or set `close` to refuse it.
    open func opened(_ link: LinkPointer) {}

    /// `count` bytes arrived at `bytes`, which stay in place until `execute` returns.
    /// With `own`, they are in the link's own input buffer (and earlier unparsed bytes precede them).
    open func received(_ link: LinkPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, own: Bool) {}

    /// Runs everything parsed so far. The shell may reuse its arena afterwards.
    open func execute() {}

    /// The turn's commands have run, and what they left is about to be sent. Answers what replies wait for before
    /// they may be, as a number for `standing`; 0: nothing.
    open func repliesWaitFor() -> UInt64 { 0 }

    /// How things stand with what replies wait for. Whoever brings it about wakes the shell.
    open func standing(of number: UInt64) -> WaitStanding { .reached }

    /// `count` bytes went to a client and are no longer in its output.
    open func sent(_ link: LinkPointer, _ count: Int) {}

    /// The link is about to be freed.
    open func closed(_ link: LinkPointer) {}

    /// The clock is read once per turn. `wall` in microseconds since 1970, `monotonic` in nanoseconds.
    open func turnBegan(wall: Int64, monotonic: UInt64) {}

    /// What others have posted, and clients whose wait is over: commands run. Replies that had waited are gone by now, so
    /// that none of these is sent along with them although it has to wait itself.
    open func takeMail() {}

    /// Answers how many milliseconds the loop may sleep, -1 for as long as nothing happens.
    open func turnEnded(monotonic: UInt64) -> Int32 { -1 }

    /// Has the shell look at the link at the end of the turn.
    @inline(__always)
    public final func markDirty(_ link: LinkPointer) {
        if !link.pointee.state.contains(.dirty) {
            link.pointee.state.insert(.dirty)
            dirty.append(link)
        }
    }
}
