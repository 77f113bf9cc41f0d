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
    /// Memory of the interpreters, for INFO on any loop.
    let published: UnsafeMutablePointer<UInt64>

    init(_ executor: Executor) {
        self.executor = executor
        replies = .allocate(capacity: 1)
        replies.initialize(to: OutputBuffer())
        run = .allocate(capacity: 1)
        published = .allocate(capacity: 2)
        published.initialize(repeating: 0, count: 2)
    }

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
                        script.digest, function: function, flags: script.flags, namesItsKeys: false))
            }
        }
    }

    /// SCRIPT FLUSH: what was compiled goes with its interpreter.
    private func startAnew() {
        generation = executor.node.scripts.generation
        compiled.removeAll()
        guard let old = interpreters[0] else { return }
        interpreters[0] = nil
        executor.node.doors.disposer.dispose { old.free() }
    }

    /// Lets other loops know what the interpreters hold.
    func publish() {
        for i in 0..<2 { cs_store_u64(published + i, UInt64(interpreters[i]?.memory ?? 0)) }
    }
}
