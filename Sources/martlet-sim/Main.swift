import Base
import CSystem
import Glibc
import Trials

/// Clusters of whole nodes under faults, in virtual time (docs/testing.md). The last line: `N passed, N failed`.
@main
struct Main {
    static func main() {
        do throws(UsageError) {
            let options = try Options(Array(CommandLine.arguments.dropFirst()))
            let runner = try Runner(options)
            exit(runner.run() ? 0 : 1)
        } catch {
            print("martlet-sim: \(error)\n\n\(Options.usage)")
            exit(2)
        }
    }
}
