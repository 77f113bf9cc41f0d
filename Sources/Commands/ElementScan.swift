import Base
import Keyspace
import RESP

extension Call {
    /// HSCAN, SSCAN or ZSCAN key cursor [MATCH pattern] [COUNT count] on a value of this type.
    ///
    /// `step` hands over one step's elements from a cursor on, as far as the request selects them (it answers the
    /// next cursor), writes them and counts each written bulk string into its last argument.
    public func scanElements(
        _ type: ValueType, _ step: (Entry, UInt64, ScanOptions, ReplyWriter, inout Int) -> UInt64
    ) {
        guard let start = Call.scanCursor(self[2]) else { return fail("ERR invalid cursor") }
        guard let entry = read(key(1)) else {
            reply.array(2)
            reply.bulk("0")
            return reply.array(0)
        }
        guard isA(type, entry), let request = scanOptions(from: 3) else { return }
        let writer = ReplyWriter(state.pointee.scratch, version: state.pointee.version)
        var cursor = start
        var written = 0
        var steps = 0
        repeat {
            cursor = step(entry, cursor, request, writer, &written)
            steps &+= 1
        } while cursor != 0 && written < request.count && steps < request.count
        reply.array(2)
        reply.bulk(String(cursor))
        reply.array(written)
        replyScratch()
    }
}
