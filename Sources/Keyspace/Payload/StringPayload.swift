import Base
import CSystem

extension Entry {
    func writeString(to output: inout ByteBuffer) {
        output.appendKind(.string)
        if encoding == .integer { return output.appendText(integer) }
        output.appendText(stringBytes.unsafelyUnwrapped)
    }
}

extension PayloadTarget {
    /// An integer if it spells one, as if it had been SET.
    func readString(_ reader: inout PayloadReader) throws(PayloadError) -> Entry {
        let text = try reader.text()
        if let integer = text.spelledInteger {
            let entry = make(.string, .integer, 8)
            entry.integer = integer
            return entry
        }
        return text.withView { make(.string, .bytes, .block, $0, insideMax: Limits.inlineValueBytes) }
    }
}
