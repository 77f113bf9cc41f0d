import Commands

/// Rules written down again, in the form and order in which Redis shows them.
extension UserRules {
    /// The flags that ACL GETUSER lists.
    var flagWords: [StaticString] {
        var words: [StaticString] = [isOn ? "on" : "off"]
        if needsNoPassword { words.append("nopass") }
        switch sanitizing {
        case .unsaid: break
        case .always: words.append("sanitize-payload")
        case .never: words.append("skip-sanitize-payload")
        }
        return words
    }

    /// The whole user, as ACL LIST and files have it after its name.
    func description(_ commands: RuleCommands) -> [UInt8] {
        var text: [UInt8] = []
        for flag in flagWords { text += "\(flag) ".utf8 }
        for password in passwords { text += [UInt8(ascii: "#")] + password + [32] }
        text += root.description(commands)
        for selector in selectors { text += Array(" (".utf8) + selector.description(commands) + Array(")".utf8) }
        return text
    }
}

extension Selector {
    func description(_ commands: RuleCommands) -> [UInt8] {
        var parts: [[UInt8]] = keyRules
        if !allChannels { parts.append(Array("resetchannels".utf8)) }
        parts += channelRules
        parts.append(commandRules(commands))
        return Array(parts.joined(separator: [32]))
    }

    var keyRules: [[UInt8]] {
        if allKeys { return [Array("~*".utf8)] }
        return keys.map { pattern in
            let sign = pattern.access == .read ? "%R~" : pattern.access == .write ? "%W~" : "~"
            return Array(sign.utf8) + pattern.glob
        }
    }

    var channelRules: [[UInt8]] {
        allChannels ? [Array("&*".utf8)] : channels.map { [UInt8(ascii: "&")] + $0 }
    }

    /// The rules that make this selector's set of commands: everything or nothing first, then the categories
    /// that come closest, one after the other, then single commands.
    func commandRules(_ commands: RuleCommands) -> [UInt8] {
        var made = Selector(commands, allChannels: false)
        made.setAll(startsFromAll, commands)
        var rules = [Array((startsFromAll ? "+@all" : "-@all").utf8)]
        let sign = startsFromAll ? "-" : "+"
        var rest = self.commands
        var candidates = commands.categories
        while let best = Selector.closest(candidates, to: rest, startsFromAll) {
            let category = candidates.remove(at: best)
            made.set(category, to: !startsFromAll)
            rest.set(category.reach, to: startsFromAll)
            rules.append(Array("\(sign)@\(category.name)".utf8))
        }
        for index in commands.topLevel {
            addDifference(index, &made, &rules, commands)
            for child in commands.children[index] { addDifference(child, &made, &rules, commands) }
            if self.commands[index] { continue }
            for word in firstWords[index] ?? [] {
                rules.append(Array("+\(commands.fullNames[index])|".utf8) + word)
            }
        }
        return Array(rules.joined(separator: [32]))
    }

    /// The category with more commands to its right than wrong, and the fewest wrong.
    private static func closest(
        _ candidates: [RuleCommands.Category], to rest: CommandBits, _ startsFromAll: Bool
    ) -> Int? {
        var best: (index: Int, wrong: Int, right: Int)?
        for (i, category) in candidates.enumerated() {
            let allowed = rest.count(of: category.members)
            let forbidden = category.members.count - allowed
            let (right, wrong) = startsFromAll ? (forbidden, allowed) : (allowed, forbidden)
            guard right > wrong else { continue }
            if let best, (wrong, -right) >= (best.wrong, -best.right) { continue }
            best = (i, wrong, right)
        }
        return best?.index
    }

    private func addDifference(
        _ index: Int, _ made: inout Selector, _ rules: inout [[UInt8]], _ commands: RuleCommands
    ) {
        let wanted = self.commands[index]
        if made.commands[index] == wanted { return }
        rules.append(Array(((wanted ? "+" : "-") + commands.fullNames[index]).utf8))
        made.set(index, to: wanted, commands)
    }
}
