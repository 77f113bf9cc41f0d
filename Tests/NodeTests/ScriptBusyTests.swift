import Base
import Scripting
import Testing

@testable import Node

/// A loop looks after its other clients while a script runs for long.
@Suite struct ScriptBusyTests {
    /// Runs a script that does not end by itself, with a second client that sends its requests one by one whenever the
    /// loop looks at its sockets and reads.
    private func run(_ words: [String], meanwhile requests: [String], limit: String = "1") throws -> (String, [String])
    {
        let served = try ServedNode("--busy-reply-threshold", limit)
        let other = FakeClient(served.node.executors[0])
        served.turn { $0.opened(other.link) }
        var replies: [String] = []
        var waiting = requests[...]
        let executor = served.node.executors[0]
        executor.attend = { reading in
            guard reading, let request = waiting.popFirst() else { return }
            var bytes = Array(request.utf8)
            bytes.withUnsafeMutableBufferPointer { room in
                executor.received(other.link, room.baseAddress!, room.count, own: false)
                executor.execute()
            }
            replies.append(ServedNode.text(other.link))
        }
        let reply = served.run(words)
        served.turn { $0.closed(other.link) }
        return (reply, replies)
    }

    private static let busy =
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n"

    @Test func busyAndKilled() throws {
        let (reply, replies) = try run(
            ["EVAL", "while true do end", "0"],
            meanwhile: ["PING\r\n", "GET x\r\nGET y\r\n", "FUNCTION KILL\r\n", "SCRIPT KILL\r\n"])
        #expect(replies == [Self.busy, Self.busy + Self.busy, Self.busy, "+OK\r\n"])
        #expect(reply.hasPrefix("-ERR Script killed by user with SCRIPT KILL. script: "))
    }

    /// Nothing catches the end.
    @Test(arguments: [
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(redis.call, 'ping') end",
        "local function f() while true do end end while true do xpcall(f, f) end",
        "while true do coroutine.wrap(function() while true do end end)() end",
        "while true do pcall(coroutine.resume, coroutine.create(function() while true do end end)) end",
    ])
    func cannotBeCaught(_ script: String) throws {
        let (reply, replies) = try run(["EVAL", script, "0"], meanwhile: ["SCRIPT KILL\r\n"])
        #expect(replies == ["+OK\r\n"])
        #expect(reply.contains("killed by user"))
    }

    @Test func transactions() throws {
        let abort = "-EXECABORT Transaction discarded because of: " + Self.busy.dropFirst()
        let (_, replies) = try run(
            ["EVAL", "while true do end", "0"],
            meanwhile: ["MULTI\r\n", "GET x\r\n", "EXEC\r\n", "WATCH x\r\n", "UNWATCH\r\n", "SCRIPT KILL\r\n"])
        #expect(replies == ["+OK\r\n", Self.busy, abort, "+OK\r\n", "+OK\r\n", "+OK\r\n"])
    }

    @Test func notAfterWriting() throws {
        let script =
            "redis.call('set','x','y') local n=0 while not redis.call('get','stop') and n<2e5 do n=n+1 end return n"
        let (reply, replies) = try run(["EVAL", script, "0"], meanwhile: ["SCRIPT KILL\r\n", "GET x\r\n"])
        #expect(replies.first?.hasPrefix("-UNKILLABLE Sorry the script already executed write commands") == true)
        #expect(replies.dropFirst().first == Self.busy)
        #expect(reply == ":200000\r\n")
    }

    /// A limit of 0: never BUSY.
    @Test func withoutLimit() throws {
        let (reply, replies) = try run(
            ["EVAL", "local n=0 for i=1,3e6 do n=n+1 end return n", "0"], meanwhile: ["PING\r\n"], limit: "0")
        #expect(reply == ":3000000\r\n")
        #expect(replies.isEmpty)
    }

    /// Requests of others in the same batch are answered BUSY in their order, those of the script's client after it.
    @Test func sameBatch() throws {
        let served = try ServedNode("--busy-reply-threshold", "1")
        let other = FakeClient(served.node.executors[0])
        let executor = served.node.executors[0]
        served.turn { $0.opened(other.link) }
        var looks = 0
        executor.attend = { reading in
            if !reading { return }
            looks += 1
            if looks == 3 { _ = executor.scripts.signals.kill(.scripts) }
        }
        var own = Array(
            "*3\r\n$4\r\nEVAL\r\n$17\r\nwhile true do end\r\n$1\r\n0\r\n*2\r\n$4\r\nPING\r\n$3\r\nown\r\n".utf8)
        let ping = "*2\r\n$4\r\nPING\r\n$1\r\n"
        var others = Array((ping + "a\r\n" + ping + "b\r\n" + ping).utf8)
        own.withUnsafeMutableBufferPointer { mine in
            others.withUnsafeMutableBufferPointer { theirs in
                served.turn {
                    $0.received(served.link, mine.baseAddress!, mine.count, own: false)
                    $0.received(other.link, theirs.baseAddress!, theirs.count, own: false)
                }
            }
        }
        #expect(ServedNode.text(other.link) == Self.busy + Self.busy)
        #expect(served.take().hasSuffix("on @user_script:1.\r\n$3\r\nown\r\n"))
        var rest = Array("c\r\n".utf8)
        rest.withUnsafeMutableBufferPointer { bytes in
            served.turn {
                let (room, _) = other.link.pointee.input.prepare(bytes.count)
                room.update(from: bytes.baseAddress!, count: bytes.count)
                other.link.pointee.input.filled(bytes.count)
                $0.received(other.link, room, bytes.count, own: true)
            }
        }
        #expect(ServedNode.text(other.link) == "$1\r\nc\r\n")
        served.turn { $0.closed(other.link) }
    }
}
