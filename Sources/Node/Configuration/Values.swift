import Base

/// The value of every parameter, in the text form of CONFIG GET, by its place in the table.
struct Values: Sendable, Equatable {
    private var texts: [String]

    /// The defaults; `dir` is the given directory.
    init(directory: String) {
        texts = ParameterTable.all.map(\.initial)
        self["dir"] = directory
    }

    subscript(index: Int) -> String {
        get { texts[index] }
        set { texts[index] = newValue }
    }

    /// By a name that the table has; anything else is a programming error.
    subscript(name: String) -> String {
        get { texts[Values.index(name)] }
        set { texts[Values.index(name)] = newValue }
    }

    private static func index(_ name: String) -> Int {
        guard let index = ParameterTable.index(name) else { preconditionFailure("no parameter \(name)") }
        return index
    }

    func text(_ name: String) -> String { self[name] }

    func words(_ name: String) -> [String] { self[name].split(separator: " ").map(String.init) }

    func flag(_ name: String) -> Bool { self[name] == "yes" }

    /// Values past Int.max are Int.max.
    func integer(_ name: String) -> Int {
        let text = self[name]
        guard let value = Int(text) ?? UInt64(text).map({ Int(clamping: $0) }) else {
            preconditionFailure("\(name) is not a number: \(text)")
        }
        return value
    }

    func choice<Choice: RawRepresentable>(_ name: String) -> Choice where Choice.RawValue == String {
        guard let choice = Choice(rawValue: self[name]) else { preconditionFailure("\(name) has no \(self[name])") }
        return choice
    }

    func logLevel(_ name: String) -> LogLevel {
        guard let level = LogLevel.allCases.first(where: { $0.word == self[name] }) else {
            preconditionFailure("\(name) has no \(self[name])")
        }
        return level
    }

    func clientMemoryLimit(_ name: String) -> ClientMemoryLimit {
        let text = self[name]
        if text.hasSuffix("%") { return .percent(Int(text.dropLast()) ?? 0) }
        return .bytes(integer(name))
    }

    /// What CONFIG GET answers; Redis leaves `n` out once `A` is there.
    func shown(_ index: Int) -> String {
        let text = texts[index]
        if ParameterTable.all[index].flags.contains(.secret) && !text.isEmpty { return "***" }
        if case .words(.keyspaceEvents) = ParameterTable.all[index].kind, text.hasPrefix("A") {
            return text.filter { $0 != "n" }
        }
        return text
    }
}
