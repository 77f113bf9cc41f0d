import Glibc

/// What a failure is to be run again with.
enum Commit {
    /// Of the directory that this runs in; with `+` if there are changes that are in no commit.
    static let text: String = {
        let described = output(of: "git describe --always --abbrev=12 --dirty=+ --exclude '*' 2>/dev/null")
        return described.isEmpty ? "unknown" : described
    }()

    private static func output(of command: String) -> String {
        guard let pipe = popen(command, "r") else { return "" }
        defer { pclose(pipe) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(pipe), byte >= 0 { if byte != 10 { bytes.append(UInt8(byte)) } }
        return String(decoding: bytes, as: UTF8.self)
    }
}
