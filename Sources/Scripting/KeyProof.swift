import Base
import Commands

/// Proves of a script that every key it touches is an element of KEYS, so that locking what its caller names is
/// enough. Careful rather than clever: what it does not understand is not proved, and whoever relies on it still
/// checks every access (`ScriptRunner.call`).
///
/// What is understood: `redis.call` and `redis.pcall` with a literal command whose keys are at fixed words or go on to
/// the end, each key being `KEYS[...]`, a local that was declared as such and never assigned again, or
/// `unpack(KEYS)`. KEYS is otherwise only indexed or measured. Nothing that could give these names another meaning
/// (_G, load, ...) may appear.
public struct KeyProof {
    /// Names that could make other code, or another meaning of a name.
    private static let forbidden: Set<[UInt8]> = Set(
        ["_G", "load", "loadstring", "rawset", "rawget", "setmetatable", "getmetatable", "coroutine", "xpcall"]
            .map { Array($0.utf8) })
    /// What of `redis` may be used besides call and pcall.
    private static let harmless: Set<[UInt8]> = Set(
        [
            "error_reply", "status_reply", "sha1hex", "log", "setresp", "LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE",
            "LOG_WARNING", "replicate_commands", "set_repl", "REPL_ALL", "REPL_NONE", "REPL_AOF", "REPL_REPLICA",
            "REPL_SLAVE", "REDIS_VERSION", "REDIS_VERSION_NUM",
        ].map { Array($0.utf8) })
    /// What an expression may follow: there `KEYS[1]` is read, not assigned to.
    private static let openers: Set<String> = [
        "(", ",", "=", "{", "[", "==", "~=", "<", ">", "<=", ">=", "..", "+", "-", "*", "/", "%", "^", "#", "and", "or",
        "not", "return", "in", "if", "elseif", "while", "until",
    ]

    private let tokens: [LuaToken]
    private let table: CommandTable
    /// Locals that stand for elements of KEYS.
    private var aliases: Set<[UInt8]> = []

    /// Whether the script's keys are all named by its caller.
    public static func holds(_ source: ByteView, _ table: CommandTable) -> Bool {
        guard source.count <= 64 * 1024, let tokens = LuaTokens.read(source) else { return false }
        var proof = KeyProof(tokens: tokens, table: table)
        proof.findAliases()
        return proof.check()
    }

    private init(tokens: [LuaToken], table: CommandTable) {
        self.tokens = tokens
        self.table = table
    }

    private func token(_ i: Int) -> LuaToken? { tokens.indices.contains(i) ? tokens[i] : nil }

    private func isWord(_ i: Int, _ word: String) -> Bool { token(i) == .word(word) }

    // MARK: KEYS and its aliases

    /// The position after `KEYS[...]` that begins at `i`; nil: it does not.
    private func endOfElement(_ i: Int) -> Int? {
        guard LuaToken.isName(token(i), "KEYS"), isWord(i + 1, "[") else { return nil }
        return endOfGroup(i + 1)
    }

    /// The position after the bracket that closes the one at `i`.
    private func endOfGroup(_ i: Int) -> Int? {
        var depth = 0
        for j in i..<tokens.count {
            guard case .word(let word) = tokens[j] else { continue }
            if word == "(" || word == "[" || word == "{" { depth += 1 }
            if word == ")" || word == "]" || word == "}" { depth -= 1 }
            if depth == 0 { return j + 1 }
        }
        return nil
    }

    /// `local a, b = KEYS[1], KEYS[2]`, of names that are given a value nowhere else.
    private mutating func findAliases() {
        var declared: [[UInt8]: Int] = [:]
        var i = 0
        while i < tokens.count {
            if isWord(i, "local"), let (names, end) = declaration(i + 1) {
                for name in names { declared[name, default: 0] += 1 }
                i = end
            } else {
                i += 1
            }
        }
        aliases = Set(declared.filter { $0.value == 1 && isGivenOnce($0.key) }.keys)
    }

    /// Names and the end of a declaration all of whose values are elements of KEYS.
    private func declaration(_ start: Int) -> (names: [[UInt8]], end: Int)? {
        var names: [[UInt8]] = []
        var i = start
        while case .name(let name)? = token(i) {
            names.append(name)
            i += 1
            if !isWord(i, ",") { break }
            i += 1
        }
        guard !names.isEmpty, isWord(i, "=") else { return nil }
        i += 1
        for n in names.indices {
            guard let end = endOfElement(i) else { return nil }
            i = end
            if n < names.count - 1 {
                guard isWord(i, ",") else { return nil }
                i += 1
            }
        }
        return goesOn(i) ? nil : (names, i)
    }

    /// Whether what follows at `i` belongs to the expression before it: then that is more than an element of KEYS.
    private func goesOn(_ i: Int) -> Bool {
        switch token(i) {
        case .string: return true
        case .word(let word):
            if ["return", "if", "while", "not"].contains(word) { return false }
            return KeyProof.openers.contains(word) || word == "." || word == ":"
        default: return false
        }
    }

    /// Whether a name, but for its one declaration, is only read: never assigned, a parameter, a loop's variable, a
    /// function or another local.
    private func isGivenOnce(_ name: [UInt8]) -> Bool {
        var declarations = 0
        for i in tokens.indices where tokens[i] == .name(name) {
            if isWord(i - 1, ".") || isWord(i - 1, ":") { continue }
            if isDeclared(i) {
                declarations += 1
                continue
            }
            if isWord(i + 1, "=") { return false }
            guard case .word(let before)? = token(i - 1), KeyProof.openers.contains(before) else { return false }
            if isParameter(i) { return false }
        }
        return declarations == 1
    }

