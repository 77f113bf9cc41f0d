/// A pair of `save`: after so many seconds, if there have been so many changes.
public struct SavePoint: Sendable, Equatable {
    public var seconds: Int64
    public var changes: UInt64

    /// The pairs of the parameter's text.
    static func parse(_ text: String) -> [SavePoint] {
        let numbers = text.split(separator: " ").map { Units.lenientInteger(String($0)) ?? 0 }
        return stride(from: 0, to: numbers.count - 1, by: 2).map {
            SavePoint(seconds: numbers[$0], changes: UInt64(clamping: numbers[$0 + 1]))
        }
    }
}
