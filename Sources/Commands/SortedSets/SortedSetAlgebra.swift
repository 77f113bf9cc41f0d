import Base
import Keyspace
import RESP

/// How sets are combined.
enum SetCombination {
    case union, intersection, difference
}

/// What becomes of the result.
enum CombinationResult {
    case answered, stored, counted
}

/// What becomes of the scores of a member that several sets have.
private enum Aggregate {
    case sum, least, greatest

    /// What is no number becomes 0, as Redis has it.
    @inline(__always)
    func combine(_ a: Double, _ b: Double) -> Double {
        switch self {
        case .sum:
            let sum = a + b
            return sum.isNaN ? 0 : sum
        case .least: return b < a ? b : a
        case .greatest: return b > a ? b : a
        }
    }
}

/// A set or sorted set that is combined with others; a set's members have the score 1.
private struct CombinedSet {
    /// nil: there is no such key.
    let entry: Entry?
    var weight = 1.0

    init(_ entry: Entry?) { self.entry = entry }

    var count: Int {
        guard let entry else { return 0 }
        return entry.type == .sortedSet ? SortedSet(entry).count : entry.memberCount
    }

    @inline(__always)
    func score(of member: ByteView) -> Double? {
        guard let entry else { return nil }
        if entry.type == .sortedSet { return SortedSet(entry).score(of: member) }
        return entry.hasMember(member) ? 1 : nil
    }

    /// Every element, its score weighted, until `body` answers false.
    @inline(__always)
    func forEach(_ body: (ByteView, Double) -> Bool) {
        guard let entry else { return }
        if entry.type == .set {
            let score = weighted(1)
            return entry.forEachMember { element in element.withView { body($0, score) } }
        }
        let set = SortedSet(entry)
        var goesOn = true
        set.forEach(0..<set.count) { member, score in
            if goesOn { goesOn = member.withView { body($0, weighted(score)) } }
        }
    }

    @inline(__always)
    private func weighted(_ score: Double) -> Double {
        let product = weight * score
        return product.isNaN ? 0 : product
    }
}

/// What ZUNION and its kin were asked for.
private struct CombinationRequest {
    var sets: [CombinedSet] = []
    var aggregate = Aggregate.sum
    var withScores = false
    /// 0: none.
    var limit = 0

    /// Elements of all sets.
    func unite(_ result: ElementTable) {
        for set in sorted {
            set.forEach { member, score in
                let (element, isNew) = result.find(member, orAdd: score)
                if !isNew { element.pointee.score = aggregate.combine(element.pointee.score, score) }
                return true
            }
        }
    }

    /// Elements that all sets have, until `body` answers false.
    func intersect(_ body: (ByteView, Double) -> Bool) {
        let sets = sorted
        let others = sets.dropFirst()
        sets[0].forEach { member, score in
            var score = score
            for other in others {
                guard let more = other.score(of: member) else { return true }
                score = aggregate.combine(score, other.weight * more)
            }
            return body(member, score)
        }
    }

    /// Elements of the first set that no other has.
    func subtract(_ body: (ByteView, Double) -> Bool) {
        let others = sets.dropFirst()
        sets[0].forEach { member, score in
            for other in others where other.score(of: member) != nil { return true }
            return body(member, score)
        }
    }

    /// The smallest first. Sums of doubles depend on the order: it is Redis', equal ones as they were given.
    private var sorted: [CombinedSet] {
        sets.enumerated().map { ($0.offset, $0.element, $0.element.count) }
            .sorted { $0.2 != $1.2 ? $0.2 < $1.2 : $0.0 < $1.0 }.map(\.1)
    }
}

extension Call {
    /// ZUNION, ZINTER, ZDIFF, ZINTERCARD numkeys key [key ...] [options]; the STORE forms have a destination before.
    func zcombine(_ combination: SetCombination, _ kind: CombinationResult) {
        guard let request = combinationRequest(combination, kind, at: kind == .stored ? 2 : 1) else { return }
        if kind == .counted { return reply.integer(countIntersection(request)) }
        let result = ElementTable()
        defer { result.free() }
        let keep: (ByteView, Double) -> Bool = {
            result.append($0, $1)
            return true
        }
        switch combination {
        case .union: request.unite(result)
        case .intersection: request.intersect(keep)
        case .difference: request.subtract(keep)
        }
        result.sort()
        if kind == .stored {
            let event: StaticString =
                combination == .union ? "zunionstore" : combination == .intersection ? "zinterstore" : "zdiffstore"
            return storeElements(result, at: 1, event)
        }
        reply.elements(result.count, withScores: request.withScores)
        for element in result.elements {
            let member = SortedSetMember(whole: element.member)
            reply.element(member, element.score, withScores: request.withScores)
        }
    }

    private func countIntersection(_ request: CombinationRequest) -> Int {
        var found = 0
        request.intersect { _, _ in
            found += 1
            return found != request.limit
        }
        return found
    }

    private func combinationRequest(
        _ combination: SetCombination, _ kind: CombinationResult, at word: Int
    ) -> CombinationRequest? {
        guard let number = integer(word) else { return nil }
        if number < 1 {
            reply.error("ERR at least 1 input key is needed for '\(commandName)' command")
            return nil
        }
        if number > Int64(count - word - 1) {
            fail(ErrorText.syntax)
            return nil
        }
        var request = CombinationRequest()
        let end = word + 1 + Int(number)
        for word in word + 1..<end {
            let entry = read(key(word))
            if let entry, entry.type != .sortedSet && entry.type != .set {
                fail(ErrorText.wrongType)
                return nil
            }
            request.sets.append(CombinedSet(entry))
        }
        return readOptions(&request, combination, kind, from: end) ? request : nil
    }

    private var commandName: String {
        String(decoding: self[0].bytes.map { ByteView.lowercased($0) }, as: UTF8.self)
    }

    private func readOptions(
        _ request: inout CombinationRequest, _ combination: SetCombination, _ kind: CombinationResult, from first: Int
    ) -> Bool {
        let aggregates = combination != .difference && kind != .counted
        var word = first
        while word < count {
            let left = count - word
            if aggregates && left > request.sets.count && self[word].isWord("weights") {
                guard readWeights(&request, word + 1) else { return false }
                word += 1 + request.sets.count
            } else if aggregates && left >= 2 && self[word].isWord("aggregate") {
                guard let aggregate = aggregate(word + 1) else { return false }
                request.aggregate = aggregate
                word += 2
            } else if kind == .answered && self[word].isWord("withscores") {
                request.withScores = true
                word += 1
            } else if kind == .counted && left >= 2 && self[word].isWord("limit") {
                guard let limit = unsigned(word + 1, error: "ERR LIMIT can't be negative") else { return false }
                request.limit = limit
                word += 2
            } else {
                fail(ErrorText.syntax)
                return false
            }
        }
        return true
    }

    private func readWeights(_ request: inout CombinationRequest, _ first: Int) -> Bool {
        for i in request.sets.indices {
            guard let weight = self[first + i].double else {
                fail("ERR weight value is not a float")
                return false
            }
            request.sets[i].weight = weight
        }
        return true
    }

    private func aggregate(_ word: Int) -> Aggregate? {
        if self[word].isWord("sum") { return .sum }
        if self[word].isWord("min") { return .least }
        if self[word].isWord("max") { return .greatest }
        fail(ErrorText.syntax)
        return nil
    }
}
