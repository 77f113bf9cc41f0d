import Base
import Commands
import Keyspace

/// Clients that write while compaction is behind are not read for a while after each turn in which they did: so what
/// they send waits with them, and everybody else's commands do not.
extension Executor {
    /// A client that is not read until then, ms since 1970.
    struct SlowedClient {
        var link: LinkPointer
        var until: Int64
    }

    /// The client's request has changed something.
    @inline(never)
    func slow(_ session: SessionPointer, _ delay: Int64) {
        let link = session.pointee.link
        if link.pointee.state.contains(.slowed) { return }
        link.pointee.state.insert(.slowed)
        slowed.append(SlowedClient(link: link, until: state.pointee.moment.wall + delay))
        statistics.add(.slowedTurns)
    }

    /// Between turns: lets those be read again whose time is up, or all of them if there is no need any more.
    func releaseSlowed(_ now: Int64) {
        // The clock may have been set back.
        let latest = now + (persistence?.writeDelay ?? 0)
        slowed.removeAll { client in
            if client.until > now && client.until <= latest { return false }
            client.link.pointee.state.remove(.slowed)
            if client.link.pointee.state.contains(.readable) { rested.append(client.link) }
            return true
        }
    }

    /// The client goes.
    func forgetSlowed(_ link: LinkPointer) {
        rested.removeAll { $0 == link }
        if link.pointee.state.contains(.slowed) { slowed.removeAll { $0.link == link } }
    }
}
