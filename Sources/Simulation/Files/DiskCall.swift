import Base

/// A call that a simulated disk gets.
public struct DiskCall: Sendable, CustomStringConvertible {
    /// Counted from 1 since the disk was made.
    public internal(set) var number = 0
    public let kind: DiskError.Operation
    public let path: String
    /// Of a rename or link: the new path.
    public let newPath: String?
    /// Of a read, write or truncation.
    public let offset: Int64
    /// Of a read or write: the bytes asked for.
    public let count: Int
    /// An open that makes the file if it is missing.
    let creates: Bool
    /// Of a read: whether it waits for the disk.
    let waits: Bool

    init(
        _ kind: DiskError.Operation, _ path: String, to newPath: String? = nil, offset: Int64 = 0, count: Int = 0,
        creates: Bool = false, waits: Bool = true
    ) {
        self.kind = kind
        self.path = path
        self.newPath = newPath
        self.offset = offset
        self.count = count
        self.creates = creates
        self.waits = waits
    }

    public var description: String {
        let what = "\(number) \(kind.rawValue) \(path)"
        if let newPath { return "\(what) to \(newPath)" }
        return switch kind {
        case .read, .write: "\(what) at \(offset), \(count) bytes"
        case .truncate: "\(what) to \(offset)"
        case .open where creates: "\(what) for writing"
        default: what
        }
    }
}

/// A disk's last calls and what it answered.
struct CallTrace {
    private enum Line {
        case call(DiskCall, DiskFault?, Int64)
        case note(String)
    }

    private static let capacity = 200
    private var lines: [Line] = []
    private var oldest = 0

    private mutating func append(_ line: Line) {
        if lines.count < Self.capacity { return lines.append(line) }
        lines[oldest] = line
        oldest = (oldest + 1) % Self.capacity
    }

    mutating func append(_ call: DiskCall, _ fault: DiskFault?, _ answer: Int64) {
        append(.call(call, fault, answer))
    }

    mutating func note(_ text: String) { append(.note(text)) }

    /// One line for each, the oldest first.
    var text: String {
        (lines[oldest...] + lines[..<oldest]).map { line in
            switch line {
            case .note(let text): "-- \(text)"
            case .call(let call, nil, let answer): "\(call): \(answer)"
            case .call(let call, let fault?, let answer): "\(call): \(answer) (\(fault))"
            }
        }.joined(separator: "\n")
    }
}
