import Base
import CSystem
import Glibc

/// Processes that share the work: each says on a pipe of its own what has come of every seed.
struct Jobs {
    private let count: Int
    private let endsAtFailure: Bool

    /// - Parameter endsAtFailure: as soon as one of them says that a seed has failed.
    init(_ count: Int, endsAtFailure: Bool) { (self.count, self.endsAtFailure) = (count, endsAtFailure) }

    /// Runs `body` in as many processes, with the number of each, and prints what they say as it comes.
    func run(_ body: (Int, (ResultLine) -> Void) -> Void) -> Sum {
        fflush(nil)
        var pipes: [Pipe] = []
        for job in 0..<count {
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { preconditionFailure("there is no pipe") }
            let process = cs_fork(ends[1])
            precondition(process >= 0, "there is no process")
            if process == 0 {
                body(job) { line in
                    // What has been told of the seed comes before what has come of it; and `_exit` would lose it.
                    fflush(nil)
                    send(line, to: ends[1])
                }
                _exit(0)
            }
            close(ends[1])
            pipes.append(Pipe(process: process, end: ends[0]))
        }
        var sum = Sum()
        var isOver = false
        while !isOver && pipes.contains(where: { $0.end >= 0 }) {
            var polled = pipes.map { pollfd(fd: $0.end, events: Int16(POLLIN), revents: 0) }
            poll(&polled, nfds_t(polled.count), -1)
            for i in pipes.indices where pipes[i].end >= 0 && polled[i].revents != 0 {
                pipes[i].read()
                while let line = Self.take(&pipes[i].bytes) {
                    sum.add(line)
                    print(line.text)
                    if endsAtFailure && !line.passed { isOver = true }
                }
            }
            fflush(nil)
        }
        if isOver {
            for pipe in pipes { kill(pipe.process, SIGKILL) }
        }
        for pipe in pipes where cs_wait_for(pipe.process) != 0 && !isOver {
            print("a process has failed")
            sum.failed += 1
        }
        return sum
    }

    private struct Pipe {
        let process: Int32
        /// -1: the process has closed its own.
        var end: Int32
        var bytes: [UInt8] = []

        mutating func read() {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = Glibc.read(end, &buffer, buffer.count)
            if count > 0 { return bytes += buffer[..<count] }
            close(end)
            end = -1
        }
    }

    // MARK: the pipe

    /// 0 or 1, milliseconds and writes, blanks between them; the text; a byte of 0.
    private func send(_ line: ResultLine, to end: Int32) {
        let bytes = Array("\(line.passed ? 1 : 0) \(line.milliseconds) \(line.writes) \(line.text)\0".utf8)
        var at = 0
        while at < bytes.count {
            let count = bytes[at...].withUnsafeBytes { write(end, $0.baseAddress, $0.count) }
            if count <= 0 { _exit(1) }
            at += count
        }
    }

    private static func take(_ bytes: inout [UInt8]) -> ResultLine? {
        guard let end = bytes.firstIndex(of: 0) else { return nil }
        let parts = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ", maxSplits: 3)
        bytes.removeFirst(end + 1)
        return ResultLine(
            passed: parts[0] == "1", milliseconds: Int64(parts[1]) ?? 0, writes: Int(parts[2]) ?? 0,
            text: String(parts[3]))
    }
}
