import Base
import CSystem
import Commands
import Keyspace

extension Executor {
    /// A command took at least `slowTicks`: to the slow log and the latency monitor, if it is long
    /// enough for them.
    @inline(never)
    func noteSlow(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int,
        _ ticks: UInt64
    ) {
        let details = session.pointee.details
        logSlow(command, words, count, ticks, address: details.address, name: details.name)
    }

    func logSlow(
        _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ ticks: UInt64,
        address: String, name: [UInt8]
    ) {
        let microseconds = Int(Double(ticks) * cs_nanoseconds_per_tick() / 1000)
        if settings.slowlogMicroseconds >= 0 && microseconds >= settings.slowlogMicroseconds
            && !command.pointee.flags.contains(.skipSlowlog)
        {
            node.slowlog.add(
                shownWords(command, words, count), microseconds: microseconds, time: state.pointee.moment.wall / 1000,
                address: address, name: name, limit: settings.slowlogLength)
        }
        noteLatency(command.pointee.flags.contains(.fast) ? "fast-command" : "command", microseconds: microseconds)
    }

    /// Tells the latency monitor how long something took that others had to wait for. `event` is one of
    /// Redis' names (redis.io, "latency monitoring"); shorter than the threshold, it is not recorded.
    func noteLatency(_ event: StaticString, microseconds: Int) {
        let threshold = settings.latencyThresholdMilliseconds
        if threshold <= 0 || microseconds < threshold * 1000 { return }
        node.latency.add("\(event)", milliseconds: microseconds / 1000, time: state.pointee.moment.wall / 1000)
    }

    private func shownWords(
        _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> [[UInt8]] {
        Slowlog.words(words, count, hidden: hiddenWords(command, words))
    }

    /// Which words of a command nobody may see.
    func hiddenWords(_ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>) -> (Int) -> Bool {
        if !command.pointee.flags.contains(.holdsSecrets) { return { _ in false } }
        return
            switch node.commands.commands[Int(command.pointee.index)].name
        {
        case "hello": { Executor.followsAuth(words, $0) }
        case "setuser": { $0 > 1 }
        case "set": { Executor.isSecretValue(words, $0) }
        case "migrate": { Executor.followsPassword(words, $0) }
        default: { $0 > 0 }
        }
    }

    /// HELLO: the user and the password after AUTH.
    private static func followsAuth(_ words: UnsafeMutablePointer<ByteView>, _ i: Int) -> Bool {
        (i > 2 && words[i - 1].isWord("auth")) || (i > 3 && words[i - 2].isWord("auth"))
    }

    /// MIGRATE: the password after AUTH, the user and the password after AUTH2.
    private static func followsPassword(_ words: UnsafeMutablePointer<ByteView>, _ i: Int) -> Bool {
        (i > 6 && (words[i - 1].isWord("auth") || words[i - 1].isWord("auth2")))
            || (i > 7 && words[i - 2].isWord("auth2"))
    }

    /// CONFIG SET: the values of parameters that are secret.
    private static func isSecretValue(_ words: UnsafeMutablePointer<ByteView>, _ i: Int) -> Bool {
        guard i > 2, i % 2 == 1 else { return false }
        let name = words[i - 1]
        return name.isWord("requirepass") || name.isWord("masterauth") || name.isWord("masteruser")
            || name.isWord("tls-key-file-pass") || name.isWord("tls-client-key-file-pass")
    }
}
