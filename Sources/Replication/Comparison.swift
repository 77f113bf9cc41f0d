import Base
import Causality

/// Which versions of a key a read's coordinator has (docs/cluster.md: message `compare`).
///
///     dictionary of actors
///     to the end, of each key: the key after its length; varint how many versions; of each place, counter
public struct Comparison {
    public var key: ByteView
    /// By ascending dot, of this node's indexes.
    public var versions: [Dot]

    public init(_ key: ByteView, _ versions: [Dot]) { (self.key, self.versions) = (key, versions) }

    public static func encode(_ comparisons: [Comparison], to output: inout ByteBuffer, _ actors: ActorTable) {
        let dictionary = ActorDictionary(of: comparisons.flatMap { $0.versions.map(\.actor) }, actors)
        dictionary.encode(to: &output)
        for one in comparisons {
            output.append(counted: one.key)
            output.append(varint: UInt64(one.versions.count))
            for dot in one.versions {
                dictionary.encode(dot, to: &output, actors)
            }
        }
    }

    /// Tells versions of the same keys from others. For this process: it depends on the actors' indexes.
    public static func digest(_ comparisons: [Comparison]) -> UInt64 {
        var digest: UInt64 = 0
        for one in comparisons {
            digest = (digest ^ UInt64(one.versions.count)) &* 0x9e37_79b9_7f4a_7c15
            for dot in one.versions { digest = (digest ^ dot.packed ^ digest >> 29) &* 0xbf58_476d_1ce4_e5b9 }
        }
        return digest
    }

    /// Reads what `encode` wrote, to its end.
    public static func read(
        _ bytes: ByteView, dictionary: (inout CausalReader) throws(CausalityError) -> ActorDictionary
    ) throws(CausalityError) -> [Comparison] {
        var reader = CausalReader(bytes)
        let dictionary = try dictionary(&reader)
        var comparisons: [Comparison] = []
        while reader.rest > 0 {
            let key = try reader.counted()
            var versions: [Dot] = []
            for _ in 0..<(try reader.count(bytesEach: 2)) {
                versions.append(try dictionary.dot(&reader))
            }
            versions.sort { $0.packed < $1.packed }
            comparisons.append(Comparison(key, versions))
        }
        return comparisons
    }
}
