import Base
import Testing

@testable import Keyspace

/// Which values go to the disposer, and which of them count.
@Suite struct LazyFreeingTests {
    private let disposer = HoldingDisposer()
    private let test: TestKeyspace
    private let name = Array("stream".utf8)

    init() { test = TestKeyspace(databases: 1, disposer: disposer) }

    /// A stream of so many entries, a hundred to a node.
    private func fill(_ count: Int, groups: Int = 0, pending: Int = 0) {
        test.with(name, 0) { access, key in
            let slot = access.makeStream(key)
            let views = [ByteView("f"), ByteView("v")]
            views.withUnsafeBufferPointer { views in
                let fields = StreamFields(views.baseAddress!, count: 1)
                for i in 0..<count { access.addStreamEntry(slot, key, StreamID(1, UInt64(i)), fields) }
            }
            for i in 0..<groups {
                Array("group \(i)".utf8).withView { access.createGroup(slot, key, $0, .zero, nil) }
            }
            if groups == 0 { return }
            let group = access.entry(slot).stream.group(0)
            let consumer = access.createConsumer(slot, key, group, ByteView("c"))
            for i in 0..<pending {
                access.claim(slot, key, group, consumer, StreamID(1, UInt64(i)), time: 1, deliveries: 1)
            }
        }
    }

    /// Removes the stream; answers what was handed over, and what of it counts.
    private func remove(_ cause: LazyFreeing) -> [Int] {
        test.with(name, 0) { access, key in access.remove(access.find(key)!, key, cause) }
        defer { disposer.run() }
        return [disposer.items, disposer.pending]
    }

    @Test func unlinkedValuesAreFreedLaterIfThatIsMuchWork() {
        fill(1)
        #expect(remove(.unlink) == [0, 0])
        fill(7000)
        #expect(remove(.unlink) == [1, 1])
    }

    /// Each group counts for itself and for as many pending entries as the first one has.
    @Test func groupsCount() {
        fill(1, groups: 2, pending: 20)
        #expect(remove(.unlink) == [0, 0])
        fill(1, groups: 3, pending: 21)
        #expect(remove(.unlink) == [1, 1])
    }

    @Test func othersAreFreedInPlaceUpToSomeThousands() {
        for cause in [LazyFreeing.deletion, .expiry, .eviction, .replacement] {
            fill(4000, groups: 1, pending: 30)
            #expect(remove(cause) == [0, 0])
            fill(5000)
            #expect(remove(cause) == [1, 0])
            test.keyspace.shared.pointee.lazyFreeing = cause
            fill(4000, groups: 1, pending: 30)
            #expect(remove(cause) == [1, 1])
            test.keyspace.shared.pointee.lazyFreeing = .unlink
        }
    }
}
