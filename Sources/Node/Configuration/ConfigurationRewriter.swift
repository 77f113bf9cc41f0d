import Base

/// Writes changed parameters back to the configuration file: comments, blank lines, order and every
/// line whose value still holds stay as they are; what the file has no line for goes to its end.
struct ConfigurationRewriter {
    static let marker = "# Written by CONFIG REWRITE"

    let path: String
    /// What relative paths in the file are relative to.
    let startDirectory: String
    let values: Values
    /// Lines for the users, in place of those that are there; nil: they stay as they are.
    let users: [[UInt8]]?
    let everything: Bool

    func rewrite() throws(FileError) {
        let old = try content()
        var lines = ConfigurationText.lines(old)
        for index in changed(from: try loaded(old)) { replace(index, in: &lines) }
        if everything { addMissing(to: &lines) }
        if let users { replaceUsers(users, in: &lines) }
        // What an included file sets again after our line still differs: the end of the file decides.
        for index in changed(from: try loaded(joined(lines))) { append(index, to: &lines) }
        let new = joined(lines)
        if new != old { try TextFile.replace(path, with: new) }
    }

    /// A file that has gone is written anew.
    private func content() throws(FileError) -> [UInt8] {
        TextFile.absolute(path) == nil ? [] : try TextFile.read(path)
    }

    private func loaded(_ bytes: [UInt8]) throws(FileError) -> Values {
        var loader = ConfigurationLoader(startDirectory: startDirectory)
        do throws(ConfigurationError) {
            try loader.load(bytes, source: path)
        } catch {
            throw FileError(text: error.text)
        }
        return loader.values
    }

    /// Parameters whose value on disk is another one. A directory that nobody set is no difference.
    private func changed(from disk: Values) -> [Int] {
        ParameterTable.all.indices.filter { disk[$0] != values[$0] }
    }

    private func joined(_ lines: [[UInt8]]) -> [UInt8] {
        lines.isEmpty ? [] : Array(lines.joined(separator: [10])) + [10]
    }

    // MARK: lines

    /// The parameter that a line sets.
    private func parameter(of line: [UInt8]) -> Int? {
        let trimmed = ConfigurationText.trimmed(line)
        if trimmed.isEmpty || trimmed[0] == 35 { return nil }
        guard let word = ConfigurationText.words(trimmed)?.first else { return nil }
        return ParameterTable.index(String(decoding: word, as: UTF8.self))
    }

    /// Puts new lines in the places of the old ones; more go after the last, fewer leave no gap.
    private func replace(_ index: Int, in lines: inout [[UInt8]]) {
        let places = lines.indices.filter { parameter(of: lines[$0]) == index }
        guard let last = places.last else { return append(index, to: &lines) }
        let new = texts(index).map { Array($0.utf8) }
        for (place, text) in zip(places, new) { lines[place] = text }
        if new.count > places.count {
            lines.insert(contentsOf: new[places.count...], at: last + 1)
        } else {
            for place in places[new.count...].reversed() { lines.remove(at: place) }
        }
    }

    private func replaceUsers(_ users: [[UInt8]], in lines: inout [[UInt8]]) {
        let word = Array("user".utf8)
        let places = lines.indices.filter { i in
            ConfigurationText.words(ConfigurationText.trimmed(lines[i]))?.first.map { name in
                name.withView { view in word.withView { view.equalsIgnoringCase($0) } }
            } ?? false
        }
        let start = places.first
        for place in places.reversed() { lines.remove(at: place) }
        if users.isEmpty { return }
        if let start { return lines.insert(contentsOf: users, at: start) }
        mark(&lines)
        lines += users
    }

    private func mark(_ lines: inout [[UInt8]]) {
        if lines.contains(Array(Self.marker.utf8)) { return }
        if !lines.isEmpty { lines.append([]) }
        lines.append(Array(Self.marker.utf8))
    }

    private func append(_ index: Int, to lines: inout [[UInt8]]) {
        mark(&lines)
        let name = ParameterTable.all[index].name
        // Whatever rules the lines above have made, they must not be added to.
        if name == "save" && !values[index].isEmpty { lines.append(Array("save \"\"".utf8)) }
        lines += texts(index).map { Array($0.utf8) }
    }

    private func addMissing(to lines: inout [[UInt8]]) {
        let there = Set(lines.compactMap { parameter(of: $0) })
        for (index, parameter) in ParameterTable.all.enumerated() where !there.contains(index) {
            if parameter.flags.contains(.hidden) || parameter.name == "replicaof" { continue }
            append(index, to: &lines)
        }
    }

    /// The lines that give a parameter its value.
    private func texts(_ index: Int) -> [String] {
        let parameter = ParameterTable.all[index]
        let value = values[index]
        switch parameter.kind {
        case .memory, .memoryOrPercent:
            return ["\(parameter.name) \(UInt64(value).map(Units.written) ?? value)"]
        case .words(.save): return value.isEmpty ? ["save \"\""] : groups(value, of: 2, parameter.name)
        case .words(.outputLimits): return groups(value, of: 4, parameter.name)
        case .words(.keyspaceEvents): return ["\(parameter.name) \(ConfigurationText.quoted(value))"]
        case .words:
            return ["\(parameter.name) \(value.isEmpty ? "\"\"" : value)"]
        case .text: return ["\(parameter.name) \(ConfigurationText.written(value))"]
        case .yesNo, .integer, .octal, .choice: return ["\(parameter.name) \(value)"]
        }
    }

    private func groups(_ value: String, of size: Int, _ name: String) -> [String] {
        let words = value.split(separator: " ")
        return stride(from: 0, to: words.count, by: size).map { at in
            name + " " + words[at..<min(at + size, words.count)].joined(separator: " ")
        }
    }
}
