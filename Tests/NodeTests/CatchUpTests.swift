import Testing

@testable import Node

@Suite("Rounds of catching up")
struct CatchUpTests {
    private var catchUp = CatchUp()
    private var now: Int64 = 0

    init() { catchUp.prepare(members: 2) }

    /// A round in which the partitions come to this here, and the other member says that some differ. Answers which are gone through.
    private mutating func round(_ digests: [UInt64], differing: [Int]) -> [Int] {
        catchUp.begin(1, comparing: digests)
        catchUp.found(differing, at: 1, now: now)
        let left = catchUp.rounds[1].left
        for partition in left { catchUp.adopted(partition, at: 1, isWhole: true, now: now) }
        #expect(catchUp.rounds[1].isDone && !catchUp.rounds[1].isAsking)
        now += CatchUp.pause
        return left
    }

    @Test("What differs is gone through in the first round, and whenever it has not changed here")
    mutating func unchanged() {
        #expect(round([1, 2, 3], differing: [0, 2]) == [0, 2])
        #expect(round([1, 2, 3], differing: [0, 2]) == [0, 2])
        #expect(round([1, 9, 3], differing: [0, 1]) == [0])
        #expect(round([1, 9, 3], differing: [0, 1]) == [0, 1])
    }

    @Test("What changes all the time is gone through every eighth round")
    mutating func changing() {
        var gone: [Bool] = []
        for i in 0..<24 { gone.append(round([7, UInt64(i)], differing: [1]) == [1]) }
        #expect(gone.indices.filter { gone[$0] } == [0, 8, 16])
    }

    @Test("Nothing waits once the member has been lost")
    mutating func lost() {
        _ = round([1], differing: [])
        #expect(round([2], differing: [0]) == [])
        catchUp.lose(1)
        #expect(round([3], differing: [0]) == [0])
    }

    @Test("A round in which nothing had to wait counts for nothing")
    mutating func calm() {
        _ = round([0], differing: [])
        for i in 1..<7 { #expect(round([UInt64(i)], differing: [0]) == []) }
        #expect(round([7], differing: []) == [])
        for i in 8..<15 { #expect(round([UInt64(i)], differing: [0]) == []) }
        #expect(round([15], differing: [0]) == [0])
    }
}
