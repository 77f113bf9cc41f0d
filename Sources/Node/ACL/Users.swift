import Base
import CSystem

/// A user: who a client is. Its object stays the same while its permissions change.
final class User: @unchecked Sendable {
    let name: [UInt8]
    /// Under `Users.lock`.
    fileprivate(set) var permissions: Permissions
    /// No longer among the users: its clients are to go. Under `Users.lock`.
    fileprivate(set) var isDeleted = false

    fileprivate init(_ name: [UInt8], _ permissions: Permissions) {
        self.name = name
        self.permissions = permissions
    }
}

/// All users of a node. Changes come one at a time; readers wait at most for references to be copied. Loops
/// compare `version` before every batch of requests and take new permissions when it moved.
final class Users: @unchecked Sendable {
    let commands: RuleCommands
    /// The user of clients that have not said who they are. Cannot be deleted.
    let open: User
    /// Held for the whole of a change.
    private let changing = SpinLock()
    /// Guards `table` and what it refers to; never held for long.
    private let lock = SpinLock()
    private var table: [[UInt8]: User]
    /// The version; whether clients have to say who they are; whether the default user has no password.
    private let words: UnsafeMutablePointer<UInt64>

    static let defaultName = Array("default".utf8)

    init(_ commands: RuleCommands) {
        self.commands = commands
        open = User(Users.defaultName, Permissions(.open(commands), commands))
        table = [Users.defaultName: open]
        words = .allocate(capacity: 3)
        words.initialize(repeating: 0, count: 3)
        words[2] = 1
    }

    deinit { words.deallocate() }

    // MARK: reading

    /// Different after every change. A relaxed read.
    var version: UInt64 { cs_load_u64(words) }

    /// Where the version is, for loops to look at without a way there.
    var versionWord: UnsafePointer<UInt64> { UnsafePointer(words) }

    /// Whether a client that has not authenticated may do nothing: the default user has a password or is off.
    var mustAuthenticate: Bool { cs_load_u64(words + 1) != 0 }

    /// Whether anybody who connects may be the default user (if it is on).
    var defaultNeedsNoPassword: Bool { cs_load_u64(words + 2) != 0 }

    func find(_ name: ByteView) -> User? {
        let name = name.bytes
        return lock.withLock { table[name] }
    }

    func permissions(of user: User) -> Permissions { lock.withLock { user.permissions } }

    /// Names and permissions, in the order of the names' bytes.
    var all: [(name: [UInt8], permissions: Permissions)] {
        let found = lock.withLock { table.values.map { ($0.name, $0.permissions) } }
        return found.sorted { $0.0.lexicographicallyPrecedes($1.0) }
    }

    /// All users as configuration files have them, a line each.
    var lines: [[UInt8]] {
        all.map { name, permissions in
            Array("user ".utf8) + name + [32] + permissions.rules.description(commands)
        }
    }

    /// Each user's present permissions, nil if it is gone; for all of a loop's clients at once.
    func forEach(_ body: (_ current: (User) -> Permissions?) -> Void) {
        lock.withLock { body { $0.isDeleted ? nil : $0.permissions } }
    }

    /// The user, if the password is right and it is on.
    func authenticate(_ name: ByteView, _ password: ByteView) -> User? {
        let hash = SHA256.hexDigest(password)
        guard let user = find(name) else { return nil }
        let rules = permissions(of: user).rules
        guard rules.isOn, rules.needsNoPassword || rules.accepts(hash: hash) else { return nil }
        return user
    }

    // MARK: changing

    /// Why a change was refused, in Redis' words without the code.
    struct Refused: Error {
        let text: [UInt8]

        var string: String { String(decoding: text, as: UTF8.self) }
    }

    /// A user's channels before and after it was changed.
    struct Change {
        let user: User
        let old: UserRules
        let new: UserRules
    }

