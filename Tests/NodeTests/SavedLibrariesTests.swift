import Base
import Simulation
import Testing

@testable import Keyspace
@testable import Node

/// Libraries of functions are there again after a crash, from the log and from the state that rounds save.
@Suite struct SavedLibrariesTests {
    private func start(_ files: SimulatedFileSystem) throws -> FakeShell {
        let shell = try FakeShell(loops: 2, options: ["--appendonly", "yes", "--dir", "/tmp"], files: files)
        let report = try #require(try shell.node.openPersistence())
        try shell.node.finishLoading(report.librarySources(), loopsRun: false)
        return shell
    }

    private func library(_ name: String, _ value: Int, _ client: FakeClient, _ shell: FakeShell) -> String {
        let source = "#!lua name=\(name)\nredis.register_function('\(name)', function() return \(value) end)"
        return shell.exchange(
            client, "*4\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n$7\r\nREPLACE\r\n$\(source.utf8.count)\r\n\(source)\r\n")
    }

    private func crash(_ shell: FakeShell, _ files: SimulatedFileSystem) throws -> (FakeShell, SimulatedFileSystem) {
        shell.node.persistence!.writeAll()
        let left = files.crash(keeping: .nothing)
        return (try start(left), left)
    }

    @Test(arguments: [false, true])
    func areThereAgain(saves: Bool) throws {
        var files = SimulatedFileSystem(seed: 1, directories: ["/tmp"])
        var shell = try start(files)
        // Whoever waits for the log lets it be written.
        func save() {
            if !saves { return }
            let persistence = shell.node.persistence!
            shell.whileAsleep = { persistence.writeAll() }
            #expect(persistence.keeper!.runRound() == nil)
        }
        #expect(library("one", 1, shell.connect(), shell) == "$3\r\none\r\n")
        #expect(library("two", 2, shell.connect(loop: 1), shell) == "$3\r\ntwo\r\n")
        save()
        (shell, files) = try crash(shell, files)
        let client = shell.connect()
        #expect(shell.exchange(client, "FCALL one 0\r\nFCALL two 0\r\n") == ":1\r\n:2\r\n")
        // What comes later counts, also after a start: versions go on.
        #expect(shell.exchange(client, "FUNCTION DELETE two\r\n") == "+OK\r\n")
        #expect(library("one", 10, client, shell) == "$3\r\none\r\n")
        save()
        (shell, files) = try crash(shell, files)
        let other = shell.connect(loop: 1)
        #expect(shell.exchange(other, "FCALL one 0\r\nFCALL two 0\r\n") == ":10\r\n-ERR Function not found\r\n")
        #expect(shell.exchange(other, "FUNCTION FLUSH\r\n") == "+OK\r\n")
        (shell, files) = try crash(shell, files)
        #expect(shell.exchange(shell.connect(), "FCALL one 0\r\n") == "-ERR Function not found\r\n")
    }
}
