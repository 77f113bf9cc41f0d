import Base
import CLua

/// A Lua state with Redis' API. Belongs to one loop's thread.
///
/// Lua's errors stay below these functions (see CLua.h); what goes wrong comes back as text.
public struct Interpreter: @unchecked Sendable {
    public enum Kind: Int32, Sendable {
        case scripts, functions
    }

    private let raw: OpaquePointer

    /// nil: no memory. `limit` bytes may be used, 0: any number. `host` and `context` must outlive it.
    public init?(
        _ kind: Kind, host: UnsafePointer<ml_host>, context: UnsafeMutableRawPointer, limit: Int, seed: UInt32
    ) {
        guard let raw = ml_make(kind.rawValue, host, context, limit, seed) else { return nil }
        self.raw = raw
    }

    /// Frees the interpreter and all that it holds, on any thread.
    public func free() { ml_free(raw) }

    /// Bytes in use by Lua.
    public var memory: Int { ml_memory(raw) }

    /// Bytes that it may use from now on, 0: any.
    public func setLimit(_ bytes: Int) { ml_set_limit(raw, bytes) }

    /// Collects all garbage.
    public func collect() { ml_collect(raw) }

    /// A function of this interpreter, or why there is none.
    public enum Compilation {
        case function(Int32)
        case failed([UInt8])
    }

    /// Compiles a script's source; the function stays until `release`.
    public func compile(_ source: ByteView) -> Compilation {
        var error = ml_text()
        let function = ml_compile(raw, ml_view(source), &error)
        return function > 0 ? .function(function) : .failed(error.content)
    }

    /// Forgets a function.
    public func release(_ function: Int32) { ml_release(raw, function) }

    /// Runs a function; its reply goes to the host's `write`. Answers nil, or, if that failed half way, the text of
    /// the error that is to be the reply instead.
    @inline(__always)
    public func run(_ job: UnsafePointer<ml_job>) -> [UInt8]? {
        withUnsafeTemporaryAllocation(of: ml_text.self, capacity: 1) { error in
            if _fastPath(ml_run(raw, job, error.baseAddress.unsafelyUnwrapped) == 0) { return nil }
            return error[0].content
        }
    }

    /// Runs a library's source, whose functions come to the host's `registered`. Answers nil, or what is wrong.
    public func loadLibrary(_ source: ByteView) -> [UInt8]? {
        var error = ml_text()
        return ml_load_library(raw, ml_view(source), &error) == 0 ? nil : error.content
    }
}

extension ml_view {
    @inline(__always)
    public init(_ view: ByteView) { self.init(start: view.start, count: view.count) }

    @inline(__always)
    public var view: ByteView { ByteView(start, count) }
}

extension ml_text {
    fileprivate var content: [UInt8] {
        withUnsafeBytes(of: bytes) { Array($0.prefix(Int(count))) }
    }
}
