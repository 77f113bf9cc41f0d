import Base

/// Names that have been met, to find out about second ones. Owns copies.
struct NameSet: ~Copyable {
    private let table: MemberPieces

    init() { table = MemberPieces.make(records: 16, bytes: 160, version: 0) }

    deinit { MemberPieces.free(table.head) }

    /// False if the name has been met.
    mutating func add(_ name: ByteView) -> Bool { table.add(name, version: 0) }
}

extension Listpack {
    /// A look at foreign bytes, which `isValid` has accepted.
    init(_ bytes: ByteView) { self.init(UnsafeMutablePointer(mutating: bytes.start)) }

    /// All bytes.
    var bytes: ByteView { ByteView(UnsafePointer(start), byteCount) }

    /// Whether two of the elements, looking at every `step`th, have the same text.
    func hasDuplicates(step: Int) -> Bool {
        var names = NameSet()
        var at = first
        while at != end {
            let isNew = element(at).withView { names.add($0) }
            if !isNew { return true }
            for _ in 0..<step { at = next(at) }
        }
        return false
    }
}
