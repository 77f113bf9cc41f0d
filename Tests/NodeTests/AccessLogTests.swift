import Testing

@testable import Node

/// ACL LOG: what is one entry and what are several (redis-server 7.0.15).
struct AccessLogTests {
    private func entry(
        _ object: String, at time: Int64, user: String = "u", reason: AccessLog.Reason = .command,
        context: AccessLog.Context = .toplevel
    ) -> AccessLog.Entry {
        AccessLog.Entry(
            reason: reason, context: context, object: Array(object.utf8), user: Array(user.utf8), time: time,
            client: "id=\(time)")
    }

    private func shown(_ log: AccessLog) -> [String] {
        log.latest(100).map { "\(String(decoding: $0.object, as: UTF8.self)) \($0.count)" }
    }

    @Test func likeEntriesWithinAMinuteAreOne() {
        let log = AccessLog()
        for time in [0, 60_000, 120_000] { log.add(entry("get", at: Int64(time)), limit: 10) }
        #expect(shown(log) == ["get 3"])
        #expect(log.latest(1)[0].time == 120_000)
        #expect(log.latest(1)[0].client == "id=120000")
        log.add(entry("get", at: 180_001), limit: 10)
        #expect(shown(log) == ["get 1", "get 3"])
    }

    @Test func entriesThatDifferInAnythingAreSeveral() {
        let log = AccessLog()
        log.add(entry("get", at: 0), limit: 10)
        log.add(entry("set", at: 0), limit: 10)
        log.add(entry("get", at: 0, user: "v"), limit: 10)
        log.add(entry("get", at: 0, reason: .key), limit: 10)
        log.add(entry("get", at: 0, context: .multi), limit: 10)
        #expect(shown(log) == ["get 1", "get 1", "get 1", "set 1", "get 1"])
    }

    /// An entry that happens again comes to the front, unless ten others are before it.
    @Test func onlyTheLatestTenAreLookedAt() {
        let log = AccessLog()
        for i in 0..<10 { log.add(entry("k\(i)", at: 0), limit: 100) }
        log.add(entry("k0", at: 1), limit: 100)
        #expect(shown(log).first == "k0 2")
        #expect(shown(log).count == 10)
        log.add(entry("new", at: 1), limit: 100)
        log.add(entry("k1", at: 1), limit: 100)
        #expect(shown(log).prefix(3) == ["k1 1", "new 1", "k0 2"])
        #expect(shown(log).count == 12)
    }

    @Test func theOldestGoPastTheLimit() throws {
        let log = AccessLog()
        for i in 0..<10 { log.add(entry("k\(i)", at: 0), limit: 3) }
        #expect(shown(log) == ["k9 1", "k8 1", "k7 1"])
        #expect(log.latest(2).count == 2)
        log.add(entry("last", at: 0), limit: 0)
        #expect(shown(log).isEmpty)
    }

    @Test func agesAreCountedFromTheLatest() throws {
        let server = try ServedNode("--acllog-max-len", "2")
        server.run("AUTH nobody x")
        server.wall += 1500
        #expect(server.run("ACL LOG").contains("$11\r\nage-seconds\r\n$3\r\n1.5\r\n"))
        server.run("AUTH nobody y")
        #expect(server.run("ACL LOG").contains("$5\r\ncount\r\n:2\r\n"))
        #expect(server.run("ACL LOG").contains("$11\r\nage-seconds\r\n$1\r\n0\r\n"))
        #expect(server.run("INFO stats").contains("acl_access_denied_auth:2\r\n"))
    }
}
