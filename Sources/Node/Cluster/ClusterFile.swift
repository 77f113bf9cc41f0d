import Base
import Cluster

/// Why a node cannot start as one of a cluster's. One line for the administrator.
public struct ClusterStartError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ text: String) { description = text }
}

/// What a node remembers of its cluster (`cluster-config-file`): a `MembershipState`, replaced as a whole. As long as this
/// is there, no other process has the file.
final class ClusterFile: Sendable {
    let path: String
    private let directory: String
    private let files: any FileSystem
    private let lock: any File

    /// Takes the file for this process.
    init(_ files: any FileSystem, directory: String, name: String) throws(ClusterStartError) {
        (self.files, self.directory, path) = (files, directory, directory + "/" + name)
        do throws(DiskError) {
            lock = try files.open(path + ".lock", .write)
            if try lock.lock() { return }
        } catch {
            throw ClusterStartError("cannot take the cluster's file \(path): \(error)")
        }
        throw ClusterStartError(
            "\(path) belongs to another process: each node needs a directory or cluster-config-file of its own")
    }

    /// Nil if there is none yet.
    func read() throws(ClusterStartError) -> MembershipState? {
        try Self.read(files, directory: directory, name: String(path.dropFirst(directory.utf8.count + 1)))
    }

    /// The same, whoever has the file.
    static func read(
        _ files: any FileSystem, directory: String, name: String
    ) throws(ClusterStartError) -> MembershipState? {
        let path = directory + "/" + name
        let bytes: [UInt8]
        do throws(DiskError) {
            if try !files.list(directory).contains(name) { return nil }
            bytes = try readAll(files, path)
        } catch {
            throw ClusterStartError("cannot read \(path): \(error)")
        }
        do throws(MembershipState.ReadError) {
            return try bytes.withView { bytes throws(MembershipState.ReadError) in try MembershipState(bytes) }
        } catch {
            switch error {
            case .foreign: throw ClusterStartError("\(path) is not a file of this server's: not touched")
            case .newerVersion(let version):
                throw ClusterStartError("\(path) has format \(version), which only a newer version of the server reads")
            case .damaged:
                throw ClusterStartError(
                    "\(path) is damaged: restore it from a copy; without it this node is a stranger to its cluster")
            }
        }
    }

    private static func readAll(_ files: any FileSystem, _ path: String) throws(DiskError) -> [UInt8] {
        let file = try files.open(path, .read)
        var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
        var failure: DiskError?
        let count = bytes.withUnsafeMutableBytes { buffer in
            do throws(DiskError) {
                return try file.read(buffer, at: 0)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return Array(bytes[..<count])
    }

    /// Once this returns the state lasts.
    func write(_ state: MembershipState) throws(DiskError) {
        var bytes = ByteBuffer()
        state.write(to: &bytes)
        let new = path + ".new"
        let file = try files.open(new, .write)
        try file.truncate(to: 0)
        try file.write(bytes.view, at: 0)
        try file.sync()
        try files.rename(new, to: path)
        try files.syncDirectory(directory)
    }
}
