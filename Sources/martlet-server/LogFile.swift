import Base
import CSystem
import Glibc
import Node

/// The log: one line per event, in redis-server's form, to a file or standard output.
/// Written by any thread; a line is one write, so lines do not mix.
final class LogFile: @unchecked Sendable {
    private let descriptor: Int32
    private let configuration: Configuration

    init(path: String, _ configuration: Configuration) throws {
        self.configuration = configuration
        if path.isEmpty {
            descriptor = 1
            return
        }
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        if descriptor < 0 { throw StartError(text: "cannot open the log file \(path): \(errorText(errno))") }
    }

    func write(_ level: LogLevel, _ text: String) {
        if level.rawValue < configuration.settings.logLevel.rawValue { return }
        let mark = [".", "-", "*", "#"][level.rawValue]
        // One event, one line, whatever a client put into it.
        let clean = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 ? " " : $0 }))
        let line = Array("\(getpid()):M \(timestamp()) \(mark) \(clean)\n".utf8)
        _ = line.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    private func timestamp() -> String {
        let microseconds = cs_wall_us()
        var seconds = time_t(microseconds / 1_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 40)
        let count = strftime(&text, 40, "%d %b %Y %H:%M:%S", &parts)
        let milliseconds = String(1000 + microseconds / 1000 % 1000).dropFirst()
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) + ".\(milliseconds)"
    }
}
