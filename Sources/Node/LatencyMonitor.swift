import Base

/// Latency spikes by event (LATENCY): per event up to 160 of (second, worst milliseconds).
/// Shared by all loops; an event is recorded only when latency-monitor-threshold is set.
public final class LatencyMonitor: @unchecked Sendable {
    struct Sample {
        /// Seconds since 1970.
        var time: Int64
        var milliseconds: Int
    }

    struct Series {
        var samples: [Sample] = []
        var maximum = 0
    }

    static let samplesMax = 160
    private let lock = SpinLock()
    private var series: [String: Series] = [:]

    func add(_ event: String, milliseconds: Int, time: Int64) {
        lock.withLock {
            var one = series[event] ?? Series()
            one.maximum = max(one.maximum, milliseconds)
            if let last = one.samples.last, last.time == time {
                one.samples[one.samples.count - 1].milliseconds = max(last.milliseconds, milliseconds)
            } else {
                one.samples.append(Sample(time: time, milliseconds: milliseconds))
                if one.samples.count > LatencyMonitor.samplesMax { one.samples.removeFirst() }
            }
            series[event] = one
        }
    }

    var all: [(event: String, series: Series)] {
        lock.withLock { series.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    }

    func samples(_ event: String) -> Series? { lock.withLock { series[event] } }

    /// Forgets these events (all if none are named); answers how many there were.
    func reset(_ events: [String]) -> Int {
        lock.withLock {
            if events.isEmpty {
                defer { series = [:] }
                return series.count
            }
            return events.filter { series.removeValue(forKey: $0) != nil }.count
        }
    }
}
