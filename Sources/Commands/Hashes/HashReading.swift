import Base
import Keyspace
import RESP

extension Call {
    /// HGET key field
    @inline(__always)
    func hashGet() {
        guard let entry = read(key(1)) else { return reply.null() }
        guard isA(.hash, entry) else { return }
        replyField(entry, self[2])
    }

    @inline(__always)
    private func replyField(_ entry: Entry, _ field: ByteView) {
        if let value = entry.fieldValue(field) { reply.bulk(value) } else { reply.null() }
    }

    /// HMGET key field [field ...]
    func hashGetMany() {
        let entry = read(key(1))
        if let entry, !isA(.hash, entry) { return }
        reply.array(count - 2)
        for word in 2..<count {
            if let entry { replyField(entry, self[word]) } else { reply.null() }
        }
    }

    /// HGETALL key
    @inline(__always)
    func hashGetAll() {
        guard let entry = read(key(1)) else { return reply.map(0) }
        guard isA(.hash, entry) else { return }
        let reply = reply
        reply.map(entry.fieldCount)
        entry.forEachField { field, value in
            reply.bulk(field)
            reply.bulk(value)
            return true
        }
    }

    /// HKEYS key
    func hashFields() {
        guard let entry = read(key(1)) else { return reply.array(0) }
        guard isA(.hash, entry) else { return }
        let reply = reply
        reply.array(entry.fieldCount)
        entry.forEachField { field, _ in
            reply.bulk(field)
            return true
        }
    }

    /// HVALS key
    func hashValues() {
        guard let entry = read(key(1)) else { return reply.array(0) }
        guard isA(.hash, entry) else { return }
        let reply = reply
        reply.array(entry.fieldCount)
        entry.forEachField { _, value in
            reply.bulk(value)
            return true
        }
    }

    /// HEXISTS key field
    func hashExists() {
        guard let entry = read(key(1)) else { return reply.integer(0) }
        guard isA(.hash, entry) else { return }
        reply.integer(entry.fieldValue(self[2]) == nil ? 0 : 1)
    }

    /// HLEN key
    func hashLength() {
        guard let entry = read(key(1)) else { return reply.integer(0) }
        guard isA(.hash, entry) else { return }
        reply.integer(entry.fieldCount)
    }

    /// HSTRLEN key field
    func hashValueLength() {
        guard let entry = read(key(1)) else { return reply.integer(0) }
        guard isA(.hash, entry) else { return }
        reply.integer(entry.fieldValue(self[2])?.textCount ?? 0)
    }

    /// HSCAN key cursor [MATCH pattern] [COUNT count]
    func hashScan() {
        scanElements(.hash) { entry, cursor, request, writer, written in
            entry.scanFields(cursor) { field, value in
                if !request.selects(field) { return }
                writer.bulk(field)
                writer.bulk(value)
                written &+= 2
            }
        }
    }
}
