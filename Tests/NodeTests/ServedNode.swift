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
        Link.free(link)
    }

    func turn(_ body: (Executor) -> Void) {
        let executor = node.executors[0]
        executor.turnBegan(wall: wall * 1000, monotonic: 1)
        executor.takeMail()
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
        String(decoding: send(words.map { Array($0.utf8) }), as: UTF8.self)
    }

    /// Runs a command of any bytes; the raw reply.
    @discardableResult
    func send(_ words: [[UInt8]]) -> [UInt8] {
        var request = Array("*\(words.count)\r\n".utf8)
        for word in words { request += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
        request.withUnsafeMutableBufferPointer { bytes in
            turn { $0.received(link, bytes.baseAddress!, bytes.count, own: false) }
        }
        return ServedNode.drain(link)
    }

    /// What waits to be sent to the client.
    func take() -> String { ServedNode.text(link) }

    static func text(_ link: LinkPointer) -> String { String(decoding: drain(link), as: UTF8.self) }

    static func drain(_ link: LinkPointer) -> [UInt8] {
        var reply: [UInt8] = []
        while let run = link.pointee.output.unsent {
            reply += run.bytes
            link.pointee.output.consume(run.count)
        }
        return reply
    }
}
