import Base
import Keyspace

/// Mutations as docs/storage-format.md has them, written by hand: to begin with, for fuzzing.
struct MutationBytes {
    private(set) var bytes: [UInt8] = []
    private var counter: UInt64
    private let key: String

    /// Of this key, the slot's first one with this counter.
    init(key: String = "k", from counter: UInt64 = 1) {
        self.key = key
        self.counter = counter
    }

    mutating func add(_ kind: UInt8, _ body: [UInt8] = [], deadline: Int64? = nil, database: UInt64 = 0) {
        var output = ByteBuffer()
        output.append(kind | (database == 0 ? 0 : 0x40) | (deadline == nil ? 0 : 0x80))
        if database != 0 { output.append(varint: database) }
        output.append(varint: 1)
        output.append(varint: counter)
        output.append(signedVarint: 200_000_000_000)
        let slot = key.withView { Key($0).slot }
        if (10...12).contains(kind) {
            output.append(varint: UInt64(kind == 12 ? 0 : slot))
        } else {
            key.withView { output.append(counted: $0) }
        }
        if let deadline { output.append(signedVarint: deadline) }
        bytes += output.view.bytes + body
        counter += 1
    }

    /// A text behind its length.
    static func text(_ text: String) -> [UInt8] { this(Array(text.utf8)) }

    static func this(_ bytes: [UInt8]) -> [UInt8] {
        var output = ByteBuffer()
        bytes.withView { output.append(counted: $0) }
        return output.view.bytes
    }

    private mutating func add(_ bodies: [(UInt8, [UInt8])]) { for (kind, body) in bodies { add(kind, body) } }

    // MARK: One of each kind

    static func strings() -> MutationBytes {
        var made = MutationBytes()
        made.add(1, text("text"), deadline: 5000)
        made.add(8, [2] + text("XYZ"))
        made.add(6, deadline: 9000)
        made.add(6)
        made.add(2, text("raw"))
        made.add(5)
        made.add(3, [20])
        made.add(7, [9])
        made.add(11, [1])
        made.add(1, text("other"), database: 1)
        made.add(10)
        return made
    }

    static func sketch() -> MutationBytes {
        var made = MutationBytes()
        // A sparse HyperLogLog without elements.
        made.add(2, this(Array("HYLL\u{1}".utf8) + [UInt8](repeating: 0, count: 10) + [0x80, 0x7f, 0xff]))
        made.add([(9, [5, 3, 0]), (9, [0x87, 0x20, 40, 1]), (9, [5, 4, 1])])
        return made
    }

    static func lists() -> MutationBytes {
        var made = MutationBytes()
        for i in 0..<12 { made.add(16, [UInt8(i & 1)] + text(i == 5 ? String(repeating: "long", count: 12) : "e\(i)")) }
        made.add([
            (18, [3] + text("inserted")), (19, [2] + text("set")), (20, [1, 3]), (17, [0, 1]), (17, [1, 2]),
        ])
        return made
    }

    static func sets() -> MutationBytes {
        var made = MutationBytes()
        for i in 0..<8 { made.add(24, text("\(i * 100)")) }
        made.add([(24, text("word")), (25, text("300")), (24, text("other"))])
        return made
    }

    static func sortedSets() -> MutationBytes {
        var made = MutationBytes()
        for i in 0..<10 {
            made.add(26, text("m\(i % 7)") + withUnsafeBytes(of: (Double(i) / 2).bitPattern.littleEndian) { Array($0) })
        }
        made.add(27, text("m3"))
        return made
    }

    static func hashes() -> MutationBytes {
        var made = MutationBytes()
        for i in 0..<9 { made.add(28, text("field \(i % 6)") + text("value \(i)")) }
        made.add(29, text("field 2"))
        return made
    }

    static func streams() -> MutationBytes {
        var made = MutationBytes()
        for i in 1..<9 {
            made.add(
                32,
                [UInt8(i), 0, UInt8(1 + i % 2)] + text("f") + text("v\(i)") + (i % 2 == 0 ? [] : text("g") + text("w")))
        }
        made.add([
            (36, text("g") + [2, 0, 0]), (39, text("g") + text("c")), (36, text("h") + [0, 0, 1]),
            (41, text("g") + text("c") + [2, 3, 0, 4, 0, 20, 4, 0, 3]), (42, text("g") + text("d") + [5, 0, 40, 4]),
            (43, text("g") + [3, 0]), (33, [4, 0]), (34, [1]), (35, [20, 1, 30, 4, 0]), (37, text("h") + [5, 0, 4]),
            (40, text("g") + text("c")), (38, text("h")),
        ])
        return made
    }

    /// Values as objects of Redis' format: a list, a set, a hash, a sorted set.
    static func objects() -> MutationBytes {
        var made = MutationBytes()
        let score: [UInt8] = [0, 0, 0, 0, 0, 0, 0xf8, 0x3f]
        made.add([
            (4, this([1, 2, 1, 97, 2, 98, 99])), (16, [0] + text("x")), (4, this([2, 2, 1, 97, 1, 98])),
            (24, text("y")),
            (4, this([4, 1, 1, 102, 1, 118])), (28, text("f") + text("w")), (4, this([5, 1, 1, 109] + score)),
            (12, text("libraries")),
        ])
        return made
    }

    static func all() -> [MutationBytes] {
        [strings(), sketch(), lists(), sets(), sortedSets(), hashes(), streams(), objects()]
    }
}
