import Base

/// A key among a command's words, and what the command does with it.
public struct KeyUse: Equatable, Sendable {
    /// Its position; the command's name is word 0.
    public let word: Int
    public let flags: KeySpec.Flags

    public init(_ word: Int, _ flags: KeySpec.Flags) {
        self.word = word
        self.flags = flags
    }
}

extension Command {
    /// Whether any of its words may be a key.
    public var hasKeys: Bool { keys.contains { !$0.flags.contains(.notKey) } }

    /// All keys of a request, as Redis 7.0 finds them for ACL and COMMAND GETKEYS: by the specifications if
    /// those say everything, by the command's own rules (SORT, MIGRATE, SET, BITFIELD) otherwise. None when
    /// the words do not fit: then the command is going to complain.
    public func keyUses(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> [KeyUse] {
        if !hasKeys { return [] }
        if !keys.contains(where: { $0.flags.contains(.variable) }), let found = specifiedKeys(words, count) {
            return found
        }
        switch name {
        case "sort": return Command.sortKeys(words, count)
        case "sort_ro": return [KeyUse(1, [.readOnly, .access])]
        case "migrate": return Command.migrateKeys(words, count)
        case "set": return Command.setKeys(words, count)
        case "bitfield": return Command.bitFieldKeys(words, count)
        default: return []
        }
    }

    /// What to lock for a request of a command whose specifications do not tell all keys.
    public enum KeysToLock {
        /// The keys at these words.
        case words([Int])
        /// Everything: keys are found by what other keys hold.
        case all
    }

    /// Nil if the specifications tell all keys. SORT's do not: STORE names one, and BY and GET reach any number
    /// when there is an asterisk in them.
    public func keysToLock(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> KeysToLock? {
        guard name == "sort" || name == "sort_ro" else { return nil }
        // A word that looks like an option, but is another one's argument, has more locked than need be: no harm.
        let reachesOthers = (2..<max(2, count - 1)).contains { i in
            (words[i].isWord("by") || words[i].isWord("get"))
                && (0..<words[i + 1].count).contains { words[i + 1][$0] == 42 }
        }
        return reachesOthers ? .all : .words(keyUses(words, count).map(\.word))
    }

    /// By the specifications alone; nil if one of them does not fit or does not tell of all keys.
    private func specifiedKeys(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> [KeyUse]? {
        var found: [KeyUse] = []
        for spec in keys where !spec.flags.contains(.notKey) {
            switch spec.range(words, count) {
            case .absent: continue
            case .unfit: return nil
            case .words(let first, let last, let step):
                for word in stride(from: first, through: last, by: step) { found.append(KeyUse(word, spec.flags)) }
            }
            if spec.flags.contains(.incomplete) { return nil }
        }
        return found
    }

    // MARK: commands with rules of their own

    /// SORT: the last STORE counts.
    private static func sortKeys(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> [KeyUse] {
        var destination: Int?
        var i = 2
        while i < count {
            if words[i].isWord("limit") {
                i += 2
            } else if words[i].isWord("get") || words[i].isWord("by") {
                i += 1
            } else if words[i].isWord("store") && i + 1 < count {
                destination = i + 1
            }
            i += 1
        }
        let source = KeyUse(1, [.readOnly, .access])
        return destination.map { [source, KeyUse($0, [.overwrite, .update])] } ?? [source]
    }

    /// MIGRATE: the one key, or those after KEYS if its place is empty.
    private static func migrateKeys(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> [KeyUse] {
        let flags: KeySpec.Flags = [.readWrite, .access, .delete]
        var i = 6
        while i < count {
            if words[i].isWord("keys") {
                return words[3].isEmpty ? (i + 1..<max(i + 1, count)).map { KeyUse($0, flags) } : []
            }
            i += words[i].isWord("auth2") ? 3 : words[i].isWord("auth") ? 2 : 1
        }
        return count > 3 ? [KeyUse(3, flags)] : []
    }

    /// SET reads only with GET.
    private static func setKeys(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> [KeyUse] {
        let reads = (3..<max(3, count)).contains { words[$0].isWord("get") }
        return [KeyUse(1, reads ? [.readWrite, .access, .update] : [.overwrite, .update])]
    }

    /// BITFIELD with nothing but GET (and OVERFLOW) only reads.
    private static func bitFieldKeys(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> [KeyUse] {
        var i = 2
        var readsOnly = true
        while i < count && readsOnly {
            if words[i].isWord("get") && i + 2 < count {
                i += 3
            } else if words[i].isWord("overflow") && i + 1 < count {
                i += 2
            } else {
                readsOnly = false
            }
        }
        return [KeyUse(1, readsOnly ? [.readOnly, .access] : [.readWrite, .access, .update])]
    }
}

extension KeySpec {
    enum Range {
        /// The keyword is not there: no keys, and nothing wrong.
        case absent
        case unfit
        case words(first: Int, last: Int, step: Int)
    }

    /// Which of the words are keys by this specification.
    func range(_ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> Range {
        var first: Int
        switch begin {
        case .unknown: return .unfit
        case .index(let index): first = index
        case .keyword(let word, let from):
            guard let place = place(of: word, from: from, words, count) else { return .absent }
            first = place + 1
        }
        let last: Int
        let step: Int
        switch find {
        case .unknown: return .unfit
        case .range(let lastKey, let keyStep, let limit):
            step = keyStep
            if lastKey >= 0 {
                last = first + lastKey
            } else {
                last = limit == 0 ? count + lastKey : first + (count - first) / limit + lastKey
            }
        case .numbered(let countAt, let firstKey, let keyStep):
            step = keyStep
            guard first + countAt < count, let number = words[first + countAt].integer, number >= 0,
                number <= Int64(count)
            else { return .unfit }
            first += firstKey
            last = first + Int(number) - 1
        }
        if last >= count || last < first || first >= count { return .unfit }
        return .words(first: first, last: last, step: max(1, step))
    }

    private func place(
        of word: String, from: Int, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Int? {
        let lowered = [UInt8](word.lowercased().utf8)
        return lowered.withView { wanted in
            let forwards = from > 0
            var at = forwards ? from : count + from
            while forwards ? at < count - 1 : at > 1 {
                if at < count && words[at].count == wanted.count
                    && (0..<wanted.count).allSatisfy({ ByteView.lowercased(words[at][$0]) == wanted[$0] })
                {
                    return at
                }
                at += forwards ? 1 : -1
            }
            return nil
        }
    }
}
