/// What tells "nothing" from what there is without taking a byte more.
public protocol Blankable: Equatable, Sendable {
    static var blank: Self { get }
    var isBlank: Bool { get }
}

extension Dot: Blankable {
    /// Counters begin with 1.
    @inlinable @inline(__always)
    public static var blank: Dot { Dot(packed: 0) }

    @inlinable @inline(__always)
    public var isBlank: Bool { packed == 0 }
}

extension ClockEntry: Blankable {
    @inlinable @inline(__always)
    public static var blank: ClockEntry { ClockEntry(.blank, at: 0) }

    @inlinable @inline(__always)
    public var isBlank: Bool { dot.isBlank }
}

/// A list of which nearly all have one element, or none: one takes no memory of its own, and neither counting nor a look
/// elsewhere. No element is blank.
public struct Few<Element: Blankable>: RandomAccessCollection, MutableCollection, Equatable, Sendable {
    @usableFromInline var head: Element
    /// What follows the head.
    @usableFromInline var tail: [Element]

    @inlinable @inline(__always)
    public init() { (head, tail) = (.blank, []) }

    @inlinable @inline(__always)
    public init(_ only: Element) { (head, tail) = (only, []) }

    @inlinable
    public init(_ elements: some Sequence<Element>) {
        self.init()
        for element in elements { append(element) }
    }

    @inlinable
    public var startIndex: Int { 0 }

    @inlinable @inline(__always)
    public var endIndex: Int { head.isBlank ? 0 : 1 &+ tail.count }

    @inlinable
    public subscript(index: Int) -> Element {
        @inline(__always)
        get { index == 0 ? head : tail[index &- 1] }
        @inline(__always)
        set { if index == 0 { head = newValue } else { tail[index &- 1] = newValue } }
    }

    @inlinable @inline(__always)
    public mutating func append(_ element: Element) {
        if head.isBlank { head = element } else { tail.append(element) }
    }

    /// `index`: where the element will be.
    @inlinable
    public mutating func insert(_ element: Element, at index: Int) {
        if head.isBlank {
            head = element
        } else if index == 0 {
            tail.insert(head, at: 0)
            head = element
        } else {
            tail.insert(element, at: index &- 1)
        }
    }

    @inlinable
    @discardableResult
    public mutating func remove(at index: Int) -> Element {
        if index > 0 { return tail.remove(at: index &- 1) }
        defer { head = tail.isEmpty ? .blank : tail.removeFirst() }
        return head
    }

    @inlinable
    public mutating func removeAll(where goes: (Element) -> Bool) {
        if contains(where: goes) { self = Few(filter { !goes($0) }) }
    }
}

extension Few: Hashable where Element: Hashable {}

extension Few: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: Element...) { self.init(elements) }
}

/// The dots of a key's versions.
public typealias DotList = Few<Dot>

extension Few<Dot> {
    /// Puts them into the order that `Dot.packed` has.
    @inlinable
    public mutating func sort() {
        if !tail.isEmpty { self = Few(sorted { $0.packed < $1.packed }) }
    }
}
