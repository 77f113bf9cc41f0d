import Base
import Testing

@testable import Node

@Suite struct ReplyTests {
    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) } }

    @Test(arguments: [0, 1, 5, 31, 32, 33, 100, 70_000])
    func anyLength(count: Int) {
        let wanted = bytes(count)
        let reply = Reply(wanted)
        #expect(reply.bytes == wanted && reply.count == count && reply.isEmpty == wanted.isEmpty)
        wanted.withView { view in #expect(Reply(view).bytes == wanted) }
        var output = OutputBuffer()
        output.append(1)
        output.append(reply)
        #expect(output.takeAll() == [1] + wanted)
        output.reset()
    }

    @Test(arguments: [0, 1, 32, 33, 70_000])
    func takesWhatIsWritten(count: Int) {
        let output = UnsafeMutablePointer<OutputBuffer>.allocate(capacity: 1)
        output.initialize(to: OutputBuffer())
        for size in [count, 3] {
            let wanted = bytes(size)
            output.pointee.append(Reply(wanted))
            #expect(Reply(taking: output).bytes == wanted)
            #expect(output.pointee.isEmpty)
        }
        output.pointee.reset()
        output.deallocate()
    }

    @Test func repliesKeepTheirOrder() {
        var queue = ReplyQueue()
        var output = OutputBuffer()
        let first = queue.await()
        let second = queue.await()
        queue.append([3])
        let fourth = queue.await()
        queue.fill(second, [2])
        queue.fill(fourth, Reply(bytes(50)))
        queue.flush(to: &output)
        #expect(output.isEmpty && queue.count == 4 && queue.bytes == 52)
        queue.fill(first, [1])
        queue.flush(to: &output)
        #expect(queue.isEmpty && queue.bytes == 0)
        #expect(output.takeAll() == [1, 2, 3] + bytes(50))
        output.reset()
    }

    @Test func anOperationsIdIsItsOwn() {
        func operation(_ slot: Int) -> Operation {
            Operation(work: .watch, requester: .nobody, version: 2, slot: slot, began: 0, deadline: 10)
        }
        var table = OperationTable()
        let (a, b) = (table.insert(operation(1)), table.insert(operation(2)))
        #expect(slot(OperationTable.id(b, rank: 3), &table) == 2)
        let first = table.remove(a)?.slot
        #expect(first == 1)
        let (copy, taken) = (table[a]?.slot, table.remove(a)?.slot)
        #expect(slot(a, &table) == -1 && copy == nil && taken == nil)
        let c = table.insert(operation(3))
        #expect(c != a && slot(a, &table) == -1 && slot(c, &table) == 3)
        let (count, ids) = (table.count, Set(table.ids))
        #expect(count == 2 && ids == [b, c])
        // 0 is no operation's.
        var empty = OperationTable()
        #expect(slot(0, &empty) == -1 && slot(0, &table) == -1)
    }

    /// Those that end by themselves are looked through from the oldest on, as far as they are old enough: not all that a burst
    /// has ever needed places for.
    @Test func operationsAreLookedThroughByAge() {
        func operation(_ began: Int64, waits: Bool = false) -> Operation {
            Operation(
                work: .watch, requester: .nobody, version: 2, slot: Int(began), began: began,
                deadline: waits ? .max : began + 10)
        }
        var table = OperationTable()
        let waiting = table.insert(operation(0, waits: true))
        var mayEnd = table.mayEnd
        #expect(!mayEnd)
        var ids = (0..<5000).map { table.insert(operation(Int64($0))) }
        func begun(by latest: Int64) -> [UInt64] {
            var found: [UInt64] = []
            table.forEach(begunBy: latest) { id, deadline in
                found.append(id)
                #expect(deadline == 10 + Int64(ids.firstIndex(of: id)!))
            }
            return found
        }
        #expect(begun(by: -1).isEmpty && begun(by: 2) == Array(ids[0...2]))
        // From the middle, the beginning and the end.
        for i in [1, 0, 4999] { table.drop(ids[i]) }
        #expect(begun(by: 3) == [ids[2], ids[3]])
        ids[0] = table.insert(operation(0))
        #expect(begun(by: 5000).count == 4998 && begun(by: 5000).last == ids[0])
        for id in ids { _ = table.remove(id) }
        mayEnd = table.mayEnd
        let left = table.ids
        #expect(!mayEnd && begun(by: 5000).isEmpty && left == [waiting])
        // Empty, it has given back what it needed, and old ids are nobody's.
        table.drop(waiting)
        let next = table.insert(operation(7))
        ids[7] = next
        let found = (ids + [waiting]).map { slot($0, &table) }
        mayEnd = table.mayEnd
        #expect(mayEnd && found == (0..<5001).map { $0 == 7 ? 7 : -1 })
    }

    /// -1: there is no such operation.
    private func slot(_ id: UInt64, _ table: inout OperationTable) -> Int { table.update(id) { $0.slot } ?? -1 }
}
