import Base
import Keyspace

/// Replays records of a log: what they make is the same when they have been written and read again, and when it has been
/// saved and loaded.
enum ReplayCheck {
    static func run(_ records: [[UInt8]], low: Bool) -> Outcome {
        let keyspace = SmallKeyspace(low: low)
        return run(records, keyspace, twin: SmallKeyspace(low: low), low: low)
    }

    /// - Parameters twin: what `keyspace` is, another time.
    static func run(_ records: [[UInt8]], _ keyspace: SmallKeyspace, twin: SmallKeyspace, low: Bool) -> Outcome {
        var copy = ByteBuffer()
        for record in records {
            if !record.withView({ keyspace.replay($0, copy: &copy) }) { return .refused }
        }
        let contents = keyspace.contents
        var second = ByteBuffer()
        if !twin.replay(copy.view, copy: &second) { return .wrong("mutations that are written anew cannot be read") }
        if copy.view.bytes != second.view.bytes { return .wrong("mutations that are written anew are other ones") }
        if twin.contents != contents { return .wrong("written anew, they make something else") }
        var third = ByteBuffer()
        if !twin.replay(copy.view, copy: &third) || twin.contents != contents {
            return .wrong("replayed twice, they make something else")
        }
        return saved(keyspace, contents, low: low)
    }

    /// What is in memory can be saved and loaded.
    private static func saved(_ keyspace: SmallKeyspace, _ contents: [KeyContents], low: Bool) -> Outcome {
        let (state, records) = keyspace.saved()
        if keyspace.contents != contents { return .wrong("saving has changed it") }
        let loaded = SmallKeyspace(low: low)
        if let problem = loaded.load(state, records) { return .wrong("saved, it cannot be loaded: \(problem)") }
        if loaded.contents != contents { return .wrong("saved and loaded, it is something else") }
        return .accepted
    }
}
