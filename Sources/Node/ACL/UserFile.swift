import Base

/// Users as files have them: lines `user NAME RULE ...` (redis.io, "ACL": external files).
enum UserFile {
    typealias Definition = (name: [UInt8], rules: UserRules)

    static func read(_ path: String, shown: String) -> Result<[UInt8], Users.Refused> {
        do throws(FileError) {
            return .success(try TextFile.read(path))
        } catch {
            let text = "Error loading ACLs, opening file '\(shown)': \(error.text)"
            return .failure(Users.Refused(text: Array(text.utf8)))
        }
    }

    /// The users of an ACL file's content, or everything that is wrong with it, in Redis' words. `shown`: the
    /// file's name as it was configured.
    static func parse(
        _ content: [UInt8], shown: String, _ commands: RuleCommands, allChannels: Bool
    ) -> Result<[Definition], Users.Refused> {
        var reader = Reader(file: shown, commands: commands, allChannels: allChannels)
        for (i, line) in content.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            reader.read(ConfigurationText.trimmed(Array(line)), number: i + 1)
        }
        if reader.errors.isEmpty { return .success(reader.users) }
        let end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
        return .failure(Users.Refused(text: reader.errors + Array(end.utf8)))
    }

    private struct Reader {
        let file: String
        let commands: RuleCommands
        let allChannels: Bool
        var users: [Definition] = []
        var errors: [UInt8] = []
        private var names: Set<[UInt8]> = []

        init(file: String, commands: RuleCommands, allChannels: Bool) {
            self.file = file
            self.commands = commands
            self.allChannels = allChannels
        }

        mutating func read(_ line: [UInt8], number: Int) {
            if line.isEmpty { return }
            let place = "\(file):\(number)"
            let words = line.split(separator: 32, omittingEmptySubsequences: false).map { Array($0) }
            guard words[0] == Array("user".utf8), words.count > 1 else {
                return complain("\(place) should start with user keyword followed by the username. ")
            }
            let name = words[1]
            let shownName = String(decoding: name, as: UTF8.self)
            if name.withView({ $0.hasSpaces }) {
                return complain("'\(place): username '\(shownName)' contains invalid characters. ")
            }
            if !names.insert(name).inserted {
                return complain("WARNING: Duplicate user '\(shownName)' found on line \(number). ")
            }
            guard case .success(let rules) = RuleWords.merged(Array(words.dropFirst(2))) else {
                return complain("\(place): Unmatched parenthesis in selector definition.")
            }
            users.append((name, apply(rules, place)))
        }

        /// Goes on after an error, but reports only the first that is not about a name: others may follow from it.
        private mutating func apply(_ given: [[UInt8]], _ place: String) -> UserRules {
            var rules = UserRules(commands, allChannels: allChannels)
            var isBroken = false
            for rule in given.map({ ConfigurationText.trimmed($0) }) {
                do throws(RuleError) {
                    try rule.withView { view throws(RuleError) in
                        try rules.apply(view, commands, allChannels: allChannels)
                    }
                } catch {
                    if case .unknownCommand = error {
                        let shown = String(decoding: rule, as: UTF8.self)
                        complain("\(place): Error in applying operation '\(shown)': \(error.text). ")
                    } else if !isBroken {
                        complain("\(place): \(error.text). ")
                        isBroken = true
                    }
                }
            }
            return rules
        }

        private mutating func complain(_ text: String) { errors += Array(text.utf8) }
    }
}
