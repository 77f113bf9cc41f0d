import Base
import Causality

extension Mutation {
    /// Appends the mutation as the log, peers and hints have it (docs/storage-format.md).
    public func encode(to output: inout ByteBuffer) {
        switch change {
        case .putString(let value, let deadline): put(.putString, value, deadline, &output)
        case .putRawString(let value, let deadline): put(.putRawString, value, deadline, &output)
        case .putInteger(let value, let deadline):
            begin(.putInteger, deadline, &output)
            output.append(signedVarint: value)
        case .putObject(let object, let deadline): put(.putObject, object, deadline, &output)
        case .putValue(let entry): put(entry, &output)
        case .delete: begin(.delete, nil, &output)
        case .deadline(let deadline): begin(.deadline, deadline, &output)
        case .add(let increment):
            begin(.add, nil, &output)
            output.append(signedVarint: increment)
        case .splice(let offset, let bytes):
            begin(.splice, nil, &output)
            output.append(varint: UInt64(offset))
            output.append(counted: bytes)
        case .raise(let register, let rank, let isDense):
            begin(.raise, nil, &output)
            output.append(varint: UInt64(register))
            output.append(rank)
            output.append(isDense ? 1 : 0)
        case .flush: begin(.flush, nil, &output)
        case .swap(let other):
            begin(.swap, nil, &output)
            output.append(varint: UInt64(other))
        case .libraries(let payload): element(.libraries, payload, &output)
        case .siblings(let record): element(.siblings, record, &output)
        case .clock(let clock): element(.clock, clock, &output)
        case .actors(let actors): element(.actors, actors, &output)
        case .list(let change): encode(change, &output)
        case .set(let change): encode(change, &output)
        case .sortedSet(let change): encode(change, &output)
        case .hash(let change): encode(change, &output)
        case .stream(let change): encode(change, &output)
        }
    }

    /// What all mutations begin with.
    @inline(__always)
    func begin(_ kind: MutationKind, _ deadline: Int64? = nil, _ output: inout ByteBuffer) {
        var first = kind.rawValue
        if deadline != nil { first |= MutationKind.hasDeadline }
        if database != 0 { first |= MutationKind.hasDatabase }
        output.append(first)
        if database != 0 { output.append(varint: UInt64(database)) }
        output.append(varint: dot.actor)
        output.append(varint: dot.counter)
        output.append(signedVarint: timestamp &- Limits.timestampEpoch)
        if kind.isOfSlot {
            output.append(varint: UInt64(slot))
        } else {
            output.append(counted: key)
        }
        if let deadline { output.append(signedVarint: deadline &- timestamp) }
    }

    @inline(__always)
    private func put(_ kind: MutationKind, _ value: ByteView, _ deadline: Int64?, _ output: inout ByteBuffer) {
        begin(kind, deadline, &output)
        output.append(counted: value)
    }

    /// An object's length is known only once it is written, and it is written where it stays.
    private func put(_ entry: Entry, _ output: inout ByteBuffer) {
        var object = ByteBuffer(capacity: 1024)
        Payload.writeObject(entry, to: &object)
        put(.putObject, object.view, entry.deadline, &output)
    }

    /// A change that is one text.
    @inline(__always)
    private func element(_ kind: MutationKind, _ text: ByteView, _ output: inout ByteBuffer) {
        begin(kind, nil, &output)
        output.append(counted: text)
    }

    private func encode(_ change: ListChange, _ output: inout ByteBuffer) {
        switch change {
        case .push(let side, let element):
            begin(.listPush, nil, &output)
            output.append(side.rawValue)
            output.append(counted: element)
        case .pop(let side, let count):
            begin(.listPop, nil, &output)
            output.append(side.rawValue)
            output.append(varint: UInt64(count))
        case .insert(let index, let element):
            begin(.listInsert, nil, &output)
            output.append(varint: UInt64(index))
            output.append(counted: element)
        case .set(let index, let element):
            begin(.listSet, nil, &output)
            output.append(varint: UInt64(index))
            output.append(counted: element)
        case .remove(let index, let count):
            begin(.listRemove, nil, &output)
            output.append(varint: UInt64(index))
            output.append(varint: UInt64(count))
        }
    }

    private func encode(_ change: SetChange, _ output: inout ByteBuffer) {
        switch change {
        case .add(let member): element(.setAdd, member, &output)
        case .remove(let member): element(.setRemove, member, &output)
        }
    }

    private func encode(_ change: SortedSetChange, _ output: inout ByteBuffer) {
        switch change {
        case .put(let member, let score):
            element(.sortedSetPut, member, &output)
            output.append(littleEndian: score.bitPattern)
        case .remove(let member): element(.sortedSetRemove, member, &output)
        }
    }

    private func encode(_ change: HashChange, _ output: inout ByteBuffer) {
        switch change {
        case .set(let field, let value):
            element(.hashSet, field, &output)
            output.append(counted: value)
        case .remove(let field): element(.hashRemove, field, &output)
        }
    }
}
