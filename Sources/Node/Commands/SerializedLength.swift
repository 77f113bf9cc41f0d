import Base
import Keyspace

/// The bytes a value would take in a dump of Redis' (the RDB format's string and length encodings), not counting
/// compression.
extension Entry {
    var serializedLength: Int {
        switch type {
        case .string: encoding == .integer ? SavedLength.string(integer) : withString { SavedLength.string($0) }
        case .set: serializedSetLength
        case .hash: serializedHashLength
        case .sortedSet: serializedSortedSetLength
        case .list, .stream: 0
        }
    }

    private var serializedSetLength: Int {
        if encoding == .integers || encoding == .integersBlock { return SavedLength.blob(integers.byteCount) }
        var sum = SavedLength.length(memberCount)
        forEachMember {
            sum += SavedLength.element($0)
            return true
        }
        return sum
    }

    private var serializedSortedSetLength: Int {
        let set = SortedSet(self)
        if set.isSmall { return SavedLength.blob(set.listpackBytes) }
        var sum = SavedLength.length(set.count)
        set.forEach(0..<set.count) { member, _ in sum += member.withView { SavedLength.string($0) } + 8 }
        return sum
    }

    private var serializedHashLength: Int {
        if encoding != .pieces { return SavedLength.blob(packed.byteCount) }
        var sum = SavedLength.length(fieldCount)
        forEachField { field, value in
            sum += SavedLength.element(field) + SavedLength.element(value)
            return true
        }
        return sum
    }
}

/// Lengths of the RDB format's building blocks.
enum SavedLength {
    static func length(_ number: Int) -> Int { number < 64 ? 1 : number < 16384 ? 2 : number <= UInt32.max ? 5 : 9 }

    /// Bytes that are no number.
    static func blob(_ count: Int) -> Int { length(count) + count }

    static func string(_ view: ByteView) -> Int {
        if view.count <= 11, let number = view.integer { return string(number) }
        return blob(view.count)
    }

    /// A number: its bytes if it is small enough, otherwise its text.
    static func string(_ number: Int64) -> Int {
        switch IntegerSet.width(of: number) {
        case 2: number == Int64(Int8(truncatingIfNeeded: number)) ? 2 : 3
        case 4: 5
        default: blob(Decimal.length(number))
        }
    }

    static func element(_ element: Listpack.Element) -> Int {
        element.view.map { string($0) } ?? string(element.integer)
    }
}
