import Base
import Foundation
import Simulation
import Testing

@testable import Keyspace
@testable import Node

/// Random commands of all types, transactions over several keys, rounds, compaction and values that leave memory, under
/// `always`; power fails at random disk calls and keeps some of what was not synced, page by page. What was acknowledged
/// is there, and of what was under way all or nothing. `MARTLET_CRASHES` says how many crashes (400).
@Suite struct RandomCrashTests {
    private static let crashes = ProcessInfo.processInfo.environment["MARTLET_CRASHES"].flatMap { Int($0) } ?? 400
    private static let shares = 4

    @Test(arguments: 0..<shares)
    func powerFailsAtRandom(share: Int) throws {
        var done = 0
        var seed = UInt64(share) + 1
        while done < Self.crashes / Self.shares {
            done += try Life(seed).run()
            seed += UInt64(Self.shares)
        }
        print("share \(share): \(done) crashes")
    }

    private final class Life {
        private var node: DiskNode
        private var random: PRNG
        private let seed: UInt64
        private var crashes = 0

        init(_ seed: UInt64) throws {
            self.seed = seed
            random = PRNG(seed: seed)
            node = try DiskNode(DiskNode.disk(seed: seed))
        }

        private func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

        /// Answers how many crashes it has seen.
        func run() throws -> Int {
            for _ in 0..<6 {
                for _ in 0..<(10 + below(60)) { step() }
                for _ in 0..<4 {
                    for _ in 0..<below(4) { step() }
                    try crashDuringStep()
                }
                // It goes on where it crashed last.
                let now = node.shell.now
                node = try DiskNode(node.files.crash(keeping: .each(seed: random.next())), now: now)
            }
            return crashes
        }

        private func crashDuringStep() throws {
            let before = try contents()
            let watch = CrashWatch(
                node.files, seed: random.next(), "seed \(seed), crash \(crashes)", allSubsets: false, only: 1 + below(8)
            )
            watch.watch { step() }
            watch.crash("after it")
            let after = try contents()
            for (i, state) in watch.states.enumerated() {
                let isLast = i == watch.states.count - 1
                state.check(isLast ? [after] : [before, after], now: node.shell.now, again: below(8) == 0)
                crashes += 1
            }
        }

        private func contents() throws -> Contents {
            if node.keyspace.shared.pointee.awayValues == 0 { return Contents(node.keyspace) }
            return Contents(try DiskNode(node.files.afterKill(), now: node.shell.now).keyspace)
        }

        private func step() {
            node.shell.now += Int64(below(8))
            switch below(40) {
            case 0, 1: #expect(node.keeper!.runRound() == nil)
            case 2: node.compact()
            case 3: node.setAside()
            case 4..<10: send([[Array("MULTI".utf8)]] + (0...below(5)).map { _ in command() } + [[Array("EXEC".utf8)]])
            default: send([command()])
            }
        }

        /// One that is one record, and does not wait.
        private func command() -> [[UInt8]] {
            while true {
                let words = ReplayMix.command(&random)
                let name = String(decoding: words[0], as: UTF8.self)
                if ["FLUSHALL", "FLUSHDB", "SWAPDB", "SELECT"].contains(name) || name.hasPrefix("B") { continue }
                if words.contains(Array("BLOCK".utf8)) { continue }
                return words
            }
        }

        private func send(_ requests: [[[UInt8]]]) {
            let client = node.client()
            for words in requests {
                client.unread += Array("*\(words.count)\r\n".utf8)
                for word in words { client.unread += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
            }
            node.shell.settle()
            #expect(client.isOpen && client.held.isEmpty && !client.received.isEmpty, "seed \(seed)")
        }
    }
}
