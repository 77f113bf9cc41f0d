import Glibc
import Testing

@testable import Node

@Suite struct ConfigurationRewriteTests {
    @Test func withoutAFileThereIsNothingToRewrite() {
        #expect(Configuration().rewrite() == "ERR The server is running without a config file")
    }

    @Test func onlyWhatDiffersChanges() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file(
            "a.conf",
            """
            # The port.
            port   7000
            # Memory.
            maxmemory 1gb
            save 900 1
            save 300 10

              hash-max-ziplist-entries 5
            rename-command FLUSHALL ""
            # The end.

            """)
        let configuration = try Configuration.load([path, "--timeout", "9"])
        #expect(
            configuration.change(
                "maxmemory", "2048", "requirepass", "a\"b c", "save", "5 5", "hash-max-listpack-entries", "6") == nil)
        #expect(configuration.rewrite() == nil)
        let text = try scratch.text(path)
        #expect(
            text == """
                # The port.
                port   7000
                # Memory.
                maxmemory 2kb
                save 5 5

                hash-max-listpack-entries 6
                rename-command FLUSHALL ""
                # The end.

                # Written by CONFIG REWRITE
                timeout 9
                requirepass "a\\"b c"

                """)
        let again = try Configuration.load([path])
        #expect(again.snapshot == configuration.snapshot)
        #expect(again.renamedCommands.count == 1)
        #expect(configuration.rewrite() == nil)
        #expect(try scratch.text(path) == text)
    }

    @Test func moreLinesFollowTheOldOnes() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file("a.conf", "save 1 1\nclient-output-buffer-limit pubsub 1 1 1\nhz 20\n")
        let configuration = try Configuration.load([path])
        #expect(configuration.change("save", "1 1 2 2", "client-output-buffer-limit", "normal 7 7 7") == nil)
        #expect(configuration.rewrite() == nil)
        #expect(
            try scratch.text(path) == """
                save 1 1
                save 2 2
                client-output-buffer-limit normal 7 7 7
                client-output-buffer-limit slave 268435456 67108864 60
                client-output-buffer-limit pubsub 1 1 1
                hz 20

                """)
    }

    @Test func anIncludedFileDoesNotWinOverTheRewrite() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let included = scratch.file("b.inc", "timeout 5\nsave 7 7\n")
        let path = scratch.file("a.conf", "timeout 1\nsave 1 1\ninclude \(included)\n")
        let configuration = try Configuration.load([path])
        #expect(configuration.settings.savePoints == SavePoint.parse("1 1 7 7"))
        #expect(configuration.change("timeout", "8", "save", "2 2") == nil)
        #expect(configuration.rewrite() == nil)
        #expect(try Configuration.load([path]).snapshot == configuration.snapshot)
        #expect(try scratch.text(included) == "timeout 5\nsave 7 7\n")
    }

    @Test func aForcedRewriteCanBeReadAgain() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file("a.conf", "")
        let configuration = try Configuration.load([path])
        #expect(
            configuration.change(
                "notify-keyspace-events", "AKn", "bind", "", "maxmemory-clients", "5%", "save", "",
                "requirepass", "a # \u{e9}\t'", "latency-tracking-info-percentiles", "") == nil)
        #expect(configuration.rewriteAll() == nil)
        let text = try scratch.text(path)
        let again = try Configuration.load([path])
        #expect(again.snapshot == configuration.snapshot)
        #expect(text.split(separator: "\n").count > 150)
        #expect(text.contains("\ndir \(configuration.settings.directory)\n"))
        #expect(text.contains("\nio-threads 0\n"))
    }

    @Test func permissionsStayAndNoTemporaryFileIsLeft() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file("a.conf", "hz 20\n")
        chmod(path, 0o640)
        let configuration = try Configuration.load([path])
        #expect(configuration.change("hz", "30") == nil)
        #expect(configuration.rewrite() == nil)
        var status = stat()
        stat(path, &status)
        #expect(status.st_mode & 0o777 == 0o640)
        #expect(TextFile.matching(scratch.path + "/*") == [path])
    }

    @Test func aFileThatBecameUnreadableIsAnErrorAndStays() throws {
        let scratch = Scratch()
        defer { scratch.remove() }
        let path = scratch.file("a.conf", "hz 20\n")
        let configuration = try Configuration.load([path])
        _ = scratch.file("a.conf", "nonsense 1\n")
        #expect(configuration.rewrite()?.hasPrefix("ERR Rewriting config file: ") == true)
        #expect(try scratch.text(path) == "nonsense 1\n")
    }
}
