import Base
import Causality
import Commands
import Keyspace
import Replication

/// A loop's share in the cluster's work: what it has under way with other nodes.
struct Coordinator: ~Copyable {
    var operations = OperationTable()
    var gathers = GatherTable()
    var capture = WriteCapture()
    /// Where commands answer whose reply does not go to a client at once.
    let output: UnsafeMutablePointer<OutputBuffer>
    /// The same for requests behind such ones.
    let direct: UnsafeMutablePointer<OutputBuffer>
    /// Messages are put together here.
    var message = ByteBuffer()
    /// What another node is answered.
    var response = ByteBuffer()
    /// Actors that messages have named lately.
    var dictionaries = ActorDictionaryCache()
    /// Keys of requests that have come and are yet to be served, and how many of them have been.
    var expected: [Key] = []
    private var expectedServed = 0
    /// A key of the request that is being coordinated, which need not be hashed again; made of its words.
    var known = Key()
    /// Whose session other nodes' commands run in; made when the first comes.
    var proxy: SessionPointer?
    /// Sessions that wait in place of other nodes' clients.
    var guests: [SessionPointer] = []
    /// Clients that waited, and that what has been captured has served.
    var served: [ServedWaiter] = []
    /// Clients to whom some replies can be sent while they wait for more: in the next turn, together with what that brings.
    var partlyAnswered: [SessionPointer] = []
    /// Clients that go on in the next turn.
    var resumable: [SessionPointer] = []
    /// Of the command of another node that runs: by how many nodes it has been sent on.
    var hops: UInt8 = 0
    /// The first loop's.
    var catchUp = CatchUp()
    var nextCatchUp: Int64 = 0
    /// The first loop's.
    var handOver = HandOver()
    /// While a hint is being taken over: for which member.
    var hintedMember: Int?
    /// Of each member that has been compared with: slots of both nodes, by partition. The ring is fixed.
    var sharedSlots: [Int: [[Int]]] = [:]
    /// When the operations are looked through next: ms on the monotonic clock.
    var nextLook = Int64.max

    init() {
        output = .allocate(capacity: 1)
        output.initialize(to: OutputBuffer())
        direct = .allocate(capacity: 1)
        direct.initialize(to: OutputBuffer())
    }

    mutating func forgetExpected() {
        expected.removeAll(keepingCapacity: true)
        expectedServed = 0
    }

    /// The key of these bytes of a request that was expected. Requests are served in order.
    mutating func key(_ bytes: ByteView) -> Key {
        while expectedServed < expected.count {
            let key = expected[expectedServed]
            if key.isMade(of: bytes) { return key }
            if key.view.start > bytes.start { break }
            expectedServed += 1
        }
        return Key(bytes)
    }

    deinit {
        output.pointee.reset()
        output.deallocate()
        direct.pointee.reset()
        direct.deallocate()
    }
}

/// What nodes ask each other (docs/cluster.md).
enum PeerRequestCode {
    /// Run a command whose keys are in one slot, as its coordinator.
    static let command: UInt8 = 1
    /// Take over writes (`WriteBatch`).
    static let write: UInt8 = 2
    /// Compare versions of keys with yours.
    static let compare: UInt8 = 3
    /// Take over states of keys.
    static let states: UInt8 = 4
    /// In which partitions our clocks differ.
    static let digests: UInt8 = 5
    /// What you have that I lack, in these slots.
    static let sync: UInt8 = 6
    /// Run these commands as one transaction.
    static let transaction: UInt8 = 7
    /// Do your share of a command that is about the whole cluster.
    static let share: UInt8 = 8
    /// Take over writes for a replica that cannot be reached: a `WriteBatch`, and in the last byte its rank.
    static let hint: UInt8 = 9
    /// You have all that I wrote in these slots, or what superseded it.
    static let account: UInt8 = 10
    /// Which versions of these keys have you.
    static let versions: UInt8 = 11
    /// The answer to this request of mine, a command that waits, is not wanted any more.
    static let cancel: UInt8 = 12
}

/// How it went.
enum PeerResponseCode {
    static let ok: UInt8 = 0
    /// The node cannot answer for the slot.
    static let notHere: UInt8 = 1
    /// Of a comparison: states of keys that differ follow. Of writes: names of keys whose states are wanted follow.
    static let differs: UInt8 = 2
    /// What was asked cannot be understood.
    static let malformed: UInt8 = 3
    /// Of a comparison: the node keeps keys for others, and knows nothing of these.
    static let unknown: UInt8 = 4
}

