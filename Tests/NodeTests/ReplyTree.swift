/// A reply, taken apart: for tests that compare what it says and not every byte.
indirect enum ReplyTree: Equatable {
    /// A line, or the bytes of a bulk string; with the type byte.
    case text(UInt8, [UInt8])
    case list(UInt8, [ReplyTree])
    case null

    init(_ bytes: [UInt8]) {
        var at = 0
        self = ReplyTree.parse(bytes, &at)
    }

    private static func parse(_ bytes: [UInt8], _ at: inout Int) -> ReplyTree {
        guard at < bytes.count else { return .null }
        let kind = bytes[at]
        let end = bytes[at...].firstIndex(of: 13) ?? bytes.count
        let line = Array(bytes[(at + 1)..<end])
        at = end + 2
        let number = Int(String(decoding: line, as: UTF8.self)) ?? 0
        switch kind {
        case UInt8(ascii: "$"):
            if number < 0 { return .null }
            defer { at += number + 2 }
            return .text(kind, Array(bytes[at..<(at + number)]))
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: "%"), UInt8(ascii: ">"):
            if number < 0 { return .null }
            let count = kind == UInt8(ascii: "%") ? number * 2 : number
            return .list(kind, (0..<count).map { _ in parse(bytes, &at) })
        case UInt8(ascii: "_"): return .null
        default: return .text(kind, line)
        }
    }

    /// The bytes of a text.
    var string: String? {
        if case .text(_, let bytes) = self { return String(decoding: bytes, as: UTF8.self) }
        return nil
    }

    var elements: [ReplyTree] {
        if case .list(_, let elements) = self { return elements }
        return []
    }

    /// The same with every text passed through `change`.
    func mapping(_ change: ([UInt8]) -> [UInt8]) -> ReplyTree {
        switch self {
        case .text(let kind, let bytes): .text(kind, change(bytes))
        case .list(let kind, let elements): .list(kind, elements.map { $0.mapping(change) })
        case .null: .null
        }
    }
}
