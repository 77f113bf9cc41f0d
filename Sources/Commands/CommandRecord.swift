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
    /// `Command.element`.
    public let element: Int32
}

/// A command's record where it is as long as the process lives.
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

    /// What the hot path looks names up in.
    public let index: CommandIndex

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
        index = CommandIndex(records: records)
        for (i, command) in commands.enumerated() {
            (records + i).initialize(to: CommandTable.flatten(command, Int32(i)))
        }
        for i in topLevel {
            index.enter(commands[i].name, parent: -1, Int32(i))
            for child in children[i] ?? [] { index.enter(commands[child].name, parent: Int32(i), Int32(child)) }
        }
    }

    private static func flatten(_ command: Command, _ index: Int32) -> CommandRecord {
        let range = command.legacyKeyRange
        return CommandRecord(
            run: command.run, arity: Int32(command.arity), flags: command.effectiveFlags, locking: command.locking,
            isContainer: !command.subcommands.isEmpty, index: index, firstKey: Int32(range.first),
            lastKey: Int32(range.last), keyStep: Int32(range.step),
            element: Int32(command.element))
    }

    /// Gives a command another name, or none (rename-command). Before the loops start.
    public func rename(_ old: String, to new: String) -> Bool {
        let found = old.withView { find($0) }
        guard let found else { return false }
        if !new.isEmpty && new.withView({ find($0) }) != nil { return false }
        let position = found.pointee.index
        index.forget(position)
        fullNames[Int(position)] = new
        if new.isEmpty {
            topLevel.removeAll { $0 == Int(position) }
        } else {
            index.enter(new.lowercased(), parent: -1, position)
        }
        for child in children[Int(position)] ?? [] { fullNames[child] = new + "|" + commands[child].name }
        return true
    }

    /// The command of this name in any case, among a container's subcommands if `parent` is one.
    public func find(_ name: ByteView, parent: Int32 = -1) -> CommandPointer? { index.find(name, parent: parent) }
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
