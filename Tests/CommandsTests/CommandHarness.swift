import Base
import Commands
import RESP

@testable import Keyspace

/// Runs commands of some families in process, one after another, and collects their replies.
///
/// Does what the executor does before a command runs: finds it (subcommands too), checks its arity and
/// computes its keys. Locks nothing, since there is one thread, and claims to hold all partitions.
final class CommandHarness {
    let table: CommandTable
    let keyspace: Keyspace
    let state: UnsafeMutablePointer<CallState>
    private let output: UnsafeMutablePointer<OutputBuffer>

    init(_ families: [[Command]], databases: Int = 16, seed: UInt64 = 1) {
        table = CommandTable(families: families)
        keyspace = Keyspace(databases: databases, reclaimer: Reclaimer(readers: 1), disposer: Disposer())
        output = .allocate(capacity: 1)
        output.initialize(to: OutputBuffer())
        state = .allocate(capacity: 1)
        state.initialize(to: CallState(keyspace: keyspace, seed: seed))
        state.pointee.output = output
        now = 1_800_000_000_000
    }

    deinit {
        output.pointee.reset()
        output.deallocate()
        state.pointee.scratch.pointee.reset()
        state.pointee.scratch.deallocate()
        state.pointee.keys.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// The clients' protocol, 2 or 3.
    var version: UInt8 {
        get { state.pointee.version }
        set { state.pointee.version = newValue }
    }

    var database: Int {
        get { state.pointee.database }
        set { state.pointee.database = newValue }
    }

    /// The wall clock, ms since 1970. Stands still unless set.
    var now: Int64 {
        get { state.pointee.moment.wall }
        set {
            state.pointee.moment = Moment(wall: newValue, stamp: AccessStamp.fresh(frequency: false, now: newValue))
        }
    }

    /// Runs a command and answers its raw reply as text.
    @discardableResult
    func run(_ words: String...) -> String { String(decoding: run(words.map { [UInt8]($0.utf8) }), as: UTF8.self) }

    /// Runs a command and answers its raw reply.
    func run(_ words: [[UInt8]]) -> [UInt8] {
        // Exactly as long as the words, so that an overrun is one for a memory checker too.
        let storage = words.map { word in
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, word.count))
            copy.update(from: word, count: word.count)
            return copy
        }
        defer { for copy in storage { copy.deallocate() } }
        var views = zip(storage, words).map { ByteView(UnsafePointer($0), $1.count) }
        return views.withUnsafeMutableBufferPointer { views in
            state.pointee.arguments = views.baseAddress!
            state.pointee.argumentCount = views.count
            execute()
            return collect()
        }
    }

    private func collect() -> [UInt8] {
        var bytes: [UInt8] = []
        while let run = output.pointee.unsent {
            bytes += run.bytes
            output.pointee.consume(run.count)
        }
        return bytes
    }

    private func execute() {
        let call = Call(UnsafeMutableRawPointer(state))
        guard var command = table.find(call[0]) else {
            return call.reply.error("ERR unknown command '\(call[0].text)'")
        }
        if command.pointee.isContainer, call.count > 1 {
            if let subcommand = table.find(call[1], parent: command.pointee.index) { command = subcommand }
        }
        state.pointee.command = command
        let arity = Int(command.pointee.arity)
        if arity > 0 ? call.count != arity : call.count < -arity {
            return call.replyWrongArity(table.fullNames[Int(command.pointee.index)])
        }
        computeKeys(command, call)
        state.pointee.held = command.pointee.locking == .own ? PartitionSet() : .all
        command.pointee.run(UnsafeMutableRawPointer(state))
    }

    /// The keys of the simple range, if that is where all keys are.
    private func computeKeys(_ command: CommandPointer, _ call: Call) {
        state.pointee.keyCount = 0
        let record = command.pointee
        let wanted = record.locking == .firstKey || record.locking == .keys
        guard wanted, record.firstKey > 0, !record.flags.contains(.movableKeys) else { return }
        let last = record.lastKey >= 0 ? Int(record.lastKey) : call.count + Int(record.lastKey)
        let words = Array(
            stride(from: Int(record.firstKey), through: min(last, call.count - 1), by: Int(record.keyStep)))
        if words.count > state.pointee.keyCapacity {
            state.pointee.keys.deallocate()
            state.pointee.keyCapacity = words.count
            state.pointee.keys = .allocate(capacity: words.count)
        }
        for (i, word) in words.enumerated() { (state.pointee.keys + i).initialize(to: Key(call[word])) }
        state.pointee.keyCount = words.count
    }
}

// MARK: looking at keys without a command

extension CommandHarness {
    /// Lends a live key's entry, nil if there is none.
    func withEntry<R>(_ key: [UInt8], _ body: (Entry?) -> R) -> R {
        key.withView { view in
            let key = Key(view)
            let access = Access(keyspace.partition(of: key), database: database, moment: state.pointee.moment)
            return body(access.peek(key))
        }
    }

    /// OBJECT ENCODING's word for a string key, nil if it is missing.
    func encoding(_ key: String) -> String? {
        withEntry([UInt8](key.utf8)) { $0.map { "\($0.encodingName)" } }
    }

    /// When a key expires, ms since 1970; -1: never, -2: there is no such key (as PEXPIRETIME answers).
    func deadline(_ key: String) -> Int64 {
        withEntry([UInt8](key.utf8)) { $0.map { $0.deadline ?? -1 } ?? -2 }
    }

    /// A string key's bytes, nil if it is missing.
    func bytes(_ key: String) -> [UInt8]? {
        withEntry([UInt8](key.utf8)) { $0.map { $0.withString { $0.bytes } } }
    }

    /// Makes the key hold a value of another type, with nothing in it: only good for being refused.
    func plantForeign(_ key: String) {
        key.withView { view in
            let key = Key(view)
            let access = Access(keyspace.partition(of: key), database: database, moment: state.pointee.moment)
            let header = Entry.Header(
                type: .stream, encoding: .bytes, dot: access.nextDot(key.slot), moment: state.pointee.moment,
                deadline: nil)
            _ = access.put(header, key, valueCount: 0, access.find(key))
        }
    }
}
