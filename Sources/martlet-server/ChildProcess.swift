import Base
import CSystem
import Glibc
import Node
import Synchronization

/// A copy of this process that writes a snapshot (BGSAVE), and the thread that waits for its end.
enum ChildProcess {
    private static let count = Atomic<Int>(0)

    /// Whether one is there. What it shares with us had better stay as it is.
    static var isRunning: Bool { count.load(ordering: .relaxed) > 0 }

    /// See `SnapshotDoors.fork`.
    static func start(_ work: (Int32) -> String?, _ ended: @escaping @Sendable (ChildEnd) -> Void) -> ForkResult {
        var ends: [Int32] = [0, 0]
        if pipe(&ends) != 0 { return .failed(errorText(errno)) }
        let begun = cs_monotonic_ns()
        let child = cs_fork(ends[1])
        if child == 0 { run(work, ends[1]) }
        let taken = Int(cs_monotonic_ns() - begun) / 1000
        close(ends[1])
        if child < 0 {
            close(ends[0])
            return .failed(errorText(-child))
        }
        count.add(1, ordering: .relaxed)
        watch(Watch(child, ends[0], ended))
        return .started(child, microseconds: taken)
    }

    /// In the copy: nothing of the other threads is here, but for locks that they may have held.
    private static func run(_ work: (Int32) -> String?, _ pipe: Int32) -> Never {
        let failure = work(getpid())
        writeText(pipe, failure ?? "\(privateBytes())")
        _exit(failure == nil ? 0 : 1)
    }

    /// Memory that is the copy's alone: what either of the two has written to since.
    private static func privateBytes() -> Int {
        let file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC)
        if file < 0 { return 0 }
        var text = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &text, text.count)
        close(file)
        for line in String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
        where line.hasPrefix("Private_Dirty:") {
            return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
        }
        return 0
    }

    // MARK: waiting

    private final class Watch: Sendable {
        let child: Int32
        let pipe: Int32
        let ended: @Sendable (ChildEnd) -> Void

        init(_ child: Int32, _ pipe: Int32, _ ended: @escaping @Sendable (ChildEnd) -> Void) {
            self.child = child
            self.pipe = pipe
            self.ended = ended
        }

        func run() {
            let text = readAll(pipe)
            close(pipe)
            let status = cs_wait_for(child)
            count.subtract(1, ordering: .relaxed)
            if status & 0x7f != 0 {
                ended(.killed(signal: status & 0x7f))
            } else if status >> 8 == 0 {
                ended(.done(copied: Int(text) ?? 0))
            } else {
                ended(.failed(text.isEmpty ? "the child ended with code \(status >> 8)" : text))
            }
        }
    }

    private static func readAll(_ pipe: Int32) -> String {
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1024)
        while true {
            let count = read(pipe, &part, part.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return String(decoding: text, as: UTF8.self) }
            text += part[..<count]
        }
    }

    private static func watch(_ watch: Watch) {
        BackgroundThread.start("child-watch") { watch.run() }
    }
}
