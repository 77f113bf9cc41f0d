import Base
import RESP

/// Holds the request parser's two paths against each other: the same bytes, given at once and given in
/// pieces as sockets deliver them, have to be the same requests and errors.
///
/// An input is five bytes of header and then what a client sends. Byte 0: bit 0 the client has not
/// authenticated, bit 1 strings may not be longer than 100 bytes. Bytes 1 to 4: the lengths of the pieces
/// less one, used in turn.
public enum RequestOracle {
    public static let headerBytes = 5
    /// The longest string while bit 1 is set.
    public static let smallBulkBytes = 100

    /// What the parser made of the bytes.
    public enum Event: Equatable, Sendable {
        case request([[UInt8]])
        case empty
        case failed(ProtocolError, unexpected: UInt8)
    }

    /// Answers nil, or what is wrong.
    public static func check(_ input: [UInt8]) -> String? {
        guard input.count > headerBytes else { return nil }
        var rules = RequestParser.Rules()
        rules.authenticated = input[0] & 1 == 0
        if input[0] & 2 != 0 { rules.bulkBytesMax = smallBulkBytes }
        let stream = Array(input[headerBytes...])
        let pieces = input[1..<headerBytes].map { Int($0) + 1 }
        var problem: String?
        let whole = events(of: stream, pieces: [stream.count], rules, &problem)
        let split = events(of: stream, pieces: pieces, rules, &problem)
        if let problem { return problem }
        if whole == split { return nil }
        let i = zip(whole, split).enumerated().first { $1.0 != $1.1 }?.offset ?? min(whole.count, split.count)
        return "event \(i) differs: whole \(show(whole, i)), in pieces \(show(split, i))"
    }

    private static func show(_ events: [Event], _ i: Int) -> String { i < events.count ? "\(events[i])" : "nothing" }

    /// Feeds the stream piece by piece, as the executor does: what is unparsed is presented again, from its
    /// start, with the next piece behind it.
    public static func events(
        of stream: [UInt8], pieces: [Int], _ rules: RequestParser.Rules, _ problem: inout String?
    ) -> [Event] {
        var parser = RequestParser()
        defer { parser.reset() }
        var events: [Event] = []
        var start = 0, end = 0, turn = 0
        while end < stream.count {
            end = min(stream.count, end + pieces[turn % pieces.count])
            turn += 1
            guard let used = run(&parser, stream[start..<end], rules, &events) else { return events }
            start += used
            // Memory follows what has arrived, never what was announced.
            if parser.pendingArgumentBytes > 16 * end + 1024 {
                problem = "\(parser.pendingArgumentBytes) bytes held after \(end) bytes of input"
            }
        }
        return events
    }

    /// Parses requests until more bytes are needed; answers the bytes used up, nil after an error.
    private static func run(
        _ parser: inout RequestParser, _ bytes: ArraySlice<UInt8>, _ rules: RequestParser.Rules,
        _ events: inout [Event]
    ) -> Int? {
        // A block of just that size, elsewhere each time: views of the old place would be caught.
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
        let room = UnsafeMutablePointer<ByteView>.allocate(capacity: Limits.requestArgumentsInBatch)
        defer {
            copy.deallocate()
            room.deallocate()
        }
        _ = UnsafeMutableBufferPointer(start: copy, count: bytes.count).initialize(from: bytes)
        var at = 0
        while at < bytes.count {
            switch parser.next(copy + at, bytes.count - at, rules: rules, room: room) {
            case .request(let length):
                events.append(.request((0..<parser.argumentCount).map { parser.arguments[$0].bytes }))
                at += length
            case .empty(let length):
                events.append(.empty)
                at += length
            case .incomplete:
                return at
            case .failed(let error):
                events.append(.failed(error, unexpected: error == .expectedBulk ? parser.unexpected : 0))
                return nil
            }
        }
        return at
    }
}
