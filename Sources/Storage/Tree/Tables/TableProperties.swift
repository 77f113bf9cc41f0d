import Base

/// What a table says about itself.
public struct TableProperties: Equatable, Sendable {
    /// The file's number, unique in its directory.
    public var number: UInt64 = 0
    public var fileBytes: Int64 = 0
    /// Tombstones included.
    public var records: UInt64 = 0
    public var tombstones: UInt64 = 0
    /// Bytes of all keys and values, as they were given.
    public var keyBytes: UInt64 = 0
    public var valueBytes: UInt64 = 0
    /// Empty if there are no records.
    public var firstKey: [UInt8] = []
    public var lastKey: [UInt8] = []
    public var compression = Compression.none
    var blocks: UInt64 = 0
    /// Bytes of all blocks before compression.
    var blockBytes: UInt64 = 0
    /// Bit i: the keys' i-th bytes are not all the same (`KeyColumns`).
    var varying: UInt64 = 0

    public init() {}

    func write(to output: inout ByteBuffer) {
        for number in [records, tombstones, keyBytes, valueBytes, blocks, blockBytes, UInt64(compression.rawValue)] {
            output.append(varint: number)
        }
        output.append(littleEndian: varying)
        firstKey.withView { output.append(counted: $0) }
        lastKey.withView { output.append(counted: $0) }
    }

    /// Nil if these are none.
    init?(_ bytes: ByteView, number: UInt64, fileBytes: Int64) {
        var at = 0
        func next() -> UInt64? { bytes.varint(at: &at) }
        func nextBytes() -> [UInt8]? {
            guard let count = next(), count <= UInt64(bytes.count - at) else { return nil }
            at += Int(count)
            return bytes.slice(at - Int(count), at).bytes
        }
        guard let records = next(), let tombstones = next(), let keyBytes = next(), let valueBytes = next(),
            let blocks = next(), let blockBytes = next(), let code = next(), bytes.count - at >= 8,
            let compression = UInt8(exactly: code).flatMap(Compression.init(rawValue:))
        else { return nil }
        varying = bytes.integer(at: at, UInt64.self)
        at += 8
        guard let firstKey = nextBytes(), let lastKey = nextBytes(), at == bytes.count else { return nil }
        guard tombstones <= records, blocks <= records, (records == 0) == (blocks == 0) else { return nil }
        self.number = number
        self.fileBytes = fileBytes
        (self.records, self.tombstones, self.keyBytes, self.valueBytes) = (records, tombstones, keyBytes, valueBytes)
        (self.blocks, self.blockBytes, self.compression) = (blocks, blockBytes, compression)
        (self.firstKey, self.lastKey) = (firstKey, lastKey)
    }
}
