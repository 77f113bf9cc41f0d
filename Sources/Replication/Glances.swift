import Base
import Causality

// What a message is mostly about, at a glance, so that memory can be fetched before it is read in earnest. Nothing is
// checked but that the bytes are there; nil: that would take a closer look.

extension WriteBatch {
    /// The first mutation in an encoded batch, if it has no context of its own.
    public static func firstMutation(of bytes: ByteView) -> ByteView? {
        var reader = CausalReader(bytes)
        do throws(CausalityError) {
            try reader.skipDictionary()
            try reader.skip(varints: 2)
            // The context: entries of its base, then exact dots.
            for _ in 0..<2 { try reader.skip(varints: 3 * (try reader.count(bytesEach: 3))) }
            try reader.skip(varints: 3)
            let flags = try reader.byte()
            if flags & Flag.beyond != 0 { return nil }
            if flags & Flag.predecessor != 0 { try reader.skip(varints: 2) }
            return try reader.byte() == FormByte.mutation ? try reader.counted() : nil
        } catch {
            return nil
        }
    }
}

extension Comparison {
    /// The first key of encoded comparisons.
    public static func firstKey(of bytes: ByteView) -> ByteView? {
        var reader = CausalReader(bytes)
        do throws(CausalityError) {
            try reader.skipDictionary()
            return try reader.counted()
        } catch {
            return nil
        }
    }
}

extension ForwardedCommand {
    /// The word behind the command's name: of most commands the first key.
    public static func firstArgument(of bytes: ByteView) -> ByteView? {
        var reader = CausalReader(bytes)
        do throws(CausalityError) {
            _ = try reader.take(headBytes)
            if try reader.varint() < 2 { return nil }
            _ = try reader.counted()
            return try reader.counted()
        } catch {
            return nil
        }
    }

    /// What comes before the words.
    private static let headBytes = 5
}

extension CausalReader {
    fileprivate mutating func skipDictionary() throws(CausalityError) {
        _ = try take(ActorID.byteCount * (try count(bytesEach: ActorID.byteCount)))
    }

    fileprivate mutating func skip(varints count: Int) throws(CausalityError) {
        for _ in 0..<count { _ = try varint() }
    }
}
