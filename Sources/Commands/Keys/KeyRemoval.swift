import Base
import Keyspace
import RESP

extension KeyCommands {
    /// Removing, counting and touching keys.
    static let removing: [Command] = [
        Command(
            "del", arity: -2, .write, categories: .keyspace,
            keys: [.rest(1, [.remove, .delete])],
            group: .generic, since: "1.0.0",
            complexity: "O(N) in the number of keys, plus O(M) for a collection of M elements",
            summary: "Removes keys.",
            arguments: [
                Argument("key", .key, multiple: true)
            ],
            tips: ["request_policy:multi_shard", "response_policy:agg_sum"]
        ) { Call($0).delete(.deletion) },
        Command(
            "unlink", arity: -2, [.write, .fast], categories: .keyspace,
            keys: [.rest(1, [.remove, .delete])],
            group: .generic, since: "4.0.0", complexity: "O(1) per key; the freeing happens elsewhere",
            summary: "Removes keys; large values are freed in the background.",
            arguments: [
                Argument("key", .key, multiple: true)
            ],
            tips: ["request_policy:multi_shard", "response_policy:agg_sum"]
        ) { Call($0).delete(.unlink) },
        Command(
            "exists", arity: -2, [.readonly, .fast], categories: .keyspace,
            keys: [.rest(1, .readOnly)],
            group: .generic, since: "1.0.0", complexity: "O(N) in the number of keys",
            summary: "Tells how many of the named keys exist.",
            arguments: [
                Argument("key", .key, multiple: true)
            ],
            history: [("3.0.3", "Takes any number of keys.")],
            tips: ["request_policy:multi_shard", "response_policy:agg_sum"]
        ) { Call($0).exists() },
        Command(
            "touch", arity: -2, [.readonly, .fast], categories: .keyspace,
            keys: [.rest(1, .readOnly)],
            group: .generic, since: "3.2.1", complexity: "O(N) in the number of keys",
            summary: "Marks keys as just accessed; answers how many exist.",
            arguments: [
                Argument("key", .key, multiple: true)
            ],
            tips: ["request_policy:multi_shard", "response_policy:agg_sum"]
        ) { Call($0).touch() },
        Command(
            "type", arity: 2, [.readonly, .fast], categories: .keyspace,
            keys: [.one(1, .readOnly)],
            group: .generic, since: "1.0.0",
            summary: "Names the type of a key's value.",
            arguments: [
                Argument("key", .key)
            ]
        ) { Call($0).type() },
    ]
}

extension Call {
    /// The entry of a live key, counted as a hit or miss but not marked as accessed.
    func lookup(_ key: Key) -> Entry? {
        let access = access(key)
        let entry = access.peek(key)
        if entry == nil {
            access.missed(key)
        } else {
            access.partition.pointee.hits &+= 1
        }
        return entry
    }

    fileprivate func delete(_ cause: LazyFreeing) {
        var removed = 0
        for word in 1..<count {
            let key = key(word)
            let access = access(key)
            guard let slot = access.find(key) else { continue }
            access.remove(slot, key, cause)
            access.notify(.generic, "del", key)
            removed &+= 1
        }
        reply.integer(removed)
    }

    fileprivate func exists() {
        var found = 0
        for word in 1..<count where lookup(key(word)) != nil { found &+= 1 }
        reply.integer(found)
    }

    fileprivate func touch() {
        var found = 0
        for word in 1..<count where read(key(word)) != nil { found &+= 1 }
        reply.integer(found)
    }

    fileprivate func type() {
        guard let entry = lookup(key(1)) else { return reply.simple("none") }
        reply.simple(entry.type.name)
    }
}
