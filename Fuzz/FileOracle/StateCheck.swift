import Base
import Keyspace

/// Reads the state that the manifest keeps with a round.
///
/// A state tells of 256 partitions. An input has two bytes of its own: how many partitions are as in a directory that was
/// just begun, and how many of its last bytes come after these. The bytes before are the state's beginning.
enum StateCheck {
    static func run(_ bytes: [UInt8]) -> Outcome {
        guard bytes.count >= 2 else { return .refused }
        let (filled, behind) = (Int(bytes[0]), min(Int(bytes[1]), bytes.count - 2))
        let partition = bytes.count > 2 && bytes[2] >= 3 ? newPartition + [0, 0] : newPartition
        let whole = bytes[2..<bytes.count - behind] + (0..<filled).flatMap { _ in partition } + bytes.suffix(behind)
        guard let state = Array(whole).withView({ SavedState($0) }) else { return .refused }
        var copy = ByteBuffer()
        state.encode(to: &copy)
        if SavedState(copy.view) != state { return .wrong("written anew it is another one") }
        let keyspace = SmallKeyspace(low: false)
        do { try keyspace.keyspace.adopt(state) } catch { return .refused }
        let slot = Key(ByteView("k")).slot
        for database in 0..<SmallKeyspace.databases {
            keyspace.access(slot: slot, database).putString(Key(ByteView("k")), ByteView("v"), nil)
        }
        let contents = keyspace.contents
        let (saved, records) = keyspace.saved()
        let loaded = SmallKeyspace(low: false)
        if let problem = loaded.load(saved, records) { return .wrong("what is saved after it: \(problem)") }
        return loaded.contents == contents ? .accepted : .wrong("what is saved after it is something else")
    }

    /// Clocks, databases with their spaces, next space; from version 3 on, behind it, no revision and no clocks of others.
    static let newPartition: [UInt8] = {
        var output = ByteBuffer()
        for _ in 0..<64 { output.append(varint: 0) }
        for number: UInt64 in [2, 0, 1, 1 << 32] { output.append(varint: number) }
        return output.view.bytes
    }()
}
