import Commands
import RESP

/// MONITOR (redis.io/commands/monitor).
enum MonitorCommand {
    static let commands: [Command] = [
        Command(
            "monitor", arity: 1, [.admin, .noscript, .loading, .stale], group: .server, since: "1.0.0", complexity: "",
            summary: "Shows every command that the server runs, as it runs."
        ) { Call($0).monitor() }
    ]
}

extension Call {
    fileprivate func monitor() {
        if state.pointee.inTransaction { return fail("ERR MONITOR isn't allowed for DENY BLOCKING client") }
        // As in Redis, saying it again is not even answered.
        if session.pointee.mode.contains(.monitor) { return }
        executor.startMonitoring(session)
        reply.ok()
    }
}
