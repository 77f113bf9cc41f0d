import Base
import Keyspace
import RESP

extension KeyCommands {
    /// OBJECT and its subcommands.
    static let inspecting: [Command] = [
        Command(
            "object", arity: -2, [],
            group: .generic, since: "2.2.3", complexity: "Depends on the subcommand",
            summary: "Looks at how values are kept.",
            subcommands: [
                Command(
                    "help", arity: 2, [.loading, .stale], categories: .keyspace,
                    group: .generic, since: "6.2.0",
                    summary: "Lists the subcommands."
                ) { Call($0).objectHelp() },
                Command(
                    "encoding", arity: 3, .readonly, categories: .keyspace,
                    keys: [.one(2, .readOnly)],
                    group: .generic, since: "2.2.3",
                    summary: "Names the internal form of a value.",
                    arguments: [
                        Argument("key", .key)
                    ],
                    tips: ["nondeterministic_output"]
                ) { Call($0).objectEncoding() },
                Command(
                    "idletime", arity: 3, .readonly, categories: .keyspace,
                    keys: [.one(2, .readOnly)],
                    group: .generic, since: "2.2.3",
                    summary: "Tells how long ago a key was last accessed.",
                    arguments: [
                        Argument("key", .key)
                    ],
                    tips: ["nondeterministic_output"]
                ) { Call($0).objectIdleTime() },
                Command(
                    "freq", arity: 3, .readonly, categories: .keyspace,
                    keys: [.one(2, .readOnly)],
                    group: .generic, since: "4.0.0",
                    summary: "Tells a key's logarithmic access counter.",
                    arguments: [
                        Argument("key", .key)
                    ],
                    tips: ["nondeterministic_output"]
                ) { Call($0).objectFrequency() },
                Command(
                    "refcount", arity: 3, .readonly, categories: .keyspace,
                    keys: [.one(2, .readOnly)],
                    group: .generic, since: "2.2.3",
                    summary: "Tells how many references a value has.",
                    arguments: [
                        Argument("key", .key)
                    ],
                    tips: ["nondeterministic_output"]
                ) { Call($0).objectReferences() },
            ])
    ]
}

extension Call {
    /// The entry of OBJECT's key; replies null if there is none.
    private func inspected() -> Entry? {
        let key = key(2)
        let access = access(key)
        let entry = access.peek(key)
        // Counted, but (as in Redis) no miss that is announced.
        if entry == nil {
            access.partition.pointee.misses &+= 1
            reply.null()
        } else {
            access.partition.pointee.hits &+= 1
        }
        return entry
    }

    fileprivate func objectEncoding() {
        guard let entry = inspected() else { return }
        reply.bulk(entry.encodingName)
    }

    fileprivate func objectFrequency() {
        guard let entry = inspected() else { return }
        if !state.pointee.countsFrequency {
            return fail(
                """
                ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                switching between policies at runtime LRU and LFU data will take some time to adjust.
                """)
        }
        reply.integer(Int(AccessStamp.frequency(entry.accessStamp, access(key(2)).frequencyRules, now: now)))
    }

    fileprivate func objectIdleTime() {
        guard let entry = inspected() else { return }
        if state.pointee.countsFrequency {
            return fail(
                """
                ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
                between policies at runtime LRU and LFU data will take some time to adjust.
                """)
        }
        reply.integer(AccessStamp.idleSeconds(entry.accessStamp, now: now))
    }

    fileprivate func objectReferences() {
        guard let entry = inspected() else { return }
        // Redis shares one object for each of the integers 0 to 9999, and shows that as INT_MAX.
        let isShared = entry.type == .string && entry.encoding == .integer && 0..<10_000 ~= entry.integer
        reply.integer(isShared ? Int(Int32.max) : 1)
    }

    fileprivate func objectHelp() {
        replyHelp([
            "ENCODING <key>",
            "    The name of the value's internal form.",
            "FREQ <key>",
            "    The key's access counter (logarithmic, decaying); needs an LFU policy.",
            "IDLETIME <key>",
            "    Seconds since the key was last read or written.",
            "REFCOUNT <key>",
            "    How many references the value has.",
        ])
    }
}
