import Base
import Keyspace
import RESP

extension KeyCommands {
    /// Commands that copy or move a value to another key or database.
    static let transferring: [Command] = [
        Command(
            "copy", arity: -3, [.write, .denyOOM], categories: .keyspace,
            keys: [.one(1, [.readOnly, .access]), .one(2, [.overwrite, .update])],
            group: .generic, since: "6.2.0",
            complexity: "O(N) in the number of nested elements, O(1) for strings",
            summary: "Duplicates a key's value under another name.",
            arguments: [
                Argument("source", .key),
                Argument("destination", .key, keySpec: 1),
                Argument("destination-db", .integer, token: "DB", optional: true),
                Argument("replace", .pureToken, token: "REPLACE", optional: true),
            ]
        ) { Call($0).copy() },
        Command(
            "move", arity: 3, [.write, .fast], categories: .keyspace,
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .generic, since: "1.0.0",
            summary: "Moves a key to another database.",
            arguments: [
                Argument("key", .key),
                Argument("db", .integer),
            ]
        ) { Call($0).move() },
        Command(
            "rename", arity: 3, .write, categories: .keyspace,
            keys: [.one(1, [.readWrite, .access, .delete]), .one(2, [.overwrite, .update])],
            group: .generic, since: "1.0.0", complexity: "O(1), plus the removal of what was replaced",
            summary: "Gives a key another name; a key of that name is replaced.",
            arguments: [
                Argument("key", .key),
                Argument("newkey", .key, keySpec: 1),
            ]
        ) { Call($0).rename(onlyIfFree: false) },
        Command(
            "renamenx", arity: 3, [.write, .fast], categories: .keyspace,
            keys: [.one(1, [.readWrite, .access, .delete]), .one(2, [.overwrite, .insert])],
            group: .generic, since: "1.0.0",
            summary: "Gives a key another name unless that name is taken.",
            arguments: [
                Argument("key", .key),
                Argument("newkey", .key, keySpec: 1),
            ],
            history: [("3.2.0", "Answers 0 instead of an error when both names are the same.")]
        ) { Call($0).rename(onlyIfFree: true) },
    ]
}

extension Call {
    /// The word as a 32-bit integer; replies and answers nil if it is none.
    public func narrowInteger(_ word: Int, error: StaticString? = nil) -> Int? {
        guard let value = self[word].integer else {
            fail(error ?? ErrorText.notInteger)
            return nil
        }
        guard let narrow = Int32(exactly: value) else {
            fail(error ?? "ERR value is out of range, value must between -2147483648 and 2147483647")
            return nil
        }
        return Int(narrow)
    }

    /// The word as the number of a database; replies and answers nil if it is none.
    public func databaseIndex(_ word: Int) -> Int? {
        guard let index = narrowInteger(word) else { return nil }
        if index >= 0 && index < keyspace.databaseCount { return index }
        fail(ErrorText.databaseRange)
        return nil
    }

    fileprivate func copy() {
        var target = database
        var replaces = false
        var word = 3
        while word < count {
            if self[word].isWord("replace") {
                replaces = true
            } else if self[word].isWord("db") && word + 1 < count {
                guard let index = databaseIndex(word + 1) else { return }
                if index != 0 && keyspace.shared.pointee.isClustered {
                    return fail("ERR Copying to another database is not allowed in cluster mode")
                }
                target = index
                word += 1
            } else {
                return fail(ErrorText.syntax)
            }
            word += 1
        }
        let source = key(1)
        let destination = key(2)
        if target == database && source.view == destination.view { return fail(ErrorText.sameObject) }
        guard let entry = read(source) else { return reply.integer(0) }
        let access = access(destination, database: target)
        let slot = access.find(destination)
        if slot != nil && !replaces { return reply.integer(0) }
        access.putCopy(of: entry, destination, slot)
        access.notify(.generic, "copy_to", destination)
        reply.integer(1)
    }

    fileprivate func move() {
        if keyspace.shared.pointee.isClustered { return fail("ERR MOVE is not allowed in cluster mode") }
        guard let target = databaseIndex(2) else { return }
        if target == database { return fail(ErrorText.sameObject) }
        let key = key(1)
        let source = access(key)
        let destination = access(key, database: target)
        guard let slot = source.find(key), destination.find(key) == nil else { return reply.integer(0) }
        source.transfer(slot, key, to: destination, key)
        source.notify(.generic, "move_from", key)
        destination.notify(.generic, "move_to", key)
        reply.integer(1)
    }

    fileprivate func rename(onlyIfFree: Bool) {
        let key = key(1)
        let newKey = self.key(2)
        let source = access(key)
        guard source.find(key) != nil else { return fail(ErrorText.noSuchKey) }
        let isSame = key.view == newKey.view
        let destination = access(newKey)
        if onlyIfFree && (isSame || destination.find(newKey) != nil) { return reply.integer(0) }
        // Looked up only now: finding the new key may have removed it, and slots with it.
        if !isSame, let slot = source.find(key) {
            source.transfer(slot, key, to: destination, newKey)
            source.notify(.generic, "rename_from", key)
            destination.notify(.generic, "rename_to", newKey)
        }
        if onlyIfFree { reply.integer(1) } else { reply.ok() }
    }
}
