import Foundation

/// Commands and raw replies recorded from a real server: see Tests/Golden/record.py for the format.
struct GoldenTrace {
    struct Step {
        var line: Int
        var words: [[UInt8]]
        var reply: [UInt8]
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
                steps.append(Step(line: i + 1, words: words, reply: parts[0]))
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

    static func shown(_ bytes: [UInt8]) -> String {
        bytes.map { 32 < $0 && $0 < 127 ? String(UnicodeScalar($0)) : "\\x" + String($0, radix: 16) }.joined()
    }
}
