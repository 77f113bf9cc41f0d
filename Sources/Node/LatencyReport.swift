/// LATENCY's answers for people: a graph of an event's spikes, and a diagnosis.
enum LatencyReport {
    static let columns = 80
    private static let rows = 4

    /// A bar per spike, the oldest on the left, with how long ago it was written downwards below it.
    /// `now` is in seconds since 1970.
    static func graph(_ event: String, _ series: LatencyMonitor.Series, now: Int64) -> String {
        let values = series.samples.map(\.milliseconds)
        let low = values.min() ?? 0, high = values.max() ?? 0
        var text = "\(event) - high \(high) ms, low \(low) ms (all time high \(series.maximum) ms)\n"
        text += String(repeating: "-", count: columns) + "\n"
        var start = 0
        while start < series.samples.count {
            let part = Array(series.samples[start..<min(start + columns, series.samples.count)])
            if start > 0 { text += "\n" }
            text += bars(part, low, high)
            text += labels(part.map { age(now - $0.time) })
            start += columns
        }
        return text
    }

    /// Each row of text has three heights.
    private static func bars(_ samples: [LatencyMonitor.Sample], _ low: Int, _ high: Int) -> String {
        let steps = rows * 3
        let range = max(1, high - low)
        let heights = samples.map { min(steps - 1, ($0.milliseconds - low) * steps / range) }
        var text = ""
        for row in (0..<rows).reversed() {
            for height in heights {
                let inRow = height - row * 3
                text += inRow < 0 ? " " : inRow > 2 ? "|" : ["_", "o", "#"][inRow]
            }
            text += "\n"
        }
        return text
    }

    private static func labels(_ labels: [String]) -> String {
        let words = labels.map(Array.init)
        var text = String(repeating: " ", count: words.count) + "\n"
        for row in 0..<(words.map(\.count).max() ?? 0) {
            text += String(words.map { row < $0.count ? $0[row] : " " }) + "\n"
        }
        return text
    }

    private static func age(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(max(0, seconds))s"
        case ..<3600: "\(seconds / 60)m"
        case ..<86400: "\(seconds / 3600)h"
        default: "\(seconds / 86400)d"
        }
    }

    // MARK: diagnosis

    static func doctor(_ all: [(event: String, series: LatencyMonitor.Series)], _ settings: Settings) -> String {
        if all.isEmpty {
            if settings.latencyThresholdMilliseconds == 0 {
                return "Nothing is being watched: the latency monitor is off. Switch it on with "
                    + "CONFIG SET latency-monitor-threshold <milliseconds>, and ask again later.\n"
            }
            return "All is well: nothing has taken \(settings.latencyThresholdMilliseconds) ms or longer "
                + "since the monitor was switched on or reset.\n"
        }
        var text = "Others had to wait for these:\n\n"
        for (i, (event, series)) in all.enumerated() { text += "\(i + 1). \(event): \(findings(series))\n" }
        let advice = advice(for: Set(all.map(\.event)), settings)
        if !advice.isEmpty {
            text += "\nWhat may help:\n\n" + advice.map { "- \($0)\n" }.joined()
        }
        return text
    }

    private static func findings(_ series: LatencyMonitor.Series) -> String {
        let values = series.samples.map(\.milliseconds)
        let average = values.reduce(0, +) / values.count
        let deviation = values.reduce(0) { $0 + abs($1 - average) } / values.count
        let seconds = series.samples[values.count - 1].time - series.samples[0].time
        var text = "\(values.count) latency spike\(values.count == 1 ? "" : "s") (average \(average) ms, "
        text += "mean deviation \(deviation) ms"
        if values.count > 1 {
            let tenths = seconds * 10 / Int64(values.count - 1)
            text += ", one every \(tenths / 10).\(tenths % 10) s"
        }
        return text + "). The worst ever took \(series.maximum) ms."
    }

    private static func advice(for events: Set<String>, _ settings: Settings) -> [String] {
        var advice: [String] = []
        if !events.isDisjoint(with: ["command", "fast-command"]) {
            if settings.slowlogMicroseconds < 0 || settings.slowlogMicroseconds > 10000 {
                advice.append(
                    "The slow log does not tell which commands these are: lower its threshold with CONFIG SET "
                        + "slowlog-log-slower-than \(settings.latencyThresholdMilliseconds * 1000).")
            }
            advice.append(
                "SLOWLOG GET lists the commands. Those over many keys or elements (KEYS, SMEMBERS, long ranges) "
                    + "keep others waiting: walk in steps (SCAN and its like) instead.")
        }
        if events.contains("fast-command") {
            advice.append(
                "Commands that are always short were slow as well: the machine itself may be short of processor "
                    + "time or memory (swapping), or transparent huge pages may be on.")
        }
        if !events.isDisjoint(with: ["expire-cycle", "eviction-cycle", "eviction-del"]) {
            advice.append(
                "Many keys expire or are evicted at once: spread their deadlines, lower active-expire-effort, and "
                    + "split very large values.")
        }
        return advice
    }
}
