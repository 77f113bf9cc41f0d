import Base
import Keyspace
import RESP

/// What an expire time given with SET, SETEX or GETEX counts.
enum ExpireUnit {
    /// From now on.
    case seconds, milliseconds
    /// Since 1970.
    case unixSeconds, unixMilliseconds

    var isAbsolute: Bool { self == .unixSeconds || self == .unixMilliseconds }

    /// Of the option's name; nil: it is another option.
    init?(_ option: ByteView) {
        if option.isWord("ex") {
            self = .seconds
        } else if option.isWord("px") {
            self = .milliseconds
        } else if option.isWord("exat") {
            self = .unixSeconds
        } else if option.isWord("pxat") {
            self = .unixMilliseconds
        } else {
            return nil
        }
    }
}

/// The options after SET's value or GETEX's key.
///
/// As in Redis, an option may be given twice; a time's last value counts.
struct SetOptions {
    var onlyIfMissing = false
    var onlyIfThere = false
    var answersOld = false
    var keepsDeadline = false
    var persists = false
    var unit: ExpireUnit?
    /// The word with the time.
    var time = 0

    /// Takes the option at `word`, if it goes together with those before. Answers the words taken,
    /// 0: a syntax error.
    fileprivate mutating func take(_ call: Call, _ word: Int, isSet: Bool) -> Int {
        let option = call[word]
        if isSet {
            if option.isWord("nx") { return flag(!onlyIfThere, \.onlyIfMissing) }
            if option.isWord("xx") { return flag(!onlyIfMissing, \.onlyIfThere) }
            if option.isWord("get") { return flag(true, \.answersOld) }
            if option.isWord("keepttl") { return flag(unit == nil, \.keepsDeadline) }
        } else if option.isWord("persist") {
            return flag(unit == nil, \.persists)
        }
        guard let named = ExpireUnit(option), word + 1 < call.count else { return 0 }
        if keepsDeadline || persists || (unit != nil && unit != named) { return 0 }
        unit = named
        time = word + 1
        return 2
    }

    private mutating func flag(_ allowed: Bool, _ flag: WritableKeyPath<SetOptions, Bool>) -> Int {
        if allowed { self[keyPath: flag] = true }
        return allowed ? 1 : 0
    }
}

extension Call {
    /// The options from `first` on; replies and answers nil when they make no sense.
    private func options(from first: Int, isSet: Bool) -> SetOptions? {
        var options = SetOptions()
        var word = first
        while word < count {
            let taken = options.take(self, word, isSet: isSet)
            if taken == 0 {
                fail(ErrorText.syntax)
                return nil
            }
            word += taken
        }
        return options
    }

    /// The time at a word as ms since 1970; replies and answers nil when it is no time to come that a
    /// clock can show. `name` is the command's, for the error.
    func deadline(_ word: Int, _ unit: ExpireUnit, _ name: StaticString) -> Int64? {
        guard let number = integer(word) else { return nil }
        if let deadline = Call.deadline(number, unit, now: now) { return deadline }
        reply.raw("-ERR invalid expire time in '")
        reply.raw(name)
        reply.raw("' command\r\n")
        return nil
    }

    private static func deadline(_ number: Int64, _ unit: ExpireUnit, now: Int64) -> Int64? {
        if number <= 0 { return nil }
        var time = number
        if unit == .seconds || unit == .unixSeconds {
            let (milliseconds, overflow) = number.multipliedReportingOverflow(by: 1000)
            if overflow { return nil }
            time = milliseconds
        }
        if unit.isAbsolute { return time }
        let (sum, overflow) = time.addingReportingOverflow(now)
        return overflow ? nil : sum
    }

    /// SET key value [NX | XX] [GET] [EX | PX | EXAT | PXAT time | KEEPTTL]
    @inline(never)
    func setWithOptions() {
        guard let options = options(from: 3, isSet: true) else { return }
        var change = options.keepsDeadline ? Access.DeadlineChange.keep : .clear
        if let unit = options.unit {
            guard let deadline = deadline(options.time, unit, "set") else { return }
            change = .set(deadline)
        }
        let key = key(1)
        let access = access(key)
        let slot = options.answersOld ? access.findToRead(key) : access.find(key)
        if options.answersOld {
            guard replyOld(access, slot) else { return }
        }
        if slot == nil ? options.onlyIfThere : options.onlyIfMissing {
            if !options.answersOld { reply.null() }
            return
        }
        access.putString(key, self[2], slot, deadline: change)
        access.notify(.string, "set", key)
        if options.unit != nil { access.notify(.generic, "expire", key) }
        if !options.answersOld { reply.ok() }
    }

    /// GETEX key [EX | PX | EXAT | PXAT time | PERSIST]
    func getExpiring() {
        guard let options = options(from: 2, isSet: false) else { return }
        let key = key(1)
        let access = access(key)
        guard let slot = access.findToRead(key) else { return reply.null() }
        let entry = access.entry(slot)
        guard isString(entry) else { return }
        var newDeadline: Int64?
        if let unit = options.unit {
            guard let deadline = deadline(options.time, unit, "getex") else { return }
            newDeadline = deadline
        }
        replyString(entry)
        if let newDeadline {
            // Only an absolute time can have passed already.
            if newDeadline <= now {
                access.remove(slot, key)
                return access.notify(.generic, "del", key)
            }
            access.setDeadline(slot, key, newDeadline)
            access.notify(.generic, "expire", key)
        } else if options.persists && entry.hasDeadline {
            access.setDeadline(slot, key, nil)
            access.notify(.generic, "persist", key)
        }
    }
}
