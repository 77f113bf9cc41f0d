import Base
import CSystem

/// The server's configuration: read at start, shown and changed by the CONFIG commands.
///
/// Loops compare `version` once per turn and take a new `settings` when it moved. Changes come one at
/// a time; a reader of `settings` waits at most for a reference to be copied.
public final class Configuration: @unchecked Sendable {
    /// Held for the whole of a change, which may take as long as opening a socket.
    private let changing = SpinLock()
    /// Guards `current` and `values`, and is never held for long.
    private let publishing = SpinLock()
    private var values: Values
    private var current: Settings
    private let versionWord: UnsafeMutablePointer<UInt64>
    private let score = OutOfMemoryScore()

    /// The configuration file's absolute path; nil when the server runs without one.
    public let file: String?
    /// Relative paths of the file keep meaning what they meant at start.
    private let startDirectory: String
    /// Directives that were accepted but have no meaning here, one line each, for the log.
    public private(set) var warnings: [String]
    /// `rename-command`: the old and the new name; an empty new name removes the command.
    public let renamedCommands: [(String, String)]
    /// Whether `save` was given, rather than left as it is.
    public let hasOwnSavePoints: Bool
    /// Who may do what at start.
    let users: ConfiguredUsers

    /// Called with every change before it is published, outside of any lock a reader needs; a returned
    /// text refuses it, and the callee has then undone what it did. The text is Redis' reason
    /// ("Unable to listen on this port: ..."); put "port: " or another parameter's name and ": " before it
    /// to say which of several changed parameters is to blame. Set once, before the loops run.
    public var onChange: (@Sendable (_ old: Settings, _ new: Settings) -> String?)?
    /// Called when `requirepass` has changed: it is the default user's password.
    var onPasswordChange: (@Sendable (String) -> Void)?
    /// The users as the configuration file is to have them, a line each; nil: the file is to have none.
    var userLines: (@Sendable () -> [[UInt8]])?

    /// The defaults, without a file.
    public convenience init() { self.init(ConfigurationLoader(), file: nil, users: ConfiguredUsers()) }

    private init(_ loader: ConfigurationLoader, file: String?, users: ConfiguredUsers) {
        self.users = users
        values = loader.values
        current = Settings(loader.values)
        warnings = loader.warnings
        renamedCommands = loader.renamedCommands
        hasOwnSavePoints = loader.hasSave
        self.file = file
        startDirectory = loader.startDirectory
        versionWord = .allocate(capacity: 1)
        versionWord.initialize(to: 1)
    }

    deinit { versionWord.deallocate() }

    /// Reads the configuration that a command line (without the program's name) asks for. Throws when a
    /// file cannot be read or says something that is unknown, malformed or not possible here.
    public static func load(_ arguments: [String]) throws(ConfigurationError) -> Configuration {
        let options = CommandLineOptions(arguments)
        var loader = ConfigurationLoader()
        var file: String?
        if let path = options.file {
            try loader.load(file: path)
            file = TextFile.absolute(path) ?? path
        }
        if options.readsStandardInput { try loader.loadStandardInput() }
        try loader.load(options: options.lines)
        return Configuration(loader, file: file, users: try ConfiguredUsers(loader))
    }

    /// Adds a line to `warnings`. Before the loops run.
    public func warn(_ text: String) { warnings.append(text) }

    /// The current snapshot.
    public var settings: Settings { publishing.withLock { current } }

    /// Different after every successful change. A relaxed read, made once per turn of a loop.
    public var version: UInt64 { cs_load_u64(versionWord) }

    var snapshot: Values { publishing.withLock { values } }

    // MARK: CONFIG SET

    /// Changes all given parameters or none. Answers nil, or Redis' error.
    ///
    /// `isLocal` says whether the client is on this machine, for `enable-protected-configs local`.
    public func set(_ pairs: [(name: ByteView, value: ByteView)], isLocal: Bool = true) -> String? {
        changing.withLock {
            let old = snapshot
            var indices: [Int] = []
            if let error = check(pairs, isLocal, &indices) { return error }
            var new = old
            for (pair, index) in zip(pairs, indices) {
                do throws(Refusal) {
                    new[index] = try normalized(index, pair.value, current: new[index])
                } catch {
                    return Configuration.failure(pair.name.text, error.text)
                }
            }
            return apply(old, new, pairs.map(\.name.text), indices)
        }
    }

