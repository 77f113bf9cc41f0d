import Base
import Keyspace
import Testing

@testable import Node

/// What the executor refuses, and with which words: those of redis-server 7.0.15.
@Suite struct RefusalTests {
    @Test func errorsShowBytesUpToANul() throws {
        let shell = try FakeShell()
        let client = shell.connect()
        func send(_ words: [[UInt8]]) -> [UInt8] {
            client.unread = Array("*\(words.count)\r\n".utf8)
            for word in words { client.unread += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
            shell.settle()
            defer { client.received = [] }
            return client.received
        }
        let name = Array("nosuch".utf8)
        #expect(
            send([name + [0, 65], [0, 255], [255, 66]])
                == Array("-ERR unknown command 'nosuch', with args beginning with: '' '".utf8) + [255, 66]
                + Array("' \r\n".utf8))
        #expect(
            send([Array("module".utf8), [97, 0, 98]])
                == Array("-ERR unknown subcommand 'a'. Try MODULE HELP.\r\n".utf8))
        #expect(
            send([Array("config".utf8), [200, 13, 98]])
                == Array("-ERR unknown subcommand '".utf8) + [200, 32] + Array("b'. Try CONFIG HELP.\r\n".utf8))
    }

    @Test func aDatabaseNumberOutside32BitsIsNamed() throws {
        let node = try ServedNode()
        #expect(node.run("SELECT 16") == "-ERR DB index is out of range\r\n")
        #expect(
            node.run("SELECT 2147483648")
                == "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n")
        #expect(node.run("SELECT x") == "-ERR value is not an integer or out of range\r\n")
    }

    @Test func aRefusedExecEndsTheTransaction() throws {
        let node = try ServedNode()
        node.run("WATCH k")
        node.run("MULTI")
        #expect(
            node.run("EXEC now")
                == "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n")
        #expect(node.run("EXEC") == "-ERR EXEC without MULTI\r\n")
        #expect(
            node.run("EXEC now")
                == "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n")
    }

    @Test func overMaxmemoryWritesAreRefusedAndDiscardIsNot() throws {
        let refusal = "OOM command not allowed when used memory > 'maxmemory'."
        let node = try ServedNode()
        node.run("SET k v")
        node.run("MULTI")
        node.run("SET k w")
        #expect(node.node.configuration.change("maxmemory", "1") == nil)
        node.wall += 1
        #expect(node.run("EXEC") == "-EXECABORT Transaction discarded because of: \(refusal)\r\n")
        #expect(node.run("SET k x") == "-\(refusal)\r\n")
        #expect(node.run("GET k") == "$1\r\nv\r\n")
        #expect(node.run("DEL k") == ":1\r\n")
        #expect(node.run("MULTI") == "+OK\r\n")
        #expect(node.run("PING") == "-\(refusal)\r\n")
        #expect(node.run("DISCARD") == "+OK\r\n")
        #expect(node.run("CONFIG SET maxmemory 0") == "+OK\r\n")
        #expect(node.run("SET k x") == "+OK\r\n")
    }

    /// RESETSTAT makes the counters smaller than a loop's last look at them.
    @Test func resettingStatisticsBetweenTicksKeepsTheRatesSane() throws {
        let shell = try FakeShell(loops: 2)
        let busy = shell.connect(loop: 1)
        let other = shell.connect(loop: 0)
        for _ in 0..<20 { _ = shell.exchange(busy, "PING\r\n") }
        shell.now += 150
        shell.settle()
        #expect(shell.exchange(other, "CONFIG RESETSTAT\r\n") == "+OK\r\n")
        shell.now += 150
        shell.settle()
        #expect(shell.node.total(.commandRate) < 1000)
    }

    /// What INFO calls rdb_changes_since_last_save.
    @Test func aBitFieldCountsOneChangePerOperation() throws {
        let node = try ServedNode()
        func changes(_ line: String) -> UInt64 {
            let before = node.node.keyspace.writes
            node.run(line)
            return node.node.keyspace.writes - before
        }
        #expect(changes("BITFIELD a INCRBY i5 0 1") == 1)
        #expect(changes("BITFIELD b SET i5 0 0") == 1)
        #expect(changes("BITFIELD b SET i5 0 0") == 0)
        #expect(changes("BITFIELD b SET i5 90 0") == 1)
        #expect(changes("BITFIELD b SET u8 200 1 SET u8 208 1") == 2)
        #expect(node.run("STRLEN b") == ":27\r\n")
    }
}
