import Base
import Commands

/// Why a configuration was not accepted: the file, the line and the word.
public struct ConfigurationError: Error, Sendable {
    public let text: String
}

/// Reads configuration files and command-line options, line after line, into values.
struct ConfigurationLoader {
    /// Where a line came from.
    private struct Place {
        let source: String
        /// 0: not from a file.
        let line: Int

        var text: String { line > 0 ? "\(source):\(line)" : source }
    }

    /// A configuration file that includes itself would otherwise never end.
    private static let includeDepthMax = 16

    private(set) var values: Values
    /// What relative paths are relative to, also after the server has changed to `dir`.
    let startDirectory: String
    private(set) var renamedCommands: [(String, String)] = []
    /// `user`: where, the name and the rules.
    private(set) var users: [(place: String, name: String, rules: [String])] = []
    private var trialTable: CommandTable?
    /// Names (as given) that were accepted without an effect, with their place.
    private var ignored: [(Place, String)] = []
    private var accepted: [Int: Place] = [:]
    /// The first `save` replaces the defaults, later ones add to it.
    private(set) var hasSave = false

    /// One warning for each directive that was given but does nothing here.
    var warnings: [String] {
        let effects = accepted.filter { index, _ in values[index] != ParameterTable.all[index].initial }
        var found = effects.map { index, place in (place, ParameterTable.all[index].name) } + ignored
        found.sort { ($0.0.source, $0.0.line, $0.1) < ($1.0.source, $1.0.line, $1.1) }
        return found.map { "\($0.0.text): '\($0.1)' is accepted but has no effect in this server" }
    }

    init(startDirectory: String = TextFile.currentDirectory) {
        self.startDirectory = startDirectory
        values = Values(directory: startDirectory)
    }

    // MARK: sources

    mutating func load(file path: String) throws(ConfigurationError) {
        try load(file: path, from: nil, depth: 0)
    }

    private mutating func load(file path: String, from place: Place?, depth: Int) throws(ConfigurationError) {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try TextFile.read(resolved(path))
        } catch {
            let prefix = place.map { "\($0.text): " } ?? ""
            throw ConfigurationError(text: "\(prefix)cannot read configuration file '\(path)': \(error.text)")
        }
        try load(bytes, source: path, depth: depth)
    }

    private func resolved(_ path: String) -> String {
        path.hasPrefix("/") || startDirectory == TextFile.currentDirectory ? path : startDirectory + "/" + path
    }

    mutating func loadStandardInput() throws(ConfigurationError) {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try TextFile.read(descriptor: 0)
        } catch {
            throw ConfigurationError(text: "cannot read the configuration from standard input: \(error.text)")
        }
        try load(bytes, source: "standard input", depth: 0)
    }

    mutating func load(_ bytes: [UInt8], source: String, depth: Int = 0) throws(ConfigurationError) {
        for (i, line) in ConfigurationText.lines(bytes).enumerated() {
            try load(line: line, Place(source: source, line: i + 1), depth: depth)
        }
    }

    mutating func load(options lines: [String]) throws(ConfigurationError) {
        for line in lines { try load(line: [UInt8](line.utf8), Place(source: "command line", line: 0), depth: 0) }
    }

    // MARK: lines

    private mutating func load(line: [UInt8], _ place: Place, depth: Int) throws(ConfigurationError) {
        let trimmed = ConfigurationText.trimmed(line)
        if trimmed.isEmpty || trimmed[0] == 35 { return }
        let shown = String(decoding: trimmed, as: UTF8.self)
        func refuse(_ text: String) -> ConfigurationError {
            ConfigurationError(text: "\(place.text): '\(shown)': \(text)")
        }
        guard let split = ConfigurationText.words(trimmed) else { throw refuse("unbalanced quotes") }
        let words = split.compactMap { ConfigurationText.text($0) }
        guard words.count == split.count else { throw refuse("not UTF-8 text") }
        guard let name = words.first else { return }
        let arguments = Array(words.dropFirst())
        do {
            if try directive(name.lowercased(), arguments, place, depth) { return }
            guard let index = ParameterTable.index(name) else {
                let kind = place.line > 0 ? "directive" : "option"
                throw ConfigurationError(text: "\(place.text): unknown \(kind) '\(name)'")
            }
            try set(index, arguments, place)
        } catch let error as Refusal {
            throw refuse(error.text)
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw refuse("\(error)")
        }
    }

    /// Words that are not parameters. Answers whether it was one of them.
    private mutating func directive(
        _ name: String, _ arguments: [String], _ place: Place, _ depth: Int
    ) throws -> Bool {
        switch name {
        case "include":
            guard arguments.count == 1 else { throw Refusal(text: "wrong number of arguments") }
            guard depth < ConfigurationLoader.includeDepthMax else {
                throw Refusal(text: "files include each other more than \(ConfigurationLoader.includeDepthMax) deep")
            }
            for path in TextFile.matching(resolved(arguments[0])) {
                try load(file: path, from: place, depth: depth + 1)
            }
        case "rename-command":
            guard arguments.count == 2 else { throw Refusal(text: "wrong number of arguments") }
            try rename(arguments[0], to: arguments[1])
        case "user": try addUser(arguments, place)
        case "loadmodule": throw Refusal(text: "modules cannot be loaded into this server")
        case "sentinel": throw Refusal(text: "this server has no sentinel mode")
        default:
            guard ParameterTable.ignored.contains(name) else { return false }
            ignored.append((place, name))
        }
        return true
    }

    /// Tries the renaming on a table of its own: what cannot be is known with its line, before anything starts.
    private mutating func rename(_ old: String, to new: String) throws(Refusal) {
        let table = trialTable ?? CommandTable(families: Node.families)
        trialTable = table
        guard old.withView({ table.find($0) }) != nil else { throw Refusal(text: "there is no command '\(old)'") }
        guard table.rename(old, to: new) else { throw Refusal(text: "there is already a command '\(new)'") }
        renamedCommands.append((old, new))
    }

    /// Rules are looked at when all is loaded: `acl-pubsub-default` may come later.
    private mutating func addUser(_ words: [String], _ place: Place) throws(Refusal) {
        guard let name = words.first else { throw Refusal(text: "wrong number of arguments") }
        if users.contains(where: { $0.name == name }) {
            throw Refusal(
                text: "Error in user declaration '\(name)': Duplicate user found. "
                    + "A user can only be defined once in config files")
        }
        users.append((place.text, name, Array(words.dropFirst())))
    }

    private mutating func set(_ index: Int, _ words: [String], _ place: Place) throws(Refusal) {
        let parameter = ParameterTable.all[index]
        var value = try parameter.normalized(words: words, current: values[index])
        if let reason = parameter.refusal(of: value)?.reason {
            throw Refusal(text: "\(parameter.name) cannot be '\(value)': \(reason)")
        }
        if parameter.name == "save" {
            if hasSave && !value.isEmpty && !values[index].isEmpty { value = values[index] + " " + value }
            hasSave = true
        }
        values[index] = value
        if case .accepted = parameter.use { accepted[index] = place }
    }
}
