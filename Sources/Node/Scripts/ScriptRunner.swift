import Base
import CLua
import CSystem
import Commands
import Keyspace
import Scripting

/// One loop's scripts: its interpreters, made when first needed, what it has compiled, and what runs.
///
/// Everything runs on the loop's thread, except `signals`.
final class ScriptRunner {
    unowned(unsafe) let executor: Executor
    let signals = ScriptSignals()
    var interpreters: [Interpreter?] = [nil, nil]
    var compiled = CompiledScripts()
    /// The script store's generation that `compiled` is of.
    private var generation: UInt64 = 0
    /// Replies of the commands that scripts run.
    let replies: UnsafeMutablePointer<OutputBuffer>
    /// A reply that lay in several blocks, in one piece.
    var joined: UnsafeMutableBufferPointer<UInt8>?
    var run: UnsafeMutablePointer<ScriptRun>
    /// The words of the command that runs the script.
    var command: (words: UnsafeMutablePointer<ByteView>, count: Int)
    /// Ticks between two looks after other clients.
    let lookTicks = ScriptRunner.lookTicks
    let report = ScriptReport()
    var libraries = LoadedLibraries()
    /// Ticks when the library began to load that is being loaded.
    private(set) var loadStarted: UInt64?
    /// Memory of the interpreters, for INFO on any loop.
    let published: UnsafeMutablePointer<UInt64>

    init(_ executor: Executor) {
        self.executor = executor
        replies = .allocate(capacity: 1)
        replies.initialize(to: OutputBuffer())
        run = .allocate(capacity: 1)
        command = (executor.arguments, 0)
        published = .allocate(capacity: 2)
        published.initialize(repeating: 0, count: 2)
    }

    func beginLoading() { loadStarted = cs_ticks() }

    func endLoading() { loadStarted = nil }

    /// The interpreter of a kind, made now if there is none. nil: no memory.
    func interpreter(_ kind: Interpreter.Kind) -> Interpreter? {
        let i = Int(kind.rawValue)
        if let made = interpreters[i] { return made }
        let made = Interpreter(
            kind, host: ScriptRunner.host, context: Unmanaged.passUnretained(executor).toOpaque(),
            limit: executor.settings.luaMemoryLimit,
            seed: UInt32(truncatingIfNeeded: executor.state.pointee.random.next()))
        interpreters[i] = made
        return made
    }

    /// Has the interpreters use no more than so many bytes from now on; 0: any number.
    func setLimit(_ bytes: Int) {
        for case let interpreter? in interpreters {
            interpreter.setLimit(bytes)
            // Garbage must not be in the next script's way.
            if bytes > 0 && interpreter.memory > bytes / 2 && signals.running == nil { interpreter.collect() }
        }
    }

    /// What a script's digest or source leads to.
    enum Found {
        case script(CompiledScriptPointer)
        case missing
        case failed([UInt8])
    }

    /// The compiled script of a digest, compiled now if another loop was given it.
    @inline(__always)
    func find(_ digest: ScriptDigest) -> Found {
        if _slowPath(executor.node.scripts.generation != generation) { startAnew() }
        if let script = compiled.find(digest) { return .script(script) }
        guard let stored = executor.node.scripts.find(digest) else { return .missing }
        return compile(stored)
    }

    /// The compiled script of a source, which is remembered under its digest.
    func find(source: ByteView) -> Found {
        let digest = ScriptDigest(of: source)
        if case .script(let script) = find(digest) { return .script(script) }
        let shebang: Shebang
        do {
            shebang = try Shebang.parse(source)
        } catch {
            return .failed(Array(error.text.utf8))
        }
        let script = Script(digest, source: source, shebang)
        let found = compile(script)
        if case .script = found { executor.node.scripts.add(script) }
        return found
    }

    private func compile(_ script: Script) -> Found {
        guard let interpreter = interpreter(.scripts) else { return .failed(Array("ERR not enough memory".utf8)) }
        return script.source.withView { source in
            switch interpreter.compile(source.slice(script.shebangLength, source.count)) {
            case .failed(let text): return .failed(Array("ERR Error compiling script (new function): ".utf8) + text)
            case .function(let function):
                return .script(
                    compiled.add(
                        script.digest, function: function, flags: script.flags,
                        namesItsKeys: executor.sharesKeyspace
                            && KeyProof.holds(
                                source.slice(script.shebangLength, source.count), executor.node.commands)
                    ))
            }
        }
    }

    /// SCRIPT FLUSH: what was compiled goes with its interpreter.
    private func startAnew() {
        generation = executor.node.scripts.generation
        compiled.removeAll()
        guard let old = interpreters[0] else { return }
        interpreters[0] = nil
        executor.node.doors.disposer.dispose(objects: 0) { old.free() }
    }

    /// Gives back what has been flushed, and lets other loops know what the interpreters hold. A small heap's garbage
    /// is collected first: it says nothing.
    func tidy() {
        if executor.node.scripts.generation != generation { startAnew() }
        for i in 0..<2 {
            if let interpreter = interpreters[i], interpreter.memory < 1 << 20, signals.running == nil {
                interpreter.collect()
            }
            cs_store_u64(published + i, UInt64(interpreters[i]?.memory ?? 0))
        }
    }

    /// Bytes that Lua uses for scripts or functions, as this loop last said. From any loop.
    func memory(_ kind: Interpreter.Kind) -> Int { Int(cs_load_u64(published + Int(kind.rawValue))) }
}
