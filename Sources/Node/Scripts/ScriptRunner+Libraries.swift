import Base
import CLua
import Commands
import Keyspace
import Scripting

/// A function as one loop has loaded it.
struct LoadedFunction {
    /// In the loop's interpreter.
    let function: Int32
    let flags: ScriptFlags
    /// Lives as long as the function is loaded.
    let name: ByteView
    let library: UInt64
}

/// What a loop has of the node's libraries.
struct LoadedLibraries {
    /// The store's version that this is of.
    var version = UInt64.max
    var functions: [[UInt8]: LoadedFunction] = [:]
    /// What the library that is being loaded has registered so far.
    var registered: [(description: FunctionDescription, function: Int32)] = []
}

extension ScriptRunner {
    /// The function of this name in any case.
    func find(function name: ByteView) -> LoadedFunction? {
        if executor.node.libraries.version != libraries.version { loadLibraries() }
        return libraries.functions[FunctionDescription.key(name.bytes)]
    }

    /// Follows the store: forgets what has gone, loads what is new.
    private func loadLibraries() {
        let (current, version) = executor.node.libraries.current
        let ids = Set(current.map(\.id))
        for (key, loaded) in libraries.functions where !ids.contains(loaded.library) {
            interpreters[1]?.release(loaded.function)
            UnsafeMutablePointer(mutating: loaded.name.start).deallocate()
            libraries.functions[key] = nil
        }
        if current.isEmpty, let old = interpreters[1] {
            interpreters[1] = nil
            executor.node.doors.disposer.dispose(objects: 0) { old.free() }
        }
        let known = Set(libraries.functions.values.map(\.library))
        for library in current where !known.contains(library.id) { load(library) }
        libraries.version = version
    }

    private func load(_ library: Library) {
        let refusal = library.source.withView { run(library: $0, library.shebangLength) }
        if refusal != nil {
            // It loaded on another loop; what it registered there cannot be had here.
            let name = String(decoding: library.name, as: UTF8.self)
            executor.node.doors.log(.warning, "Library \(name) does not load on loop \(executor.index)")
        }
        adopt(library.id)
    }

    /// Makes functions of what has just been registered. Of two names that differ in case only the first counts.
    private func adopt(_ library: UInt64) {
        for (description, function) in libraries.registered {
            let name = UnsafeMutablePointer<UInt8>.allocate(capacity: description.name.count)
            name.initialize(from: description.name, count: description.name.count)
            let loaded = LoadedFunction(
                function: function, flags: description.flags, name: ByteView(name, description.name.count),
                library: library)
            let key = FunctionDescription.key(description.name)
            if libraries.functions[key] == nil { libraries.functions[key] = loaded }
        }
        libraries.registered = []
    }

    /// Compiles and runs a library's source; what it registers is in `libraries.registered`. Answers an error reply.
    private func run(library source: ByteView, _ shebangLength: Int) -> [UInt8]? {
        guard let interpreter = interpreter(.functions) else { return Array("ERR not enough memory".utf8) }
        libraries.registered = []
        beginLoading()
        defer { endLoading() }
        guard let text = interpreter.loadLibrary(source.slice(shebangLength, source.count)) else { return nil }
        forgetRegistered()
        return Array("ERR ".utf8) + text
    }

    private func forgetRegistered() {
        for (_, function) in libraries.registered { interpreters[1]?.release(function) }
        libraries.registered = []
    }

    /// A library made of this source, with the functions that it registers; it is not in force yet. Throws the error
    /// reply.
    func makeLibrary(_ source: ByteView) throws(Shebang.Refusal) -> Library {
        try makeLibrary(source, LibraryHeader(source))
    }

    func makeLibrary(_ source: ByteView, _ header: LibraryHeader) throws(Shebang.Refusal) -> Library {
        if let text = run(library: source, header.length) {
            throw Shebang.Refusal(text: String(decoding: text, as: UTF8.self))
        }
        let functions = libraries.registered.map(\.description)
        forgetRegistered()
        if functions.isEmpty { throw Shebang.Refusal(text: "ERR No functions registered") }
        return Library(header, source: source.bytes, functions: functions, id: executor.node.libraries.makeID())
    }

    /// redis.register_function. Answers what is wrong; nil: it is registered.
    func registered(
        _ name: ByteView, _ description: ByteView?, _ flags: ScriptFlags, _ function: Int32
    ) -> UnsafePointer<CChar>? {
        if !Library.isName(name) { return ScriptRunner.text(LibraryStore.nameRule) }
        if libraries.registered.contains(where: { $0.description.name == name.bytes }) {
            return ScriptRunner.text("Function already exists in the library")
        }
        let made = FunctionDescription(name: name.bytes, description: description?.bytes, flags: flags)
        libraries.registered.append((made, function))
        return nil
    }

    /// A literal, which ends with a NUL and lives as long as the process.
    private static func text(_ literal: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
