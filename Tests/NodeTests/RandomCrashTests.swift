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
        private var contexts: [(key: [UInt8], text: [UInt8])] = []

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
            if below(8) == 0 { return versionCommand() }
            while true {
                let words = ReplayMix.command(&random)
                let name = String(decoding: words[0], as: UTF8.self)
                if ["FLUSHALL", "FLUSHDB", "SWAPDB", "SELECT"].contains(name) || name.hasPrefix("B") { continue }
                if words.contains(Array("BLOCK".utf8)) { continue }
                return words
            }
        }

        /// One about versions, with a context or without.
        private func versionCommand() -> [[UInt8]] {
            let key = Array("versions\(below(6))".utf8)
            let context = { [self] in
                let known = contexts.filter { $0.key == key }
                return known.isEmpty || below(3) == 0 ? [] : [Array("CONTEXT".utf8), known[below(known.count)].text]
            }
            switch below(8) {
            case 0: return [Array("SET".utf8), key, Array("plain\(below(100))".utf8)]
            case 1: return [Array("DEL".utf8), key]
            case 2, 3: return [Array("VDEL".utf8), key] + context()
            default:
                remember(key)
                return [Array("VSET".utf8), key, Array("version\(below(100))".utf8)] + context()
            }
        }

        /// A context as VGET answers it now.
        private func remember(_ key: [UInt8]) {
            let client = node.client()
            client.unread += Array("*2\r\n$4\r\nVGET\r\n$\(key.count)\r\n".utf8) + key + [13, 10]
            node.shell.settle()
            let lines = client.received.split(separator: 10, omittingEmptySubsequences: false)
            if lines.count > 2, lines[0] == Array("*2\r".utf8)[...] {
                contexts.append((key, Array(lines[2].dropLast())))
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