    /// Everything about a request that does not depend on the values.
    private func check(
        _ pairs: [(name: ByteView, value: ByteView)], _ isLocal: Bool, _ indices: inout [Int]
    ) -> String? {
        var seen: Set<String> = []
        for pair in pairs {
            let name = pair.name.text
            guard let index = ParameterTable.index(name) else {
                return "ERR Unknown option or number of arguments for CONFIG SET - '\(name)'"
            }
            let flags = ParameterTable.all[index].flags
            if flags.contains(.immutable) { return Configuration.failure(name, "can't set immutable config") }
            if flags.contains(.protected) && !allowsProtected(isLocal) {
                return Configuration.failure(name, "can't set protected config")
            }
            // An alias beside its parameter is no duplicate for Redis: the later one counts.
            if !seen.insert(name.lowercased()).inserted { return Configuration.failure(name, "duplicate parameter") }
            indices.append(index)
        }
        return nil
    }

    private func allowsProtected(_ isLocal: Bool) -> Bool {
        switch settings.enableProtectedConfigs {
        case .no: false
        case .yes: true
        case .local: isLocal
        }
    }

    private func normalized(_ index: Int, _ value: ByteView, current: String) throws(Refusal) -> String {
        // A password that is stored with replacement characters would let nobody in.
        guard let text = ConfigurationText.text(value.bytes) else { throw Refusal(text: "argument must be UTF-8 text") }
        let parameter = ParameterTable.all[index]
        let normal = try parameter.normalized(words: [text], current: current)
        if let refusal = parameter.refusal(of: normal) { throw Refusal(text: refusal.reply) }
        return normal
    }

    private func apply(_ old: Values, _ new: Values, _ names: [String], _ indices: [Int]) -> String? {
        if new == old { return nil }
        let changed = zip(names, indices).filter { old[$0.1] != new[$0.1] }.map(\.0)
        let before = settings
        let after = Settings(new)
        if let text = score.apply(new) {
            return Configuration.failure(changed.first { $0.lowercased().hasPrefix("oom-") } ?? changed[0], text)
        }
        if let text = onChange?(before, after) {
            _ = score.apply(old)
            return Configuration.refusal(text, changed)
        }
        publishing.withLock {
            values = new
            current = after
        }
        cs_store_u64(versionWord, version &+ 1)
        if before.requirePassword != after.requirePassword { onPasswordChange?(after.requirePassword) }
        return nil
    }

    /// Names the parameter that the callee blamed, else the first changed one.
    private static func refusal(_ text: String, _ changed: [String]) -> String {
        for name in changed where text.hasPrefix(name.lowercased() + ": ") {
            return failure(name, String(text.dropFirst(name.count + 2)))
        }
        return failure(changed[0], text)
    }

    private static func failure(_ name: String, _ text: String) -> String {
        "ERR CONFIG SET failed (possibly related to argument '\(name)') - \(text)"
    }

    // MARK: CONFIG GET

    /// Names and values of the parameters that the patterns match, each name once. Names without
    /// wildcards are answered as they were asked for, hidden parameters only that way.
    public func matching(_ patterns: [ByteView]) -> [(String, String)] {
        let values = snapshot
        var seen: Set<String> = []
        var found: [(String, String)] = []
        func add(_ name: String, _ index: Int) {
            if seen.insert(name.lowercased()).inserted { found.append((name, values.shown(index))) }
        }
        for pattern in patterns {
            guard pattern.bytes.contains(where: { $0 == 42 || $0 == 63 || $0 == 91 }) else {
                let name = pattern.text
                if let index = ParameterTable.index(name) { add(name, index) }
                continue
            }
            for (index, parameter) in ParameterTable.all.enumerated() where !parameter.flags.contains(.hidden) {
                for name in [parameter.name, parameter.alias].compactMap({ $0 })
                where name.withView({ Glob.matches(pattern, $0, ignoringCase: true) }) {
                    add(name, index)
                }
            }
        }
        return found
    }

    // MARK: CONFIG REWRITE

    /// Brings the configuration file up to date. Answers nil, or Redis' error.
    public func rewrite() -> String? { rewrite(everything: false) }

    /// The same, but with a line for every parameter (DEBUG CONFIG-REWRITE-FORCE-ALL).
    public func rewriteAll() -> String? { rewrite(everything: true) }

    private func rewrite(everything: Bool) -> String? {
        guard let file else { return "ERR The server is running without a config file" }
        return changing.withLock { () -> String? in
            let rewriter = ConfigurationRewriter(
                path: file, startDirectory: startDirectory, values: snapshot, users: userLines?(),
                everything: everything)
            do throws(FileError) {
                try rewriter.rewrite()
                return nil
            } catch {
                return "ERR Rewriting config file: \(error.text)"
            }
        }
    }
}
