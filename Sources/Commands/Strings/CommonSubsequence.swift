import Base
import CSystem
import Keyspace
import RESP

extension Call {
    private struct SubsequenceOptions {
        var answersLength = false
        var answersRanges = false
        var showsLengths = false
        var shortest: Int64 = 0
    }

    /// LCS key key [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]. Missing keys are empty strings.
    func longestCommonSubsequence() {
        let a = read(key(1)), b = read(key(2))
        if (a.map { $0.type != .string } ?? false) || (b.map { $0.type != .string } ?? false) {
            return fail("ERR The specified keys must contain string values")
        }
        guard let options = subsequenceOptions() else { return }
        if options.answersLength && options.answersRanges {
            return fail("ERR If you want both the length and indexes, please just use IDX.")
        }
        withBytes(a) { a in withBytes(b) { b in commonSubsequence(a, b, options) } }
    }

    private func withBytes(_ entry: Entry?, _ body: (ByteView) -> Void) {
        if let entry { entry.withString(body) } else { body(ByteView("")) }
    }

    private func subsequenceOptions() -> SubsequenceOptions? {
        var options = SubsequenceOptions()
        var word = 3
        while word < count {
            let option = self[word]
            if option.isWord("idx") {
                options.answersRanges = true
            } else if option.isWord("len") {
                options.answersLength = true
            } else if option.isWord("withmatchlen") {
                options.showsLengths = true
            } else if option.isWord("minmatchlen"), word + 1 < count {
                guard let shortest = integer(word + 1) else { return nil }
                options.shortest = max(0, shortest)
                word += 1
            } else {
                fail(ErrorText.syntax)
                return nil
            }
            word += 1
        }
        return options
    }

    private func commonSubsequence(_ a: ByteView, _ b: ByteView, _ options: SubsequenceOptions) {
        // Redis keeps a 4-byte cell for each pair of positions and refuses what would not fit a string.
        // Ours is a bit, but the limit also bounds the time, and clients may know it.
        let (cells, overflow) = (a.count + 1).multipliedReportingOverflow(by: b.count + 1)
        if overflow || cells > state.pointee.bulkBytesMax / 4 {
            return fail("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
        }
        let table = SubsequenceTable(a, b, keepsSteps: !options.answersLength)
        defer { table.free() }
        if options.answersLength { return reply.integer(table.length) }
        if !options.answersRanges { return replySubsequence(table) }
        reply.map(2)
        reply.bulk("matches")
        replyDeferredArray { replyRanges(table, options, $0) }
        reply.bulk("len")
        reply.integer(table.length)
    }

    private func replySubsequence(_ table: SubsequenceTable) {
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, table.length))
        defer { bytes.deallocate() }
        var at = table.length
        table.walk { i, _, _ in
            at &-= 1
            bytes[at] = table.a[i]
        }
        reply.bulk(ByteView(UnsafePointer(bytes), table.length))
    }

    /// Writes the runs that both strings share, last first; answers how many.
    private func replyRanges(_ table: SubsequenceTable, _ options: SubsequenceOptions, _ reply: ReplyWriter) -> Int {
        var runs = 0
        var endA = 0, endB = 0
        var length = 0
        table.walk { i, j, isLast in
            if length == 0 { (endA, endB) = (i, j) }
            length += 1
            guard isLast else { return }
            if Int64(length) >= options.shortest {
                reply.array(options.showsLengths ? 3 : 2)
                for (start, end) in [(i, endA), (j, endB)] {
                    reply.array(2)
                    reply.integer(start)
                    reply.integer(end)
                }
                if options.showsLengths { reply.integer(length) }
                runs += 1
            }
            length = 0
        }
        return runs
    }
}

/// The textbook table of longest common subsequences (Wagner and Fischer, 1974), kept as one row of
/// lengths and, for finding the way back, one bit per cell: whether the cell above it is the longer one.
struct SubsequenceTable {
    let a: ByteView
    let b: ByteView
    let length: Int
    private let steps: UnsafeMutablePointer<UInt64>?
    private let wordsPerRow: Int

    init(_ a: ByteView, _ b: ByteView, keepsSteps: Bool) {
        self.a = a
        self.b = b
        let rowWords = b.count / 64 + 1
        let words = a.count * rowWords
        let steps: UnsafeMutablePointer<UInt64>? = keepsSteps ? .allocate(capacity: max(1, words)) : nil
        steps?.initialize(repeating: 0, count: max(1, words))
        let row = UnsafeMutablePointer<UInt32>.allocate(capacity: b.count + 1)
        row.initialize(repeating: 0, count: b.count + 1)
        for i in 0..<a.count {
            SubsequenceTable.fill(row, a[i], b, steps.map { $0 + i * rowWords })
        }
        length = Int(row[b.count])
        row.deallocate()
        self.steps = steps
        wordsPerRow = rowWords
    }

    func free() { steps?.deallocate() }

    /// Makes the row of one byte of `a` from the row before it, in place.
    private static func fill(
        _ row: UnsafeMutablePointer<UInt32>, _ byte: UInt8, _ b: ByteView, _ steps: UnsafeMutablePointer<UInt64>?
    ) {
        var diagonal: UInt32 = 0
        var left: UInt32 = 0
        var j = 0
        while j < b.count {
            let above = row[j &+ 1]
            if b[j] == byte {
                left = diagonal &+ 1
            } else if above > left {
                left = above
                if let steps { steps[j >> 6] |= 1 << UInt64(j & 63) }
            }
            row[j &+ 1] = left
            diagonal = above
            j &+= 1
        }
    }

    /// The pairs of positions of the subsequence, last first, each with whether a run of neighbours
    /// ends (that is, begins in the strings) with it.
    func walk(_ body: (_ i: Int, _ j: Int, _ isLast: Bool) -> Void) {
        guard let steps else { return }
        var i = a.count, j = b.count
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                i -= 1
                j -= 1
                body(i, j, i == 0 || j == 0 || a[i - 1] != b[j - 1])
            } else if steps[(i - 1) * wordsPerRow + (j - 1) >> 6] >> UInt64((j - 1) & 63) & 1 != 0 {
                i -= 1
            } else {
                j -= 1
            }
        }
    }
}
