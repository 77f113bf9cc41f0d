import Base
import CSystem
import Foundation
import Synchronization
import Testing

@testable import Node

/// How many clients share a sync.
struct GroupCommitTests {
    private let group = GroupCommit()

    /// A write and a sync of so many nanoseconds, while others come.
    private func commit(nanoseconds: UInt64 = 1_000_000, meanwhile arriving: Int = 0) {
        group.begin()
        if arriving > 0 { _ = group.add(arriving) }
        group.end(nanoseconds)
    }

    @Test("A client alone is written for at once, every time")
    func alone() {
        for _ in 0..<100 {
            #expect(group.add(1))
            #expect(group.patience(waited: 0) == 0)
            commit()
        }
    }

    @Test("Of many, half are waited for: the writer hears of the first and of the one that completes the half")
    func half() {
        _ = group.add(50)
        commit()
        #expect(group.population == 50)
        #expect(group.add(1))
        #expect(group.patience(waited: 0) > 0)
        #expect(!group.add(23))
        #expect(group.patience(waited: 0) > 0)
        #expect(group.add(1))
        #expect(group.patience(waited: 0) == 0)
        #expect(!group.add(5))
    }

    @Test("Those that come during a sync count for the next, and as waiting at the same time")
    func during() {
        _ = group.add(20)
        commit(meanwhile: 20)
        #expect(group.population == 40)
        #expect(group.patience(waited: 0) == 0)
    }

    @Test("The wait is half a sync's time, within its bounds, and ends")
    func bounds() {
        for (nanoseconds, microseconds) in [(10_000, 500), (1_600_000, 800), (50_000_000, 1000)] {
            _ = group.add(100)
            commit(nanoseconds: UInt64(nanoseconds))
            _ = group.add(1)
            #expect(group.patience(waited: 0) == Int64(microseconds))
            #expect(group.patience(waited: 100) == Int64(microseconds - 100))
            #expect(group.patience(waited: 1000) == 0)
            commit()
        }
    }

    @Test("Clients that have gone are soon not waited for any more")
    func forgets() {
        _ = group.add(100)
        commit()
        var waits = 0
        for _ in 0..<40 {
            _ = group.add(1)
            if group.patience(waited: 0) > 0 { waits += 1 }
            commit()
        }
        #expect(waits > 0 && waits < 30)
        #expect(group.population < GroupCommit.populationMin)
    }

    /// A writer that sleeps until it hears, and clients that wait for what they have added: whoever comes while the
    /// writer begins must not be taken for one that it knows of.
    @Test("However adding and beginning meet, the writer hears of whoever waits", .timeLimit(.minutes(2)))
    func race() async {
        let writer = Writer(group)
        let clients = 3
        for _ in 0..<clients {
            Thread.detachNewThread { writer.client(turns: 150_000) }
        }
        Thread.detachNewThread { writer.run() }
        // However busy the machine is, somebody gets on within ten seconds; or nobody ever will.
        var durable = UInt64.max
        var unchanged = 0
        while writer.leaving.load(ordering: .acquiring) < clients && unchanged < 100 {
            try? await Task.sleep(for: .milliseconds(100))
            let now = writer.durable.load(ordering: .acquiring)
            unchanged = now == durable ? unchanged + 1 : 0
            durable = now
        }
        #expect(unchanged < 100, "the writer never heard of record \(durable + 1)")
        writer.stop()
    }

    /// What `Persistence` does, without a disk.
    private final class Writer: Sendable {
        let group: GroupCommit
        let bell = Doorbell()
        let added = Atomic<UInt64>(0)
        let durable = Atomic<UInt64>(0)
        let leaving = Atomic<Int>(0)
        let isStopped = Atomic<Bool>(false)

        init(_ group: GroupCommit) { self.group = group }

        func client(turns: Int) {
            for _ in 0..<turns {
                let number = added.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
                if group.add(1) { bell.ring() }
                while durable.load(ordering: .acquiring) < number {
                    if isStopped.load(ordering: .relaxed) { return }
                    sched_yield()
                }
            }
            leaving.wrappingAdd(1, ordering: .acquiringAndReleasing)
        }

        func run() {
            while !isStopped.load(ordering: .acquiring) {
                bell.wait()
                group.begin()
                let reached = added.load(ordering: .acquiring)
                durable.store(reached, ordering: .releasing)
                group.end(1000)
            }
        }

        func stop() {
            isStopped.store(true, ordering: .releasing)
            bell.ring()
        }
    }
}
