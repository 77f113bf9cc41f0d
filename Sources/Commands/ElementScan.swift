import Base
import Keyspace
import RESP

/// What HSCAN, SSCAN and ZSCAN were asked for.
public struct ElementScan {
    /// nil: everything.
    public var pattern: ByteView?
    /// Elements after which a call ends; small collections are answered whole all the same.
    public var count = 10

    @inline(__always)
    public func selects(_ element: Listpack.Element) -> Bool {
        guard let pattern else { return true }
        return element.withView { Glob.matches(pattern, $0) }
    }
}

extension Call {
    /// HSCAN, SSCAN or ZSCAN key cursor [MATCH pattern] [COUNT count] on a value of this type.
    ///
    /// `step` hands over one step's elements from a cursor on, as far as the request selects them (it answers the
    /// next cursor), writes them and counts each written bulk string into its last argument.
    public func scanElements(
        _ type: ValueType, _ step: (Entry, UInt64, ElementScan, ReplyWriter, inout Int) -> UInt64
    ) {
        guard let start = Call.scanCursor(self[2]) else { return fail("ERR invalid cursor") }
        guard let entry = read(key(1)) else {
            reply.array(2)
            reply.bulk("0")
            return reply.array(0)
        }
        guard isA(type, entry), let request = elementScan() else { return }
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

    private func elementScan() -> ElementScan? {
        var request = ElementScan()
        var word = 3
        while word < count {
            if self[word].isWord("count") && word + 1 < count {
                guard let number = integer(word + 1) else { return nil }
                if number < 1 {
                    fail(ErrorText.syntax)
                    return nil
                }
                request.count = Int(number)
            } else if self[word].isWord("match") && word + 1 < count {
                let pattern = self[word + 1]
                request.pattern = pattern.count == 1 && pattern[0] == 42 ? nil : pattern
            } else {
                fail(ErrorText.syntax)
                return nil
            }
            word += 2
        }
        return request
    }
}
