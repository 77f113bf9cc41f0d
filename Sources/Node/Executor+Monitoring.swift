import Base
import CSystem
import Commands
import Keyspace
import RESP

/// MONITOR: clients that get a line about every command that runs, on whatever loop.
extension Executor {
    /// Whether anybody monitors. A relaxed read.
    @inline(__always)
    var isMonitored: Bool { cs_load_u64(monitorCount) != 0 }

    func startMonitoring(_ session: SessionPointer) {
        session.pointee.mode.insert(.monitor)
        session.pointee.card[.mode] = Int(session.pointee.mode.rawValue)
        monitors.append(session)
        cs_store_u64(ownMonitorCount, UInt64(monitors.count))
        _ = cs_add_u64(monitorCount, 1)
        // What follows in this very batch is shown, too.
        pausing = true
    }

    func stopMonitoring(_ session: SessionPointer) {
        guard session.pointee.mode.contains(.monitor) else { return }
        session.pointee.mode.remove(.monitor)
        session.pointee.card[.mode] = Int(session.pointee.mode.rawValue)
        monitors.removeAll { $0 == session }
        cs_store_u64(ownMonitorCount, UInt64(monitors.count))
        _ = cs_add_u64(monitorCount, .max)
    }

    /// Shows a command to those who monitor, unless it is one that they may not see. `inScript`: a script called
    /// it. Scripts show themselves before they run, with `force`, so that their calls come after them.
    @inline(never)
    func showMonitors(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int,
        inScript: Bool = false, force: Bool = false
    ) {
        if !force && !command.pointee.flags.isDisjoint(with: [.skipMonitor, .admin]) { return }
        let isHidden = hiddenWords(command, words)
        var line = Array("+\(wallMicroseconds / 1_000_000).".utf8)
        let fraction = String(wallMicroseconds % 1_000_000)
        line += Array((String(repeating: "0", count: 6 - fraction.utf8.count) + fraction).utf8)
        line += Array(" [\(session.pointee.database) \(origin(session, inScript))]".utf8)
        for i in 0..<count {
            line.append(32)
            if isHidden(i) { line += Array("\"(redacted)\"".utf8) } else { Executor.quote(words[i], into: &line) }
        }
        line += [13, 10]
        line.withView { view in
            for monitor in monitors { pushLine(monitor, view) }
            for other in node.executors where other !== self && cs_load_u64(other.ownMonitorCount) != 0 {
                other.inbox.post(.monitorLine, view)
            }
        }
    }

    private func origin(_ session: SessionPointer, _ inScript: Bool) -> String {
        if inScript { return "lua" }
        let details = session.pointee.details
        return details.isUnixSocket ? "unix:\(settings.unixSocket)" : details.address
    }

    /// A line of another loop.
    func relayMonitorLine(_ line: ByteView) {
        for monitor in monitors { pushLine(monitor, line) }
    }

    /// As Redis writes strings for people: between double quotes, what is not printable as an escape.
    private static func quote(_ word: ByteView, into line: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        line.append(34)
        for i in 0..<word.count {
            switch word[i] {
            case 34, 92: line += [92, word[i]]
            case 7: line += [92, 97]
            case 8: line += [92, 98]
            case 9: line += [92, 116]
            case 10: line += [92, 110]
            case 13: line += [92, 114]
            case 32...126: line.append(word[i])
            default: line += [92, 120, digits[Int(word[i] >> 4)], digits[Int(word[i] & 15)]]
            }
        }
        line.append(34)
    }
}
