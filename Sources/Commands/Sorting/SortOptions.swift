import Base
import Keyspace

/// What SORT's words after the key say.
struct SortOptions {
    var isDescending = false
    var isAlphabetical = false
    /// Elements to skip, and how many to answer; negative: all.
    var offset: Int64 = 0
    var limit: Int64 = -1
    /// Elements are weighed by what is behind this pattern.
    var by: SortPattern?
    /// A BY without an asterisk: the elements stay in the order they have.
    var keepsOrder = false
    /// What is answered for each element; nothing: the element.
    var gets: [SortPattern] = []
    /// The word that names the key to store at.
    var storeWord: Int?
}

extension Call {
    /// The options of SORT; replies and answers nil if they are not right.
    func sortOptions(mayStore: Bool) -> SortOptions? {
        var options = SortOptions()
        var word = 2
        while word < count {
            guard let used = sortOption(word, &options, mayStore) else { return nil }
            word += used
        }
        return options
    }

    /// Takes in the option at a word; answers how many words it is.
    private func sortOption(_ word: Int, _ options: inout SortOptions, _ mayStore: Bool) -> Int? {
        let name = self[word]
        let rest = count - word - 1
        if name.isWord("asc") {
            options.isDescending = false
        } else if name.isWord("desc") {
            options.isDescending = true
        } else if name.isWord("alpha") {
            options.isAlphabetical = true
        } else if name.isWord("limit") && rest >= 2 {
            guard let offset = integer(word + 1), let limit = integer(word + 2) else { return nil }
            options.offset = offset
            options.limit = limit
            return 3
        } else if mayStore && name.isWord("store") && rest >= 1 {
            options.storeWord = word + 1
            return 2
        } else if name.isWord("by") && rest >= 1 {
            return takeBy(self[word + 1], &options) ? 2 : nil
        } else if name.isWord("get") && rest >= 1 {
            if !mayReadAnyKey { return refuse("ERR GET option of SORT denied due to insufficient ACL permissions") }
            options.gets.append(SortPattern(self[word + 1]))
            return 2
        } else {
            return refuse(ErrorText.syntax)
        }
        return 1
    }

    private func takeBy(_ text: ByteView, _ options: inout SortOptions) -> Bool {
        let pattern = SortPattern(text)
        options.by = pattern
        if !pattern.hasAsterisk {
            options.keepsOrder = true
        } else if !mayReadAnyKey {
            return refuse("ERR BY option of SORT denied due to insufficient ACL permissions") != nil
        }
        return true
    }

    private func refuse(_ text: StaticString) -> Int? {
        fail(text)
        return nil
    }
}

/// A pattern of BY or GET: a key's name with an asterisk where the element goes, maybe a hash's field after "->".
struct SortPattern {
    private let before: ByteView
    private let after: ByteView
    private let field: ByteView?
    let hasAsterisk: Bool
    /// "#": the element itself.
    let isElement: Bool

    init(_ text: ByteView) {
        isElement = text == ByteView("#")
        // As C sees the text: nothing after a NUL counts for finding the parts.
        var end = 0
        while end < text.count && text[end] != 0 { end += 1 }
        guard let star = (0..<end).first(where: { text[$0] == 42 }) else {
            (before, after, field, hasAsterisk) = (text, ByteView(""), nil, false)
            return
        }
        hasAsterisk = true
        before = text.slice(0, star)
        let arrow = (star + 1..<max(star + 1, end - 1)).first { text[$0] == 45 && text[$0 + 1] == 62 }
        if let arrow, arrow + 2 < end {
            after = text.slice(star + 1, arrow)
            field = text.slice(arrow + 2, text.count)
        } else {
            after = text.slice(star + 1, text.count)
            field = nil
        }
    }

    /// Lends what the pattern names for an element: a string, or a hash's field. Nil if there is none.
    func lookUp<R>(_ call: Call, _ element: ByteView, _ body: (ByteView?) -> R) -> R {
        if isElement { return body(element) }
        if !hasAsterisk { return body(nil) }
        let size = before.count + element.count + after.count
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, size)) { buffer in
            let name = buffer.baseAddress.unsafelyUnwrapped
            name.update(from: before.start, count: before.count)
            (name + before.count).update(from: element.start, count: element.count)
            (name + before.count + element.count).update(from: after.start, count: after.count)
            guard let entry = call.read(Key(ByteView(UnsafePointer(name), size))) else { return body(nil) }
            guard let field else { return entry.type == .string ? entry.withString(body) : body(nil) }
            guard entry.type == .hash, let value = entry.fieldValue(field) else { return body(nil) }
            return value.withView(body)
        }
    }
}
