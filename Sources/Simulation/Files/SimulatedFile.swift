import Base
import CSystem

/// An open file of a simulated file system.
final class SimulatedFile: File {
    let path: String
    private let disk: Disk
    private let process: DiskProcess
    private let handle: Int

    init(_ path: String, _ disk: Disk, _ process: DiskProcess, handle: Int) {
        self.path = path
        self.disk = disk
        self.process = process
        self.handle = handle
    }

    deinit { disk.close(handle) }

    func readSome(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int64, waits: Bool) -> Int {
        let call = DiskCall(.read, path, offset: offset, count: bytes.count, waits: waits)
        return Int(
            disk.call(call, by: process) { [handle] (state, source, _, fault) throws(Refusal) in
                Int64(try state.read(handle, bytes, at: offset, fault, &source.random))
            })
    }

    func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int64) -> Int {
        let call = DiskCall(.write, path, offset: offset, count: bytes.count)
        return Int(
            disk.call(call, by: process) { [handle] (state, source, call, fault) throws(Refusal) in
                Int64(try state.write(handle, bytes, at: offset, stamp: call.number, fault, &source))
            })
    }

    func sync() throws(DiskError) {
        try check(DiskCall(.sync, path)) { [handle] (state, source, _, fault) throws(Refusal) in
            try state.sync(handle, fault, &source)
            return 0
        }
    }

    func truncate(to size: Int64) throws(DiskError) {
        try check(DiskCall(.truncate, path, offset: size)) { [handle] (state, _, call, _) throws(Refusal) in
            try state.truncate(handle, to: size, stamp: call.number)
            return 0
        }
    }

    func size() throws(DiskError) -> Int64 {
        try check(DiskCall(.measure, path)) { [handle] (state, _, _, _) throws(Refusal) in
            try state.file(handle).file.cached.size
        }
    }

    func lock() throws(DiskError) -> Bool {
        let answer = disk.call(DiskCall(.lock, path), by: process) { [handle] (state, _, _, _) throws(Refusal) in
            try state.lock(handle)
            return 0
        }
        if answer == -Int64(Errno.taken) { return false }
        if answer < 0 { throw DiskError(.lock, path, Int32(-answer)) }
        return true
    }

    @discardableResult
    private func check(_ call: DiskCall, _ body: Disk.Body) throws(DiskError) -> Int64 {
        let answer = disk.call(call, by: process, body)
        if answer < 0 { throw DiskError(call.kind, path, Int32(-answer)) }
        return answer
    }
}
