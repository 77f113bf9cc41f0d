import Base
import Foundation
import Simulation
import Storage
import Testing

@testable import Keyspace
@testable import Node

/// A fixed course through a node's life: all types, transactions, rounds, compaction, values that leave memory and come
/// back, appendonly off and on, restarts. Beside it a node without a disk is told the same, but for what was refused.
final class FaultyCourse {
    enum Step {
        /// Lines that are sent at once.
        case send([String])
        case round, compact, setAside, restart
        case switchOff, switchOn
    }

    private var node: DiskNode?
    private var files: SimulatedFileSystem
    private let oracle: FakeShell
    private let hint: String
    /// What a restart may find: these, and what there is now, if that is logged.
    private var others: [Contents] = []
    private var mayBeCurrent = true
    private var persists = true
    /// Nothing that was there when persisting was switched on is durable before a round is over.
    private var isIncomplete = false
    /// Starts that were refused, each with one line.
    private(set) var refusals: [String] = []
    private(set) var refused = 0
    private(set) var lines: [String] = []

    init(_ files: SimulatedFileSystem, _ hint: String) throws {
        self.files = files
        self.hint = hint
        let options = DiskNode.options.map { $0 == "yes" ? "no" : $0 }
        oracle = try FakeShell(loops: 1, options: options)
    }

    var allowed: [Contents] { mayBeCurrent ? others + [current] : others }

    /// All there is is durable.
    private func settle() {
        others = []
        mayBeCurrent = true
    }

    func run(_ steps: [Step]) throws {
        try start()
        for step in steps { try perform(step) }
    }

    /// Starts; if the disk refuses, a second time. Then the disk is well, or it is asked to be.
    private func start() throws {
        for attempt in 0..<3 {
            do {
                node = try DiskNode(files, now: oracle.now)
                break
            } catch let error as RecoveryError {
                refusals.append("\(error)")
                if attempt == 1 { files.stopFailing() }
                if attempt == 2 { throw error }
            }
        }
        checkContents("after a start")
        settle()
        persists = true
        isIncomplete = false
    }

    private var current: Contents { Contents(oracle.node.keyspace) }

    func checkContents(_ place: String) {
        guard let node else { return }
        let found = Contents(node.keyspace)
        let allowed = allowed
        if !allowed.contains(where: { found.withoutDots.isReplay(of: $0.withoutDots) }) {
            let difference = found.difference(allowed[allowed.count - 1])
            let text = "\(hint), \(place): none of \(allowed.count) states\n\(difference)\n\(files.lastCalls(40))"
            Issue.record(Comment(rawValue: text))
        }
    }

    private func perform(_ step: Step) throws {
        guard let node else { return }
        switch step {
        case .send(let lines): send(lines, node)
        case .round:
            if node.keeper?.runRound() == nil && persists && isIncomplete {
                isIncomplete = false
                settle()
            } else if isIncomplete {
                // The edit may have come to the disk nevertheless.
                mayBeCurrent = true
            }
        case .compact: node.compact()
        case .setAside: node.setAside()
        case .restart: try restart(node)
        case .switchOff: switchOff(node)
        case .switchOn: switchOn(node)
        }
    }

    /// Line by line, but for a transaction.
    private func send(_ lines: [String], _ node: DiskNode) {
        var client = node.client()
        let other = oracle.connect()
        for text in lines.contains("multi") ? [lines.joined(separator: "\r\n")] : lines {
            oracle.now += 3
            node.shell.now = oracle.now
            if !client.isOpen || !client.held.isEmpty { client = node.client() }
            send(text + "\r\n", client, other, node)
        }
    }

    private func send(_ text: String, _ client: FakeClient, _ other: FakeClient, _ node: DiskNode) {
        let reply = node.shell.exchange(client, text)
        if ["MISCONF", "cannot be read from disk", "EXECABORT"].contains(where: reply.contains) {
            refused += 1
            return
        }
        // What is not acknowledged may be there or not.
        if reply.isEmpty && mayBeCurrent { others.append(current) }
        let expected = oracle.exchange(other, text)
        if reply.isEmpty { return }
        #expect(reply == expected, "\(hint): \(text.prefix(80))")
        // While writes are refused, replies are about memory.
        if persists && !isIncomplete && !(node.persistence?.refusesWrites ?? true) { settle() }
    }

    private func restart(_ node: DiskNode) throws {
        if !persists { switchOn(node) }
        if persists && isIncomplete && node.keeper?.runRound() == nil {
            isIncomplete = false
            settle()
        } else if isIncomplete {
            mayBeCurrent = true
        }
        if isIncomplete || !others.isEmpty || !persists || node.persistence?.refusesWrites ?? true {
            // What the end of the process saves is not certain: the course ends here.
            finish(node)
            self.node = nil
            return
        }
        finish(node)
        self.node = nil
        files = files.asAnotherProcess()
        try start()
    }

    private func finish(_ node: DiskNode) {
        node.shell.node.closePersistence()
        lines += node.shell.lines
    }

    private func switchOff(_ node: DiskNode) {
        if node.run("config set appendonly no", node.client()) != "+OK\r\n" { return }
        persists = false
        others = allowed
        mayBeCurrent = false
    }

    private func switchOn(_ node: DiskNode) {
        if persists { return }
        if node.run("config set appendonly yes", node.client()) == "+OK\r\n" {
            persists = true
            isIncomplete = true
            others = [Contents()]
        } else {
            others.append(Contents())
        }
    }

