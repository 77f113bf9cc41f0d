import Base
import Commands
import Keyspace

/// What happens when changes cannot be logged or saved: writing commands are refused, as Redis does, and reading
/// goes on.
extension Executor {
    var refusesWrites: Bool { persistence?.refusesWrites ?? failsToSave }

    private var failsToSave: Bool {
        node.snapshots.hasFailed && settings.stopsWritesOnSaveError && !settings.savePoints.isEmpty
    }

    /// The refusal's text.
    var writeRefusal: String {
        if let persistence { return "MISCONF Errors writing to the AOF file: \(persistence.failure ?? "unknown")" }
        return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
            + "Commands that may modify the data set are disabled, because this instance is configured to report "
            + "errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the "
            + "Redis logs for details about the RDB error."
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
