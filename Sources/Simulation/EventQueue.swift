/// What will happen, by time; of one time in the order in which it was added. A binary heap.
public struct EventQueue<Event> {
    private var heap: [(time: Int64, number: UInt64, event: Event)] = []
    private var number: UInt64 = 0

    public init() {}

    public mutating func add(_ event: Event, at time: Int64) {
        heap.append((time, number, event))
        number += 1
        var i = heap.count - 1
        while i > 0, isBefore(i, (i - 1) / 2) {
            heap.swapAt(i, (i - 1) / 2)
            i = (i - 1) / 2
        }
    }

    /// When the first event is; nil if there is none.
    public var first: Int64? { heap.first?.time }

    /// The first event, if it is not later than that.
    public mutating func next(upTo end: Int64) -> (Int64, Event)? {
        guard let first = heap.first, first.time <= end else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return (first.time, first.event)
    }

    private mutating func sink() {
        var i = 0
        while true {
            var least = i
            for child in [2 * i + 1, 2 * i + 2] where child < heap.count && isBefore(child, least) { least = child }
            if least == i { return }
            heap.swapAt(i, least)
            i = least
        }
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        (heap[a].time, heap[a].number) < (heap[b].time, heap[b].number)
    }
}
