import Base
import Keyspace
import RESP

extension Call {
    /// XLEN key
    func streamLength() {
        guard let entry = read(key(1)) else { return reply.integer(0) }
        if isA(.stream, entry) { reply.integer(entry.stream.count) }
    }

    /// XRANGE key start end [COUNT count], XREVRANGE key end start [COUNT count]
    func streamRange(reversed: Bool) {
        guard let from = rangeStart(reversed ? 3 : 2), let to = rangeEnd(reversed ? 2 : 3) else { return }
        var most: Int64?
        var word = 4
        while word < count {
            guard self[word].isWord("count"), word + 1 < count else { return fail(ErrorText.syntax) }
            guard let number = integer(word + 1) else { return }
            most = max(0, number)
            word += 2
        }
        guard let entry = read(key(1)) else { return reply.array(0) }
        guard isA(.stream, entry) else { return }
        if most == 0 { return reply.nullArray() }
        var cursor = entry.stream.entries(from: from, to: to, reversed: reversed)
        replyDeferredArray { $0.streamEntries(&cursor, most: Int(most ?? 0)) }
    }
}
