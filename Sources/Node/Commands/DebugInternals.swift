import Base
import CSystem
import Commands
import Keyspace
import RESP

/// The parts of DEBUG that look at, or pass through, the forms in which values are kept.
extension Call {
    /// Lends a key's entry; replies if there is none.
    private func withEntry(_ body: (Entry) -> Void) {
        let key = Key(self[2])
        let isThere = withPartition(key.partition) { _ in
            guard let entry = access(key).peek(key) else { return false }
            body(entry)
            return true
        }
        if !isThere { fail(ErrorText.noSuchKey) }
    }

    /// DEBUG LISTPACK key
    func debugListpack() {
        withEntry { entry in
            guard entry.encodingName.description == "listpack" else {
                return fail("ERR Not a listpack encoded object.")
            }
            node.doors.log(.warning, "DEBUG LISTPACK: \(entry.shapeShown)")
            reply.simple("Listpack structure printed on stdout")
        }
    }

    /// DEBUG QUICKLIST key [full]
    func debugQuicklist() {
        withEntry { entry in
            guard entry.type == .list else { return fail("ERR Not a quicklist encoded object.") }
            node.doors.log(.warning, "DEBUG QUICKLIST: \(entry.shapeShown)")
            reply.simple("Quicklist structure printed on stdout")
        }
    }

    /// DEBUG QUICKLIST-PACKED-THRESHOLD size; 0: as usual.
    func debugPlainElements() {
        guard let size = Units.memory(self[2].text), size <= 1 << 32 - 1 << 20 else {
            return fail("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
        }
        keyspace.shared.pointee.packing[.plainElementBytes] = size == 0 ? ListLimits.plainBytesUsual : Int(size)
        reply.ok()
    }

    /// DEBUG HTSTATS-KEY key
    func debugTable() {
        withEntry { entry in
            switch entry.encodingName.description {
            case "hashtable", "skiplist": reply.verbatim(entry.shapeShown + "\n")
            default: fail("ERR The value stored at the specified key is not represented using an hash table")
            }
        }
    }

    /// DEBUG SDSLEN key: lengths and memory of a key and its string, in Redis' words.
    func debugStringLength() {
        withEntry { entry in
            guard entry.type == .string, entry.encoding != .integer else {
                return fail("ERR Not an sds encoded string.")
            }
            reply.simple(
                "key_sds_len:\(entry.keyCount), key_sds_avail:0, key_zmalloc: \(entry.keyCount), "
                    + "val_sds_len:\(entry.stringCount), val_sds_avail:\(entry.stringRoom - entry.stringCount), "
                    + "val_zmalloc: \(entry.memoryBytes())")
        }
    }

    /// DEBUG STRINGMATCH-TEST: random patterns on random texts.
    func debugMatching() {
        for _ in 0..<2000 {
            let pattern = randomText("*[]^-\\?ab", 16)
            let text = randomText("abc\\", 32)
            _ = pattern.withView { pattern in text.withView { Glob.matches(pattern, $0) } }
        }
        reply.simple("Apparently Redis did not crash: test passed")
    }

    private func randomText(_ letters: StaticString, _ longest: UInt64) -> [UInt8] {
        let letters = ByteView(letters)
        return (0..<state.pointee.random.below(longest)).map { _ in
            letters[Int(state.pointee.random.below(UInt64(letters.count)))]
        }
    }

    /// DEBUG STRUCTSIZE
    func debugSizes() {
        reply.bulk(
            "bits:64 entry:\(Entry.headerBytes) wide:\(Entry.wideBytes) session:\(MemoryLayout<Session>.stride) "
                + "link:\(MemoryLayout<Link>.stride) ")
    }

    /// DEBUG REPLYBUFFER PEAK-RESET-TIME | RESIZING value: taken and of no effect, reply buffers shrink when idle.
    func debugReplyBuffer() {
        if self[2].isWord("peak-reset-time") {
            if !self[3].isWord("never") && !self[3].isWord("reset") && integer(3) == nil { return }
        } else if !self[2].isWord("resizing") {
            return replyUnknownWord(1)
        }
        reply.ok()
    }
}

extension Entry {
    /// What DEBUG OBJECT says of a list, in Redis' words: one node is one piece, the whole of a short list.
    func quicklistShown(_ configuredSize: Int) -> String {
        var nodes = 0
        var bytes = 0
        forEachPiece {
            nodes += 1
            bytes += $0.bytes
        }
        if encoding != .pieces { (nodes, bytes) = (1, packed.byteCount) }
        let average = Figure.fixed(Double(listCount) / Double(max(1, nodes)), 2)
        return " ql_nodes:\(nodes) ql_avg_node:\(average) ql_listpack_max:\(configuredSize) ql_compressed:0 "
            + "ql_uncompressed_size:\(bytes)"
    }

    /// What a value consists of, for people.
    fileprivate var shapeShown: String {
        var pieces = 0
        var elements = 0
        var bytes = 0
        forEachPiece { piece in
            pieces += 1
            elements += piece.elements
            bytes += piece.bytes
        }
        if pieces == 0 { return "one block, \(memoryBytes()) bytes with its key" }
        return "\(pieces) pieces, \(elements) elements, \(bytes) bytes of elements, \(memoryBytes()) bytes in all"
    }
}
