import Base
import Glibc
import Storage

/// martlet-check DIR
@main
struct Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count == 1, let argument = arguments.first else { fail(usage, 2) }
        switch argument {
        case "-v", "--version":
            print(
                "martlet-check: directory \(StorageVersion.directory), log \(StorageVersion.log), "
                    + "manifest \(StorageVersion.manifest), tables \(StorageVersion.tables)")
        case "-h", "--help": print(usage)
        default:
            if argument.hasPrefix("-") { fail("martlet-check: there is no option \(argument)\n\n\(usage)", 2) }
            check(argument)
        }
    }

    private static let usage = """
        Usage: martlet-check DIR
               martlet-check -v | --version
               martlet-check -h | --help

        Looks over a directory in which a server keeps its data (appenddirname in dir), while no server uses it:
        identity, log, manifest, every record of every table. Changes nothing. Prints what is there, and what is wrong
        and where.

        The exit status is 0 if nothing is wrong, 1 if something is, 2 if it could not be looked at. --version says
        which versions of the formats it knows.
        """

    private static func check(_ path: String) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        let files = RealFileSystem()
        do throws(DiskError) { _ = try files.list(path) } catch { fail("martlet-check: \(error)", 2) }
        let result = DirectoryCheck(files, path)
        if result.isTaken { fail("martlet-check: \(result.problems.joined(separator: "\n"))", 2) }
        for note in result.notes { print(note) }
        for problem in result.problems { print("wrong: \(problem)") }
        print(result.problems.isEmpty ? "nothing wrong" : "\(result.problems.count) wrong")
        exit(result.problems.isEmpty ? 0 : 1)
    }

    private static func fail(_ text: String, _ status: Int32) -> Never {
        _ = Array((text + "\n").utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
        exit(status)
    }
}
