import Base
import Commands
import RESP

/// COMMAND GETKEYS and GETKEYSANDFLAGS.
extension Call {
    /// The words from 2 on are a command; answers its keys.
    func commandKeys(flags wantsFlags: Bool) {
        let words = state.pointee.arguments + 2
        let wordCount = count - 2
        guard let index = findCommand(words, wordCount) else { return fail("ERR Invalid command specified") }
        let command = node.commands.commands[index]
        if !command.hasKeys { return fail("ERR The command has no key arguments") }
        if command.arity >= 0 ? wordCount != command.arity : wordCount < -command.arity {
            return fail("ERR Invalid number of arguments specified for command")
        }
        let found = command.keyUses(words, wordCount)
        if found.isEmpty {
            if command.flags.contains(.noMandatoryKeys) { return reply.array(0) }
            return fail("ERR Invalid arguments specified for command")
        }
        reply.array(found.count)
        for use in found {
            if wantsFlags { reply.array(2) }
            reply.bulk(words[use.word])
            if !wantsFlags { continue }
            reply.set(use.flags.words.count)
            for flag in use.flags.words { reply.simple(flag) }
        }
    }

    /// The command that these words would run.
    private func findCommand(_ words: UnsafeMutablePointer<ByteView>, _ wordCount: Int) -> Int? {
        guard let found = node.commands.find(words[0]) else { return nil }
        guard found.pointee.isContainer, wordCount > 1 else { return Int(found.pointee.index) }
        return node.commands.find(words[1], parent: found.pointee.index).map { Int($0.pointee.index) }
    }
}