    /// Applies rules to a user, made if there is none of that name: all of them or none. Answers what changed if
    /// the user was there before.
    func set(_ name: ByteView, _ rules: [[UInt8]], allChannels: Bool) -> Result<Change?, Refused> {
        let merged: [[UInt8]]
        switch RuleWords.merged(rules) {
        case .success(let words): merged = words
        case .failure(let unmatched):
            let text = Array("Unmatched parenthesis in acl selector starting at '".utf8)
            return .failure(Refused(text: text + unmatched.word.withView { $0.untilNUL.bytes } + Array("'.".utf8)))
        }
        return changing.withLock {
            let known = find(name)
            let before = known.map { permissions(of: $0).rules }
            var new = before ?? UserRules(commands, allChannels: allChannels)
            for rule in merged {
                if let refused = apply(rule, to: &new, allChannels: allChannels) { return .failure(refused) }
            }
            let made = Permissions(new, commands)
            guard let user = known, let old = before else {
                publish { table[name.bytes] = User(name.bytes, made) }
                return .success(nil)
            }
            publish { user.permissions = made }
            return .success(Change(user: user, old: old, new: new))
        }
    }

    private func apply(_ rule: [UInt8], to rules: inout UserRules, allChannels: Bool) -> Refused? {
        do throws(RuleError) {
            try rule.withView { view throws(RuleError) in
                try rules.apply(view, commands, allChannels: allChannels)
            }
            return nil
        } catch {
            let start = Array("Error in ACL SETUSER modifier '".utf8) + rule.withView { $0.untilNUL.bytes }
            return Refused(text: start + Array("': \(error.text)".utf8))
        }
    }

    /// The password of `requirepass`, which is the default user's only one; empty: none is needed.
    func setDefaultPassword(_ password: String) {
        changing.withLock {
            var rules = permissions(of: open).rules
            rules.passwords = password.isEmpty ? [] : [password.withView { SHA256.hexDigest($0) }]
            rules.needsNoPassword = password.isEmpty
            let made = Permissions(rules, commands)
            publish { open.permissions = made }
        }
    }

    /// Users of the configuration, before there are clients.
    func start(with given: [UserFile.Definition]) {
        publish {
            for (name, rules) in given {
                let permissions = Permissions(rules, commands)
                if name == Users.defaultName { open.permissions = permissions }
                if name != Users.defaultName { table[name] = User(name, permissions) }
            }
        }
    }

    /// Answers the users that were there.
    func delete(_ names: [[UInt8]]) -> [User] {
        changing.withLock {
            var deleted: [User] = []
            publish {
                for name in names {
                    guard let user = table.removeValue(forKey: name) else { continue }
                    user.isDeleted = true
                    deleted.append(user)
                }
            }
            return deleted
        }
    }

    /// Makes the given users all there are, the default one (as at first, if it is not given) among them. The
    /// others that were there are deleted and answered, even if there is one of the same name again.
    func replaceAll(_ given: [UserFile.Definition]) -> [User] {
        changing.withLock {
            var new: [[UInt8]: User] = [Users.defaultName: open]
            var default_ = Permissions(.open(commands), commands)
            for (name, rules) in given {
                let permissions = Permissions(rules, commands)
                if name == Users.defaultName { default_ = permissions } else { new[name] = User(name, permissions) }
            }
            var deleted: [User] = []
            publish {
                deleted = table.values.filter { $0 !== open }
                for user in deleted { user.isDeleted = true }
                open.permissions = default_
                table = new
            }
            return deleted
        }
    }

    /// Makes a change visible to all.
    private func publish(_ change: () -> Void) {
        lock.withLock {
            change()
            let rules = open.permissions.rules
            cs_store_u64(words + 1, rules.needsNoPassword && rules.isOn ? 0 : 1)
            cs_store_u64(words + 2, rules.needsNoPassword ? 1 : 0)
            cs_store_release_u64(words, words[0] &+ 1)
        }
    }
}

extension Users.Change {
    /// Whether channels were taken from the user, so that subscriptions may be out of its reach now. As in Redis,
    /// rules are compared letter by letter.
    var takesChannels: Bool {
        if new.allSelectors.contains(where: \.allChannels) { return false }
        let left = Set(new.allSelectors.flatMap(\.channels))
        return old.allSelectors.contains { $0.allChannels || !left.isSuperset(of: $0.channels) }
    }
}
