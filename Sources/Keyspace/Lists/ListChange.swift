import Base

/// A change of a list's elements. Replaying the changes of a list in order rebuilds it.
public enum ListChange {
    /// An element was added at an end; the list came into being if it was not there.
    case push(ListSide, ByteView)
    /// So many elements were taken away at an end.
    case pop(ListSide, Int)
    /// An element was put before the one at this index.
    case insert(at: Int, ByteView)
    /// The element at this index was replaced.
    case set(at: Int, ByteView)
    /// So many elements from this index on were taken away.
    case remove(at: Int, count: Int)
}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there.
    func apply(_ change: ListChange, _ key: Key, _ slot: Slot?) {
        guard let slot else {
            if case .push(let side, let element) = change { push(element, side, makeList(key)) }
            return
        }
        if Table.entry(slot).type == .list { apply(change, ListValue(self, slot, key)) }
    }

    private func push(_ element: ByteView, _ side: ListSide, _ list: ListValue) { list.push(element, side) }

    /// Changes that do not fit the list (the mutations before them are missing) do nothing.
    private func apply(_ change: ListChange, _ list: ListValue) {
        let count = list.count
        switch change {
        case .push(let side, let element): list.push(element, side)
        case .pop(let side, let elements): if elements <= count { list.pop(elements, side) }
        case .insert(let index, let element): if index <= count { list.insert(element, at: index) }
        case .set(let index, let element): if index < count { list.set(element, at: index) }
        case .remove(let index, let elements): if index + elements <= count { list.remove(at: index, count: elements) }
        }
    }
}
