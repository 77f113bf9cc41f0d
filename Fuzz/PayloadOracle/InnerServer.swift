import Base
import Keyspace
import Node

/// A node with one loop and one client, without sockets and with a clock that stands still: words in, the reply out.
final class InnerServer {
    private let node: Node
    private let link: LinkPointer

    init(_ options: [String]) {
        let fixed = ["--protected-mode", "no", "--io-threads", "1", "--enable-debug-command", "yes"]
        guard let configuration = try? Configuration.load(fixed + options) else { fatalError("\(options)") }
        let doors = Doors(disposer: Disposer(), log: { _, _ in }, shutDown: {}, sleep: { _ in })
        node = Node(configuration: configuration, doors: doors, wall: InnerServer.wall, seed: 7)
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

    /// ms since 1970.
    private static let wall: Int64 = 1_800_000_000_000

    private func turn(_ body: (Executor) -> Void) {
        let executor = node.executors[0]
        executor.turnBegan(wall: InnerServer.wall * 1000, monotonic: 1)
        executor.takeMail()
        body(executor)
        executor.execute()
        executor.dirty.removeAll()
        _ = executor.turnEnded(monotonic: 1)
    }

    /// Runs a command; the raw reply.
    @discardableResult
    func run(_ words: [[UInt8]]) -> [UInt8] {
        var request = Array("*\(words.count)\r\n".utf8)
        for word in words { request += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
        request.withUnsafeMutableBufferPointer { bytes in
            turn { $0.received(link, bytes.baseAddress!, bytes.count, own: false) }
        }
        var reply: [UInt8] = []
        while let run = link.pointee.output.unsent {
            reply += run.bytes
            link.pointee.output.consume(run.count)
        }
        return reply
    }

    /// The same in another database than 0.
    @discardableResult
    func run(_ words: [[UInt8]], in database: Int) -> [UInt8] {
        if database == 0 { return run(words) }
        run("SELECT \(database)")
        defer { run("SELECT 0") }
        return run(words)
    }

    /// The same of words between spaces, the reply as text.
    @discardableResult
    func run(_ line: String, in database: Int = 0) -> String {
        String(decoding: run(line.split(separator: " ").map { Array($0.utf8) }, in: database), as: UTF8.self)
    }
}
