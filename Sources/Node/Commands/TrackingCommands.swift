import Base
import Commands
import RESP

/// CLIENT's subcommands about client-side caching.
enum TrackingCommands {
    private static let plain: CommandFlags = [.noscript, .loading, .stale]

    static let subcommands: [Command] = [
        Command(
            "tracking", arity: -3, plain, categories: [.connection], group: .connection, since: "6.0.0",
            complexity: "O(1), and O(N) in the prefixes of BCAST mode",
            summary: "Has the server say when keys change that the connection has read.",
            arguments: [
                Argument("status", .oneof, ["ON", "OFF"].map { Argument($0.lowercased(), .pureToken, token: $0) }),
                Argument("client-id", .integer, token: "REDIRECT", optional: true),
                Argument(
                    "prefix", .string, token: "PREFIX", optional: true, multiple: true, multipleToken: true),
                Argument("bcast", .pureToken, token: "BCAST", optional: true),
                Argument("optin", .pureToken, token: "OPTIN", optional: true),
                Argument("optout", .pureToken, token: "OPTOUT", optional: true),
                Argument("noloop", .pureToken, token: "NOLOOP", optional: true),
            ], locking: .own
        ) { Call($0).clientTracking() },
        Command(
            "trackinginfo", arity: 2, plain, categories: [.connection], group: .connection, since: "6.2.0",
            summary: "Tells whether the keys that the connection reads are tracked."
        ) { Call($0).trackingInfo() },
        Command(
            "getredir", arity: 2, plain, categories: [.connection], group: .connection, since: "6.0.0",
            summary: "Tells which client receives the invalidation messages."
        ) {
            let call = Call($0)
            let tracking = call.session.pointee.details.tracking
            call.reply.integer(tracking.map { Int64($0.redirection) } ?? -1)
        },
        Command(
            "caching", arity: 3, plain, categories: [.connection], group: .connection, since: "6.0.0",
            summary: "Says whether the next command's keys are tracked.",
            arguments: [
                Argument("mode", .oneof, ["YES", "NO"].map { Argument($0.lowercased(), .pureToken, token: $0) })
            ]
        ) { Call($0).clientCaching() },
    ]
}

extension Call {
    fileprivate func clientTracking() {
        guard let options = trackingOptions() else { return }
        if self[2].isWord("on") {
            if let reason = objection(to: options) { return fail(reason) }
            if options.isBroadcast && !arePrefixesApart(options.prefixes) { return }
            executor.track(session, options, forEachPartition)
        } else if self[2].isWord("off") {
            executor.stopTracking(session)
        } else {
            return fail(ErrorText.syntax)
        }
        reply.ok()
    }

    /// The options' words; replies and answers nil if something is wrong with one.
    private func trackingOptions() -> TrackingOptions? {
        var options = TrackingOptions()
        var word = 3
        while word < count {
            if self[word].isWord("redirect") && word + 1 < count {
                word += 1
                guard takeRedirection(word, &options) else { return nil }
            } else if self[word].isWord("bcast") {
                options.isBroadcast = true
            } else if self[word].isWord("optin") {
                options.isOptIn = true
            } else if self[word].isWord("optout") {
                options.isOptOut = true
            } else if self[word].isWord("noloop") {
                options.skipsOwn = true
            } else if self[word].isWord("prefix") && word + 1 < count {
                word += 1
                options.prefixes.append(self[word].bytes)
            } else {
                fail(ErrorText.syntax)
                return nil
            }
            word += 1
        }
        return options
    }

    private func takeRedirection(_ word: Int, _ options: inout TrackingOptions) -> Bool {
        if options.redirection != 0 {
            fail("ERR A client can only redirect to a single other client")
            return false
        }
        guard let id = integer(word) else { return false }
        let loop = node.executors.firstIndex { executor in
            executor.rosterLock.withLock {
                executor.roster.contains { Int64($0.pointee.id) == id && !$0.pointee.details.isGone }
            }
        }
        guard let loop else {
            fail("ERR The client ID you want redirect to does not exist")
            return false
        }
        options.redirection = UInt64(id)
        options.redirectionLoop = loop
        return true
    }

