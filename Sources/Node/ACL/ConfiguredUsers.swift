import Base
import Commands

/// Who a configuration says may do what: `user` lines, or the content of the ACL file. Known to be right before
/// anything starts; made into users by the node, which knows its commands.
struct ConfiguredUsers: Sendable {
    typealias Line = (name: [UInt8], rules: [[UInt8]])

    private var lines: [Line] = []
    private var file: (name: String, content: [UInt8])?
    private var allChannels = false

    /// None.
    init() {}

    /// Reads the ACL file and tries all rules.
    init(_ loader: ConfigurationLoader) throws(ConfigurationError) {
        let settings = Settings(loader.values)
        allChannels = settings.aclAllowsChannels
        if loader.users.isEmpty && settings.aclFile.isEmpty { return }
        if !loader.users.isEmpty && !settings.aclFile.isEmpty {
            throw ConfigurationError(
                text: "\(loader.users[0].place): users are either in the configuration or in the ACL file "
                    + "(aclfile '\(settings.aclFile)'), not in both")
        }
        let commands = RuleCommands(CommandTable(families: Node.families))
        for (place, name, rules) in loader.users {
            let line = (name: Array(name.utf8), rules: rules.map { Array($0.utf8) })
            if case .failure(let refused) = definition(line, commands) {
                throw ConfigurationError(text: "\(place): user \(name): \(refused)")
            }
            lines.append(line)
        }
        if !settings.aclFile.isEmpty { try readFile(settings, commands) }
    }

    private mutating func readFile(_ settings: Settings, _ commands: RuleCommands) throws(ConfigurationError) {
        switch UserFile.read(settings.aclPath, shown: settings.aclFile) {
        case .failure(let refused): throw ConfigurationError(text: refused.string)
        case .success(let content):
            let parsed = UserFile.parse(content, shown: settings.aclFile, commands, allChannels: allChannels)
            if case .failure(let refused) = parsed { throw ConfigurationError(text: refused.string) }
            file = (settings.aclFile, content)
        }
    }

    /// The users for a node with these commands; the default one only if it was mentioned.
    func definitions(_ commands: RuleCommands) -> [UserFile.Definition] {
        if let file {
            let parsed = UserFile.parse(file.content, shown: file.name, commands, allChannels: allChannels)
            guard case .success(let users) = parsed else { return [] }
            let hasDefault = users.contains { $0.name == Users.defaultName }
            return hasDefault ? users : users + [(Users.defaultName, .open(commands))]
        }
        return lines.compactMap { try? definition($0, commands).get() }
    }

    /// A user as its line says, or what is wrong with it.
    private func definition(_ line: Line, _ commands: RuleCommands) -> Result<UserFile.Definition, Wrong> {
        if line.name.withView({ $0.hasSpaces }) { return .failure(Wrong(text: "Spaces not allowed in ACL usernames")) }
        guard case .success(let words) = RuleWords.merged(line.rules) else {
            return .failure(Wrong(text: "Unmatched parenthesis in acl selector"))
        }
        var rules = UserRules(commands, allChannels: allChannels)
        // The default user is there already: what its line says begins with a reset, which leaves this mark.
        if line.name == Users.defaultName { rules.sanitizing = .always }
        for word in words {
            do throws(RuleError) {
                try word.withView { view throws(RuleError) in
                    try rules.apply(view, commands, allChannels: allChannels)
                }
            } catch {
                let shown = String(decoding: word, as: UTF8.self)
                return .failure(Wrong(text: "Error in user declaration '\(shown)': \(error.text)"))
            }
        }
        return .success((line.name, rules))
    }

    private struct Wrong: Error, CustomStringConvertible {
        let text: String
        var description: String { text }
    }
}

extension Settings {
    /// Where the ACL file is.
    var aclPath: String { aclFile.hasPrefix("/") ? aclFile : directory + "/" + aclFile }
}

extension Node {
    /// The users of the configuration, and from now on the password of `requirepass`. Before the loops run.
    func loadUsers() {
        let password = configuration.settings.requirePassword
        if !password.isEmpty { users.setDefaultPassword(password) }
        users.start(with: configuration.users.definitions(users.commands))
        let users = users
        configuration.onPasswordChange = { users.setDefaultPassword($0) }
        let hasFile = !configuration.settings.aclFile.isEmpty
        configuration.userLines = { hasFile ? [] : users.lines }
    }
}