    /// Whether the name at `i` is in the list after `local`.
    private func isDeclared(_ i: Int) -> Bool {
        var j = i
        while isWord(j - 1, ","), case .name? = token(j - 2) { j -= 2 }
        return isWord(j - 1, "local")
    }

    /// Whether the name at `i` is in the list of a function's parameters or a loop's variables.
    private func isParameter(_ i: Int) -> Bool {
        var j = i
        while isWord(j - 1, ","), case .name? = token(j - 2) { j -= 2 }
        if isWord(j - 1, "for") { return true }
        guard isWord(j - 1, "(") else { return false }
        // function (, function name(, function a.b:c(
        j -= 2
        while case .name? = token(j) {
            j -= 1
            if isWord(j, ".") || isWord(j, ":") { j -= 1 }
        }
        return isWord(j, "function")
    }

    // MARK: the whole

    private func check() -> Bool {
        for i in tokens.indices {
            guard case .name(let name) = tokens[i] else { continue }
            let isField = isWord(i - 1, ".") || isWord(i - 1, ":")
            if KeyProof.forbidden.contains(name) && !isField { return false }
            if LuaToken.isName(tokens[i], "KEYS"), !mayUseKeys(i, isField) { return false }
            if LuaToken.isName(tokens[i], "redis"), isField || !mayUseRedis(i) { return false }
        }
        return true
    }

    private func mayUseKeys(_ i: Int, _ isField: Bool) -> Bool {
        if isField { return false }
        if isWord(i - 1, "#") { return !isWord(i + 1, "[") && !isWord(i + 1, ".") }
        // unpack(KEYS), which `isKey` looks at.
        if LuaToken.isName(token(i - 2), "unpack"), isWord(i - 1, "("), isWord(i + 1, ")") { return true }
        guard let end = endOfElement(i), !isWord(end, "="), case .word(let before)? = token(i - 1) else { return false }
        return KeyProof.openers.contains(before)
    }

    private func mayUseRedis(_ i: Int) -> Bool {
        guard isWord(i + 1, "."), case .name(let function)? = token(i + 2) else { return false }
        if KeyProof.harmless.contains(function) { return !isWord(i + 3, "=") }
        guard function == Array("call".utf8) || function == Array("pcall".utf8), isWord(i + 3, "("),
            let arguments = arguments(i + 3), case .string(let word)?? = arguments.first.map({ token($0.lowerBound) }),
            arguments[0].count == 1, let word
        else { return false }
        return namesItsKeys(word, arguments)
    }

    /// The arguments of the call whose parenthesis is at `i`, as ranges of tokens.
    private func arguments(_ i: Int) -> [Range<Int>]? {
        guard let end = endOfGroup(i) else { return nil }
        var found: [Range<Int>] = []
        var start = i + 1, depth = 0
        for j in i + 1..<end {
            if depth == 0 && (isWord(j, ",") || j == end - 1) {
                if start < j { found.append(start..<j) }
                start = j + 1
            }
            guard case .word(let word) = tokens[j] else { continue }
            if ["(", "[", "{", "function"].contains(word) { depth += 1 }
            if [")", "]", "}"].contains(word) { depth -= 1 }
            // A function's body among the arguments: too much to follow.
            if word == "function" { return nil }
        }
        return found
    }

    /// Whether every key of this command is an element of KEYS.
    private func namesItsKeys(_ word: [UInt8], _ arguments: [Range<Int>]) -> Bool {
        guard let command = word.withView({ table.find($0) }), !command.pointee.isContainer else { return false }
        if command.pointee.locking == .none { return true }
        guard command.pointee.locking == .firstKey || command.pointee.locking == .keys,
            !command.pointee.flags.contains(.movableKeys), command.pointee.firstKey > 0
        else { return false }
        let first = Int(command.pointee.firstKey), step = max(1, Int(command.pointee.keyStep))
        let last =
            command.pointee.lastKey < 0
            ? arguments.count + Int(command.pointee.lastKey) : Int(command.pointee.lastKey)
        // An argument that stands for several moves those after it.
        let isOpen = command.pointee.lastKey < 0
        for i in arguments.indices where i >= 1 && i < arguments.count {
            let isLast = i == arguments.count - 1
            if mayBeSeveral(arguments[i]) {
                guard isLast else { continue }
                // At the end: everything that follows must be no key, or all of it keys.
                if isOpen && !isUnpackedKeys(arguments[i]) { return false }
                if isOpen && step != 1 { return false }
                if !isOpen && i <= last && !isUnpackedKeys(arguments[i]) { return false }
                if isUnpackedKeys(arguments[i]) && (isOpen || i <= last) { continue }
            }
            if i >= first && i <= last && (i - first) % step == 0 && !isKey(arguments[i]) { return false }
        }
        return true
    }

    /// A call or `...` at the end of a list can stand for several values.
    private func mayBeSeveral(_ range: Range<Int>) -> Bool {
        isWord(range.upperBound - 1, ")") && !isWord(range.lowerBound, "(") || isWord(range.upperBound - 1, "...")
            || isWord(range.upperBound - 1, "}") || isString(range.upperBound - 1) && range.count > 1
    }

    private func isString(_ i: Int) -> Bool {
        if case .string? = token(i) { return true }
        return false
    }

    private func isUnpackedKeys(_ range: Range<Int>) -> Bool {
        range.count == 4 && LuaToken.isName(token(range.lowerBound), "unpack")
            && LuaToken.isName(token(range.lowerBound + 2), "KEYS")
    }

    private func isKey(_ range: Range<Int>) -> Bool {
        if endOfElement(range.lowerBound) == range.upperBound { return true }
        if range.count == 1, case .name(let name)? = token(range.lowerBound) { return aliases.contains(name) }
        return isUnpackedKeys(range)
    }
}
