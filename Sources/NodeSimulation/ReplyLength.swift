/// Where replies end, for clients that wait for whole ones.
enum ReplyLength {
    /// Bytes of the reply that begins there; nil: it has not all come.
    static func of(_ bytes: ArraySlice<UInt8>) -> Int? {
        var at = bytes.startIndex
        return skip(bytes, &at) ? at - bytes.startIndex : nil
    }

    private static func skip(_ bytes: ArraySlice<UInt8>, _ at: inout Int) -> Bool {
        guard at < bytes.endIndex, let end = bytes[at...].firstIndex(of: 10) else { return false }
        let kind = bytes[at]
        let count = Int(String(decoding: bytes[(at + 1)..<(end - 1)], as: UTF8.self)) ?? 0
        at = end + 1
        switch kind {
        // Bulk strings and verbatim texts.
        case UInt8(ascii: "$"), UInt8(ascii: "="):
            if count >= 0 { at += count + 2 }
            return at <= bytes.endIndex
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"):
            for _ in 0..<max(0, count) where !skip(bytes, &at) { return false }
            return true
        case UInt8(ascii: "%"):
            for _ in 0..<2 * max(0, count) where !skip(bytes, &at) { return false }
            return true
        default: return true
        }
    }
}
