import Base
import CSystem
import Keyspace
import RESP

extension ReplyWriter {
    /// An ID as a bulk string.
    @inline(__always)
    func streamID(_ id: StreamID) {
        let at = output.pointee.reserve(StreamID.textMax + 8)
        // Most texts have two digits of length.
        let length = id.write(at + 5)
        at[0] = 36
        var head = 5
        if _fastPath(length >= 10) {
            at[1] = 48 &+ UInt8(truncatingIfNeeded: length / 10)
            at[2] = 48 &+ UInt8(truncatingIfNeeded: length % 10)
        } else {
            memmove(at + 4, at + 5, length)
            at[1] = 48 &+ UInt8(truncatingIfNeeded: length)
            head = 4
        }
        at[head &- 2] = 13
        at[head &- 1] = 10
        at[head &+ length] = 13
        at[head &+ length &+ 1] = 10
        output.pointee.advance(head &+ length &+ 2)
    }

    /// The cursor's entry: its ID and an array of its fields and values.
    @inline(__always)
    func streamEntry(_ cursor: inout StreamCursor) {
        raw("*2\r\n")
        streamID(cursor.id)
        array(cursor.fieldCount &* 2)
        cursor.forEachField { field, value in
            bulk(field)
            bulk(value)
        }
    }

    /// The entries that the cursor meets, `most` at most (0: all); answers how many.
    func streamEntries(_ cursor: inout StreamCursor, most: Int) -> Int {
        var written = 0
        while cursor.next() {
            streamEntry(&cursor)
            written &+= 1
            if written == most { break }
        }
        return written
    }

    /// The entry of an ID; false, and nothing written, if it is not there.
    func streamEntry(_ stream: Stream, _ id: StreamID) -> Bool {
        var cursor = stream.entries(from: id, to: id)
        guard cursor.next() else { return false }
        streamEntry(&cursor)
        return true
    }
}

extension Call {
    /// Has `body` write into a buffer of its own, then `head` write what comes before that, then both go to the
    /// reply.
    func replyAside<R>(_ body: () -> R, head: (R) -> Void) {
        var aside = OutputBuffer()
        let output = state.pointee.output
        let result = withUnsafeMutablePointer(to: &aside) { buffer in
            state.pointee.output = buffer
            defer { state.pointee.output = output }
            return body()
        }
        head(result)
        while let run = aside.unsent {
            output.pointee.append(run)
            aside.consume(run.count)
        }
        aside.reset()
    }
}
