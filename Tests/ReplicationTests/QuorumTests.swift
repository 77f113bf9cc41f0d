import Cluster
import Replication
import Testing

@Suite struct QuorumTests {
    @Test func aQuorumIsMoreThanHalf() {
        for replicas in 1...64 {
            #expect(2 * Quorum.quorum.needed(of: replicas) > replicas)
            // Two quorums meet, and no smaller number would do.
            #expect(2 * (Quorum.quorum.needed(of: replicas) - 1) <= replicas)
        }
    }

    /// Every order of every outcome at three replicas, against counting.
    @Test(arguments: [Quorum.any, .count(1), .quorum, .all], [false, true])
    func everyOutcome(quorum: Quorum, isStrict: Bool) {
        // For each seat: acknowledged, failed, by the replica or a stand-in.
        for code in 0..<64 {
            let outcomes = (0..<3).map { code >> (2 * $0) & 3 }
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                check(quorum, isStrict, outcomes, order)
            }
        }
    }

    private func check(_ quorum: Quorum, _ isStrict: Bool, _ outcomes: [Int], _ order: [Int]) {
        var put = PutCoordinator(quorum, isStrict: isStrict, replicas: 3)
        for rank in 0..<3 { put.sent(to: rank, isStandIn: outcomes[rank] & 2 != 0) }
        let counts = { (rank: Int) in !(isStrict && quorum != .any && outcomes[rank] & 2 != 0) }
        var got = 0
        for (i, rank) in order.enumerated() {
            if outcomes[rank] & 1 == 0 { put.acknowledge(rank) } else { put.fail(rank) }
            if outcomes[rank] & 1 == 0 && counts(rank) { got += 1 }
            let left = order[(i + 1)...].count(where: counts)
            #expect(put.got == got)
            let needed = quorum.needed(of: 3)
            if got >= needed {
                #expect(put.verdict == .reached)
            } else if got + left >= needed {
                #expect(put.verdict == .pending)
            } else {
                #expect(put.verdict == .missed(got: got, needed: needed))
            }
        }
        #expect(put.isComplete)
    }

    @Test func oneSeatCountsOnce() {
        var put = PutCoordinator(.quorum, isStrict: false, replicas: 3)
        put.sent(to: 0, isStandIn: false)
        put.sent(to: 1, isStandIn: false)
        put.acknowledge(0)
        put.acknowledge(0)
        #expect(put.verdict == .pending)
        // Who has not been asked cannot acknowledge.
        put.acknowledge(2)
        #expect(put.verdict == .pending)
        put.acknowledge(1)
        #expect(put.verdict == .reached)
    }

    @Test func aStandInTakesAFailedSeat() {
        var put = PutCoordinator(.quorum, isStrict: false, replicas: 3)
        put.sent(to: 0, isStandIn: false)
        put.acknowledge(0)
        put.sent(to: 1, isStandIn: false)
        put.fail(1)
        #expect(put.verdict == .missed(got: 1, needed: 2))
        put.sent(to: 1, isStandIn: true)
        #expect(put.verdict == .pending)
        put.acknowledge(1)
        #expect(put.verdict == .reached)
        var strict = PutCoordinator(.quorum, isStrict: true, replicas: 3)
        strict.sent(to: 0, isStandIn: false)
        strict.acknowledge(0)
        strict.sent(to: 1, isStandIn: true)
        #expect(strict.verdict == .missed(got: 1, needed: 2))
        strict.acknowledge(1)
        #expect(strict.verdict == .missed(got: 1, needed: 2))
    }

    @Test func timeIsUp() {
        var put = PutCoordinator(.all, isStrict: false, replicas: 3)
        for rank in 0..<3 { put.sent(to: rank, isStandIn: false) }
        put.acknowledge(1)
        #expect(put.verdict == .pending)
        put.giveUp()
        #expect(put.verdict == .missed(got: 1, needed: 3))
        // Late, and too late to count.
        put.acknowledge(0)
        #expect(put.verdict == .missed(got: 1, needed: 3))
    }

    @Test func readsWaitForAQuorum() {
        var get = GetCoordinator(.quorum, replicas: 3)
        get.answerMyself(0)
        for rank in 1..<3 { get.ask(rank) }
        #expect(get.verdict == .pending)
        get.fail(1)
        #expect(get.verdict == .pending)
        get.differ(2)
        #expect(get.verdict == .reached && get.isComplete)
        _ = get.agree(2)
        #expect(get.got == 2)
    }

    @Test("Who agreed with less than the coordinator knows by now does not count")
    func agreementsAreAsked() {
        var get = GetCoordinator(.quorum, replicas: 5)
        get.answerMyself(3)
        get.ask(0)
        get.ask(1)
        let counts = get.agree(0)
        #expect(counts && get.verdict == .pending && get.got == 2)
        get.ask(2)
        get.differ(1)
        #expect(get.verdict == .reached)
        // What it sent was new.
        var again = get.learn()
        #expect(again == [0])
        #expect(get.verdict == .pending && get.got == 2)
        get.ask(0)
        // Asked before that.
        let countsLate = get.agree(2)
        #expect(!countsLate && get.isAwaited(2))
        get.ask(2)
        let countsNow = get.agree(2)
        #expect(countsNow && get.verdict == .reached)
        // Who has sent all it knows is not asked again, nor is the coordinator itself.
        again = get.learn()
        #expect(again == [2])
        #expect(get.got == 2 && get.isAwaited(0))
        get.differ(0)
        again = get.learn()
        #expect(again.isEmpty && get.verdict == .reached)
    }

    @Test func whoRefusesIsNotAsked() {
        var get = GetCoordinator(.quorum, replicas: 3)
        get.refuseMyself(1)
        #expect(get.wasAsked(1) && get.askedCount == 0 && get.wantsMore)
    }

    @Test func moreThanThereAre() {
        var get = GetCoordinator(.count(4), replicas: 3)
        for rank in 0..<3 { get.ask(rank) }
        #expect(get.verdict == .missed(got: 0, needed: 4))
    }
}
