/// A loop's waits that end by themselves, the earliest first: a binary heap whose members know their places, so
/// that those that end otherwise leave it in O(log n).
struct WaitDeadlines {
    private var heap: [Waiter] = []

    /// When the next is due, ms since 1970.
    var earliest: Int64? { heap.first?.due }

    var first: Waiter? { heap.first }

    var isEmpty: Bool { heap.isEmpty }

    mutating func insert(_ waiter: Waiter) {
        waiter.heapIndex = heap.count
        heap.append(waiter)
        rise(waiter.heapIndex)
    }

    /// Removes a waiter that may be in the heap.
    mutating func remove(_ waiter: Waiter) {
        let index = waiter.heapIndex
        if index < 0 { return }
        let last = heap.removeLast()
        waiter.heapIndex = -1
        if last === waiter { return }
        put(last, index)
        rise(index)
        sink(last.heapIndex)
    }

    private mutating func put(_ waiter: Waiter, _ index: Int) {
        heap[index] = waiter
        waiter.heapIndex = index
    }

    private mutating func rise(_ start: Int) {
        var index = start
        let waiter = heap[index]
        while index > 0, heap[(index - 1) / 2].due > waiter.due {
            put(heap[(index - 1) / 2], index)
            index = (index - 1) / 2
        }
        put(waiter, index)
    }

    private mutating func sink(_ start: Int) {
        var index = start
        let waiter = heap[index]
        while true {
            var child = index * 2 + 1
            if child >= heap.count { break }
            if child + 1 < heap.count && heap[child + 1].due < heap[child].due { child += 1 }
            if heap[child].due >= waiter.due { break }
            put(heap[child], index)
            index = child
        }
        put(waiter, index)
    }
}
