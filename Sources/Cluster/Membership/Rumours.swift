/// News to be told to others, each a number of times: one update for each member at most, those told least often first
/// (SWIM, section 4.1).
struct Rumours {
    private struct Rumour {
        var update: Update
        var tellings: Int
    }

    /// Ordered by `tellings`; of equals the newest first.
    private var rumours: [Rumour] = []

    var isEmpty: Bool { rumours.isEmpty }
    var count: Int { rumours.count }

    /// In place of what there was to tell of this member.
    mutating func add(_ update: Update) {
        rumours.removeAll { $0.update.id == update.id }
        rumours.insert(Rumour(update: update, tellings: 0), at: 0)
    }

    /// Adds as much news as there is room for to a message. Told often enough, it is dropped.
    mutating func tell(_ writer: inout GossipWriter, limit: Int) {
        var told = 0
        while told < rumours.count, writer.append(rumours[told].update) { told += 1 }
        if told == 0 { return }
        // Those told move behind those that have now been told less often, and stay in order.
        var again = rumours[..<told]
        rumours.removeFirst(told)
        for i in again.indices { again[i].tellings += 1 }
        again.removeAll { $0.tellings >= limit }
        merge(again)
    }

    private mutating func merge(_ told: ArraySlice<Rumour>) {
        var merged: [Rumour] = []
        merged.reserveCapacity(rumours.count + told.count)
        var (left, right) = (rumours.startIndex, told.startIndex)
        while left < rumours.endIndex || right < told.endIndex {
            if right == told.endIndex
                || left < rumours.endIndex && rumours[left].tellings <= told[right].tellings
            {
                merged.append(rumours[left])
                left += 1
            } else {
                merged.append(told[right])
                right += 1
            }
        }
        rumours = merged
    }
}
