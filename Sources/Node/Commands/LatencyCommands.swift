import Base
import CSystem
import Commands
import RESP

/// LATENCY: spikes by event, and how long commands take.
enum LatencyCommands {
    static let commands: [Command] = [
        Command(
            "latency", arity: -2, [], group: .server, since: "2.8.13", complexity: "Depends on the subcommand.",
            summary: "Shows where time is lost.",
            subcommands: [latest, history, graph, doctor, reset, histogram, help])
    ]

    private static let flags: CommandFlags = [.admin, .noscript, .loading, .stale]
    private static let tips = ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]

    private static let latest = Command(
        "latest", arity: 2, flags, group: .server, since: "2.8.13",
        summary: "Answers the latest spike of every event.", tips: tips
    ) {
        let call = Call($0)
        let all = call.node.latency.all
        call.reply.array(all.count)
        for (event, series) in all {
            let last = series.samples[series.samples.count - 1]
            call.reply.array(4)
            call.reply.bulk(event)
            call.reply.integer(last.time)
            call.reply.integer(last.milliseconds)
            call.reply.integer(series.maximum)
        }
    }

    private static let history = Command(
        "history", arity: 3, flags, group: .server, since: "2.8.13",
        summary: "Answers the spikes of an event, the oldest first.", arguments: [Argument("event", .string)],
        tips: tips
    ) {
        let call = Call($0)
        let samples = call.node.latency.samples(call[2].text)?.samples ?? []
        call.reply.array(samples.count)
        for sample in samples {
            call.reply.array(2)
            call.reply.integer(sample.time)
            call.reply.integer(sample.milliseconds)
        }
    }

    private static let graph = Command(
        "graph", arity: 3, flags, group: .server, since: "2.8.13", summary: "Draws the spikes of an event.",
        arguments: [Argument("event", .string)], tips: tips
    ) {
        let call = Call($0)
        let event = call[2].text
        guard let series = call.node.latency.samples(event) else {
            return call.reply.error("ERR No samples available for event '\(event)'")
        }
        call.reply.verbatim(LatencyReport.graph(event, series, now: call.now / 1000))
    }

    private static let doctor = Command(
        "doctor", arity: 2, flags, group: .server, since: "2.8.13", summary: "Answers a report for people.",
        tips: tips
    ) {
        let call = Call($0)
        call.reply.verbatim(LatencyReport.doctor(call.node.latency.all, call.settings))
    }

    private static let reset = Command(
        "reset", arity: -2, flags, group: .server, since: "2.8.13", summary: "Forgets the spikes of events, or of all.",
        arguments: [Argument("event", .string, optional: true, multiple: true)],
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"]
    ) {
        let call = Call($0)
        call.reply.integer(call.node.latency.reset((2..<call.count).map { call[$0].text }))
    }

    private static let histogram = Command(
        "histogram", arity: -2, flags, group: .server, since: "7.0.0",
        complexity: "O(N) where N is the number of commands answered",
        summary: "Answers how long commands took, as cumulative histograms.",
        arguments: [Argument("command", .string, optional: true, multiple: true)], tips: tips
    ) { Call($0).latencyHistogram() }

    private static let help = Command(
        "help", arity: 2, [.loading, .stale], group: .server, since: "2.8.13", summary: "Lists the subcommands."
    ) {
        Call($0).replyHelp([
            "LATEST", "    Answer the latest spike of every event.",
            "HISTORY <event>", "    Answer the spikes of an event with their Unix times.",
            "GRAPH <event>", "    Draw the spikes of an event.",
            "DOCTOR", "    Answer a report for people.",
            "RESET [<event> ...]", "    Forget the spikes of these events (of all, if none are named).",
            "HISTOGRAM [COMMAND ...]", "    Answer cumulative histograms of the durations of these commands",
            "    (of all that were called, if none are named), in microseconds.",
        ])
    }
}

extension Call {
    fileprivate func latencyHistogram() {
        let table = node.commands
        var wanted: [Int] = []
        if count == 2 {
            for index in table.topLevel { wanted += [index] + (table.children[index] ?? []) }
        }
        for word in 2..<max(2, count) {
            guard let found = table.lookUp(self[word]) else { continue }
            wanted += [found] + (table.children[found] ?? [])
        }
        let found = wanted.map { ($0, node.histogram($0)) }.filter { !$0.1.isEmpty }
        reply.map(found.count)
        for (index, histogram) in found {
            reply.bulk(table.fullNames[index])
            reply.map(2)
            reply.bulk("calls")
            reply.integer(Int64(histogram[histogram.count - 1].calls))
            reply.bulk("histogram_usec")
            reply.map(histogram.count)
            for bar in histogram {
                reply.integer(bar.microseconds)
                reply.integer(Int64(bar.calls))
            }
        }
    }
}

extension Node {
    /// The calls of a command that took at most so long, at every power of two where there are more
    /// than before. Empty: it was not called (or not measured).
    fileprivate func histogram(_ command: Int) -> [(microseconds: Int, calls: UInt64)] {
        var counts = [UInt64](repeating: 0, count: Statistics.histogramBuckets)
        for executor in executors { executor.statistics.addHistogram(command, to: &counts) }
        var bars: [(microseconds: Int, calls: UInt64)] = []
        var calls: UInt64 = 0
        for (bucket, count) in counts.enumerated() where count > 0 {
            calls += count
            let nanoseconds = Double(Statistics.bucketLimit(bucket)) * cs_nanoseconds_per_tick()
            let bar = Node.barMicroseconds(nanoseconds)
            if let last = bars.last, last.microseconds == bar {
                bars[bars.count - 1].calls = calls
            } else {
                bars.append((bar, calls))
            }
        }
        return bars
    }

    /// The bar that a duration belongs to, longer ones than a second to the last. Bars are the powers of
    /// two from 1024 ns on; what Redis shows of one is the end of the 1/128 of it in which its histogram
    /// cannot tell values apart.
    private static func barMicroseconds(_ nanoseconds: Double) -> Int {
        var bar = 1024
        while Double(bar + bar / 128) <= nanoseconds {
            bar *= 2
            if bar == 1 << 30 { return bar / 1000 }
        }
        return (bar + bar / 128 - 1) / 1000
    }
}
