/// The command line of the server: `[FILE | -] [--option value ...] [-]`, as redis-server reads it.
struct CommandLineOptions {
    /// The configuration file, if one was named.
    private(set) var file: String?
    private(set) var readsStandardInput = false
    /// The options as lines of a configuration file.
    private(set) var lines: [String] = []

    init(_ arguments: [String]) {
        var rest = arguments[...]
        if let first = rest.first, first == "-" || !first.hasPrefix("-") {
            rest.removeFirst()
            if first == "-" { readsStandardInput = true } else { file = first }
        }
        if rest.last == "-" {
            readsStandardInput = true
            rest.removeLast()
        }
        read(Array(rest))
    }

    /// A word with two dashes begins an option, except directly after an option's name: there it is
    /// the value. `--save` alone is the exception to the exception: it means `--save ""`.
    private mutating func read(_ words: [String]) {
        var mayBegin = true
        for (i, word) in words.enumerated() {
            guard mayBegin && word.hasPrefix("--") else {
                append(ConfigurationText.quoted(word))
                mayBegin = true
                continue
            }
            let option = String(word.dropFirst(2))
            lines.append(option)
            // Name and value may come as one word, from a script that quotes both together.
            let isBare = !option.contains(" ")
            let next = i + 1 < words.count ? words[i + 1] : nil
            if isBare && option.lowercased() == "save" && (next == nil || next!.hasPrefix("--")) {
                append("\"\"")
                mayBegin = true
            } else {
                mayBegin = !isBare
            }
        }
    }

    private mutating func append(_ word: String) {
        if lines.isEmpty { lines.append(word) } else { lines[lines.count - 1] += " " + word }
    }
}
