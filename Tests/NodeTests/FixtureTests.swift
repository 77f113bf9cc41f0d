import Base
import Foundation
import Simulation
import Storage
import Testing

@testable import Keyspace
@testable import Node

/// A data directory as this version of the formats writes it is kept in Tests/Fixtures: it can be opened from now on,
/// whatever later versions write. `MARTLET_WRITE_FIXTURE=DIR swift test --filter FixtureTests` writes such a directory.
@Suite struct FixtureTests {
    private static let options = DiskNode.options + ["--hash-max-listpack-value", "20"]

    /// What is in it, as clients see it.
    private static let expected: [(command: String, reply: String)] = [
        ("dbsize", ":16"), ("get text", "$5 hello"), ("get number", "$2 42"), ("strlen long", ":3000"),
        ("pexpiretime volatile", ":4102444800000"), ("lrange small 0 -1", "*3 $1 a $1 b $1 c"), ("llen large", ":40"),
        ("lindex large 39", "$2 40"), ("scard ints", ":3"), ("scard members", ":30"), ("sismember members m17", ":1"),
        ("hget fields f1", "$2 v1"), ("hlen table", ":30"), ("hget table f30", "$7 changed"),
        ("zrange scores 0 -1 withscores", "*4 $1 a $3 1.5 $1 b $1 2"), ("zcard board", ":30"),
        ("zscore board p9", "$2 90"), ("xlen log", ":10"), ("pfcount visitors", ":3"),
        ("xpending log readers", "*4 :1 $3 1-1 $3 1-1 *1 *2 $5 alice $1 1"),
        ("exists deleted", ":0"), ("mget {t}1 {t}2", "*2 $3 one $3 two"),
    ]

    private static func fill(_ node: DiskNode) {
        func run(_ line: String) {
            let reply = node.run(line)
            #expect(!reply.hasPrefix("-") && !reply.isEmpty, "\(line): \(reply)")
        }
        let long = "set long \(String(repeating: "0123456789", count: 300))"
        let numbers = (1...40).map { "\($0)" }.joined(separator: " ")
        for line in [
            "set text hello", "set number 41", long,
            "set volatile v", "pexpireat volatile 4102444800000", "rpush small a b c", "rpush large \(numbers)",
            "sadd ints 1 2 3", "sadd members " + (1...30).map { "m\($0)" }.joined(separator: " "),
            "hset fields f1 v1 f2 v2", "hset table " + (1...30).map { "f\($0) v\($0)" }.joined(separator: " "),
            "zadd scores 1.5 a 2 b", "zadd board " + (1...30).map { "\($0 * 10) p\($0)" }.joined(separator: " "),
            "set deleted soon",
        ] { run(line) }
        for i in 1...10 { run("xadd log \(i)-1 field value\(i)") }
        run("xgroup create log readers 0")
        run("xreadgroup group readers alice count 1 streams log >")
        #expect(node.keeper!.runRound() == nil)
        run("pfadd visitors a b c")
        #expect(node.keeper!.runRound() == nil)
        // What follows is in the log only. (So that a frame is compressed, a long value is set once more.)
        for line in [long, "incr number", "del deleted", "hset table f30 changed"] { run(line) }
        let client = node.client()
        #expect(node.run("multi\r\nset {t}1 one\r\nset {t}2 two\r\nexec", client).hasSuffix("*2\r\n+OK\r\n+OK\r\n"))
    }

    private static func check(_ node: DiskNode, _ hint: String) {
        for (command, reply) in expected {
            let found = node.run(command).split(separator: "\r\n").joined(separator: " ")
            #expect(found == reply, "\(hint): \(command)")
        }
    }

    private static let place = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    private static func names(_ directory: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    }

    /// Every version there is opens, killed or not, and goes on.
    @Test func everyVersionOpens() throws {
        let versions = try Self.names(Self.place)
        #expect(versions == ["1", "2"])
        for version in versions {
            let files = SimulatedFileSystem(seed: 1, directories: ["/tmp/appendonlydir"])
            for name in try Self.names(Self.place.appendingPathComponent(version)) {
                let path = Self.place.appendingPathComponent(version).appendingPathComponent(name)
                let bytes = [UInt8](try Data(contentsOf: path))
                let file = try files.open("/tmp/appendonlydir/\(name)", .create)
                try bytes.withView { try file.write($0, at: 0) }
                try file.sync()
            }
            try files.syncDirectory("/tmp/appendonlydir")
            var node = try DiskNode(files, Self.options)
            Self.check(node, "version \(version)")
            #expect(node.setAside() > 0)
            Self.check(node, "version \(version), from the tree")
            #expect(node.keeper!.runRound() == nil)
            node = try DiskNode(files.crash(keeping: .nothing), Self.options)
            Self.check(node, "version \(version), saved again")
        }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["MARTLET_WRITE_FIXTURE"] != nil, "writes files"))
    func writeFixture() throws {
        let target = try #require(ProcessInfo.processInfo.environment["MARTLET_WRITE_FIXTURE"])
        let files = DiskNode.disk()
        let node = try DiskNode(files, Self.options)
        Self.fill(node)
        Self.check(node, "as written")
        // Killed, not ended: the next start has something to do.
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        for path in files.paths where !path.hasSuffix("/lock") {
            let name = String(path.split(separator: "/").last ?? "")
            try Data(files.contents(path) ?? []).write(to: URL(fileURLWithPath: target).appendingPathComponent(name))
        }
    }
}
