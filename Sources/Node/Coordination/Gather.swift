import Base
import Commands

/// Commands over several keys that are no more than the same for each key (SPEC A11), and how replies are put together.
enum ClusterSplit {
    /// Each key's reply is an array of one.
    case elements
    /// Each key's reply is a number.
    case sum
    /// Each key's reply is OK. Keys have values.
    case ok
    /// Of members, not of keys: each reply is an array, and all their elements are wanted.
    case lists
    /// Of members: the first one's reply is.
    case first

    init?(_ command: String) {
        switch command {
        case "mget": self = .elements
        case "del", "unlink", "exists", "touch": self = .sum
        case "mset": self = .ok
        default: return nil
        }
    }

    /// Words for each key, besides the command's name.
    var stride: Int { self == .ok ? 2 : 1 }
}

/// A request that runs one key at a time, until all its parts have answered.
struct Gather {
    var split: ClusterSplit
    var requester: Requester
    var parts: [[UInt8]]
    var left: Int

    /// The reply of all parts; the first error, if there is one.
    func reply() -> [UInt8] {
        if let error = parts.first(where: { $0.first == UInt8(ascii: "-") }) { return error }
        switch split {
        case .ok: return Array("+OK\r\n".utf8)
        case .sum:
            let total = parts.reduce(0) { $0 + Gather.number($1) }
            return Array(":\(total)\r\n".utf8)
        case .first: return parts[0]
        case .lists:
            var count: Int64 = 0
            var elements: [UInt8] = []
            for part in parts {
                let end = part.firstIndex(of: 13) ?? 0
                count += Array(part[..<end].dropFirst()).withView { $0.integer ?? 0 }
                elements += part.dropFirst(end + 2)
            }
            return Array("*\(count)\r\n".utf8) + elements
        case .elements:
            let head = Array("*1\r\n".utf8)
            return Array("*\(parts.count)\r\n".utf8) + parts.flatMap { $0.dropFirst(head.count) }
        }
    }

    /// Of `:number\r\n`.
    private static func number(_ reply: [UInt8]) -> Int64 {
        reply.withView { $0.count > 3 ? $0.slice(1, $0.count - 2).integer ?? 0 : 0 }
    }
}

/// A loop's gathers, by number.
struct GatherTable {
    private var gathers: [UInt64: Gather] = [:]
    private var last: UInt64 = 0

    mutating func insert(_ gather: Gather) -> UInt64 {
        last += 1
        gathers[last] = gather
        return last
    }

    /// A part's reply has come. Answers the gather if that was the last one.
    mutating func fill(_ number: UInt64, _ part: Int, _ reply: [UInt8]) -> Gather? {
        guard var gather = gathers.removeValue(forKey: number) else { return nil }
        gather.parts[part] = reply
        gather.left -= 1
        if gather.left == 0 { return gather }
        gathers[number] = gather
        return nil
    }

    /// The client is gone.
    mutating func abandon(_ session: SessionPointer) {
        gathers = gathers.filter { _, gather in
            if case .waiting(session, _) = gather.requester { false } else { true }
        }
    }
}

extension Executor {
    /// Runs a request one key at a time.
    func split(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ view: ClusterView
    ) {
        let split = ClusterSplit(node.commands.commands[Int(command.pointee.index)].name)!
        if (count - 1) % split.stride != 0 {
            let name = node.commands.fullNames[Int(command.pointee.index)]
            return refuse(requester, "ERR wrong number of arguments for '\(name)' command")
        }
        let parts = (count - 1) / split.stride
        let gather = coordinator.gathers.insert(
            Gather(
                split: split, requester: waiting(requester), parts: [[UInt8]](repeating: [], count: parts),
                left: parts))
        var request = [words[0]]
        for part in 0..<parts {
            request.removeSubrange(1...)
            for i in 0..<split.stride { request.append(words[1 + part * split.stride + i]) }
            request.withUnsafeMutableBufferPointer { one in
                coordinate(
                    .part(of: gather, part, session), session, command, one.baseAddress!, one.count, view)
            }
        }
    }

    /// One key of a gather has answered.
    func gathered(_ number: UInt64, _ part: Int, _ reply: [UInt8]) {
        guard let gather = coordinator.gathers.fill(number, part, reply) else { return }
        answer(gather.requester, Reply(gather.reply()))
    }
}
