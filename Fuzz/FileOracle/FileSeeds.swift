import Base
import Simulation
import Storage

extension FileOracle {
    /// Files as they should be, and what is in them: each with a name that says what it is.
    public func seeds() -> [(name: String, input: [UInt8])] {
        var seeds: [(String, [UInt8])] = []
        for (i, mutations) in MutationBytes.all().enumerated() {
            seeds.append(("record-\(i)", [Kind.record.flags()] + mutations.bytes))
            seeds.append(("record-low-\(i)", [Kind.record.flags(low: true)] + mutations.bytes))
            for low in [false, true] {
                guard let value = Self.value(mutations.bytes, low: low) else { continue }
                seeds.append(("value-\(low ? "low-" : "")\(i)", [Kind.value.flags(low: low)] + value))
            }
        }
        seeds.append(("log", [Kind.log.flags(low: true)] + Self.log(segmentBytes: 1 << 20)))
        seeds.append(("log-segments", [Kind.log.flags()] + Self.log(segmentBytes: 300)))
        for kind in [Kind.manifest, .current, .identity] {
            seeds.append(("\(kind)", [kind.flags()] + trees.original(kind).bytes))
        }
        seeds.append(("state", [Kind.state.flags()] + Self.state))
        return seeds
    }

    /// The segments of a log in which each record has a mutation of each kind or more.
    private static func log(segmentBytes: Int64) -> [UInt8] {
        let files = SimulatedFileSystem(seed: 1, directories: ["/d"])
        var options = Log.Options()
        options.segmentBytes = segmentBytes
        let log = Log(files, directory: "/d", identity: FileSeals.identity, after: .empty, options)
        for mutations in MutationBytes.all() {
            mutations.bytes.withView { _ = log.append($0) }
            guard (try? log.write()) != nil, (try? log.sync()) != nil else { return [] }
        }
        log.seal()
        return files.paths.flatMap { files.contents($0) ?? [] }
    }

    /// What the tree has of the key after these mutations, and one more of each.
    private static func value(_ mutations: [UInt8], low: Bool) -> [UInt8]? {
        let keyspace = SmallKeyspace(low: low)
        var copy = ByteBuffer()
        if !mutations.withView({ keyspace.replay($0, copy: &copy) }) { return nil }
        let records = keyspace.saved().records
        guard let head = records.first else { return nil }
        var output = ByteBuffer()
        head.value.withView { output.append(counted: $0) }
        output.append(varint: UInt64(records.count - 1))
        for record in records.dropFirst() {
            let id = record.name.suffix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            output.append(varint: id)
            record.value.withView { output.append(counted: $0) }
        }
        var more = MutationBytes(from: 1000)
        more.add(16, [1] + MutationBytes.text("z"))
        more.add(24, MutationBytes.text("z"))
        more.add(26, MutationBytes.text("z") + [UInt8](repeating: 0, count: 8))
        more.add(28, MutationBytes.text("z") + MutationBytes.text("y"))
        more.add(32, [99, 0, 1] + MutationBytes.text("z") + MutationBytes.text("y"))
        // A dense HyperLogLog has nothing that other strings have not.
        return output.count > 4096 ? nil : output.view.bytes + more.bytes
    }

    /// A state whose first partition is an input's own.
    private static let state: [UInt8] = {
        let libraries = MutationBytes.text("libraries")
        let rest: [UInt8] = [1] + libraries
        // Version, whole, position, partitions (256).
        return [255, UInt8(rest.count), 2, 1, 9, 0x80, 2] + StateCheck.newPartition + rest
    }()
}
