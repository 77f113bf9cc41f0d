import Base
import Commands
import RESP

/// ACL's subcommands that change nothing: CAT, LOG, DRYRUN, GENPASS.
extension Call {
    func aclCategories() {
        if count > 3 { return replyUnknownWord(1) }
        if count == 2 {
            reply.array(Categories.words.count)
            for (_, name) in Categories.words { reply.bulk(name) }
            return
        }
        let commands = node.users.commands
        guard let category = commands.category(self[2].untilNUL.bytes) else {
            return reply.error(Array("ERR Unknown category '".utf8) + self[2].cBytes(128) + Array("'".utf8))
        }
        let found = commands.topLevel.flatMap { [$0] + commands.children[$0] }.filter { category.members[$0] }
        reply.array(found.count)
        for index in found { reply.bulk(commands.fullNames[index]) }
    }

    func aclLog() {
        if count > 3 { return replyUnknownWord(1) }
        var wanted: Int64 = 10
        if count == 3 {
            if self[2].isWord("reset") {
                node.accessLog.reset()
                return reply.ok()
            }
            guard let given = integer(2) else { return }
            wanted = max(0, given)
        }
        let entries = node.accessLog.latest(Int(clamping: wanted))
        reply.array(entries.count)
        for entry in entries { replyEntry(entry) }
    }

    private func replyEntry(_ entry: AccessLog.Entry) {
        reply.map(7)
        reply.bulk("count")
        reply.integer(entry.count)
        reply.bulk("reason")
        reply.bulk(entry.reason.word)
        reply.bulk("context")
        reply.bulk(entry.context.word)
        reply.bulk("object")
        reply.bulk(entry.object)
        reply.bulk("username")
        reply.bulk(entry.user)
        reply.bulk("age-seconds")
        reply.double(Double(now - entry.time) / 1000)
        reply.bulk("client-info")
        reply.bulk(entry.client)
    }

    func aclDryRun() {
        guard let user = node.users.find(self[2]) else {
            return reply.error(Array("ERR User '".utf8) + self[2].untilNUL.bytes + Array("' not found".utf8))
        }
        let words = state.pointee.arguments + 3
        guard let command = command(of: words, count - 3) else {
            return reply.error(Array("ERR Command '".utf8) + words[0].untilNUL.bytes + Array("' not found".utf8))
        }
        let index = Int(command.pointee.index)
        let name = node.users.commands.fullNames[index]
        if !executor.isArityRight(command, count - 3) { return replyWrongArity(name) }
        guard let denial = node.users.permissions(of: user).denial(of: index, words, count - 3) else {
            return reply.ok()
        }
        let start = Array("This user has no permissions to ".utf8)
        switch denial.reason {
        case .command: reply.bulk(start + Array("run the '\(name)' command".utf8))
        case .key: reply.bulk(start + named(words[denial.word], "key"))
        case .channel: reply.bulk(start + named(words[denial.word], "channel"))
        }
    }

    private func named(_ word: ByteView, _ kind: String) -> [UInt8] {
        Array("access the '".utf8) + word.untilNUL.bytes + Array("' \(kind)".utf8)
    }

    /// The command that these words would run; nil if there is none.
    private func command(of words: UnsafeMutablePointer<ByteView>, _ count: Int) -> CommandPointer? {
        guard let found = node.commands.find(words[0]) else { return nil }
        if !found.pointee.isContainer || count == 1 { return found }
        return node.commands.find(words[1], parent: found.pointee.index)
    }

    func aclGeneratePassword() {
        if count > 3 { return replyUnknownWord(1) }
        var bits: Int64 = 256
        if count == 3 {
            guard let given = integer(2) else { return }
            bits = given
        }
        guard bits > 0 && bits <= 4096 else {
            return reply.error(
                "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number "
                    + "up to 4096")
        }
        let digits = (Int(bits) + 3) / 4
        let text = SHA1.hex(node.doors.secretBytes((digits + 1) / 2))
        reply.bulk(Array(text.utf8.prefix(digits)))
    }
}
