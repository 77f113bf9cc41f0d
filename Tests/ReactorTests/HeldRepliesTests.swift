import Base
import CSystem
import Glibc
import Testing

@testable import Reactor

/// Answers a client at once, and once more from the mail of the turn in which the first reply may go. Each reply waits
/// for a number of its own.
private final class TwoReplies: LinkHandler {
    weak var loop: EventLoop?
    private var client: LinkPointer?
    private var turns = 0
    /// What replies wait for, and how far that is.
    private var last: UInt64 = 0
    private var durable: UInt64 = 0
    /// Turn by turn: how many bytes have been sent when it begins.
    private(set) var sentBefore: [Int] = []
    private var sent = 0
    private var isSecondGiven = false

    override func opened(_ link: LinkPointer) { client = link }

    override func received(_ link: LinkPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, own: Bool) {
        reply("first")
    }

    private func reply(_ text: String) {
        guard let client else { return }
        last += 1
        Array(text.utf8).withView { client.pointee.output.append($0) }
        if client.pointee.state.contains(.waiting) { client.pointee.state.insert(.answered) }
        markDirty(client)
    }

    override func turnBegan(wall: Int64, monotonic: UInt64) {
        sentBefore.append(sent)
        // As the log's writer would, at any time.
        if last == 1 { durable = 1 }
        if isSecondGiven { turns += 1 }
        if turns == 5 { durable = 2 }
        if turns == 8 || sentBefore.count == 1000 { loop?.stop() }
    }

    override func takeMail() {
        if last != 1 { return }
        isSecondGiven = true
        reply("second")
    }

    override func repliesWaitFor() -> UInt64 { last == durable ? 0 : last }

    override func standing(of number: UInt64) -> WaitStanding { durable >= number ? .reached : .pending }

    override func sent(_ link: LinkPointer, _ count: Int) { sent += count }

    override func turnEnded(monotonic: UInt64) -> Int32 { 1 }
}

struct HeldRepliesTests {
    /// A client that sent several commands at once may be answered again in the very turn in which its first reply may go:
    /// the second one must not go with it. (Under `appendfsync always`, a transaction whose values came back from
    /// disk was acknowledged before its record was written.)
    @Test func whatIsAnsweredInATurnDoesNotGoWithWhatHadWaited() throws {
        let listener = cs_listen_tcp("127.0.0.1", 0, 16, 0)
        try #require(listener >= 0)
        let handler = TwoReplies()
        let loop = EventLoop(handler: handler, keepalive: { 0 })
        handler.loop = loop
        loop.add(EventLoop.Listener(descriptor: listener, isTCP: true))
        let client = cs_connect_tcp("127.0.0.1", cs_local_port(listener), 5000)
        try #require(client >= 0)
        #expect(cs_send_all(client, [120], 1, 5000) == 0)
        loop.run()
        let firsts = handler.sentBefore.drop { $0 == 0 }
        #expect(firsts.prefix { $0 == 5 }.count >= 5)
        #expect(Set(firsts) == [5, 11])
        var bytes = [UInt8](repeating: 0, count: 64)
        var got: [UInt8] = []
        while true {
            let count = cs_receive(client, &bytes, bytes.count, 5000)
            if count <= 0 { break }
            got += bytes.prefix(count)
        }
        #expect(got == Array("firstsecond".utf8))
        close(client)
    }
}
