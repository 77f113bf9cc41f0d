import Base
import CSystem

extension Entry {
    /// As Redis' list of nodes: listpacks, and large elements by themselves.
    func writeList(to output: inout ByteBuffer) {
        output.appendKind(.quicklist2)
        if encoding != .pieces {
            output.appendCount(1)
            return output.appendNode(packed)
        }
        let spine = listSpine
        output.appendCount(spine.pointee.pieceCount)
        var place = spine.pointee.first
        while let here = place {
            let piece = ListPiece(here.piece)
            if piece.isPlain {
                output.append(ListNode.plain.rawValue)
                output.appendText(piece.plain)
            } else {
                output.appendNode(piece.pack)
            }
            place = spine.pointee.next(here)
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func appendNode(_ pack: Listpack) {
        append(ListNode.packed.rawValue)
        appendText(pack.bytes)
    }
}

/// What a node of a list is (Redis: QUICKLIST_NODE_CONTAINER_...).
private enum ListNode: UInt8 {
    case plain = 1
    case packed = 2
}

extension PayloadTarget {
    /// Elements one after another.
    func readList(_ reader: inout PayloadReader) throws(PayloadError) -> Entry {
        let count = try reader.elementCount()
        var builder = ListBuilder(access, key)
        for _ in 0..<count { try reader.text().withView { builder.append($0) } }
        return try finish(&builder)
    }

    /// One ziplist.
    func readListZiplist(_ reader: inout PayloadReader) throws(PayloadError) -> Entry {
        var builder = ListBuilder(access, key)
        try add(Ziplist.self, try reader.text(), to: &builder)
        return try finish(&builder)
    }

    /// Ziplists one after another.
    func readZiplists(_ reader: inout PayloadReader) throws(PayloadError) -> Entry {
        let count = try reader.elementCount()
        var builder = ListBuilder(access, key)
        for _ in 0..<count { try add(Ziplist.self, try reader.text(), to: &builder) }
        return try finish(&builder)
    }

    /// Listpacks and single elements.
    func readNodes(_ reader: inout PayloadReader) throws(PayloadError) -> Entry {
        let count = try reader.elementCount(bytesEach: 2)
        var builder = ListBuilder(access, key)
        for _ in 0..<count {
            let container = try reader.number()
            let text = try reader.text()
            if text.count == 0 { throw .corrupt }
            switch ListNode(rawValue: UInt8(exactly: container) ?? 0) {
            case .plain: text.withView { builder.append($0) }
            case .packed: try add(CheckedListpack.self, text, to: &builder)
            case nil: throw .corrupt
            }
        }
        return try finish(&builder)
    }

    private func add<Elements: ForeignElements>(
        _ type: Elements.Type, _ text: PayloadText, to builder: inout ListBuilder
    ) throws(PayloadError) {
        let isSound = text.withView { bytes in
            let elements = Elements(bytes)
            return elements.forEach { _ in }
                && elements.forEach { element in element.withView { builder.append($0) } }
        }
        if !isSound { throw .corrupt }
    }

    private func finish(_ builder: inout ListBuilder) throws(PayloadError) -> Entry {
        if builder.count == 0 { throw .empty }
        return builder.finish(deadline: deadline)
    }
}
