import Glibc

/// `oom-score-adj`: how gladly the kernel kills this process when memory runs out.
///
/// Changed only by `Configuration.set`, under its lock.
final class OutOfMemoryScore {
    private static let path = "/proc/self/oom_score_adj"
    /// What the process had before the first adjustment; nil while there is none.
    private var base: Int?
    private var written: Int?

    /// Makes the kernel's score what the values say. Answers a text when the kernel refuses.
    func apply(_ values: Values) -> String? {
        let mode = values.text("oom-score-adj")
        if mode == "no" {
            guard let base else { return nil }
            self.base = nil
            written = nil
            return OutOfMemoryScore.write(base) ? nil : OutOfMemoryScore.refused
        }
        guard let base = base ?? OutOfMemoryScore.read() else { return OutOfMemoryScore.refused }
        // The first value is for a server that nothing replicates from elsewhere.
        let wanted = Int(values.words("oom-score-adj-values")[0]) ?? 0
        let score = max(-1000, min(1000, mode == "absolute" ? wanted : base + wanted))
        if score == written { return nil }
        guard OutOfMemoryScore.write(score) else { return OutOfMemoryScore.refused }
        self.base = base
        written = score
        return nil
    }

    private static let refused = "Failed to apply new oom_score_adj configuration, check server logs."

    private static func read() -> Int? {
        guard let bytes = try? TextFile.read(path) else { return nil }
        return Int(String(decoding: bytes.prefix { $0 > 32 }, as: UTF8.self))
    }

    private static func write(_ score: Int) -> Bool {
        let fd = open(path, O_WRONLY | O_CLOEXEC)
        if fd < 0 { return false }
        defer { close(fd) }
        let text = Array("\(score)".utf8)
        return Glibc.write(fd, text, text.count) == text.count
    }
}