extension Executor {
    /// Milliseconds on the monotonic clock.
    var monotonicMilliseconds: Int64 { Int64(turnStarted / 1_000_000) }

    /// How often operations are looked through.
    static let lookMilliseconds: Int64 = 10
    /// How old a read is when those are asked, too, who have not been.
    static let speculationMilliseconds: Int64 = 30

    // MARK: answering

    /// Gives a reply to whoever wanted it, in its turn.
    func answer(_ requester: Requester, _ reply: Reply) {
        switch requester {
        case .client(let session): answer(session, reply)
        case .waiting(let session, let number): deliver(reply, to: session, number)
        case .peer(let channel, let id):
            reply.withView { peers.respond(channel, id: id, code: PeerResponseCode.ok, payload: $0) }
        case .part(let gather, let index, _): gathered(gather, index, reply.bytes)
        case .nobody: break
        }
    }

    private func answer(_ session: SessionPointer, _ reply: Reply) {
        if session.pointee.replies.isEmpty {
            session.pointee.link.pointee.output.append(reply)
            markDirty(session.pointee.link)
        } else {
            session.pointee.replies.append(reply)
        }
    }

    /// An error instead of a reply.
    func refuse(_ requester: Requester, _ text: String) {
        answer(requester, errorReply(text))
    }

    func errorReply(_ text: String) -> Reply {
        statistics.add(.errorReplies)
        node.errors.count(text.split(separator: " ").first.map(String.init) ?? "ERR")
        return Reply(Array("-\(text)\r\n".utf8))
    }

    /// What a client whose quorum was missed is told (SPEC B8).
    func noQuorum(_ got: Int, _ needed: Int, writes: Bool) -> String {
        let more = writes ? "; the write may still take effect" : ""
        return "NOQUORUM \(got)/\(needed) replicas answered in time\(more)"
    }

    /// Ends an operation whose quorum was missed.
    func endMissed(_ id: UInt64, _ got: Int, _ needed: Int, writes: Bool) {
        statistics.add(.quorumFailures)
        let error = errorReply(noQuorum(got, needed, writes: writes))
        release(id, error)
        end(id, error)
    }

    /// Whom the operation's write has served gets its reply, or an error instead: as if it had written itself.
    func release(_ id: UInt64, _ error: @autoclosure () -> Reply? = nil) {
        let served = coordinator.operations.update(id) { operation in
            defer { operation.served = [] }
            return operation.served
        }
        if let served, !served.isEmpty { release(served, error()) }
    }

    func release(_ served: [ServedWaiter], _ error: Reply? = nil) {
        for one in served { handOver(one.waiter, error?.bytes ?? one.reply) }
    }

    /// Begins to wait for other nodes. Answers the operation's id.
    func begin(_ operation: consuming Operation) -> UInt64 {
        operation.requester = waiting(operation.requester)
        operation.writer?.pointee.writesUnderWay += 1
        if coordinator.nextLook == .max {
            coordinator.nextLook = monotonicMilliseconds + Executor.lookMilliseconds
        }
        return coordinator.operations.insert(operation)
    }

    /// Asks a member, on this node's own behalf, with the message that has been put together.
    func ask(_ code: UInt8, _ member: Int, _ work: Operation.Work) {
        let now = monotonicMilliseconds
        let id = begin(
            Operation(
                work: work, requester: .nobody, version: 2, slot: -1, member: member, began: now,
                deadline: now + Executor.ownPatience))
        sendMessage(code, to: member, id, 0)
    }

    /// Milliseconds that a node waits for others where no client does.
    private static let ownPatience: Int64 = 10_000

    /// Ends an operation, with this reply, or the one it has.
    func end(_ id: UInt64, _ reply: Reply? = nil) {
        guard let operation = coordinator.operations.remove(id) else { return }
        operation.free()
        operation.writer?.pointee.writesUnderWay -= 1
        release(operation.served)
        answer(operation.requester, reply ?? operation.reply)
    }

