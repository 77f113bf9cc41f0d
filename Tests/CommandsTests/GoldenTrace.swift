import Foundation

/// Commands and raw replies recorded from a real server: see Tests/Golden/record.py for the format.
struct GoldenTrace {
    struct Step {
        var line: Int
        var words: [[UInt8]]
        var reply: [UInt8]
        /// What of the reply's order does not count; it is recorded sorted.
        var order = Order.exact
    }

    /// Marked by the first character of the reply's line.
    enum Order: Character {
        case exact = "<"
        /// The elements of the array, and those two by two.
        case elements = "~"
        case pairs = "="
        /// The same of the second element (HSCAN, SSCAN).
        case elementsWithin = "?"
        case pairsWithin = ":"
    }

    var steps: [Step] = []

    init(_ name: String, source: String = #filePath) throws {
        let folder = URL(fileURLWithPath: source).deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: folder.appendingPathComponent("Golden/\(name).txt"), encoding: .utf8)
        var words: [[UInt8]] = []
        for (i, line) in text.split(separator: "\n").enumerated() {
            let parts = line.dropFirst(2).split(separator: " ").map { GoldenTrace.unescape($0) }
            if line.hasPrefix("> @") {
                steps.append(Step(line: i + 1, words: parts, reply: []))
            } else if line.hasPrefix(">") {
                words = parts
            } else {
                let order = Order(rawValue: line.first!)!
                steps.append(Step(line: i + 1, words: words, reply: parts[0], order: order))
            }
        }
    }

    private static func unescape(_ text: Substring) -> [UInt8] {
        let bytes = [UInt8](text.utf8)
        var out: [UInt8] = []
        var i = 0
        func hex(_ at: Int) -> UInt8 { UInt8(String(decoding: bytes[at..<at + 2], as: UTF8.self), radix: 16)! }
        while i < bytes.count {
            guard bytes[i] == UInt8(ascii: "\\") else {
                out.append(bytes[i])
                i += 1
                continue
            }
            switch bytes[i + 1] {
            case UInt8(ascii: "x"):
                out.append(hex(i + 2))
                i += 4
            case UInt8(ascii: "*"):
                let end = bytes[i...].firstIndex(of: UInt8(ascii: ";"))!
                let count = Int(String(decoding: bytes[i + 2..<end], as: UTF8.self))!
                out += [UInt8](repeating: hex(end + 1), count: count)
                i = end + 3
            default: i += 2
            }
        }
        return out
    }

    /// A reply with what does not count sorted.
    static func normalized(_ reply: [UInt8], _ order: Order) -> [UInt8] {
        guard order != .exact, let first = reply.first, "*~%".utf8.contains(first) else { return reply }
        let (head, elements) = parts(reply[...])
        switch order {
        case .exact: return reply
        case .elementsWithin, .pairsWithin:
            let inner: Order = order == .pairsWithin ? .pairs : .elements
            return head + elements[0] + normalized(elements[1], inner)
        case .elements: return head + elements.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 }
        case .pairs:
            let pairs = stride(from: 0, to: elements.count, by: 2).map { elements[$0] + elements[$0 + 1] }
            return head + pairs.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 }
        }
    }

    /// An aggregate's first line, and its elements.
    private static func parts(_ reply: ArraySlice<UInt8>) -> ([UInt8], [[UInt8]]) {
        let end = reply.firstIndex(of: 10)! + 1
        let number = max(0, Int(String(decoding: reply[(reply.startIndex + 1)..<(end - 2)], as: UTF8.self))!)
        let count = reply.first == UInt8(ascii: "%") ? number * 2 : number
        var rest = reply[end...]
        var elements: [[UInt8]] = []
        for _ in 0..<count {
            let length = self.length(rest)
            elements.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return (Array(reply[..<end]), elements)
    }

    /// The length of the reply that begins here.
    private static func length(_ reply: ArraySlice<UInt8>) -> Int {
        let line = reply.firstIndex(of: 10)! + 1 - reply.startIndex
        switch reply.first! {
        case UInt8(ascii: "$"), UInt8(ascii: "="):
            let end = reply.index(reply.startIndex, offsetBy: line - 2)
            let count = Int(String(decoding: reply[(reply.startIndex + 1)..<end], as: UTF8.self))!
            return count < 0 ? line : line + count + 2
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: "%"):
            return line + parts(reply).1.reduce(0) { $0 + $1.count }
        default: return line
        }
    }

    static func shown(_ bytes: [UInt8]) -> String {
        bytes.map { 32 < $0 && $0 < 127 ? String(UnicodeScalar($0)) : "\\x" + String($0, radix: 16) }.joined()
    }
}
