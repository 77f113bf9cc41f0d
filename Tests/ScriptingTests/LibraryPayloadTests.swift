import Base
import Testing

@testable import Scripting

@Suite struct LibraryPayloadTests {
    /// FUNCTION DUMP of redis-server 7.0.15: three libraries, two of them compressed.
    private static let recorded = [
        "f5c3408640961f23216c7561206e616d653d6c340a72656469732e72656769737465725f66756e056374696f6e7bc008005f",
        "60280e276868272c2063616c6c6261636b3dc01c1f28292072657475726e203120656e642c666c6167733d7b276e6f2d7772",
        "6974650373272c272033056f772d6f6f6de0000b047374616c65200d202502636c75407602277d7df5c3404c40791f23216c",
        "7561206e616d653d6c320a72656469732e72656769737465725f66756e0a6374696f6e282768272c20e0000d0d2920726574",
        "75726e203120656e64400de00e350048e01035016429f5404423216c7561206e616d653d6c69620a72656469732e72656769",
        "737465725f66756e6374696f6e282766272c2066756e6374696f6e28292072657475726e203120656e64290a008081f54030",
        "96eea4",
    ].joined()

    /// Their sources.
    private static let sources = [
        """
        #!lua name=l4
        redis.register_function{function_name='hh', callback=function() return 1 end,\
        flags={'no-writes','allow-oom','allow-stale','no-cluster'}}
        """,
        """
        #!lua name=l2
        redis.register_function('h', function() return 1 end) redis.register_function('H', function() return 1 end)
        """,
        """
        #!lua name=lib
        redis.register_function('f', function() return 1 end)
        """,
    ]

    @Test func fromRedis() throws {
        let digits = Array(Self.recorded)
        let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
        #expect(try decode(bytes).map { String(decoding: $0, as: UTF8.self) } == Self.sources)
    }

    private static func library(_ name: String, _ body: String) throws -> Library {
        let source = "#!lua name=\(name)\n\(body)"
        return try source.withView { view throws(Shebang.Refusal) in
            Library(try LibraryHeader(view), source: view.bytes, functions: [], id: 1)
        }
    }

    private func decode(_ bytes: [UInt8]) throws(Shebang.Refusal) -> [[UInt8]] {
        try bytes.withView { view throws(Shebang.Refusal) in try LibraryPayload.decode(view) }
    }

    @Test(arguments: [1, 40, 63, 64, 16383, 16384, 70000])
    func backAndForth(_ length: Int) throws {
        let libraries = try [
            Self.library("a", String(repeating: "x", count: length)), Self.library("b", "return 1"),
        ]
        let payload = LibraryPayload.encode(libraries)
        #expect(try decode(payload) == libraries.map(\.source))
    }

    /// FUNCTION DUMP of a redis-server 7.0.15 without libraries.
    @Test func empty() throws {
        #expect(
            LibraryPayload.encode([]) == [0x0a, 0x00, 0x5d, 0x9b, 0x5c, 0x40, 0x0f, 0x7f, 0xa2, 0xda])
    }

    /// Whatever is cut or changed is refused; nothing is read beyond the end.
    @Test func damaged() throws {
        let payload = LibraryPayload.encode([try Self.library("a", "return 1")])
        for i in payload.indices {
            #expect(throws: Shebang.Refusal.self) { try decode(Array(payload[..<i])) }
            var changed = payload
            changed[i] ^= 0x55
            #expect(throws: Shebang.Refusal.self) { try decode(changed) }
        }
        // A right checksum around wrong contents.
        for body: [UInt8] in [
            [0xf5], [0xf5, 0x80], [0xf5, 0x05, 1], [0xf5, 0xc3, 1, 0x40], [0xf6, 0], [0xf5, 0x81, 255],
        ] {
            var bytes = body + [0x0a, 0x00]
            let checksum = bytes.withView { CRC64.checksum($0) }
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: checksum >> shift))
            }
            #expect(throws: Shebang.Refusal.self) { try decode(bytes) }
        }
    }

    @Test(arguments: [
        ("return 1", "ERR Missing library metadata"), ("#!lua name=x", "ERR Invalid library metadata"),
        ("#!lua\n", "ERR Library name was not given"), ("#!luax name=x\n", "ERR Engine 'luax' not found"),
        ("#!lua name=a name=b\n", "ERR Invalid metadata value, name argument was given multiple times"),
        ("#!lua x=a\n", "ERR Invalid metadata value given: x=a"),
    ])
    func headers(_ source: String, _ text: String) {
        let refusal = source.withView { view -> String? in
            do throws(Shebang.Refusal) {
                _ = try LibraryHeader(view)
                return nil
            } catch {
                return error.text
            }
        }
        #expect(refusal == text)
    }
}
