import Base
import Causality

/// Which versions of a key a read's coordinator has (docs/cluster.md: message `compare`).
///
///     dictionary of actors
///     to the end, of each key: the key after its length; varint how many versions; of each place, counter
public struct Comparison {
    public var key: ByteView
    /// By ascending dot, of this node's indexes.
    public var versions: DotList

    public init(_ key: ByteView, _ versions: DotList) { (self.key, self.versions) = (key, versions) }

    /// The actors that a dictionary for these has to have.
    public static func collectActors(of comparisons: some Collection<Comparison>, into actors: inout ActorCollection) {
        for one in comparisons { for dot in one.versions { actors.insert(dot.actor) } }
    }

    /// `dictionary` has what `collectActors` says.
    public static func encode(
        _ comparisons: some Collection<Comparison>, to output: inout ByteBuffer, _ dictionary: ActorDictionary
    ) {
        dictionary.encode(to: &output)
        for one in comparisons {
            output.append(counted: one.key)
            output.append(varint: UInt64(one.versions.count))
            for dot in one.versions { dictionary.encode(dot, to: &output) }
        }
    }

    /// Tells versions of the same keys from others. For this process: it depends on the actors' indexes.
    public static func digest(_ comparisons: some Collection<Comparison>) -> UInt64 {
        var digest: UInt64 = 0
        for one in comparisons {
            digest = (digest ^ UInt64(one.versions.count)) &* 0x9e37_79b9_7f4a_7c15
            for dot in one.versions { digest = (digest ^ dot.packed ^ digest >> 29) &* 0xbf58_476d_1ce4_e5b9 }
        }
        return digest
    }

    /// Reads what `encode` wrote, to its end, and hands on one after the other.
    public static func read(
        _ bytes: ByteView, dictionary: (inout CausalReader) throws(CausalityError) -> ActorDictionary,
        _ body: (Comparison) throws(CausalityError) -> Void
    ) throws(CausalityError) {
        var reader = CausalReader(bytes)
        let dictionary = try dictionary(&reader)
        while reader.rest > 0 {
            let key = try reader.counted()
            let count = try reader.count(bytesEach: 2)
            var versions = DotList()
            for _ in 0..<count { versions.append(try dictionary.dot(&reader)) }
            versions.sort()
            try body(Comparison(key, versions))
        }
    }

    /// The same, all of them.
    public static func read(
        _ bytes: ByteView, dictionary: (inout CausalReader) throws(CausalityError) -> ActorDictionary
    ) throws(CausalityError) -> [Comparison] {
        var comparisons: [Comparison] = []
        try read(bytes, dictionary: dictionary) { comparisons.append($0) }
        return comparisons
    }
}
