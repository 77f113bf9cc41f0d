import Base

enum DiskCopy {
    /// Copies the files of a directory that are no directories, durably.
    static func copyFiles(in directory: String, from: some FileSystem, to: some FileSystem) throws(DiskError) {
        for name in try from.list(directory) {
            let path = "\(directory)/\(name)"
            guard let old = try? from.open(path, .read), let size = try? old.size() else { continue }
            var bytes = [UInt8](repeating: 0, count: Int(size))
            let count: Result<Int, DiskError> = bytes.withUnsafeMutableBytes { buffer in
                do throws(DiskError) { return .success(try old.read(buffer, at: 0)) } catch { return .failure(error) }
            }
            _ = try count.get()
            let new = try to.open(path, .create)
            let written: Result<Void, DiskError> = bytes.withUnsafeBytes { buffer in
                do throws(DiskError) { return .success(try new.write(buffer, at: 0)) } catch { return .failure(error) }
            }
            try written.get()
            try new.sync()
        }
        try to.syncDirectory(directory)
    }
}
