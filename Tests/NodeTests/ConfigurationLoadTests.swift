import Testing

@testable import Node

/// Files and command lines. Expected values were taken from redis-server 7.0.15.
@Suite struct ConfigurationLoadTests {
    @Test func defaultsAreThoseOfRedis() throws {
        let configuration = try Configuration.load([])
        let expected = [
            "maxclients": "10000", "timeout": "0", "hz": "10", "save": "3600 1 300 100 60 10000",
            "client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            "client-query-buffer-limit": "1073741824", "proto-max-bulk-len": "536870912", "databases": "16",
            "slowlog-log-slower-than": "10000", "latency-tracking-info-percentiles": "50 99 99.9",
            "maxmemory-policy": "noeviction", "hash-max-listpack-entries": "512", "oom-score-adj-values": "0 200 800",
        ]
        for (name, value) in expected { #expect(configuration.value(name) == value, "\(name)") }
        #expect(configuration.settings.bind == ["127.0.0.1", "-::1"])
        #expect(configuration.settings.loops >= 1)
        #expect(configuration.warnings.isEmpty)
        #expect(configuration.file == nil)
    }

    @Test(arguments: [
        "rename-command nosuch x", "rename-command get set", "rename-command get a\nrename-command get b",
    ])
    func aRenamingThatCannotBeIsRefusedWithItsLine(_ text: String) throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file("a.conf", text)
        let line = text.split(separator: "\n").count
        #expect {
            _ = try Configuration.load([path])
        } throws: {
            (($0 as? ConfigurationError)?.text ?? "").hasPrefix("\(path):\(line): 'rename-command")
        }
    }

    /// `CONFIG GET *` of Redis 7.0.15 has so many names, aliases included.
    @Test func everyParameterOfRedisIsKnown() {
        #expect(Configuration().get("*").count == Golden.parameterCount)
    }

    @Test func aFileIsReadLikeRedisDoes() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file(
            "a.conf",
            """
            # comment
            PORT 7000

              maxmemory 1gb\u{20}
            requirepass "a \\"quoted\\" \\x41"
            bind 127.0.0.1 '::1'
            client-output-buffer-limit replica 1mb 2kb 3
            client-output-buffer-limit pubsub 4 5 6
            loglevel WARNING
            rename-command FLUSHALL ""
            rename-command KEYS hidden
            hash-max-ziplist-entries 7
            """)
        let configuration = try Configuration.load([path])
        let settings = configuration.settings
        #expect(settings.port == 7000)
        #expect(settings.maxMemory == 1 << 30)
        #expect(settings.requirePassword == "a \"quoted\" A")
        #expect(settings.bind == ["127.0.0.1", "::1"])
        #expect(settings.outputLimits[.replica] == OutputLimit(hard: 1 << 20, soft: 2048, softSeconds: 3))
        #expect(settings.outputLimits[.pubsub] == OutputLimit(hard: 4, soft: 5, softSeconds: 6))
        #expect(settings.logLevel == .warning)
        #expect(configuration.renamedCommands.map { "\($0.0)=\($0.1)" } == ["FLUSHALL=", "KEYS=hidden"])
        #expect(settings.hashMaxListpackEntries == 7)
        #expect(configuration.value("hash-max-listpack-entries") == "7")
        #expect(configuration.file == TextFile.absolute(path))
    }

    /// The file that is shipped shows the defaults, and says so.
    @Test func theShippedFileSetsNothingButDefaults() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let shipped = try Configuration.load(["/\(root)/conf/martlet.conf"])
        #expect(shipped.snapshot == Configuration().snapshot)
        #expect(shipped.warnings.isEmpty)
    }

    @Test func saveLinesReplaceTheDefaultsAndThenAddUp() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file("a.conf", "save 900 1\n")
        #expect(try Configuration.load([path]).settings.savePoints == SavePoint.parse("900 1"))
        #expect(
            try Configuration.load([path, "--save", "100", "100"]).settings.savePoints
                == SavePoint.parse("900 1 100 100"))
        #expect(try Configuration.load([path, "--save", ""]).settings.savePoints == SavePoint.parse(""))
        #expect(try Configuration.load(["--save", "--loglevel", "verbose"]).settings.savePoints == SavePoint.parse(""))
    }

    @Test(arguments: [
        ("port 1\nfoo bar", ":2: unknown directive 'foo'"),
        ("maxmemory", ":1: 'maxmemory': wrong number of arguments"),
        ("maxmemory 1 2", ":1: 'maxmemory 1 2': wrong number of arguments"),
        ("\n\nhz -1", ":3: 'hz -1': argument must be between 0 and 2147483647 inclusive"),
        ("save 1", ":1: 'save 1': Invalid save parameters"),
        ("save 0 1", ":1: 'save 0 1': Invalid save parameters"),
        ("bind \"a", ":1: 'bind \"a': unbalanced quotes"),
        ("unixsocketperm 888", ":1: 'unixsocketperm 888': argument couldn't be parsed as an octal number"),
        ("unixsocketperm 7777", ":1: 'unixsocketperm 7777': argument must be between 0 and 777 inclusive"),
        ("dbfilename a/b", ":1: 'dbfilename a/b': dbfilename can't be a path, just a filename"),
        ("dir /nonexistent", ":1: 'dir /nonexistent': No such file or directory"),
        ("replicaof a b", ":1: 'replicaof a b': Invalid master port"),
        ("rename-command get", ":1: 'rename-command get': wrong number of arguments"),
    ])
    func errorsNameFileLineAndWord(_ text: String, _ expected: String) {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file("bad.conf", text)
        #expect(failure([path]) == path + expected)
    }

    @Test(arguments: [
        "replicaof 127.0.0.1 1", "tls-port 1", "loadmodule x",
    ])
    func whatCannotBeHereIsRefusedAtStart(_ line: String) {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file("bad.conf", line + "\n")
        #expect(failure([path])?.hasPrefix("\(path):1: '\(line)': ") == true)
    }

    @Test func directivesWithoutEffectAreAcceptedWithAWarning() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file(
            "a.conf", "port 1\nactive-defrag-cycle-min 5\nappendonly no\nsave ''\nrdbchecksum yes\n")
        let configuration = try Configuration.load([path])
        #expect(configuration.value("active-defrag-cycle-min") == "5")
        #expect(
            configuration.warnings
                == ["\(path):2: 'active-defrag-cycle-min' is accepted but has no effect in this server"])
    }

    @Test func includesFollowPatternsAndEnd() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        _ = scratch.file("1.inc", "timeout 1\nhz 20\n")
        _ = scratch.file("2.inc", "timeout 2\n")
        let path = scratch.file("a.conf", "hz 30\ninclude \(scratch.path)/*.inc\ninclude \(scratch.path)/*.none\n")
        let settings = try Configuration.load([path]).settings
        #expect(settings.timeoutSeconds == 2)
        #expect(settings.hz == 20)
        let missing = scratch.file("b.conf", "\ninclude \(scratch.path)/none\n")
        #expect(failure([missing])?.hasPrefix("\(missing):2: cannot read configuration file") == true)
        let bad = scratch.file("c.conf", "include \(scratch.path)/d.conf\n")
        let inner = scratch.file("d.conf", "hz x\n")
        #expect(failure([bad]) == "\(inner):1: 'hz x': argument couldn't be parsed into an integer")
        let circle = scratch.file("e.conf", "include \(scratch.path)/e.conf\n")
        #expect(failure([circle])?.contains("more than 16 deep") == true)
    }

    @Test(arguments: [
        (["--port"], "'port': wrong number of arguments"),
        (["--port", "6380", "--loglevel"], "'loglevel': wrong number of arguments"),
        (["--port", "6379", "6380"], "'port \"6379\" \"6380\"': wrong number of arguments"),
        (["--port", "--loglevel", "verbose"], "'port \"--loglevel\" \"verbose\"': wrong number of arguments"),
        (
            ["--port", "--bla", "--loglevel", "verbose"],
            "'port \"--bla\"': argument couldn't be parsed into an integer"
        ),
        (["--replicaof", "--127.0.0.1", "abc"], "'replicaof \"--127.0.0.1\" \"abc\"': Invalid master port"),
        (["--replicaof", "--127.0.0.1", "--abc"], "'replicaof \"--127.0.0.1\"': wrong number of arguments"),
        (["--foo", "1"], "unknown option 'foo'"),
    ])
    func commandLineErrors(_ arguments: [String], _ expected: String) {
        #expect(failure(arguments) == "command line: " + expected)
    }

    @Test(arguments: [
        (["--proc-title-template", "--my", "--loglevel", "verbose"], "proc-title-template", "--my"),
        (["--proc-title-template --my", "--loglevel verbose"], "loglevel", "verbose"),
        (["--proc-title-template", "--save", "--save", "", "--hz", "7"], "proc-title-template", "--save"),
        (["--maxmemory 700mb"], "maxmemory", "734003200"),
        (["--maxmemory '700mb'", "--hz", "7"], "maxmemory", "734003200"),
        (["--shutdown-on-sigint", "nosave", "force", "now"], "shutdown-on-sigint", "nosave now force"),
        (["--shutdown-on-sigterm", "nosave force"], "shutdown-on-sigterm", "nosave force"),
    ])
    func commandLineWords(_ arguments: [String], _ name: String, _ value: String) throws {
        #expect(try Configuration.load(arguments).value(name) == value)
    }
}

/// Counted on redis-server 7.0.15.
enum Golden {
    static let parameterCount = 192
}
