import Base
import Keyspace

extension Entry {
    /// The bytes that the value takes in a dump of Redis', compressed where Redis compresses.
    var serializedLength: Int {
        var payload = ByteBuffer()
        Payload.write(self, to: &payload)
        // The kind comes before it, a version and a checksum behind it.
        return payload.count - 11
    }
}
