import Base
import Keyspace
import RESP

extension ReplyWriter {
    /// An element of a collection as a bulk string, an integer as its decimal text.
    @inline(__always)
    public func bulk(_ element: Listpack.Element) {
        if let view = element.view { bulk(view) } else { bulkInteger(element.integer) }
    }
}

extension Call {
    /// Whether an entry is of this type; replies WRONGTYPE if it is something else.
    @inline(__always)
    public func isA(_ type: ValueType, _ entry: Entry) -> Bool {
        if _fastPath(entry.type == type) { return true }
        fail(ErrorText.wrongType)
        return false
    }

    /// The slot of a key that holds this type or nothing, for a command that changes it. `isRight` is false if
    /// it holds something else: the reply is WRONGTYPE then.
    @inline(__always)
    public func find(_ type: ValueType, _ key: Key, _ access: Access) -> (slot: Access.Slot?, isRight: Bool) {
        guard let slot = access.find(key) else { return (nil, true) }
        return isA(type, access.entry(slot)) ? (slot, true) : (nil, false)
    }
}
