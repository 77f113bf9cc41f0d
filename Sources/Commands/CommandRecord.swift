import Base

/// The part of a declaration that the hot path reads, flattened. Lives as long as the process.
public struct CommandRecord {
    public let run: CommandFunction
    public let arity: Int32
    public let flags: CommandFlags
    public let locking: Locking
    /// Containers have subcommands and are never run themselves (unless called with no or an unknown one).
    public let isContainer: Bool
    /// Position in the table, and in every loop's statistics.
    public let index: Int32
    /// First key word, last (negative: from the end) and step of the simple key range; 0: none.
    public let firstKey: Int32
    public let lastKey: Int32
    public let keyStep: Int32
}

public typealias CommandPointer = UnsafeMutablePointer<CommandRecord>

/// All commands of a server, found by name in any case.
///
/// Made once at start, then read by all loops without locks (renaming happens before they run).
public final class CommandTable: @unchecked Sendable {
    /// Declarations by index; subcommands after their containers.
    public private(set) var commands: [Command] = []
    /// "get", "client|getname".
    public private(set) var fullNames: [String] = []
    /// Indices of top-level commands, in declaration order.
    public private(set) var topLevel: [Int] = []
    /// Indices of a container's subcommands.
    public private(set) var children: [Int: [Int]] = [:]
    public let records: UnsafeMutablePointer<CommandRecord>

    /// Open addressing over (container, name): the first eight bytes of the lowered name, and the index.
    private struct Cell {
        var word: UInt64
        var parent: Int32
        var index: Int32
    }
    private var cells: UnsafeMutablePointer<Cell>
    private let mask: Int

    public init(families: [[Command]]) {
        for command in families.joined() {
            let index = commands.count
            topLevel.append(index)
            commands.append(command)
            fullNames.append(command.name)
            for subcommand in command.subcommands {
                children[index, default: []].append(commands.count)
                commands.append(subcommand)
                fullNames.append(command.name + "|" + subcommand.name)
            }
        }
        records = .allocate(capacity: commands.count)
        let size = 4096
        mask = size - 1
        cells = .allocate(capacity: size)
        cells.initialize(repeating: Cell(word: 0, parent: -1, index: -1), count: size)
        for (i, command) in commands.enumerated() {
            (records + i).initialize(to: CommandTable.flatten(command, Int32(i)))
        }
        for i in topLevel {
            enter(commands[i].name, parent: -1, Int32(i))
            for child in children[i] ?? [] { enter(commands[child].name, parent: Int32(i), Int32(child)) }
        }
    }

    private static func flatten(_ command: Command, _ index: Int32) -> CommandRecord {
        let range = command.legacyKeyRange
        return CommandRecord(
            run: command.run, arity: Int32(command.arity), flags: command.effectiveFlags, locking: command.locking,
            isContainer: !command.subcommands.isEmpty, index: index, firstKey: Int32(range.first),
            lastKey: Int32(range.last), keyStep: Int32(range.step))
    }

    private func enter(_ name: String, parent: Int32, _ index: Int32) {
        name.withView { view in
            let word = CommandTable.word(view)
            var at = CommandTable.home(word, parent, view.count) & mask
            while cells[at].index >= 0 { at = (at + 1) & mask }
            cells[at] = Cell(word: word, parent: parent, index: index)
        }
    }

    /// Gives a command another name, or none (rename-command). Before the loops start.
    public func rename(_ old: String, to new: String) -> Bool {
        let found = old.withView { find($0) }
        guard let found else { return false }
        if !new.isEmpty && new.withView({ find($0) }) != nil { return false }
        let index = found.pointee.index
        for at in 0...mask where cells[at].index == index { cells[at].word = 1 }
        for at in 0...mask where cells[at].index == index && cells[at].parent == -1 { cells[at].parent = -2 }
        fullNames[Int(index)] = new
        if new.isEmpty {
            topLevel.removeAll { $0 == Int(index) }
        } else {
            enter(new.lowercased(), parent: -1, index)
        }
        for child in children[Int(index)] ?? [] { fullNames[child] = new + "|" + commands[child].name }
        return true
    }

    @inline(__always)
    private static func word(_ name: ByteView) -> UInt64 {
        var word: UInt64 = 0
        let count = min(name.count, 8)
        var i = 0
        while i < count {
            word |= UInt64(name.start[i] | 0x20) << UInt64(i &* 8)
            i &+= 1
        }
        return word
    }

    @inline(__always)
    private static func home(_ word: UInt64, _ parent: Int32, _ count: Int) -> Int {
        let mixed =
            (word ^ UInt64(truncatingIfNeeded: parent) &* 0x9e37_79b9 ^ UInt64(count) << 56) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: mixed >> 40)
    }

    /// The command of this name, among a container's subcommands if `parent` is one.
    @inline(__always)
    public func find(_ name: ByteView, parent: Int32 = -1) -> CommandPointer? {
        let word = CommandTable.word(name)
        var at = CommandTable.home(word, parent, name.count) & mask
        while cells[at].index >= 0 {
            if cells[at].word == word && cells[at].parent == parent {
                let index = Int(cells[at].index)
                if _fastPath(isNamed(index, name, parent)) { return records + index }
            }
            at = (at &+ 1) & mask
        }
        return nil
    }

    @inline(__always)
    private func isNamed(_ index: Int, _ name: ByteView, _ parent: Int32) -> Bool {
        // Eight letters or fewer have all been compared by word; what is not a letter only nearly.
        if name.count <= 8 && lengths[index] == name.count { return true }
        return nameMatches(index, name)
    }

    private lazy var lengths: [Int] = commands.indices.map { lastWord($0).utf8.count }

    private func lastWord(_ index: Int) -> String {
        String(fullNames[index].split(separator: "|", omittingEmptySubsequences: false).last ?? "")
    }

    @inline(never)
    private func nameMatches(_ index: Int, _ name: ByteView) -> Bool {
        let word = lastWord(index)
        return word.utf8.count == name.count
            && zip(word.utf8, name.bytes).allSatisfy { ByteView.lowercased($0) == ByteView.lowercased($1) }
    }
}

extension Command {
    /// Whether keys are found only by looking at the words (Redis' movablekeys).
    var hasMovableKeys: Bool {
        keys.contains { spec in
            if spec.flags.contains(.notKey) { return false }
            if case .index = spec.begin, case .range = spec.find { return spec.flags.contains(.incomplete) }
            return true
        }
    }

    /// The flags as COMMAND shows them: movablekeys follows from the key specifications.
    public var effectiveFlags: CommandFlags { hasMovableKeys ? flags.union(.movableKeys) : flags }

    /// The old-style (first, last, step): the hull of the key specifications at fixed words.
    public var legacyKeyRange: (first: Int, last: Int, step: Int) {
        var first = Int.max, last = 0, step = 1, open = false, found = false
        for spec in keys {
            guard case .index(let index) = spec.begin, case .range(let lastKey, let s, _) = spec.find else { continue }
            if found && index != last + 1 && !open { break }
            found = true
            first = min(first, index)
            step = s
            if lastKey < 0 {
                open = true
                last = lastKey
            } else if !open {
                last = max(last, index + lastKey)
            }
        }
        return found ? (first, last, step) : (0, 0, 0)
    }
}