    /// Power fails, or the process is killed; the disk is well again.
    func end(kill: Bool) throws {
        if let node { lines += node.shell.lines }
        node = nil
        files.stopFailing()
        files = kill ? files.kill() : files.crash(keeping: .nothing)
        let next = try DiskNode(files, now: oracle.now)
        node = next
        checkContents("at the end")
        #expect(next.run("set last 1") == "+OK\r\n", "\(hint)")
        #expect(next.keeper?.runRound() == nil, "\(hint)")
    }
}

@Suite struct EveryCallFailsTests {
    private static let long = String(repeating: "l", count: 700)

    static let course: [FaultyCourse.Step] = [
        .send(["set s1 one", "append s1 more", "set s2 \(long)", "incrby n 41", "setex e 1000 gone"]),
        .send(["rpush l a b c d e f g h i j k", "lpop l", "linsert l before c x"]),
        .send(["sadd t a b c d e f g h i j", "srem t b", "sadd u 1 2 3"]),
        .send(["hset h f1 v1 f2 v2 f3 v3", "hset g a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9"]),
        .send(["zadd z 1 a 2 b 3 c", "zadd y 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h 9 i"]),
        .send([
            "xadd x 1-1 f v", "xadd x 2-1 f v", "xgroup create x grp 0", "xreadgroup group grp c count 1 streams x >",
        ]),
        .send(["pfadd p a b c", "move p 1"]),
        .round,
        .send(["multi", "set {m}1 1", "set {m}2 2", "rpush {m}3 3", "exec"]),
        .send(["del u", "set s1 two", "lpush l z", "hdel h f2", "zincrby z 5 a", "setrange s2 3 XYZ"]),
        .setAside,
        .send(["get s2", "lrange l 0 -1", "hgetall h", "sort t alpha"]),
        .round,
        .send(["set r1 \(long)", "set r2 \(long)", "set r3 \(long)"]),
        .send(["set r4 \(long)", "set r5 \(long)", "del r1 r2"]),
        .round,
        .setAside,
        .send(["append s2 tail", "expire r3 100", "rename r4 r6", "copy r5 r7"]),
        .send(["eval \"redis.call('set',KEYS[1],redis.call('get',KEYS[2])..'!') return 1\" 2 {r}8 r5"]),
        .compact,
        .round, .compact,
        .restart,
        .send(["get s2", "get r3", "smembers u", "zrange y 0 -1 withscores", "xrange x - +"]),
        .send(["multi", "set r3 new", "del l", "sadd t new", "exec"]),
        .setAside,
        .switchOff,
        .send(["get r3", "set while off", "del h"]),
        .switchOn,
        .send(["set after on", "hset h f again"]),
        .round, .compact,
        .setAside,
        .send(["get s2", "get while", "flushdb"]),
        .send(["set s1 three"]),
        .restart,
        .send(["get s1", "mget s2 while after", "dbsize"]),
    ]

    struct Way: Sendable, CustomTestStringConvertible {
        var fault: DiskFault
        var persistent: Bool
        var number: Int
        var testDescription: String { "\(fault)\(persistent ? " for good" : "")" }
    }

    static let ways: [Way] = [
        Way(fault: .error, persistent: false, number: 0), Way(fault: .error, persistent: true, number: 1),
        Way(fault: .noSpace, persistent: false, number: 2), Way(fault: .noSpace, persistent: true, number: 3),
        Way(fault: .short, persistent: false, number: 4), Way(fault: .interrupted, persistent: false, number: 5),
    ]

    /// With MARTLET_LONG each call fails in each of the ways; without it every eleventh, another one in each way.
    static var isLong: Bool { ProcessInfo.processInfo.environment["MARTLET_LONG"] == "1" }

    @Test(arguments: ways)
    func everyCallFails(way: Way) throws {
        let step = Self.isLong ? 1 : 11
        var n = Self.isLong ? 1 : 2 * way.number + 1
        var lives = 0
        while n < 5000 {
            let files = DiskNode.disk(seed: UInt64(n))
            files.failAt(n, way.fault, persistent: way.persistent)
            let course = try FaultyCourse(files, "\(way.testDescription), call \(n)")
            try course.run(Self.course)
            if files.injected == 0 { break }
            try course.end(kill: n / step % 2 == 0)
            check(course, way, n)
            lives += 1
            n += step
        }
        #expect(lives >= (Self.isLong ? 100 : 8))
        print("\(way.testDescription): \(lives) lives")
    }

    /// What was told: one line for each thing that went wrong, none twice.
    private func check(_ course: FaultyCourse, _ way: Way, _ n: Int) {
        let hint = "\(way.testDescription), call \(n): \(course.lines)"
        let isHarmless = way.fault == .short || way.fault == .interrupted
        let values = course.lines.filter { $0.hasPrefix("A value") }
        let others = course.lines.filter { !$0.hasPrefix("A value") }
        #expect(Set(others).count == others.count || way.persistent, "\(hint)")
        #expect(others.count <= 8, "\(hint)")
        if isHarmless {
            #expect(course.lines.isEmpty && course.refusals.isEmpty && course.refused == 0, "\(hint)")
        } else if course.refused > 0 && values.isEmpty {
            #expect(!others.isEmpty, "\(hint)")
        }
    }

    @Test func theCourseGoesWell() throws {
        let files = DiskNode.disk()
        let course = try FaultyCourse(files, "no fault")
        try course.run(Self.course)
        #expect(course.lines.isEmpty && course.refusals.isEmpty && course.refused == 0, "\(course.lines)")
        #expect(course.allowed.count == 1)
        try course.end(kill: false)
        print("\(files.calls) calls: " + "\(files.calls(of: .write)) writes, \(files.calls(of: .sync)) syncs")
    }
}
