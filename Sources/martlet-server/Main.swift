import Base
import CSystem
import Glibc
import Keyspace
import Node
import Reactor

/// martlet-server [FILE | -] [--option value ...]
@main
struct Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let text = informational(arguments) { return print(text) }
        do {
            let configuration = try Configuration.load(arguments)
            try Server(configuration).run()
        } catch let error as ConfigurationError {
            fail(error.text)
        } catch let error as StartError {
            fail(error.text)
        } catch {
            fail("\(error)")
        }
    }

    private static func informational(_ arguments: [String]) -> String? {
        switch arguments.first {
        case "-v", "--version": "Martlet server v=\(Version.martlet) (Redis protocol \(Version.redis))"
        case "-h", "--help":
            """
            Usage: martlet-server [FILE | -] [--option value ...]
                   martlet-server -v | --version
                   martlet-server -h | --help

            FILE is a configuration file in redis.conf's form; - reads it from standard input.
            Every directive of the file may be given as an option, which wins:
                   martlet-server --port 7777 --io-threads 4
            --port 0 picks a free port and prints it.
            """
        default: nil
        }
    }

    private static func fail(_ text: String) -> Never {
        writeText(2, "martlet-server: \(text)\n")
        exit(1)
    }
}

/// Why the server could not start.
struct StartError: Error {
    let text: String
}

/// Writes to a descriptor, past stdio's buffers.
func writeText(_ descriptor: Int32, _ text: String) {
    _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
}
