import Base
import Glibc
import Simulation
import Testing

/// Several threads at once, each with a file of its own.
@Suite struct FileThreadTests {
    private final class Writer: @unchecked Sendable {
        let disk: SimulatedFileSystem
        let path: String
        private(set) var failure: String?

        init(_ disk: SimulatedFileSystem, _ number: UInt8) {
            self.disk = disk
            path = "/d/\(number)"
        }

        func run() {
            do {
                let file = try disk.open(path, .create)
                for step in 0..<200 as Range<UInt8> {
                    try file.write(pages(step), at: Int64(step) * 4096)
                    if step % 16 == 0 { try file.sync() }
                    if step % 32 == 0 { try disk.syncDirectory("/d") }
                    if try file.read(4096, at: Int64(step) * 4096) != pages(step) { failure = "page \(step)" }
                }
                try file.sync()
                try disk.syncDirectory("/d")
            } catch {
                failure = "\(error)"
            }
        }
    }

    @Test func threadsDoNotDisturbEachOther() throws {
        let disk = emptyDisk()
        let writers = (0..<4).map { Writer(disk, $0) }
        let threads = writers.map { writer in
            var thread = pthread_t()
            pthread_create(
                &thread, nil,
                { raw in
                    Unmanaged<Writer>.fromOpaque(raw!).takeRetainedValue().run()
                    return nil
                }, Unmanaged.passRetained(writer).toOpaque())
            return thread
        }
        for _ in 0..<50 { _ = disk.afterCrash(keeping: .each(seed: 1)).paths }
        for thread in threads { pthread_join(thread, nil) }
        #expect(writers.compactMap(\.failure) == [])
        let after = disk.crash(keeping: .nothing)
        #expect(after.paths == writers.map(\.path))
        for writer in writers { #expect(after.contents(writer.path)?.count == 200 * 4096) }
    }
}
