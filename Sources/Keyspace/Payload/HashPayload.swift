import Base
import CSystem

extension Entry {
    func writeHash(to output: inout ByteBuffer) {
        if encoding != .pieces {
            output.appendKind(.hashListpack)
            return output.appendText(packed.bytes)
        }
        output.appendKind(.hash)
        output.appendCount(fieldCount)
        forEachField { field, value in
            output.appendText(field)
            output.appendText(value)
            return true
        }
    }
}

extension PayloadTarget {
    /// Fields and values one after another.
    func readHash(_ reader: inout PayloadReader) throws(PayloadError) -> Entry {
        let count = try reader.elementCount(bytesEach: 2)
        var ahead = reader
        var size = CollectionSize()
        for _ in 0..<count * 2 { size.add(try ahead.text().count) }
        var builder = try HashBuilder(self, fields: count, size)
        for _ in 0..<count {
            let (field, value) = (try reader.text(), try reader.text())
            try field.withView { field throws(PayloadError) in
                try value.withView { value throws(PayloadError) in try builder.add(field, value) }
            }
        }
        return builder.finish()
    }

    /// A hash in one of the packed forms that Redis has had.
    func readPackedHash(_ reader: inout PayloadReader, _ kind: PayloadKind) throws(PayloadError) -> Entry {
        try (try reader.text()).withView { bytes throws(PayloadError) in
            switch kind {
            case .hashZipmap: return try readPairs(Zipmap(bytes), looksAtLengths: true)
            case .hashZiplist: return try readPairs(Ziplist(bytes), looksAtLengths: false)
            default:
                guard Listpack.isValid(bytes, step: 2) else { throw .corrupt }
                let pack = Listpack(bytes)
                let fits = pack.count / 2 <= access.packing[.hashEntries] && bytes.count <= PackedValue.bytesMax
                if !fits { return try readPairs(CheckedListpack(bytes), looksAtLengths: false) }
                if pack.isEmpty { throw .empty }
                if pack.hasDuplicates(step: 2) { throw .corrupt }
                return makePacked(.hash, bytes)
            }
        }
    }

    /// A hash from elements that are fields and values in turn. Redis leaves what came packed so however long its
    /// parts are, but for the oldest form.
    private func readPairs(
        _ elements: some ForeignElements, looksAtLengths: Bool
    ) throws(PayloadError) -> Entry {
        var size = CollectionSize()
        guard elements.forEach({ size.add($0.textCount) }), size.count & 1 == 0 else { throw .corrupt }
        var builder = try HashBuilder(self, fields: size.count / 2, size, looksAtLengths: looksAtLengths)
        var field: Listpack.Element?
        var isSound = true
        _ = elements.forEach { element in
            guard let name = field else {
                field = element
                return
            }
            field = nil
            name.withView { name in element.withView { isSound = builder.addIfNew(name, $0) && isSound } }
        }
        if !isSound { throw .corrupt }
        return builder.finish()
    }
}

/// How large the parts of a collection are.
struct CollectionSize {
    private(set) var count = 0
    private(set) var longest = 0
    private(set) var bytes = 0

    mutating func add(_ length: Int) {
        count &+= 1
        bytes &+= length
        longest = max(longest, length)
    }
}

/// A hash in the making, in its form from the start. Frees it unless `finish` is called.
private struct HashBuilder: ~Copyable {
    private let target: PayloadTarget
    private var pack: PackedBlock?
    private var table: FieldPieces?
    private var names: NameSet

    init(
        _ target: PayloadTarget, fields: Int, _ size: CollectionSize, looksAtLengths: Bool = true
    ) throws(PayloadError) {
        if fields == 0 { throw .empty }
        self.target = target
        names = NameSet()
        let longest = looksAtLengths ? size.longest : 0
        if HashForm.fitsPacked(fields, longest, size.bytes + 4 * size.count, target.access.packing) {
            pack = PackedBlock(capacity: Listpack.emptyBytes + size.bytes + 3 * size.count)
            table = nil
        } else {
            pack = nil
            table = FieldPieces.make(records: fields, bytes: size.bytes, version: target.version)
        }
    }

    deinit {
        pack?.free()
        if let table { FieldPieces.free(table.head) }
    }

    mutating func add(_ field: ByteView, _ value: ByteView) throws(PayloadError) {
        if !addIfNew(field, value) { throw .corrupt }
    }

    /// False if the field is there already.
    mutating func addIfNew(_ field: ByteView, _ value: ByteView) -> Bool {
        if let table { return table.set(field, value, version: target.version) }
        if !names.add(field) { return false }
        pack?.append(Listpack.NewElement(field), Listpack.NewElement(value))
        return true
    }

    /// The hash, which is the caller's then.
    mutating func finish() -> Entry {
        if let table {
            self.table = nil
            return target.makePieces(.hash, table.head)
        }
        return target.makePacked(.hash, pack.unsafelyUnwrapped.pack.bytes)
    }
}
