import Base
import Glibc

@testable import Node

/// A directory of its own for a test, removed at the end.
struct Scratch {
    let path: String

    init() {
        var template = Array("/tmp/martlet-configuration-XXXXXX\0".utf8CString)
        path = String(cString: mkdtemp(&template)!)
    }

    /// Writes a file; answers its path.
    func file(_ name: String, _ text: String) -> String {
        let full = path + "/" + name
        let fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        let bytes = Array(text.utf8)
        precondition(fd >= 0 && write(fd, bytes, bytes.count) == bytes.count)
        close(fd)
        return full
    }

    func text(_ path: String) throws -> String { String(decoding: try TextFile.read(path), as: UTF8.self) }

    func remove() {
        guard let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            unlink(path + "/" + name)
        }
        closedir(directory)
        rmdir(path)
    }
}

extension Configuration {
    /// CONFIG SET with these words: names and values in turn.
    func change(_ words: String..., isLocal: Bool = true) -> String? {
        let bytes = words.map { Array($0.utf8) + [0] }
        var views: [ByteView] = []
        for word in bytes {
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: word.count)
            copy.initialize(from: word, count: word.count)
            views.append(ByteView(UnsafePointer(copy), word.count - 1))
        }
        defer { for view in views { view.start.deallocate() } }
        let pairs = stride(from: 0, to: views.count, by: 2).map { (name: views[$0], value: views[$0 + 1]) }
        return set(pairs, isLocal: isLocal)
    }

    /// CONFIG GET with one pattern, as a dictionary.
    func get(_ pattern: String) -> [String: String] {
        pattern.withView { view in
            Dictionary(matching([view]), uniquingKeysWith: { a, _ in a + " (twice)" })
        }
    }

    func value(_ name: String) -> String? { get(name)[name] }
}

/// The text of the error that loading ends with.
func failure(_ arguments: [String]) -> String? {
    do throws(ConfigurationError) {
        _ = try Configuration.load(arguments)
        return nil
    } catch {
        return error.text
    }
}
