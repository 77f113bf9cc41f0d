import Base
import Testing

@testable import Node

/// LATENCY, as redis-server 7.0.15 answers.
struct LatencyTests {
    private func server(with samples: [(time: Int64, milliseconds: Int)]) throws -> ServedNode {
        let server = try ServedNode()
        for sample in samples {
            server.node.latency.add("command", milliseconds: sample.milliseconds, time: sample.time)
        }
        return server
    }

    @Test func latestAndHistory() throws {
        let server = try server(with: [(1_799_999_990, 300), (1_799_999_990, 200), (1_799_999_995, 250)])
        #expect(server.run("LATENCY LATEST") == "*1\r\n*4\r\n$7\r\ncommand\r\n:1799999995\r\n:250\r\n:300\r\n")
        #expect(
            server.run("LATENCY HISTORY command")
                == "*2\r\n*2\r\n:1799999990\r\n:300\r\n*2\r\n:1799999995\r\n:250\r\n")
        #expect(server.run("LATENCY HISTORY nosuch") == "*0\r\n")
        #expect(server.run("LATENCY RESET nosuch") == ":0\r\n")
        #expect(server.run("LATENCY RESET command nosuch") == ":1\r\n")
        #expect(server.run("LATENCY LATEST") == "*0\r\n")
    }

    /// Drawn by redis-server for spikes of 300, 400 and 500 ms.
    @Test func graph() throws {
        let server = try server(with: [
            (1_799_999_996, 300), (1_799_999_998, 400), (1_799_999_999, 500),
        ])
        let drawing =
            "command - high 500 ms, low 300 ms (all time high 500 ms)\n" + String(repeating: "-", count: 80) + "\n"
            + "  #\n _|\n ||\n_||\n   \n421\nsss\n"
        #expect(server.run("LATENCY GRAPH command") == "$166\r\n\(drawing)\r\n")
        #expect(server.run("LATENCY GRAPH foo") == "-ERR No samples available for event 'foo'\r\n")
    }

    @Test func doctorNamesTheEvents() throws {
        let quiet = try ServedNode().run("LATENCY DOCTOR")
        #expect(quiet.contains("latency-monitor-threshold"))
        let report = try server(with: [(1_799_999_990, 300), (1_799_999_994, 500)]).run("LATENCY DOCTOR")
        #expect(
            report.contains("1. command: 2 latency spikes (average 400 ms, mean deviation 100 ms, one every 4.0 s)"))
    }

    @Test func histogramsCountCalls() throws {
        let server = try ServedNode()
        server.run("SET a 1")
        #expect(server.run("CONFIG RESETSTAT") == "+OK\r\n")
        let first = server.run("LATENCY HISTOGRAM")
        #expect(
            first.hasPrefix(
                "*2\r\n$16\r\nconfig|resetstat\r\n*4\r\n$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n*2\r\n:"))
        #expect(first.hasSuffix("\r\n:1\r\n"))
        server.run("SET a 1")
        server.run("SET b 1")
        let reply = server.run("LATENCY HISTOGRAM set nosuch get config|get")
        #expect(reply.hasPrefix("*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:2\r\n"))
        #expect(server.run("LATENCY HISTOGRAM config").hasPrefix("*2\r\n$16\r\nconfig|resetstat\r\n"))
        server.run("CONFIG SET latency-tracking no")
        server.run("SET c 1")
        #expect(server.run("LATENCY HISTOGRAM set") == reply)
    }
}
