import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// Commands about the whole cluster (SPEC A11): every member does its share, which is about the slots that it coordinates.
enum ClusterWide {
    /// How many keys there are.
    case count
    /// Arrays of keys.
    case keys
    /// Deletes all keys.
    case flush
    /// The same everywhere; replies are numbers.
    case everywhereSum
    /// The same everywhere; what this node says is the reply.
    case everywhere

    init?(_ name: String) {
        switch name {
        case "dbsize": self = .count
        case "keys": self = .keys
        case "flushall", "flushdb": self = .flush
        case "publish", "spublish": self = .everywhereSum
        case "script|load", "script|flush", "function|load", "function|delete", "function|flush", "function|restore":
            self = .everywhere
        default: return nil
        }
    }

    var split: ClusterSplit {
        switch self {
        case .count, .everywhereSum: .sum
        case .keys: .lists
        case .flush: .ok
        case .everywhere: .first
        }
    }
}

extension Executor {
    /// Has all members that can be reached do their share.
    func runEverywhere(
        _ wide: ClusterWide, _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ view: ClusterView
    ) {
        // This node's share comes first.
        let members = [view.own] + view.members.indices.filter { $0 != view.own && canReach($0, view) }
        let gather = coordinator.gathers.insert(
            Gather(
                split: wide.split, requester: waiting(requester), parts: [[UInt8]](repeating: [], count: members.count),
                left: members.count))
        putTogether(session, words, count)
        for (part, member) in members.enumerated() where member != view.own {
            beginForward(
                .part(of: gather, part, session), PeerRequestCode.share, version: session.pointee.version,
                writes: false,
                to: member, 0)
        }
        gathered(gather, 0, share(wide, session, command, words, count, view))
        sendCaptured()
    }

    /// This node's share.
    private func share(
        _ wide: ClusterWide, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ view: ClusterView
    ) -> [UInt8] {
        switch wide {
        case .count: return Array(":\(countCoordinated(view))\r\n".utf8)
        case .keys: return coordinatedOnly(run(session, command, words, count).bytes, view)
        case .flush:
            flushCoordinated(view)
            return Array("+OK\r\n".utf8)
        case .everywhere, .everywhereSum: return run(session, command, words, count).bytes
        }
    }

    /// Another member wants this node's share.
    func serveShare(_ payload: ByteView, _ via: PeerReturn, _ id: UInt64) throws(CausalityError) {
        let forwarded = try ForwardedCommand(payload)
        guard let view = cluster else {
            return respond(via, id, PeerResponseCode.notHere)
        }
        var words = forwarded.words
        let session = proxy(forwarded.version)
        let reply = words.withUnsafeMutableBufferPointer { words -> [UInt8]? in
            let start = words.baseAddress!
            guard let command = findCommand(start, words.count), isArityRight(command, words.count) else { return nil }
            if command == scanCommand { return scanShare(session, command, start, words.count, view) }
            guard let wide = ClusterWide(node.commands.fullNames[Int(command.pointee.index)]) else { return nil }
            return share(wide, session, command, start, words.count, view)
        }
        guard let reply else { throw .corrupt }
        answer(.peer(via, id: id), Reply(reply))
        sendCaptured()
    }

    private func isCoordinated(_ slot: Int, _ view: ClusterView) -> Bool { coordinator(of: slot, view) == view.own }

    private func countCoordinated(_ view: ClusterView) -> UInt64 {
        (0..<Limits.slots).reduce(0) { total, slot in
            isCoordinated(slot, view) ? total &+ partitions[slot >> 6].slots[slot & 63].keys : total
        }
    }

    private func flushCoordinated(_ view: ClusterView) {
        for index in 0..<Limits.partitions {
            withPartition(index) { access in
                let keys = access.keys(inSlots: { isCoordinated($0, view) })
                for name in keys.sorted(by: { $0.key < $1.key }).flatMap(\.value) {
                    name.withView { view in
                        let key = Key(view)
                        if let place = access.find(key) { access.remove(place, key) }
                    }
                }
            }
        }
    }

    /// Of an array of keys, those of slots that this node coordinates.
    private func coordinatedOnly(_ reply: [UInt8], _ view: ClusterView) -> [UInt8] {
        var kept: [UInt8] = []
        var count = 0
        reply.withView { reply in
            guard var reader = ReplyElements(reply) else { return }
            while let (key, whole) = reader.next() {
                if !isCoordinated(Key(key).slot, view) { continue }
                kept += whole.bytes
                count += 1
            }
        }
        return reply.first == UInt8(ascii: "-") ? reply : Array("*\(count)\r\n".utf8) + kept
    }

    // MARK: SCAN

    /// SCAN goes from member to member: the cursor is the member's, times how many there are, plus its index.
    func scan(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ view: ClusterView
    ) {
        let members = view.members.count
        guard let cursor = words[1].unsignedInteger else { return runAlone(requester, session, command, words, count) }
        var member = Int(cursor % UInt64(members))
        if !canReach(member, view) { member = view.own }
        if member == view.own { return answer(requester, Reply(scanShare(session, command, words, count, view))) }
        putTogether(session, words, count)
        beginForward(
            requester, PeerRequestCode.share, version: session.pointee.version, writes: false, to: member, 0)
    }

    private func scanShare(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int,
        _ view: ClusterView
    ) -> [UInt8] {
        let members = UInt64(view.members.count)
        guard let cursor = words[1].unsignedInteger else { return run(session, command, words, count).bytes }
        let reply = "\(cursor / members)".withView { own in
            let asked = words[1]
            words[1] = own
            defer { words[1] = asked }
            return run(session, command, words, count).bytes
        }
        return reply.withView { view_ in
            guard var reader = ReplyElements(view_), let (next, _) = reader.next(), let local = next.unsignedInteger
            else {
                return reply
            }
            let rest = view_.slice(reader.at, view_.count).bytes
            let keys = coordinatedOnly(rest, view)
            var following = local * members + UInt64(view.own)
            if local == 0 {
                let later = view.members.indices.first { $0 > view.own && canReach($0, view) }
                following = later.map { UInt64($0) } ?? 0
            }
            let text = String(following)
            return Array("*2\r\n$\(text.utf8.count)\r\n\(text)\r\n".utf8) + keys
        }
    }
}

/// The bulk strings of an array that this server has written.
struct ReplyElements {
    private let reply: ByteView
    private(set) var at = 0

    /// Nil if it is no array.
    init?(_ reply: ByteView) {
        self.reply = reply
        guard reply.count > 0, reply[0] == UInt8(ascii: "*") || reply[0] == UInt8(ascii: "~"), skipLine() != nil else {
            return nil
        }
    }

    /// The number on the line.
    private mutating func skipLine() -> Int? {
        let start = at + 1
        while at + 1 < reply.count, reply[at] != 13 { at += 1 }
        guard at + 1 < reply.count else { return nil }
        defer { at += 2 }
        return reply.slice(start, at).integer.map { Int($0) }
    }

    /// The next string, and all that stands for it; nil: there is none.
    mutating func next() -> (text: ByteView, whole: ByteView)? {
        let start = at
        guard at < reply.count, reply[at] == UInt8(ascii: "$"), let count = skipLine(), count >= 0,
            at + count + 2 <= reply.count
        else { return nil }
        defer { at += count + 2 }
        return (reply.slice(at, at + count), reply.slice(start, at + count + 2))
    }
}
