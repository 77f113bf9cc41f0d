import Base
import Commands
import Keyspace

@testable import Node

/// Clients of a node that send random commands.
final class RandomTraffic {
    let shell: FakeShell
    var random: PRNG
    private var clients: [FakeClient] = []
    /// Commands that were answered, and not with an error.
    var done: Set<String> = []

    init(_ shell: FakeShell, _ seed: UInt64) {
        self.shell = shell
        random = PRNG(seed: seed)
        clients = [shell.connect(loop: 0), shell.connect(loop: 1), shell.connect(loop: 1)]
    }

    /// Low limits for most seeds, so that values change their form all the time.
    static func options(_ seed: UInt64) -> [String] { seed % 3 == 0 ? [] : ReplayMix.lowLimits }

    func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

    /// One command, or several in a transaction. A client that waits is left alone.
    func step() {
        shell.now += Int64(below(8))
        for client in clients where !client.received.isEmpty { client.received = [] }
        let client = clients[below(3)]
        if isWaiting(client) { return shell.settle() }
        switch below(12) {
        case 0: transaction(client)
        case 1: restore(client)
        case 2:
            let words = ReplayMix.command(&random)
            if words[0].first != UInt8(ascii: "B") {
                send(client, ["EVAL", "return redis.pcall(unpack(ARGV))", "0"].map { Array($0.utf8) } + words)
            }
        default: send(client, ReplayMix.command(&random))
        }
    }

    private func isWaiting(_ client: FakeClient) -> Bool {
        client.link.pointee.session!.assumingMemoryBound(to: Session.self).pointee.mode.contains(.suspended)
    }

    private func transaction(_ client: FakeClient) {
        send(client, [Array("MULTI".utf8)])
        for _ in 0...below(5) { send(client, ReplayMix.command(&random)) }
        send(client, [Array((below(5) == 0 ? "DISCARD" : "EXEC").utf8)])
    }

    private func restore(_ client: FakeClient) {
        let (source, target) = (ReplayMix.anyKey(&random), ReplayMix.anyKey(&random))
        let dump = send(client, [Array("DUMP".utf8), source])
        guard dump.first == UInt8(ascii: "$"), dump.count > 5, let start = dump.firstIndex(of: 10) else { return }
        let payload = Array(dump[(start + 1)..<(dump.count - 2)])
        let time = Array("\(below(2) * below(300))".utf8)
        send(client, [Array("RESTORE".utf8), target, time, payload, Array("REPLACE".utf8)])
    }

    @discardableResult
    private func send(_ client: FakeClient, _ words: [[UInt8]]) -> [UInt8] {
        client.unread += Array("*\(words.count)\r\n".utf8)
        for word in words { client.unread += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
        shell.settle()
        defer { client.received = [] }
        let reply = client.received
        if let first = reply.first, first != UInt8(ascii: "-"), reply != Array("+QUEUED\r\n".utf8) {
            done.insert(String(decoding: words[0], as: UTF8.self).lowercased())
            if words.count > 1 {
                let names = words[0...1].map { String(decoding: $0, as: UTF8.self).lowercased() }
                done.insert(names.joined(separator: "|"))
            }
        }
        return reply
    }
}
