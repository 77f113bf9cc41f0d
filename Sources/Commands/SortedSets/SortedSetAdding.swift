import Base
import Keyspace
import RESP

/// ZADD's options.
struct AddOptions: OptionSet {
    let rawValue: UInt8
    /// NX: members that are there stay as they are.
    static let onlyNew = AddOptions(rawValue: 1)
    /// XX: members that are not there do not come.
    static let onlyOld = AddOptions(rawValue: 2)
    /// GT, LT: scores only rise or fall.
    static let greater = AddOptions(rawValue: 4)
    static let less = AddOptions(rawValue: 8)
    /// CH: changed scores count, too.
    static let changed = AddOptions(rawValue: 16)
    /// INCR: the score is added to the member's.
    static let increment = AddOptions(rawValue: 32)

    /// What a word stands for.
    @inline(__always)
    static func named(_ word: ByteView) -> AddOptions? {
        if word.count == 2 {
            if word.isWord("nx") { return .onlyNew }
            if word.isWord("xx") { return .onlyOld }
            if word.isWord("gt") { return .greater }
            if word.isWord("lt") { return .less }
            return word.isWord("ch") ? .changed : nil
        }
        return word.isWord("incr") ? .increment : nil
    }
}

extension Call {
    /// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
    @inline(__always)
    func zadd() {
        if _fastPath(count == 4), let score = self[2].double, isShort(self[3]) {
            return addElements(1, []) { _ in (score, self[3]) }
        }
        zaddMany()
    }

    private func zaddMany() {
        var options: AddOptions = []
        var first = 2
        while first < count, let option = AddOptions.named(self[first]) {
            options.insert(option)
            first += 1
        }
        let words = count - first
        if words == 0 || words & 1 != 0 { return fail(ErrorText.syntax) }
        guard areCompatible(options) else { return }
        if options.contains(.increment) && words > 2 {
            return fail("ERR INCR option supports a single increment-element pair")
        }
        for word in stride(from: first, to: count, by: 2) {
            if self[word].double == nil { return fail(ErrorText.notFloat) }
            guard isShort(self[word + 1]) else { return fail(ErrorText.tooLong) }
        }
        addElements(words / 2, options) { i in (self[first + 2 * i].double ?? 0, self[first + 2 * i + 1]) }
    }

    /// Lengths in pieces have 32 bits.
    @inline(__always)
    private func isShort(_ member: ByteView) -> Bool { member.count < 1 << 30 }

    private func areCompatible(_ options: AddOptions) -> Bool {
        if options.isSuperset(of: [.onlyNew, .onlyOld]) {
            fail("ERR XX and NX options at the same time are not compatible")
            return false
        }
        let comparisons = options.intersection([.greater, .less])
        if comparisons == [.greater, .less] || (options.contains(.onlyNew) && !comparisons.isEmpty) {
            fail("ERR GT, LT, and/or NX options at the same time are not compatible")
            return false
        }
        return true
    }

    /// ZINCRBY key increment member
    func zincrby() {
        guard let increment = self[2].double else { return fail(ErrorText.notFloat) }
        guard isShort(self[3]) else { return fail(ErrorText.tooLong) }
        addElements(1, .increment) { _ in (increment, self[3]) }
    }

    /// Adds elements to the set at word 1 and replies as ZADD does.
    @inline(__always)
    func addElements(_ total: Int, _ options: AddOptions, _ element: (Int) -> (Double, ByteView)) {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.sortedSet, key, access)
        if !isRight { return }
        var adding = Adding(options: options)
        var editor = slot.map { SortedSetEditor(access, $0, key) }
        for i in 0..<total {
            let (score, member) = element(i)
            if let editor {
                adding.put(editor, member, score)
            } else if options.contains(.onlyOld) {
                break
            } else {
                editor = access.makeSortedSet(key, member, score)
                adding.made(score)
            }
        }
        if adding.isNaN { return fail("ERR resulting score is not a number (NaN)") }
        if adding.added &+ adding.updated > 0 {
            access.notify(.sortedSet, options.contains(.increment) ? "zincr" : "zadd", key)
        }
        if !options.contains(.increment) {
            reply.integer(options.contains(.changed) ? adding.added &+ adding.updated : adding.added)
        } else if let score = adding.score {
            reply.double(score)
        } else {
            reply.null()
        }
    }
}

/// What has become of the elements of a ZADD so far.
private struct Adding {
    let options: AddOptions
    var added = 0
    var updated = 0
    var isNaN = false
    /// The last member's score, if it was not held back by an option.
    var score: Double?

    @inline(__always)
    init(options: AddOptions) { self.options = options }

    /// An element has come.
    @inline(__always)
    mutating func made(_ score: Double) {
        added &+= 1
        self.score = score
    }

    @inline(__always)
    mutating func put(_ editor: SortedSetEditor, _ member: ByteView, _ given: Double) {
        let found = editor.find(member)
        guard let old = found.score else {
            if options.contains(.onlyOld) { return }
            editor.insert(member, given, found)
            return made(given)
        }
        if options.isEmpty {
            score = given
            if given != old { update(editor, member, given, found) }
            return
        }
        putCarefully(editor, member, given, found, old)
    }

    private mutating func putCarefully(
        _ editor: SortedSetEditor, _ member: ByteView, _ given: Double, _ found: SortedSetEditor.Found, _ old: Double
    ) {
        if options.contains(.onlyNew) { return }
        let new = options.contains(.increment) ? old + given : given
        if new.isNaN {
            isNaN = true
            return
        }
        if (options.contains(.less) && new >= old) || (options.contains(.greater) && new <= old) { return }
        score = new
        if new != old { update(editor, member, new, found) }
    }

    @inline(__always)
    private mutating func update(
        _ editor: SortedSetEditor, _ member: ByteView, _ score: Double, _ found: SortedSetEditor.Found
    ) {
        editor.update(member, score, found)
        updated &+= 1
    }
}
