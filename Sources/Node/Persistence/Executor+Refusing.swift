import Base
import Commands
import Keyspace

/// What happens when changes cannot be logged: writing commands are refused, as Redis does, and reading goes on.
extension Executor {
    var refusesWrites: Bool { persistence?.refusesWrites ?? false }

    /// The refusal's text.
    var writeRefusal: String {
        "MISCONF Errors writing to the AOF file: \(persistence?.failure ?? "unknown")"
    }

    /// Whether a command is refused then. PING is, too: whoever asks for the server's health is told.
    func changesData(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Bool {
        if flags(of: command, words, count).contains(.write) { return true }
        switch node.commands.commands[Int(command.pointee.index)].name {
        case "ping": return true
        case "exec": return session.pointee.details.queueFlags.contains(.write)
        default: return false
        }
    }
}
