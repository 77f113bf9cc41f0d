/// The dots of a key's versions. Nearly every key has one, and that takes no memory of its own.
public struct DotList: RandomAccessCollection, Equatable, Sendable, ExpressibleByArrayLiteral {
    /// Counter 0: there is none.
    @usableFromInline var head = Dot(packed: 0)
    /// What follows the head.
    @usableFromInline var tail: [Dot] = []

    @inline(__always)
    public init() {}

    @inline(__always)
    public init(_ dot: Dot) { head = dot }

    public init(_ dots: some Sequence<Dot>) {
        for dot in dots { append(dot) }
    }

    public init(arrayLiteral dots: Dot...) { self.init(dots) }

    public var startIndex: Int { 0 }

    @inline(__always)
    public var endIndex: Int { head.packed == 0 ? 0 : 1 &+ tail.count }

    @inline(__always)
    public subscript(index: Int) -> Dot { index == 0 ? head : tail[index &- 1] }

    @inline(__always)
    public mutating func append(_ dot: Dot) {
        if head.packed == 0 { head = dot } else { tail.append(dot) }
    }

    /// Puts them into the order that `Dot.packed` has.
    public mutating func sort() {
        if !tail.isEmpty { self = DotList(sorted { $0.packed < $1.packed }) }
    }
}
