import Base
import Keyspace
import RESP

extension Call {
    /// ZRANDMEMBER key [count [WITHSCORES]]
    func zrandmember() {
        guard count > 2 else { return oneRandomElement() }
        guard let wanted = randomCount() else { return }
        let withScores = count == 4 && self[3].isWord("withscores")
        if count > 4 || (count == 4 && !withScores) { return fail(ErrorText.syntax) }
        let half = Int.max / 2
        if withScores && (wanted < -half || wanted > half) { return fail("ERR value is out of range") }
        let (set, isRight) = readSet(1)
        if !isRight { return }
        guard let set, wanted != 0 else { return reply.array(0) }
        guard isBearable(wanted) else { return }
        if wanted < 0 {
            repeatedElements(set, -wanted, withScores: withScores)
        } else {
            differentElements(set, wanted, withScores: withScores)
        }
    }

    private func oneRandomElement() {
        let (set, isRight) = readSet(1)
        if !isRight { return }
        guard let set else { return reply.null() }
        let rank = Int(state.pointee.random.below(UInt64(set.count)))
        set.forEach(rank..<rank + 1) { member, _ in reply.bulk(member) }
    }

    /// Each element anew, whether it was picked before or not.
    private func repeatedElements(_ set: SortedSet, _ wanted: Int, withScores: Bool) {
        reply.elements(wanted, withScores: withScores)
        let writer = reply
        for _ in 0..<wanted {
            // More than the client may be owed: it is about to be closed.
            if writer.output.pointee.overLimit { return }
            let rank = Int(state.pointee.random.below(UInt64(set.count)))
            set.forEach(rank..<rank + 1) { writer.element($0, $1, withScores: withScores) }
        }
    }

    /// Every choice of so many elements is equally likely.
    private func differentElements(_ set: SortedSet, _ wanted: Int, withScores: Bool) {
        let total = set.count
        let taken = min(wanted, total)
        reply.elements(taken, withScores: withScores)
        let writer = reply
        if taken == total {
            // From the last to the first, as Redis answers a whole set.
            return set.forEach(0..<total, reversed: true) { writer.element($0, $1, withScores: withScores) }
        }
        if Sampling.drawsSingly(taken, of: total) {
            Sampling.distinct(
                taken, { Int(state.pointee.random.below(UInt64(total))) }, { UInt64($0) },
                { rank in set.forEach(rank..<rank + 1) { writer.element($0, $1, withScores: withScores) } })
        } else {
            var selection = Selection(taken, of: total)
            set.forEach(0..<total) { member, score in
                if selection.isDone || !selection.takesNext(&state.pointee.random) { return }
                writer.element(member, score, withScores: withScores)
            }
        }
    }
}
