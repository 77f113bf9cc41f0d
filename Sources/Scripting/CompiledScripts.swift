import Base
import Commands

/// A script as one loop has compiled it.
public struct CompiledScript {
    public let digest: ScriptDigest
    /// In the loop's interpreter.
    public let function: Int32
    public let flags: ScriptFlags
    /// Whether all keys that it touches are among those that its caller names.
    public let namesItsKeys: Bool
    /// 40 digits, for error texts.
    public let name: ByteView
}

public typealias CompiledScriptPointer = UnsafeMutablePointer<CompiledScript>

/// A loop's compiled scripts by digest: open addressing, the digest being its own hash.
public struct CompiledScripts {
    private var cells: UnsafeMutablePointer<CompiledScriptPointer?>
    private var capacity = 64
    public private(set) var count = 0

    public init() {
        cells = .allocate(capacity: capacity)
        cells.initialize(repeating: nil, count: capacity)
    }

    /// The script of a digest, if this loop has compiled it.
    @inline(__always)
    public func find(_ digest: ScriptDigest) -> CompiledScriptPointer? {
        var at = Int(truncatingIfNeeded: digest.high) & (capacity &- 1)
        while let found = cells[at] {
            if found.pointee.digest == digest { return found }
            at = (at &+ 1) & (capacity &- 1)
        }
        return nil
    }

    /// Adds a script that is not there yet.
    public mutating func add(
        _ digest: ScriptDigest, function: Int32, flags: ScriptFlags, namesItsKeys: Bool
    ) -> CompiledScriptPointer {
        if (count + 1) * 2 > capacity { grow() }
        let name = UnsafeMutablePointer<UInt8>.allocate(capacity: 40)
        name.initialize(from: digest.hex, count: 40)
        let script = CompiledScriptPointer.allocate(capacity: 1)
        script.initialize(
            to: CompiledScript(
                digest: digest, function: function, flags: flags, namesItsKeys: namesItsKeys,
                name: ByteView(name, 40)))
        place(script)
        count += 1
        return script
    }

    private mutating func place(_ script: CompiledScriptPointer) {
        var at = Int(truncatingIfNeeded: script.pointee.digest.high) & (capacity - 1)
        while cells[at] != nil { at = (at + 1) & (capacity - 1) }
        cells[at] = script
    }

    private mutating func grow() {
        let old = cells, oldCapacity = capacity
        capacity *= 2
        cells = .allocate(capacity: capacity)
        cells.initialize(repeating: nil, count: capacity)
        for i in 0..<oldCapacity {
            if let script = old[i] { place(script) }
        }
        old.deallocate()
    }

    /// Forgets all scripts (their functions go with the interpreter).
    public mutating func removeAll() {
        for i in 0..<capacity {
            guard let script = cells[i] else { continue }
            UnsafeMutablePointer(mutating: script.pointee.name.start).deallocate()
            script.deallocate()
            cells[i] = nil
        }
        count = 0
    }
}
