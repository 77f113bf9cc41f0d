import Commands
import Testing

@testable import Node

/// What access rules are about is declared as in redis-server 7.0.15.
struct CommandAccessTests {
    @Test func categoriesAndKeysAreRedis() throws {
        let redis = try RedisCommands().byName
        for (name, command) in named(Node.families) {
            guard let expected = redis[name] else { continue }
            #expect(
                Set(command.allCategories.words.map { "\($0)" }) == Set(expected.allCategories.words.map { "\($0)" }),
                "\(name)")
            #expect(
                command.keys.map { "\($0.begin) \($0.find) \($0.flags.words)" }
                    == expected.keys.map { "\($0.begin) \($0.find) \($0.flags.words)" }, "\(name)")
            #expect(command.flags.contains(.noAuth) == expected.flags.contains(.noAuth), "\(name)")
        }
    }

    private func named(_ families: [[Command]]) -> [(String, Command)] {
        families.joined().flatMap { command in
            [(command.name, command)] + command.subcommands.map { (command.name + "|" + $0.name, $0) }
        }
    }
}
