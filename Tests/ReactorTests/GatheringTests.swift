import Testing

@testable import Reactor

/// When a loop waits for more input, and when it must not.
struct GatheringTests {
    /// Plays `turns` turns of `perTurn` reads each, `nanoseconds` apart, by `clients` clients in rotation.
    /// Answers the longest wait asked for.
    private func longestWait(clients: Int, perTurn: Int, nanoseconds: UInt64, turns: Int = 2000) -> UInt32 {
        var gathering = Gathering()
        var generations = [UInt32](repeating: 0, count: clients)
        var next = 0
        var longest: UInt32 = 0
        for turn in 1...turns {
            for _ in 0..<perTurn {
                gathering.note(&generations[next])
                next = (next + 1) % clients
            }
            longest = max(longest, gathering.afterTurn(monotonic: UInt64(turn) * nanoseconds))
        }
        return longest
    }

    @Test func waitsUnderLoadByManyClients() {
        // 50 clients, one read every 10 us: sixteen of them in 160 us.
        #expect((150...170).contains(longestWait(clients: 50, perTurn: 1, nanoseconds: 10_000)))
    }

    @Test func waitIsBounded() {
        #expect(longestWait(clients: 500, perTurn: 1, nanoseconds: 16_000) <= Gathering.waitMax)
    }

    /// A few clients wait for their replies before they send again: waiting for more of them gathers nothing.
    @Test(arguments: [1, 4, 23])
    func fewClientsNeverWait(_ clients: Int) {
        #expect(longestWait(clients: clients, perTurn: 1, nanoseconds: 5_000) == 0)
    }

    @Test func lowRateNeverWaits() {
        #expect(longestWait(clients: 50, perTurn: 1, nanoseconds: 30_000) == 0)
    }

    @Test func fullTurnsNeverWait() {
        #expect(longestWait(clients: 50, perTurn: Gathering.readsWanted, nanoseconds: 40_000) == 0)
    }

    @Test func anIdleTurnDoesNotWait() {
        var gathering = Gathering()
        var generation: UInt32 = 0
        for turn in 1...100 {
            for _ in 0..<100 { gathering.note(&generation) }
            _ = gathering.afterTurn(monotonic: UInt64(turn) * 100_000)
        }
        #expect(gathering.afterTurn(monotonic: 10_050_000) == 0)
    }
}
