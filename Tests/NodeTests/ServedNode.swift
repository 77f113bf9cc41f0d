import Base
import Keyspace

@testable import Node

/// A node with one loop and one client, without sockets: words in, the raw reply out.
final class ServedNode {
    let node: Node
    let link: LinkPointer
    /// What the log was told.
    let log = Lines()
    /// Milliseconds since 1970. Stands still unless set.
    var wall: Int64 = 1_800_000_000_000

    final class Lines: @unchecked Sendable {
        private let lock = SpinLock()
        private var lines: [String] = []
        func add(_ line: String) { lock.withLock { lines.append(line) } }
        var all: [String] { lock.withLock { lines } }
    }

    init(_ options: String...) throws {
        let configuration = try Configuration.load(
            ["--protected-mode", "no", "--io-threads", "1", "--enable-debug-command", "yes"] + options)
        let log = log
        let doors = Doors(
            disposer: Disposer(), log: { _, text in log.add(text) }, shutDown: {}, sleep: { _ in })
        node = Node(configuration: configuration, doors: doors, wall: wall, seed: 7)
        link = .allocate(capacity: 1)
        link.initialize(to: Link(descriptor: -1, registration: 1))
        turn { $0.opened(link) }
    }

    deinit {
        node.executors[0].closed(link)
        link.pointee.input.reset()
        link.pointee.output.reset()
        link.deinitialize(count: 1)
        link.deallocate()
    }

    private func turn(_ body: (Executor) -> Void) {
        let executor = node.executors[0]
        executor.turnBegan(wall: wall * 1000, monotonic: 1)
        body(executor)
        executor.execute()
        executor.dirty.removeAll()
        _ = executor.turnEnded(monotonic: 1)
    }

    /// Runs a command given as words between spaces.
    @discardableResult
    func run(_ line: String) -> String { run(line.split(separator: " ").map(String.init)) }

    @discardableResult
    func run(_ words: [String]) -> String {
        var request = Array("*\(words.count)\r\n".utf8)
        for word in words { request += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        request.withUnsafeMutableBufferPointer { bytes in
            turn { $0.received(link, bytes.baseAddress!, bytes.count, own: false) }
        }
        var reply: [UInt8] = []
        while let run = link.pointee.output.unsent {
            reply += run.bytes
            link.pointee.output.consume(run.count)
        }
        return String(decoding: reply, as: UTF8.self)
    }
}