    /// Whoever wants a reply that comes later: a client's gets its place.
    func waiting(_ requester: Requester) -> Requester {
        guard case .client(let session) = requester else { return requester }
        session.pointee.link.pointee.state.insert(.owing)
        session.pointee.mode.insert(.owed)
        return .waiting(session, session.pointee.replies.await())
    }

    /// A reply has come that the client has been waiting for: it is sent if it is its turn. What it tells of may not be
    /// durable yet. Most of what else a pipeline waits for comes a moment later: what does not complete it waits for the next
    /// turn, a millisecond at most, so that a pipeline's replies take one send more often than several.
    func deliver(_ reply: Reply, to session: SessionPointer, _ number: UInt64) {
        session.pointee.replies.fill(number, reply)
        tellsOfChange()
        let link = session.pointee.link
        session.pointee.replies.flush(to: &link.pointee.output)
        if session.pointee.replies.isEmpty {
            link.pointee.state.remove(.owing)
            session.pointee.mode.remove(.owed)
            resumeLater(session)
        }
        if link.pointee.state.contains(.waiting) { link.pointee.state.insert(.answered) }
        if link.pointee.output.overLimit { closeForOutput(session) }
        if session.pointee.replies.isEmpty || session.pointee.mode.contains(.closing) {
            markDirty(link)
        } else if !link.pointee.output.isEmpty && !session.pointee.mode.contains(.partlyAnswered) {
            session.pointee.mode.insert(.partlyAnswered)
            coordinator.partlyAnswered.append(session)
        }
    }

    /// At the beginning of a turn.
    func sendPartlyAnswered() {
        for session in coordinator.partlyAnswered {
            session.pointee.mode.remove(.partlyAnswered)
            markDirty(session.pointee.link)
        }
        coordinator.partlyAnswered.removeAll(keepingCapacity: true)
    }

    /// The client is gone: nobody waits for its replies. Its writes go on.
    func abandonReplies(_ session: SessionPointer) {
        if session.pointee.mode.contains(.partlyAnswered) { coordinator.partlyAnswered.removeAll { $0 == session } }
        if session.pointee.replies.isEmpty { return }
        for id in coordinator.operations.ids {
            _ = coordinator.operations.update(id) { operation in
                switch operation.requester {
                case .waiting(session, _), .part(_, _, session): operation.requester = .nobody
                default: break
                }
            }
        }
        coordinator.gathers.abandon(session)
    }

    // MARK: time

    /// How long the loop may sleep, ms; `Int64.max`: as long as it likes.
    func coordinatorSleep(_ monotonic: UInt64) -> Int64 {
        if !coordinator.capture.isEmpty || !coordinator.resumable.isEmpty || !coordinator.served.isEmpty { return 0 }
        if !coordinator.partlyAnswered.isEmpty { return 1 }
        var next = coordinator.nextLook
        if index == 0, cluster?.isFounded ?? false {
            next = min(next, coordinator.nextCatchUp, coordinator.handOver.next)
        }
        return next == .max ? .max : max(0, next - Int64(monotonic / 1_000_000))
    }

    /// Looks through the operations: for those whose time is up, and reads that somebody else could answer sooner.
    func lookAfterOperations() {
        let now = monotonicMilliseconds
        if now < coordinator.nextLook { return }
        var due: [(id: UInt64, isOver: Bool)] = []
        let patience = min(Executor.speculationMilliseconds, Int64(settings.cluster.requestTimeout))
        coordinator.operations.forEach(begunBy: now - patience) { id, deadline in due.append((id, deadline <= now)) }
        for (id, isOver) in due { if isOver { giveUp(id) } else { askOthers(id) } }
        coordinator.nextLook = coordinator.operations.mayEnd ? now + Executor.lookMilliseconds : .max
    }

    private func giveUp(_ id: UInt64) {
        guard let operation = coordinator.operations[id] else { return }
        if case .nobody = operation.requester, case .write(let put) = operation.work {
            release(id, errorReply(noQuorum(put.got, put.needed, writes: true)))
            return end(id, [])
        }
        switch operation.work {
        case .write(var put):
            put.giveUp()
            endMissed(id, put.got, put.needed, writes: true)
        case .read(var get, _), .prepare(var get, _, _):
            get.giveUp()
            endMissed(id, get.got, get.needed, writes: false)
        case .forward, .watch, .catchUp, .handOver, .account: failed(id)
        }
    }
}
