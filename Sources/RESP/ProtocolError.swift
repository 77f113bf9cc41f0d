import Base

/// What is wrong with a request. The client gets Redis' own text and is disconnected.
public enum ProtocolError: UInt8, Sendable {
    case tooBigArrayLine, invalidArrayLength, unauthenticatedArrayLength
    case expectedBulk, tooBigBulkLine, invalidBulkLength, unauthenticatedBulkLength
    case tooBigInline, unbalancedQuotes

    /// Redis' text, behind "ERR Protocol error: ".
    public var text: StaticString {
        switch self {
        case .tooBigArrayLine: "too big mbulk count string"
        case .invalidArrayLength: "invalid multibulk length"
        case .unauthenticatedArrayLength: "unauthenticated multibulk length"
        case .expectedBulk: "expected '$', got '"
        case .tooBigBulkLine: "too big bulk count string"
        case .invalidBulkLength: "invalid bulk length"
        case .unauthenticatedBulkLength: "unauthenticated bulk length"
        case .tooBigInline: "too big inline request"
        case .unbalancedQuotes: "unbalanced quotes in request"
        }
    }
}
