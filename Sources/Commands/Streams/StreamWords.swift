import Base
import Keyspace
import RESP

/// Reading the words of stream commands. Each function replies what is wrong and answers nil.
extension Call {
    static var invalidID: StaticString { "ERR Invalid stream ID specified as stream command argument" }

    /// The word as an ID; "-" and "+" are none.
    @inline(__always)
    func strictID(_ word: Int, missing: UInt64 = 0) -> StreamID? { strictID(self[word], missing: missing) }

    func strictID(_ text: ByteView, missing: UInt64 = 0) -> StreamID? {
        if case .id(let id) = StreamID.parse(text, missing: missing) { return id }
        fail(Call.invalidID)
        return nil
    }

    /// The word as an ID; "-" is the least one, "+" the greatest.
    func looseID(_ word: Int, missing: UInt64 = 0) -> StreamID? {
        switch StreamID.parse(self[word], missing: missing) {
        case .id(let id): return id
        case .least: return .zero
        case .greatest: return .max
        case .openSequence, nil:
            fail(Call.invalidID)
            return nil
        }
    }

    /// The word as the first ID of a range, one further if it is exclusive ("(1-1").
    func rangeStart(_ word: Int) -> StreamID? {
        guard isExclusive(word) else { return looseID(word) }
        guard let id = strictID(self[word].slice(1, self[word].count)) else { return nil }
        if let next = id.successor { return next }
        fail("ERR invalid start ID for the interval")
        return nil
    }

    /// The word as the last ID of a range, one before if it is exclusive.
    func rangeEnd(_ word: Int) -> StreamID? {
        guard isExclusive(word) else { return looseID(word, missing: .max) }
        guard let id = strictID(self[word].slice(1, self[word].count), missing: .max) else { return nil }
        if let previous = id.predecessor { return previous }
        fail("ERR invalid end ID for the interval")
        return nil
    }

    private func isExclusive(_ word: Int) -> Bool { self[word].count > 1 && self[word][0] == 40 }

    /// The words from `from` on as IDs, all or none.
    func strictIDs(from: Int) -> [StreamID]? {
        var ids: [StreamID] = []
        ids.reserveCapacity(count - from)
        for word in from..<count {
            guard let id = strictID(word) else { return nil }
            ids.append(id)
        }
        return ids
    }

    /// "ERR unknown subcommand or wrong number of arguments for 'x'. Try NAME HELP."
    func replySubcommandSyntax() {
        let end = "'. Try \(self[0].text.uppercased()) HELP."
        reply.error(
            Array("ERR unknown subcommand or wrong number of arguments for '".utf8) + self[1].cBytes(128)
                + Array(end.utf8))
    }

    /// "NOGROUP No such key 'k' or consumer group 'g'", and what follows.
    func replyNoGroup(_ key: ByteView, _ group: ByteView, _ rest: String = "") {
        reply.error("NOGROUP No such key '\(key.cText)' or consumer group '\(group.cText)'\(rest)")
    }
}

/// MAXLEN or MINID of XADD and XTRIM.
struct TrimOptions {
    var rule: StreamTrim?
    /// Only whole pieces go.
    var isApproximate = false
    /// Most entries to remove; 0: no limit.
    var limit = 0
    private var limitGiven = false

    /// What was met where an option was expected.
    enum Word {
        case option, other, failed
    }

    /// Takes the option at `word`, which is moved to its last word; replies if it is wrong.
    mutating func take(_ call: Call, _ word: inout Int) -> Word {
        let more = call.count - 1 - word
        if more > 0 && call[word].isWord("maxlen") { return takeRule(call, &word, more) { $0.maxLength($1) } }
        if more > 0 && call[word].isWord("minid") {
            return takeRule(call, &word, more) { call, word in call.strictID(word).map { .before($0) } }
        }
        guard more > 0 && call[word].isWord("limit") else { return .other }
        word += 1
        guard let wanted = call.integer(word) else { return .failed }
        if wanted < 0 {
            call.fail("ERR The LIMIT argument must be >= 0.")
            return .failed
        }
        limit = Int(wanted)
        limitGiven = true
        return .option
    }

    private mutating func takeRule(
        _ call: Call, _ word: inout Int, _ more: Int, _ read: (Call, Int) -> StreamTrim?
    ) -> Word {
        if rule != nil {
            call.fail("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
            return .failed
        }
        isApproximate = false
        let sign = call[word + 1]
        if more >= 2 && sign.count == 1 && (sign[0] == 126 || sign[0] == 61) {
            isApproximate = sign[0] == 126
            word += 1
        }
        word += 1
        rule = read(call, word)
        return rule == nil ? .failed : .option
    }

    /// Checks the options together and settles the limit; replies and answers false if they do not fit.
    mutating func settle(_ call: Call, _ limits: PackingLimits, isTrim: Bool) -> Bool {
        if limit > 0 && rule == nil {
            call.fail("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
            return false
        }
        if isTrim && rule == nil {
            call.fail("ERR syntax error, XTRIM must be called with a trimming strategy")
            return false
        }
        if limitGiven && !isApproximate {
            call.fail("ERR syntax error, LIMIT cannot be used without the special ~ option")
            return false
        }
        if !limitGiven && isApproximate {
            let (most, overflow) = limits[.streamNodeEntries].multipliedReportingOverflow(by: 100)
            limit = most <= 0 && !overflow ? 10_000 : overflow ? 1_000_000 : min(most, 1_000_000)
        }
        return true
    }
}

extension Call {
    fileprivate func maxLength(_ word: Int) -> StreamTrim? {
        guard let length = integer(word) else { return nil }
        if length >= 0 { return .toCount(Int(length)) }
        fail("ERR The MAXLEN argument must be >= 0.")
        return nil
    }
}
