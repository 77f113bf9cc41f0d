import Base
import Commands
import RESP

/// COMMAND GETKEYS and GETKEYSANDFLAGS.
extension Call {
    private typealias FoundKey = (word: Int, flags: KeySpec.Flags)

    /// The words from 2 on are a command; answers its keys.
    func commandKeys(flags wantsFlags: Bool) {
        let words = state.pointee.arguments + 2
        let wordCount = count - 2
        guard let index = findCommand(words, wordCount) else { return fail("ERR Invalid command specified") }
        let command = node.commands.commands[index]
        if command.keys.allSatisfy({ $0.flags.contains(.notKey) }) {
            return fail("ERR The command has no key arguments")
        }
        if command.arity >= 0 ? wordCount != command.arity : wordCount < -command.arity {
            return fail("ERR Invalid number of arguments specified for command")
        }
        guard let found = keys(command, words, wordCount), !found.isEmpty else {
            if command.flags.contains(.noMandatoryKeys) { return reply.array(0) }
            return fail("ERR Invalid arguments specified for command")
        }
        reply.array(found.count)
        for (word, flags) in found {
            if wantsFlags { reply.array(2) }
            reply.bulk(words[word])
            if !wantsFlags { continue }
            reply.set(flags.words.count)
            for flag in flags.words { reply.simple(flag) }
        }
    }

    /// The command that these words would run.
    private func findCommand(_ words: UnsafeMutablePointer<ByteView>, _ wordCount: Int) -> Int? {
        guard let found = node.commands.find(words[0]) else { return nil }
        guard found.pointee.isContainer, wordCount > 1 else { return Int(found.pointee.index) }
        return node.commands.find(words[1], parent: found.pointee.index).map { Int($0.pointee.index) }
    }

    /// nil: the words do not fit the command's key specifications.
    private func keys(
        _ command: Command, _ words: UnsafeMutablePointer<ByteView>, _ wordCount: Int
    ) -> [FoundKey]? {
        var found: [FoundKey] = []
        for spec in command.keys where !spec.flags.contains(.notKey) {
            guard let positions = spec.positions(words, wordCount) else { return nil }
            let flags =
                spec.flags.contains(.variable) ? Call.variableFlags(command.name, spec, words, wordCount) : spec.flags
            found += positions.map { ($0, flags) }
        }
        return found
    }

    /// The flags of a key whose treatment depends on the command's options.
    private static func variableFlags(
        _ name: String, _ spec: KeySpec, _ words: UnsafeMutablePointer<ByteView>, _ wordCount: Int
    ) -> KeySpec.Flags {
        switch name {
        case "set":
            let reads = (3..<max(3, wordCount)).contains { words[$0].isWord("get") }
            return reads ? [.readWrite, .access, .update] : [.overwrite, .update]
        case "bitfield":
            let writes = (2..<max(2, wordCount)).contains { words[$0].isWord("set") || words[$0].isWord("incrby") }
            return writes ? [.readWrite, .access, .update] : [.readOnly, .access]
        default: return spec.flags.subtracting(.variable)
        }
    }
}
