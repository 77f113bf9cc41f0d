import Base
import Commands
import Testing

@testable import Scripting

@Suite struct ShebangTests {
    @Test func digest() throws {
        let digest = "return 1".withView { ScriptDigest(of: $0) }
        let hex = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
        #expect(String(decoding: digest.hex, as: UTF8.self) == hex)
        #expect(hex.withView { ScriptDigest(hex: $0) } == digest)
        #expect(hex.uppercased().withView { ScriptDigest(hex: $0) } == digest)
        #expect(String(hex.dropLast()).withView { ScriptDigest(hex: $0) } == nil)
        #expect((hex.dropLast() + "g").withView { ScriptDigest(hex: $0) } == nil)
    }

    @Test func flags() throws {
        let plain = try "return 1".withView { view throws(Shebang.Refusal) in try Shebang.parse(view) }
        #expect(plain.flags == .compatible && plain.length == 0)
        let source = "#!lua flags=no-writes,allow-stale\nreturn 1"
        let given = try source.withView { view throws(Shebang.Refusal) in try Shebang.parse(view) }
        #expect(given.flags == [.noWrites, .allowStale] && given.length == 33)
    }

    /// Redis' scriptFlagsToCmdFlags.
    @Test func flagsOfTheCommand() {
        let eval: CommandFlags = [.mayReplicate, .noscript, .stale]
        #expect(ScriptFlags.compatible.applied(to: eval) == eval)
        #expect(ScriptFlags([]).applied(to: eval) == [.noscript, .denyOOM, .write])
        #expect(ScriptFlags.noWrites.applied(to: eval) == [.noscript])
        #expect(ScriptFlags.allowOOM.applied(to: eval) == [.noscript, .write])
        #expect(ScriptFlags([.noWrites, .allowStale]).applied(to: eval) == [.noscript, .stale])
    }
}
