import Base

extension CausalContext {
    /// The actors in it, some more than once.
    public var actors: [UInt64] { base.entries.map(\.actor) + dots.map(\.actor) }

    /// The base's entries, then the exact dots. `dictionary` has its actors.
    public func encode(to output: inout ByteBuffer, _ dictionary: ActorDictionary) {
        dictionary.encode(base.entries, to: &output)
        dictionary.encode(dots, to: &output)
    }

    public init(_ reader: inout CausalReader, _ dictionary: borrowing ActorDictionary) throws(CausalityError) {
        let base = VersionVector(each: try dictionary.entries(&reader, isVector: true))
        let dots = try dictionary.entries(&reader, isVector: false)
        guard let context = CausalContext(base, exact: Array(dots)) else { throw .corrupt }
        self = context
    }

    /// Standing alone.
    public func encode(to output: inout ByteBuffer, _ table: ActorTable) {
        let dictionary = ActorDictionary(of: actors, table)
        CausalFrame.context.encode(to: &output) {
            dictionary.encode(to: &$0)
            encode(to: &$0, dictionary)
        }
    }

    /// What `encode` wrote, and nothing behind it.
    public init(_ bytes: ByteView, _ table: inout ActorTable) throws(CausalityError) {
        var reader = try CausalFrame.context.open(bytes)
        let dictionary = try ActorDictionary(&reader, &table)
        try self.init(&reader, dictionary)
        try reader.finish()
    }
}
