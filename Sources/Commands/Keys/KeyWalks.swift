import Base
import Keyspace
import RESP

extension KeyCommands {
    /// Commands that look at all keys of a database.
    static let walking: [Command] = [
        Command(
            "keys", arity: 2, .readonly, categories: [.keyspace, .dangerous],
            group: .generic, since: "1.0.0", complexity: "O(N) in the number of keys of the database",
            summary: "Lists the names that match a pattern.",
            arguments: [
                Argument("pattern", .pattern)
            ],
            tips: ["request_policy:all_shards", "nondeterministic_output_order"],
            locking: .own
        ) { Call($0).keysMatching() },
        Command(
            "scan", arity: -2, .readonly, categories: .keyspace,
            group: .generic, since: "2.8.0", complexity: "O(1) per call, O(N) for the whole walk",
            summary: "Walks over the names of the database, a few per call.",
            arguments: [
                Argument("cursor", .integer),
                Argument("pattern", .pattern, token: "MATCH", optional: true),
                Argument("count", .integer, token: "COUNT", optional: true),
                Argument("type", .string, token: "TYPE", optional: true, since: "6.0.0"),
            ],
            history: [("6.0.0", "Takes TYPE.")],
            tips: ["nondeterministic_output", "request_policy:special"],
            locking: .own
        ) { Call($0).scan() },
        Command(
            "randomkey", arity: 1, .readonly, categories: .keyspace,
            group: .generic, since: "1.0.0",
            summary: "Names some key, picked at random.",
            tips: ["request_policy:all_shards", "nondeterministic_output"],
            locking: .own
        ) { Call($0).randomKey() },
        Command(
            "dbsize", arity: 1, [.readonly, .fast], categories: .keyspace,
            group: .server, since: "1.0.0",
            summary: "Counts the keys of the database.",
            tips: ["request_policy:all_shards", "response_policy:agg_sum"],
            locking: .own
        ) { Call($0).databaseSize() },
    ]
}

/// Where a walk over a database is: the partition, and the cursor of its table. As a number, the
/// partition is in the lower eight bits; 0 is the start and the end.
private struct ScanPosition {
    var partition: Int
    var cursor: UInt64

    init(_ number: UInt64) {
        partition = Int(number & 0xff)
        cursor = number >> 8
    }

    var number: UInt64 { partition == Limits.partitions ? 0 : cursor << 8 | UInt64(partition) }
}

extension Call {
    fileprivate func scan() {
        guard let number = Call.scanCursor(self[1]) else { return fail("ERR invalid cursor") }
        guard let request = scanOptions(from: 2, takesType: true) else { return }
        var position = ScanPosition(number)
        // COUNT is an amount of work: entries seen, or ten times as many buckets. Empty partitions are free.
        var entries = 0
        var buckets = 0
        var found = 0
        let scratch = state.pointee.scratch
        let writer = ReplyWriter(scratch, version: state.pointee.version)
        let bucketsMax = min(request.count, 1 << 40) * 10
        while position.partition < Limits.partitions && entries < request.count && buckets < bucketsMax {
            withPartition(position.partition) { partition in
                let tables = partition.pointee.databases + database
                if tables.pointee.entries.count == 0 {
                    position.cursor = 0
                } else {
                    // The lock is held for a bounded number of buckets, whatever COUNT says.
                    var steps = 0
                    repeat {
                        position.cursor = tables.pointee.entries.scan(position.cursor) { entry in
                            entries &+= 1
                            if !request.selects(entry, now: now) { return }
                            writer.bulk(entry.key)
                            found &+= 1
                        }
                        steps &+= 1
                    } while position.cursor != 0 && steps < 64 && entries < request.count
                    buckets &+= steps
                }
                if position.cursor == 0 { position.partition += 1 }
            }
        }
        reply.array(2)
        reply.bulkInteger(Int64(truncatingIfNeeded: position.number))
        reply.array(found)
        replyScratch()
    }

    /// Moves what was written to the scratch buffer to the reply.
    func replyScratch() {
        let scratch = state.pointee.scratch
        while let run = scratch.pointee.unsent {
            reply.raw(run)
            scratch.pointee.consume(run.count)
        }
        scratch.pointee.shrink(keep: Limits.replyBlockBytes)
    }

    fileprivate func keysMatching() {
        let pattern = self[1]
        let takesAll = pattern.count == 1 && pattern[0] == 42
        replyDeferredArray { writer in
            var found = 0
            forEachPartition { partition in
                partition.pointee.databases[database].entries.forEach { entry in
                    if entry.isExpired(now) || !(takesAll || Glob.matches(pattern, entry.key)) { return }
                    writer.bulk(entry.key)
                    found &+= 1
                }
            }
            return found
        }
    }

    private func databaseCount() -> Int {
        var total = 0
        forEachPartition { total &+= $0.pointee.databases[database].entries.count }
        return total
    }

    fileprivate func databaseSize() { reply.integer(databaseCount()) }

    fileprivate func randomKey() {
        // A key past its deadline is removed and another one picked; while removal is suspended, the
        // number of tries is bounded.
        for _ in 0..<100 {
            let total = databaseCount()
            if total == 0 || replyRandomKey(among: total) { return total == 0 ? reply.null() : () }
        }
        reply.null()
    }

    /// Picks one of about `total` keys; false if the pick came to nothing.
    private func replyRandomKey(among total: Int) -> Bool {
        var rest = Int(state.pointee.random.below(UInt64(total)))
        for i in 0..<Limits.partitions {
            let outcome: Bool? = withPartition(i) { partition in
                let entries = partition.pointee.databases[database].entries
                if rest >= entries.count {
                    rest -= entries.count
                    return nil
                }
                guard let entry = entries.random(&state.pointee.random) else { return false }
                let access = Access(partition, database: database, moment: state.pointee.moment)
                guard let live = access.peek(Key(entry.key)) else { return false }
                reply.bulk(live.key)
                return true
            }
            if let outcome { return outcome }
        }
        return false
    }
}
