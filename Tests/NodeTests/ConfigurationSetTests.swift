import Base
import Testing

@testable import Node

/// CONFIG SET and CONFIG GET. Texts were taken from redis-server 7.0.15.
@Suite struct ConfigurationSetTests {
    private static func failed(_ name: String, _ text: String) -> String {
        "ERR CONFIG SET failed (possibly related to argument '\(name)') - \(text)"
    }

    @Test func aChangeIsSeenAndMovesTheVersion() {
        let configuration = Configuration()
        let version = configuration.version
        let old = configuration.settings
        #expect(configuration.change("maxclients", "5", "TIMEOUT", "7") == nil)
        #expect(configuration.version != version)
        #expect(configuration.settings.maxClients == 5)
        #expect(configuration.settings.timeoutSeconds == 7)
        #expect(old.maxClients == 10000)
        let after = configuration.version
        #expect(configuration.change("maxclients", "5") == nil)
        #expect(configuration.version == after)
    }

    @Test(arguments: [
        ("maxmemory", "1Kb", "1024"), ("maxmemory", "1k", "1000"), ("maxmemory", "10b", "10"), ("maxmemory", "", "0"),
        ("maxmemory", "kb", "0"), ("maxmemory", "99999999999999999999", "18446744073709551615"),
        ("maxmemory", "10000000000000000000", "10000000000000000000"), ("maxmemory-clients", "5%", "5%"),
        ("maxmemory-clients", "1gb", "1073741824"), ("hz", "1000", "500"), ("hz", "0", "1"),
        ("loglevel", "NOTICE", "notice"), ("notify-keyspace-events", "KEA", "AKE"),
        ("notify-keyspace-events", "Kmdngtxe", "gxetdnKm"), ("notify-keyspace-events", "EAKn", "AKE"),
        ("notify-keyspace-events", "lshzxetdg$KE", "AKE"), ("notify-keyspace-events", "mx", "xm"),
        ("client-output-buffer-limit", "", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
        (
            "client-output-buffer-limit", "NORMAL 1kb 2 3",
            "normal 1024 2 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
        ),
        ("latency-tracking-info-percentiles", "0.1 99.999999 100 33.3333333333333", "0.1 99.999999 100 33.333333"),
        ("latency-tracking-info-percentiles", "", ""), ("save", "900 1 300 10", "900 1 300 10"), ("save", "", ""),
        ("oom-score-adj-values", "-1000 2 1001", "-1000 2 1001"), ("shutdown-on-sigint", "force save", "save force"),
        ("shutdown-on-sigint", "default save", "save"), ("slave-priority", "3", "3"), ("bind", "* -::*", "* -::*"),
    ])
    func valuesAreNormalised(_ name: String, _ value: String, _ shown: String) {
        let configuration = Configuration()
        #expect(configuration.change(name, value) == nil)
        #expect(configuration.value(name) == shown)
    }

    @Test(arguments: [
        ("hz", "x", "argument couldn't be parsed into an integer"),
        ("hz", " 10", "argument couldn't be parsed into an integer"),
        ("hz", "010", "argument couldn't be parsed into an integer"),
        ("port", "70000", "argument must be between 0 and 65535 inclusive"),
        ("maxclients", "4294967296", "argument must be between 1 and 4294967295 inclusive"),
        ("slowlog-log-slower-than", "-2", "argument must be between -1 and 9223372036854775807 inclusive"),
        ("active-defrag-threshold-lower", "1001", "argument must be between 0 and 1000 inclusive"),
        ("proto-max-bulk-len", "1", "argument must be between 1048576 and 9223372036854775807 inclusive"),
        ("dynamic-hz", "maybe", "argument must be 'yes' or 'no'"),
        ("loglevel", "", "argument(s) must be one of the following: debug, verbose, notice, warning"),
        ("maxmemory", "1.5gb", "argument must be a memory value"),
        ("maxmemory", "-5", "argument must be a memory value"),
        ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients", "-1%", "argument must be a memory or percent value"),
        ("databases", "3", "can't set immutable config"), ("dir", "/", "can't set protected config"),
        ("save", "900   1", "Invalid save parameters"), ("save", " ", "Invalid save parameters"),
        ("client-output-buffer-limit", "foo 1 2 3", "Invalid client class specified in buffer limit configuration."),
        (
            "client-output-buffer-limit", "normal -1 2 3",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration."
        ),
        ("client-output-buffer-limit", "normal 0 0", "Wrong number of arguments in buffer limit configuration."),
        (
            "oom-score-adj-values", "-2001 2 3",
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000."
        ),
        ("oom-score-adj-values", "1 2", "wrong number of arguments"),
        (
            "latency-tracking-info-percentiles", "101",
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
        ),
        ("notify-keyspace-events", "Q", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        ("shutdown-on-sigint", "save nosave", "shutdown options SAVE and NOSAVE can't be used simultaneously"),
        ("bind", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "Too many bind addresses specified."),
        ("cluster-announce-hostname", "a b", "Hostnames may only contain alphanumeric characters, hyphens or dots"),
        ("proc-title-template", "{bad}", "template format is invalid or contains unknown variables"),
        ("tls-port", "5", "Unable to update TLS configuration. Check server logs."),
    ])
    func refusalsHaveRedisTexts(_ name: String, _ value: String, _ text: String) {
        let configuration = Configuration()
        let before = configuration.snapshot
        #expect(configuration.change(name, value) == Self.failed(name, text))
        #expect(configuration.snapshot == before)
    }

    @Test func theFirstErrorDecidesAndNothingIsApplied() {
        let configuration = Configuration()
        let version = configuration.version
        #expect(
            configuration.change("maxmemory", "1", "maxmemory-clients", "200%", "client-query-buffer-limit", "invalid")
                == Self.failed("maxmemory-clients", "percentage argument must be less or equal to 100"))
        #expect(configuration.settings.maxMemory == 0)
        #expect(configuration.version == version)
        #expect(
            configuration.change("foo", "bar", "databases", "3")
                == "ERR Unknown option or number of arguments for CONFIG SET - 'foo'")
        #expect(
            configuration.change("databases", "3", "foo", "bar")
                == Self.failed("databases", "can't set immutable config"))
        #expect(
            configuration.change("timeout", "x", "databases", "3")
                == Self.failed("databases", "can't set immutable config"))
    }

    @Test func duplicatesAreRefusedButAliasesAreNot() {
        let configuration = Configuration()
        #expect(configuration.change("timeout", "1", "TIMEOUT", "2") == Self.failed("TIMEOUT", "duplicate parameter"))
        #expect(configuration.change("slave-priority", "10", "replica-priority", "20") == nil)
        #expect(configuration.value("slave-priority") == "20")
    }

    @Test func protectedParametersNeedPermission() throws {
        let local = try Configuration.load(["--enable-protected-configs", "local"])
        #expect(local.change("dbfilename", "a", isLocal: true) == nil)
        #expect(
            local.change("dbfilename", "b", isLocal: false)
                == Self.failed("dbfilename", "can't set protected config"))
        let open = try Configuration.load(["--enable-protected-configs", "yes"])
        #expect(open.change("dir", "/tmp", isLocal: false) == nil)
        #expect(open.settings.directory == TextFile.absolute("/tmp"))
        #expect(open.change("dir", "/nonexistent") == Self.failed("dir", "No such file or directory"))
    }

    @Test func theServerMayRefuseAChange() {
        let configuration = Configuration()
        configuration.onChange = { old, new in
            new.port == old.port ? nil : "port: Unable to listen on this port: in use"
        }
        #expect(
            configuration.change("maxmemory", "5", "port", "7", "timeout", "3")
                == Self.failed("port", "Unable to listen on this port: in use"))
        #expect(configuration.settings.maxMemory == 0)
        #expect(configuration.value("port") == "6379")
        #expect(configuration.change("maxmemory", "5") == nil)
    }

    @Test func aPasswordThatIsNoTextIsRefused() {
        let configuration = Configuration()
        let bytes: [UInt8] = [255, 65]
        let error = "requirepass".withView { name in bytes.withView { configuration.set([(name: name, value: $0)]) } }
        #expect(error == Self.failed("requirepass", "argument must be UTF-8 text"))
    }

    // MARK: CONFIG GET

    private func names(_ configuration: Configuration, _ patterns: [String]) -> [String] {
        let bytes = patterns.map { Array($0.utf8) }
        let views = bytes.map { word -> ByteView in
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: word.count + 1)
            copy.initialize(from: word, count: word.count)
            return ByteView(UnsafePointer(copy), word.count)
        }
        defer { for view in views { view.start.deallocate() } }
        return configuration.matching(views).map(\.0)
    }

    @Test func patternsFindNamesAndAliasesOnce() {
        let configuration = Configuration()
        #expect(Set(names(configuration, ["*of"])) == ["replicaof", "slaveof"])
        #expect(names(configuration, ["port", "PORT", "port"]) == ["port"])
        #expect(names(configuration, ["TIMEOUT", "timeo*"]) == ["TIMEOUT"])
        #expect(names(configuration, ["MAXMEMORY-sam*"]) == ["maxmemory-samples"])
        #expect(names(configuration, ["nothing", ""]) == [])
    }

    @Test func hiddenParametersAnswerToTheirNameOnly() {
        let configuration = Configuration()
        #expect(configuration.get("key-load-delay") == ["key-load-delay": "0"])
        #expect(configuration.get("*")["key-load-delay"] == nil)
        #expect(configuration.get("key-load-dela?").isEmpty)
    }

    /// What Redis' own suite does: set every parameter to what it has.
    @Test func everyValueCanBeSetToItself() {
        let configuration = Configuration()
        let before = configuration.snapshot
        for (index, parameter) in ParameterTable.all.enumerated() where parameter.flags.isEmpty {
            #expect(configuration.change(parameter.name, before.shown(index)) == nil, "\(parameter.name)")
        }
        #expect(configuration.snapshot == before)
    }
}
