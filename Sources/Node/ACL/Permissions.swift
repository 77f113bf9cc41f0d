import Base
import Commands

/// Why a request may not run.
struct Denial: Equatable, Sendable {
    /// In ascending order of how close the request came to being allowed.
    enum Reason: UInt8, Sendable {
        case command, key, channel
    }

    var reason: Reason
    /// The key or channel that is out of reach; 0 if it is the command.
    var word: Int
}

/// What a user may do: an immutable snapshot of its rules, flat, so that a loop looks things up in it without
/// locks or copies. Whoever changes a user makes a new one.
final class Permissions: @unchecked Sendable {
    let rules: UserRules
    /// Nothing needs to be looked up for this user.
    let allowsEverything: Bool
    private let commands: RuleCommands
    private let flat: FlatSelectors

    init(_ rules: UserRules, _ commands: RuleCommands) {
        self.rules = rules
        self.commands = commands
        allowsEverything = rules.allSelectors.contains { $0.allowsEverything(commands) }
        flat = FlatSelectors(rules.allSelectors)
    }

    /// nil if a request may run. `words`: the command's name is word 0.
    func denial(of index: Int, _ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> Denial? {
        if allowsEverything { return nil }
        var request = CheckedRequest(commands, index, words, count)
        var closest = Denial(reason: .command, word: 0)
        for i in 0..<flat.count {
            guard let denial = request.denial(by: flat.selectors + i) else { return nil }
            if (denial.reason.rawValue, denial.word) > (closest.reason.rawValue, closest.word) { closest = denial }
        }
        return closest
    }

    /// Whether one selector allows a request and also any key to be read: SORT reads keys it does not name.
    func mayReadAnyKey(_ index: Int, _ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> Bool {
        if allowsEverything { return true }
        var request = CheckedRequest(commands, index, words, count)
        let star = ByteView("*")
        return (0..<flat.count).contains { i in
            let selector = flat.selectors + i
            if request.denial(by: selector) != nil { return false }
            if selector.pointee.allKeys { return true }
            return (0..<selector.pointee.keyCount).contains {
                let pattern = selector.pointee.keys[$0]
                return pattern.access.contains(.read) && pattern.glob == star
            }
        }
    }

    /// Whether a channel, or a pattern of channels, may be subscribed to. A pattern must be among the rules
    /// letter by letter.
    func allowsChannel(_ channel: ByteView, isPattern: Bool) -> Bool {
        (0..<flat.count).contains { (flat.selectors + $0).pointee.allowsChannel(channel, isPattern: isPattern) }
    }
}

/// A selector's sets behind raw pointers.
private struct FlatSelector {
    var commands: UnsafeMutablePointer<UInt64>
    var allKeys: Bool
    var keyCount: Int
    var keys: UnsafeMutablePointer<FlatKey>
    var allChannels: Bool
    var channelCount: Int
    var channels: UnsafeMutablePointer<ByteView>
    var firstWordCount: Int
    var firstWords: UnsafeMutablePointer<FlatFirstWord>

    @inline(__always)
    func allowsCommand(_ index: Int) -> Bool { commands[index >> 6] >> UInt64(index & 63) & 1 != 0 }

    func allowsFirstWord(_ index: Int, _ word: ByteView) -> Bool {
        (0..<firstWordCount).contains {
            firstWords[$0].command == index && firstWords[$0].word.equalsIgnoringCase(word)
        }
    }

    func allowsKey(_ key: ByteView, _ need: KeyAccess) -> Bool {
        var i = 0
        while i < keyCount {
            if keys[i].access.isSuperset(of: need) && Glob.matches(keys[i].glob, key) { return true }
            i += 1
        }
        return false
    }

    func allowsChannel(_ channel: ByteView, isPattern: Bool) -> Bool {
        if allChannels { return true }
        var i = 0
        while i < channelCount {
            if isPattern ? channels[i] == channel : Glob.matches(channels[i], channel) { return true }
            i += 1
        }
        return false
    }
}

private struct FlatKey {
    var glob: ByteView
    var access: KeyAccess
}

private struct FlatFirstWord {
    var command: Int
    var word: ByteView
}

/// A request that selectors are asked about; its keys are looked for once, and only if need be.
private struct CheckedRequest {
    let commands: RuleCommands
    let index: Int
    let words: UnsafeMutablePointer<ByteView>
    let count: Int
    var found: [KeyUse]?

    init(_ commands: RuleCommands, _ index: Int, _ words: UnsafeMutablePointer<ByteView>, _ count: Int) {
        self.commands = commands
        self.index = index
        self.words = words
        self.count = count
    }

    mutating func denial(by selector: UnsafeMutablePointer<FlatSelector>) -> Denial? {
        let reach = commands.reaches[index]
        if !reach.isFree && !selector.pointee.allowsCommand(index) {
            if selector.pointee.firstWordCount == 0 || count < 2
                || !selector.pointee.allowsFirstWord(index, words[1].untilNUL)
            {
                return Denial(reason: .command, word: 0)
            }
        }
        if !selector.pointee.allKeys, let word = deniedKey(reach, selector) {
            return Denial(reason: .key, word: word)
        }
        if !selector.pointee.allChannels, let word = deniedChannel(reach, selector) {
            return Denial(reason: .channel, word: word)
        }
        return nil
    }

    private mutating func deniedKey(_ reach: CommandReach, _ selector: UnsafeMutablePointer<FlatSelector>) -> Int? {
        switch reach.keys {
        case .none: return nil
        case .one(let word, let need):
            return word >= count || selector.pointee.allowsKey(words[word], need) ? nil : word
        case .some:
            let uses = found ?? commands.commands[index].keyUses(words, count)
            found = uses
            return uses.first { !selector.pointee.allowsKey(words[$0.word], KeyAccess($0.flags)) }?.word
        }
    }

    private func deniedChannel(_ reach: CommandReach, _ selector: UnsafeMutablePointer<FlatSelector>) -> Int? {
        let last: Int
        var isPattern = false
        switch reach.channels {
        case .none: return nil
        case .first: last = min(2, count)
        case .all: last = count
        case .patterns:
            last = count
            isPattern = true
        }
        return (1..<max(1, last)).first { !selector.pointee.allowsChannel(words[$0], isPattern: isPattern) }
    }
}

/// The memory of all selectors of a user.
private final class FlatSelectors {
    let count: Int
    let selectors: UnsafeMutablePointer<FlatSelector>
    private var blocks: [UnsafeMutableRawPointer] = []

    init(_ source: [Selector]) {
        count = source.count
        selectors = .allocate(capacity: max(1, source.count))
        for (i, selector) in source.enumerated() { (selectors + i).initialize(to: flatten(selector)) }
    }

    deinit {
        for block in blocks { block.deallocate() }
        selectors.deallocate()
    }

    private func flatten(_ selector: Selector) -> FlatSelector {
        let keys = selector.keys.map { FlatKey(glob: keep($0.glob), access: $0.access) }
        let channels = selector.channels.map { keep($0) }
        let firstWords = selector.firstWords.flatMap { command, words in
            words.map { FlatFirstWord(command: command, word: keep($0)) }
        }
        return FlatSelector(
            commands: keep(selector.commands.words), allKeys: selector.allKeys, keyCount: keys.count, keys: keep(keys),
            allChannels: selector.allChannels, channelCount: channels.count, channels: keep(channels),
            firstWordCount: firstWords.count, firstWords: keep(firstWords))
    }

    private func keep(_ bytes: [UInt8]) -> ByteView {
        let copy: UnsafeMutablePointer<UInt8> = keep(bytes)
        return ByteView(UnsafePointer(copy), bytes.count)
    }

    private func keep<T>(_ values: [T]) -> UnsafeMutablePointer<T> {
        let copy = UnsafeMutablePointer<T>.allocate(capacity: max(1, values.count))
        copy.initialize(from: values, count: values.count)
        blocks.append(UnsafeMutableRawPointer(copy))
        return copy
    }
}
