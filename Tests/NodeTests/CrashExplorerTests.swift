import Base
import Foundation
import Simulation
import Testing

@testable import Keyspace
@testable import Node

/// All short sequences of operations, with a loss of power before each disk call of the last one and every subset of
/// what was not synced (some, if there are many): a restart finds what was before it or after it, and what was
/// acknowledged is there. As in ALICE (Pillai et al., OSDI 2014) and CrashMonkey (Mohan et al., OSDI 2018).
@Suite struct CrashExplorerTests {
    enum Operation: CaseIterable {
        case set, setOther, delete, large, round, compact, leave, transaction, flush

        func perform(on node: DiskNode) {
            switch self {
            case .set: #expect(node.run("set k \(String(repeating: "v", count: 100))") == "+OK\r\n")
            case .setOther: #expect(node.run("set {k}2 two") == "+OK\r\n")
            case .delete: #expect(node.run("del k l").hasPrefix(":"))
            case .large: #expect(node.run("hset l a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9").hasPrefix(":"))
            case .round: #expect(node.keeper!.runRound() == nil)
            case .compact: node.compact()
            case .leave: node.setAside()
            case .transaction:
                let client = node.client()
                #expect(
                    node.run("multi\r\nappend k x\r\nhset l j 10 a 11\r\nrpush m 1 2 3\r\nexec", client).contains("*3"))
            case .flush: #expect(node.run("flushall") == "+OK\r\n")
            }
        }
    }

    private static let isLong = ProcessInfo.processInfo.environment["MARTLET_LONG"] == "1"
    private static let length = isLong ? 3 : 2

    private static func sequences(_ length: Int) -> [[Operation]] {
        if length == 0 { return [[]] }
        return sequences(length - 1).flatMap { start in Operation.allCases.map { start + [$0] } }
    }

    @Test(arguments: Operation.allCases)
    func allSequences(first: Operation) throws {
        var crashes = 0
        for length in 1...Self.length {
            for sequence in Self.sequences(length) where sequence[0] == first {
                crashes += try explore(sequence)
            }
        }
        #expect(crashes >= 30)
        print("\(first): \(crashes) crashes")
    }

    private func explore(_ sequence: [Operation]) throws -> Int {
        let node = try DiskNode(DiskNode.disk())
        for operation in sequence.dropLast() { operation.perform(on: node) }
        let last = sequence[sequence.count - 1]
        // Values that are away are seen by another start only.
        let before = try restarted(node)
        let watch = CrashWatch(node.files, seed: 1, "\(sequence)", allSubsets: true)
        if Self.isLong { watch.subsetsUpTo = 4 }
        watch.watch { last.perform(on: node) }
        let after = try restarted(node)
        let done = CrashWatch(node.files, seed: 2, "\(sequence)", allSubsets: true)
        done.crash("at the end")
        for (i, state) in watch.states.enumerated() {
            state.check(
                [before, after], orSomeOf: last == .flush ? before : nil, now: node.shell.now, again: i % 8 == 0)
        }
        for state in done.states { state.check([after], now: node.shell.now, again: false) }
        return watch.states.count + done.states.count
    }

    /// What was acknowledged: the node's contents, with values that are away read by another node.
    private func restarted(_ node: DiskNode) throws -> Contents {
        if node.keyspace.shared.pointee.awayValues == 0 { return Contents(node.keyspace) }
        return Contents(try DiskNode(node.files.afterKill()).keyspace)
    }
}