    /// What does not go together, with each other or with what the client said before.
    private func objection(to options: TrackingOptions) -> StaticString? {
        if !options.isBroadcast && !options.prefixes.isEmpty {
            return "ERR PREFIX option requires BCAST mode to be enabled"
        }
        let present = session.pointee.details.tracking
        if let present, present.isBroadcast != options.isBroadcast {
            return """
                ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then \
                re-enabling it with a different mode.
                """
        }
        if options.isBroadcast && (options.isOptIn || options.isOptOut) {
            return "ERR OPTIN and OPTOUT are not compatible with BCAST"
        }
        if options.isOptIn && options.isOptOut { return "ERR You can't specify both OPTIN mode and OPTOUT mode" }
        if let present, (options.isOptIn && present.isOptOut) || (options.isOptOut && present.isOptIn) {
            return """
                ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then \
                re-enabling it with a different mode.
                """
        }
        return nil
    }

    /// Whether no key can have two of the client's prefixes; replies if one can.
    private func arePrefixesApart(_ prefixes: [[UInt8]]) -> Bool {
        let present = session.pointee.details.tracking?.prefixes ?? []
        for (i, prefix) in prefixes.enumerated() {
            if let other = present.first(where: { Call.overlap($0, prefix) }) {
                return refuse(prefix, overlapping: other, "an existing prefix")
            }
            if let other = prefixes[(i + 1)...].first(where: { Call.overlap($0, prefix) }) {
                return refuse(prefix, overlapping: other, "another provided prefix")
            }
        }
        return true
    }

    private static func overlap(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.starts(with: b) || b.starts(with: a) }

    private func refuse(_ prefix: [UInt8], overlapping other: [UInt8], _ kind: String) -> Bool {
        let shown = { (bytes: [UInt8]) in bytes.withView { $0.cBytes($0.count) } }
        reply.error(
            Array("ERR Prefix '".utf8) + shown(prefix) + Array("' overlaps with \(kind) '".utf8) + shown(other)
                + Array("'. Prefixes for a single client must not overlap.".utf8))
        return false
    }

    fileprivate func clientCaching() {
        guard let tracking = session.pointee.details.tracking else {
            return fail(
                """
                ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode \
                enabled
                """)
        }
        if self[2].isWord("yes") {
            if !tracking.isOptIn {
                return fail("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
            }
        } else if self[2].isWord("no") {
            if !tracking.isOptOut {
                return fail("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
            }
        } else {
            return fail(ErrorText.syntax)
        }
        tracking.isCachingGiven = true
        reply.ok()
    }

    fileprivate func trackingInfo() {
        let tracking = session.pointee.details.tracking
        let flags = tracking.map(Call.words) ?? ["off"]
        reply.map(3)
        reply.bulk("flags")
        reply.set(flags.count)
        for flag in flags { reply.bulk(flag) }
        reply.bulk("redirect")
        reply.integer(tracking.map { Int64($0.redirection) } ?? -1)
        reply.bulk("prefixes")
        reply.array(tracking?.prefixes.count ?? 0)
        for prefix in tracking?.prefixes ?? [] { reply.bulk(prefix) }
    }

    private static func words(_ tracking: ClientTracking) -> [StaticString] {
        var words: [StaticString] = ["on"]
        if tracking.isBroadcast { words.append("bcast") }
        if tracking.isOptIn { words.append("optin") }
        if tracking.isOptIn && tracking.isCachingGiven { words.append("caching-yes") }
        if tracking.isOptOut { words.append("optout") }
        if tracking.isOptOut && tracking.isCachingGiven { words.append("caching-no") }
        if tracking.skipsOwn { words.append("noloop") }
        if tracking.isBroken { words.append("broken_redirect") }
        return words
    }
}
