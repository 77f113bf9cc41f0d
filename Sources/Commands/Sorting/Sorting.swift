import Base
import CSystem
import Keyspace
import RESP

extension Call {
    /// SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]
    func sort(mayStore: Bool) {
        guard var options = sortOptions(mayStore: mayStore) else { return }
        let entry = read(key(1))
        if let entry, ![.list, .set, .sortedSet].contains(entry.type) { return fail(ErrorText.wrongType) }
        // A set has no order to keep; what is stored must not depend on where members happen to lie.
        if options.keepsOrder, entry?.type == .set, options.storeWord != nil || state.pointee.deniesWaiting {
            options.keepsOrder = false
            options.isAlphabetical = true
            options.by = nil
        }
        let range = sortRange(options, total: entry.map { $0.elementCount } ?? 0)
        var items = SortItems(capacity: entry.map { options.keepsOrder ? range.count : $0.elementCount } ?? 0)
        guard let entry else { return finishSort(options, items, range) }
        if options.keepsOrder {
            load(entry, options, range, &items)
            return finishSort(options, items, 0..<range.count)
        }
        entry.forEachElement {
            items.add($0)
        } member: {
            items.add($0)
        }
        guard weigh(&items, options) else {
            return fail("ERR One or more scores can't be converted into double")
        }
        let order = SortOrder(
            isAlphabetical: options.isAlphabetical, isDescending: options.isDescending, byWeight: options.by != nil)
        items.sort { order.isBefore($0, $1) }
        finishSort(options, items, range)
    }

    /// Which of so many elements are answered.
    private func sortRange(_ options: SortOptions, total: Int) -> Range<Int> {
        let start = Int(min(max(options.offset, 0), Int64(total)))
        let limit = options.limit < 0 ? total : Int(min(options.limit, Int64(total)))
        return start..<min(total, start + limit)
    }

    /// Takes the elements of a range in the order they have, from the end if that is asked for. A set has none.
    private func load(_ entry: Entry, _ options: SortOptions, _ range: Range<Int>, _ items: inout SortItems) {
        let total = entry.elementCount
        switch entry.type {
        case .list:
            if range.isEmpty { return }
            let from = options.isDescending ? total - 1 - range.lowerBound : range.lowerBound
            var cursor = entry.listCursor(from: from, towards: options.isDescending ? .front : .back)
            for _ in range { cursor.next().map { items.add($0) } }
        case .sortedSet:
            let ranks = options.isDescending ? total - range.upperBound..<total - range.lowerBound : range
            SortedSet(entry).forEach(ranks, reversed: options.isDescending) { member, _ in items.add(member) }
        default:
            var index = 0
            entry.forEachMember { member in
                if range.contains(index) { items.add(member) }
                index += 1
                return index < range.upperBound
            }
        }
    }

    /// Looks up what elements are compared by. False if something is no number.
    private func weigh(_ items: inout SortItems, _ options: SortOptions) -> Bool {
        if options.isAlphabetical && options.by == nil { return true }
        var areNumbers = true
        for i in 0..<items.items.count {
            let text = items.items[i].text
            guard let by = options.by else {
                areNumbers = setScore(i, text, &items) && areNumbers
                continue
            }
            by.lookUp(self, text) { found in
                guard let found else { return }
                if options.isAlphabetical {
                    items.setWeight(i, found)
                } else {
                    areNumbers = setScore(i, found, &items) && areNumbers
                }
            }
        }
        return areNumbers
    }

    private func setScore(_ i: Int, _ text: ByteView, _ items: inout SortItems) -> Bool {
        var score = 0.0
        if let integer = text.count <= 20 ? text.integer : nil {
            score = Double(integer)
        } else if cs_parse_weight(text.start, text.count, &score) != 0 {
            return false
        }
        items.setScore(i, score)
        return true
    }

    // MARK: the result

    private func finishSort(_ options: SortOptions, _ items: borrowing SortItems, _ range: Range<Int>) {
        if let word = options.storeWord { return store(options, items, range, Key(self[word])) }
        reply.array(range.count * max(1, options.gets.count))
        forEachResult(options, items, range) { if let text = $0 { reply.bulk(text) } else { reply.null() } }
    }

    private func forEachResult(
        _ options: SortOptions, _ items: borrowing SortItems, _ range: Range<Int>, _ body: (ByteView?) -> Void
    ) {
        for i in range {
            let text = items.items[i].text
            if options.gets.isEmpty { body(text) }
            for pattern in options.gets { pattern.lookUp(self, text, body) }
        }
    }

    private func store(_ options: SortOptions, _ items: borrowing SortItems, _ range: Range<Int>, _ key: Key) {
        let access = access(key)
        if range.isEmpty {
            if let slot = access.find(key) {
                access.remove(slot, key)
                access.notify(.generic, "del", key)
            }
            return reply.integer(0)
        }
        var builder = ListBuilder(access, key)
        forEachResult(options, items, range) { builder.append($0 ?? ByteView("")) }
        access.putEntry(builder.finish(), key, access.find(key))
        access.notify(.list, "sortstore", key)
        reply.integer(range.count * max(1, options.gets.count))
    }
}

extension Entry {
    /// Elements of a list, set or sorted set.
    fileprivate var elementCount: Int {
        switch type {
        case .list: listCount
        case .set: memberCount
        case .sortedSet: SortedSet(self).count
        case .string, .hash, .stream: preconditionFailure("nothing to sort")
        }
    }

    /// Every element of a list, set or sorted set.
    fileprivate func forEachElement(_ element: (Listpack.Element) -> Void, member: (SortedSetMember) -> Void) {
        switch type {
        case .list:
            if listCount == 0 { return }
            var cursor = listCursor(from: 0)
            while let next = cursor.next() { element(next) }
        case .set:
            forEachMember {
                element($0)
                return true
            }
        case .sortedSet:
            let set = SortedSet(self)
            set.forEach(0..<set.count) { each, _ in member(each) }
        case .string, .hash, .stream: preconditionFailure("nothing to sort")
        }
    }
}
