import Base

/// Which pieces of a large value the tree has, as its entry says while the value is away: for each run of ids that follow
/// each other two varints, its distance from the end of the one before and its length.
///
/// They are needed when the value goes without having come back: its pieces' records must go with it.
enum PieceNumbers {
    /// Appends ids, which ascend.
    static func append(_ ids: [UInt64], to output: inout ByteBuffer) {
        var end: UInt64 = 0
        var index = 0
        while index < ids.count {
            let first = ids[index]
            var next = first
            while index < ids.count && ids[index] == next {
                next += 1
                index += 1
            }
            output.append(varint: first - end)
            output.append(varint: next - first)
            end = next
        }
    }

    /// Visits the ids, ascending.
    static func forEach(_ numbers: ByteView, _ body: (UInt64) -> Void) {
        var at = 0
        var end: UInt64 = 0
        while let distance = numbers.varint(at: &at), let count = numbers.varint(at: &at) {
            let first = end + distance
            end = first + count
            for id in first..<end { body(id) }
        }
    }
}
