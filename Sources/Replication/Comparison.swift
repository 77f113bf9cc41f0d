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
