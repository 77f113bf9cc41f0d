import Base

extension ByteBuffer {
    fileprivate mutating func append(_ id: StreamID) {
        append(varint: id.ms)
        append(varint: id.seq)
    }

    /// A count that may be unknown: one more than it is, or 0.
    fileprivate mutating func append(optional count: Int64?) {
        append(varint: count.map { UInt64(bitPattern: $0) &+ 1 } ?? 0)
    }
}

extension Mutation {
    func encode(_ change: StreamChange, _ output: inout ByteBuffer) {
        switch change {
        case .add(let id, let fields):
            begin(.streamAdd, nil, &output)
            output.append(id)
            output.append(varint: UInt64(fields.count))
            for i in 0..<fields.count &* 2 { output.append(counted: fields.views[i]) }
        case .delete(let id):
            begin(.streamDelete, nil, &output)
            output.append(id)
        case .trim(let count):
            begin(.streamTrim, nil, &output)
            output.append(varint: UInt64(count))
        case .setID(let last, let entriesAdded, let maxDeleted):
            begin(.streamSetID, nil, &output)
            output.append(last)
            // The count wraps around, as Redis' does, if XSETID has set it high enough.
            output.append(varint: UInt64(bitPattern: entriesAdded))
            output.append(maxDeleted)
        default: encodeGroup(change, &output)
        }
    }

    private func encodeGroup(_ change: StreamChange, _ output: inout ByteBuffer) {
        switch change {
        case .createGroup(let name, let last, let entriesRead):
            group(.streamCreateGroup, name, last, entriesRead, &output)
        case .setGroup(let name, let last, let entriesRead):
            group(.streamSetGroup, name, last, entriesRead, &output)
        case .destroyGroup(let name):
            begin(.streamDestroyGroup, nil, &output)
            output.append(counted: name)
        case .createConsumer(let group, let name): names(.streamCreateConsumer, group, name, &output)
        case .deleteConsumer(let group, let name): names(.streamDeleteConsumer, group, name, &output)
        case .deliver(let delivery): encode(delivery, &output)
        case .claim(let group, let consumer, let id, let time, let deliveries):
            names(.streamClaim, group, consumer, &output)
            output.append(id)
            output.append(signedVarint: time)
            output.append(signedVarint: deliveries)
        case .acknowledge(let name, let id):
            begin(.streamAcknowledge, nil, &output)
            output.append(counted: name)
            output.append(id)
        case .add, .delete, .trim, .setID: preconditionFailure("not a change of a group")
        }
    }

    private func group(
        _ kind: MutationKind, _ name: ByteView, _ last: StreamID, _ entriesRead: Int64?, _ output: inout ByteBuffer
    ) {
        begin(kind, nil, &output)
        output.append(counted: name)
        output.append(last)
        output.append(optional: entriesRead)
    }

    private func names(_ kind: MutationKind, _ group: ByteView, _ consumer: ByteView, _ output: inout ByteBuffer) {
        begin(kind, nil, &output)
        output.append(counted: group)
        output.append(counted: consumer)
    }

    private func encode(_ delivery: StreamDelivery, _ output: inout ByteBuffer) {
        names(.streamDeliver, delivery.group, delivery.consumer, &output)
        output.append(varint: UInt64(delivery.ids.count))
        for id in delivery.ids { output.append(id) }
        output.append(signedVarint: delivery.time)
        output.append(delivery.lastID)
        output.append(optional: delivery.entriesRead)
    }
}
