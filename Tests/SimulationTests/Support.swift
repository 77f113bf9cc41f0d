import Base
import Simulation
import Testing

/// One directory, /d, which lasts.
func emptyDisk(seed: UInt64 = 1, _ faults: DiskFaults = DiskFaults()) -> SimulatedFileSystem {
    SimulatedFileSystem(seed: seed, faults: faults, directories: ["/d"])
}

/// A disk with one file, /d/f, that lasts with what it holds.
func diskWithFile(seed: UInt64 = 1, _ bytes: [UInt8], _ faults: DiskFaults = DiskFaults()) throws -> SimulatedFileSystem
{
    let disk = emptyDisk(seed: seed)
    let file = try disk.open("/d/f", .create)
    try file.write(bytes)
    try file.sync()
    try disk.syncDirectory("/d")
    disk.faults = faults
    return disk
}

extension File {
    func write(_ bytes: [UInt8], at offset: Int64 = 0) throws {
        try bytes.withUnsafeBytes { try write($0, at: offset) }
    }

    func write(_ text: String, at offset: Int64 = 0) throws { try write([UInt8](text.utf8), at: offset) }

    func read(_ count: Int, at offset: Int64 = 0) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let there = try bytes.withUnsafeMutableBytes { try read($0, at: offset) }
        return [UInt8](bytes[..<there])
    }

    func text() throws -> String { String(decoding: try read(Int(try size())), as: UTF8.self) }

    func readSome(_ count: Int, at offset: Int64 = 0, waits: Bool = true) -> Int {
        var bytes = [UInt8](repeating: 0, count: count)
        return bytes.withUnsafeMutableBytes { readSome($0, at: offset, waits: waits) }
    }

    func writeSome(_ bytes: [UInt8], at offset: Int64 = 0) -> Int {
        bytes.withUnsafeBytes { writeSome($0, at: offset) }
    }
}

extension SimulatedFileSystem {
    func text(_ path: String) -> String? { contents(path).map { String(decoding: $0, as: UTF8.self) } }
}

/// Whole pages of one byte each.
func pages(_ fills: UInt8...) -> [UInt8] { fills.flatMap { [UInt8](repeating: $0, count: 4096) } }

/// What the call was refused with.
func refusal(_ body: () throws -> Void) -> DiskError? {
    do {
        try body()
        return nil
    } catch {
        return error as? DiskError
    }
}
