import Base
import CSystem

/// A script that EVAL has run or SCRIPT LOAD has been given.
public final class Script: Sendable {
    public let digest: ScriptDigest
    public let source: [UInt8]
    public let flags: ScriptFlags
    /// The first line that Lua does not see.
    public let shebangLength: Int

    public init(_ digest: ScriptDigest, source: ByteView, _ shebang: Shebang) {
        self.digest = digest
        self.source = source.bytes
        flags = shebang.flags
        shebangLength = shebang.length
    }
}

/// All scripts of a node, so that SCRIPT LOAD on one loop serves EVALSHA on any. Each loop compiles for itself.
public final class ScriptStore: @unchecked Sendable {
    private let lock = SpinLock()
    private var scripts: [ScriptDigest: Script] = [:]
    private var bytes = 0
    /// How often the store has been emptied; read without the lock.
    private let word: UnsafeMutablePointer<UInt64>

    public init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    /// Loops that compiled for another generation start anew.
    @inline(__always)
    public var generation: UInt64 { cs_load_acquire_u64(word) }

    /// The script of a digest. From any loop.
    public func find(_ digest: ScriptDigest) -> Script? { lock.withLock { scripts[digest] } }

    /// Remembers a script.
    public func add(_ script: Script) {
        lock.withLock {
            if scripts.updateValue(script, forKey: script.digest) == nil { bytes += script.source.count }
        }
    }

    /// Empties the store and begins a new generation.
    public func removeAll() {
        lock.withLock {
            scripts = [:]
            bytes = 0
            cs_store_release_u64(word, cs_load_u64(word) &+ 1)
        }
    }

    /// Scripts.
    public var count: Int { lock.withLock { scripts.count } }

    /// What the sources and their places in the table take, about.
    public var memory: Int { lock.withLock { bytes + scripts.count * 160 } }
}
