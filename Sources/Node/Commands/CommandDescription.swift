import Base
import Commands
import RESP

/// The entries of COMMAND and COMMAND DOCS, in the shape of Redis 7.0.
extension Call {
    /// Ten elements: name, arity, flags, first key, last key, step, categories, tips, key
    /// specifications, subcommands.
    func describe(_ index: Int) {
        let table = node.commands
        let command = table.commands[index]
        let range = command.legacyKeyRange
        reply.array(10)
        reply.bulk(table.fullNames[index])
        reply.integer(command.arity)
        replyWords(command.effectiveFlags.words)
        reply.integer(range.first)
        reply.integer(range.last)
        reply.integer(range.step)
        let categories = command.allCategories.words
        reply.set(categories.count)
        for category in categories { reply.simple("@\(category)") }
        reply.set(command.tips.count)
        for tip in command.tips { reply.bulk(tip) }
        reply.set(command.keys.count)
        for spec in command.keys { describe(spec) }
        let children = table.children[index] ?? []
        // As in Redis, no subcommands is an empty set, and some are an array.
        if children.isEmpty { reply.set(0) } else { reply.array(children.count) }
        for child in children { describe(child) }
    }

    private func replyWords(_ words: [StaticString]) {
        reply.set(words.count)
        for word in words { reply.simple(word) }
    }

    // MARK: key specifications

    private func describe(_ spec: KeySpec) {
        reply.map(spec.notes == nil ? 3 : 4)
        if let notes = spec.notes {
            reply.bulk("notes")
            reply.bulk(notes)
        }
        reply.bulk("flags")
        replyWords(spec.flags.words)
        reply.bulk("begin_search")
        describe(spec.begin)
        reply.bulk("find_keys")
        describe(spec.find)
    }

    private func describe(_ begin: KeySpec.Begin) {
        switch begin {
        case .index(let index): replySearch("index", [("index", index)])
        case .keyword(let word, let from):
            replySearch("keyword", keyword: word, [("startfrom", from)])
        case .unknown: replySearch("unknown", [])
        }
    }

    private func describe(_ find: KeySpec.Find) {
        switch find {
        case .range(let last, let step, let limit):
            replySearch("range", [("lastkey", last), ("keystep", step), ("limit", limit)])
        case .numbered(let count, let first, let step):
            replySearch("keynum", [("keynumidx", count), ("firstkey", first), ("keystep", step)])
        case .unknown: replySearch("unknown", [])
        }
    }

    private func replySearch(
        _ type: StaticString, keyword: String? = nil, _ numbers: [(StaticString, Int)]
    ) {
        reply.map(2)
        reply.bulk("type")
        reply.bulk(type)
        reply.bulk("spec")
        reply.map(numbers.count + (keyword == nil ? 0 : 1))
        if let keyword {
            reply.bulk("keyword")
            reply.bulk(keyword)
        }
        for (name, number) in numbers {
            reply.bulk(name)
            reply.integer(number)
        }
    }

    // MARK: documentation

    /// What COMMAND DOCS says of one command.
    func document(_ index: Int) {
        let table = node.commands
        let command = table.commands[index]
        let children = table.children[index] ?? []
        let docFlags = command.docFlags
        let optional = [
            !command.complexity.isEmpty, !docFlags.isEmpty, command.deprecated != nil, command.deprecated != nil,
            !command.history.isEmpty, !command.arguments.isEmpty, !children.isEmpty,
        ]
        reply.map(3 + optional.filter { $0 }.count)
        replyPair("summary", command.summary)
        replyPair("since", command.since)
        replyPair("group", command.group.rawValue)
        if !command.complexity.isEmpty { replyPair("complexity", command.complexity) }
        if !docFlags.isEmpty {
            reply.bulk("doc_flags")
            replyWords(docFlags)
        }
        if let deprecated = command.deprecated {
            replyPair("deprecated_since", deprecated.since)
            replyPair("replaced_by", deprecated.replacement)
        }
        if !command.history.isEmpty { replyHistory(command.history) }
        if !command.arguments.isEmpty { document(command.arguments) }
        if children.isEmpty { return }
        reply.bulk("subcommands")
        reply.map(children.count)
        for child in children {
            reply.bulk(table.fullNames[child])
            document(child)
        }
    }

    private func replyPair(_ name: StaticString, _ value: String) {
        reply.bulk(name)
        reply.bulk(value)
    }

    private func replyHistory(_ history: [(String, String)]) {
        reply.bulk("history")
        reply.set(history.count)
        for (version, change) in history {
            reply.array(2)
            reply.bulk(version)
            reply.bulk(change)
        }
    }

    private func document(_ arguments: [Argument]) {
        reply.bulk("arguments")
        reply.array(arguments.count)
        for argument in arguments { document(argument) }
    }

    private func document(_ argument: Argument) {
        let flags = argument.flagWords
        let optional = [
            argument.keySpec != nil, argument.token != nil, argument.since != nil,
            argument.deprecatedSince != nil, !flags.isEmpty, !argument.arguments.isEmpty,
        ]
        reply.map(2 + optional.filter { $0 }.count)
        replyPair("name", argument.name)
        replyPair("type", argument.kind.rawValue)
        if let keySpec = argument.keySpec {
            reply.bulk("key_spec_index")
            reply.integer(keySpec)
        }
        if let token = argument.token { replyPair("token", token) }
        if let since = argument.since { replyPair("since", since) }
        if let since = argument.deprecatedSince { replyPair("deprecated_since", since) }
        if !flags.isEmpty {
            reply.bulk("flags")
            replyWords(flags)
        }
        if !argument.arguments.isEmpty { document(argument.arguments) }
    }
}

extension Command {
    fileprivate var docFlags: [StaticString] {
        (deprecated == nil ? [] : ["deprecated"]) + (isInternal ? ["syscmd"] : [])
    }
}

extension Argument {
    fileprivate var flagWords: [StaticString] {
        (optional ? ["optional"] : []) + (multiple ? ["multiple"] : []) + (multipleToken ? ["multiple_token"] : [])
    }
}
