/// How much writers are slowed down because compaction is behind: not at all at first, then more and more, never to a
/// stop. A function of figures alone.
struct WritePace: Equatable, Sendable {
    /// From which debt on, in percent of what there is; 0: never.
    var debtPercent: Int
    /// From how many runs in level 0 on, each of which reads have to ask; 0: never.
    var runs: Int

    /// A tree that is smaller counts as this large: what it is behind by is soon caught up with.
    static let bytesMin: Int64 = 512 << 20
    /// How long a client that has written is not read, at most, ms.
    static let delayMax: Int64 = 100

    /// How close it is: 0 nothing to do, 1 where writers begin to be slowed down.
    func pressure(debtBytes: Int64, bytes: Int64, runs: Int) -> Double {
        var pressure = 0.0
        if debtPercent > 0 {
            pressure = Double(debtBytes) / Double(max(bytes, Self.bytesMin)) * 100 / Double(debtPercent)
        }
        if self.runs > 0 { pressure = max(pressure, Double(runs) / Double(self.runs)) }
        return pressure
    }

    /// How long a client is not read once it has written, ms: by the square of what is too much, all of it at twice as
    /// much as is allowed.
    static func delay(_ pressure: Double) -> Int64 {
        let over = pressure - 1
        if over <= 0 { return 0 }
        return over >= 1 ? delayMax : max(1, Int64((over * over * Double(delayMax)).rounded()))
    }

    /// Whether a second thread compacts, which does not leave the processor to everybody else as the first one does:
    /// from half way on, until a quarter is left.
    static func helps(_ pressure: Double, isHelping: Bool) -> Bool { pressure >= (isHelping ? 0.25 : 0.5) }
}
