import Base
import CSystem

extension Entry {
    func writeSet(to output: inout ByteBuffer) {
        if encoding == .integers || encoding == .integersBlock {
            output.appendKind(.setIntegers)
            return output.appendText(ByteView(UnsafePointer(contents), integers.byteCount))
        }
        output.appendKind(.set)
        output.appendCount(memberCount)
        forEachMember { member in
            output.appendText(member)
            return true
        }
    }
}

extension PayloadTarget {
    /// Members one after another.
    func readSet(_ reader: inout PayloadReader) throws(PayloadError) -> Entry {
        let count = try reader.elementCount()
        var ahead = reader
        var size = CollectionSize()
        var areIntegers = count <= access.packing[.setIntegers]
        for _ in 0..<count {
            let member = try ahead.text()
            size.add(member.count)
            if areIntegers && member.spelledInteger == nil { areIntegers = false }
        }
        if count == 0 { throw .empty }
        if areIntegers { return try readIntegers(&reader, count) }
        if SetForm.fitsPacked(count, size.longest, size.bytes + 4 * count, access.packing) {
            return try readPackedMembers(&reader, count)
        }
        let table = MemberPieces.make(records: count, bytes: size.bytes, version: version)
        do throws(PayloadError) {
            for _ in 0..<count {
                let isNew = try reader.text().withView { table.add($0, version: version) }
                if !isNew { throw .corrupt }
            }
        } catch {
            MemberPieces.free(table.head)
            throw error
        }
        return makePieces(.set, table.head)
    }

    private func readIntegers(_ reader: inout PayloadReader, _ count: Int) throws(PayloadError) -> Entry {
        var values: [Int64] = []
        for _ in 0..<count { values.append(try reader.text().spelledInteger.unsafelyUnwrapped) }
        values.sort()
        for i in 1..<max(1, count) where values[i - 1] == values[i] { throw .corrupt }
        let width = max(IntegerSet.width(of: values[0]), IntegerSet.width(of: values[count - 1]))
        let size = IntegerSet.headerBytes + count * width
        let bytes = cs_allocate(size).unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
        defer { cs_release(bytes, size) }
        let set = IntegerSet(bytes)
        set.setHeader(width: width, count: count)
        for i in 0..<count { set.store(values[i], at: i) }
        return makeIntegers(ByteView(UnsafePointer(bytes), size))
    }

    private func makeIntegers(_ bytes: ByteView) -> Entry {
        make(.set, .integers, .integersBlock, bytes, insideMax: PackedValue.inlineMax)
    }

    private func readPackedMembers(_ reader: inout PayloadReader, _ count: Int) throws(PayloadError) -> Entry {
        var pack = PackedBlock()
        defer { pack.free() }
        var names = NameSet()
        for _ in 0..<count {
            let isNew = try reader.text().withView { member in
                pack.append(Listpack.NewElement(member))
                return names.add(member)
            }
            if !isNew { throw .corrupt }
        }
        return makePacked(.set, pack.pack.bytes)
    }

    /// A set of integers as it is in memory.
    func readIntegerSet(_ reader: inout PayloadReader) throws(PayloadError) -> Entry {
        try (try reader.text()).withView { bytes throws(PayloadError) in
            guard IntegerSet.isValid(bytes) else { throw .corrupt }
            let set = IntegerSet(UnsafeMutablePointer(mutating: bytes.start))
            if set.count <= access.packing[.setIntegers] && bytes.count <= PackedValue.bytesMax {
                return makeIntegers(bytes)
            }
            let table = MemberPieces.make(records: set.count, bytes: set.count * 10, version: version)
            for i in 0..<set.count {
                _ = PayloadText.integer(set[i]).withView { table.add($0, version: version) }
            }
            return makePieces(.set, table.head)
        }
    }
}
