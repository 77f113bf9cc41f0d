import Base

/// One function of a library, as it registered itself.
public struct FunctionDescription: Sendable {
    public let name: [UInt8]
    public let description: [UInt8]?
    public let flags: ScriptFlags

    public init(name: [UInt8], description: [UInt8]?, flags: ScriptFlags) {
        self.name = name
        self.description = description
        self.flags = flags
    }

    /// What names are compared by: functions are found in any case.
    public static func key(_ name: some Sequence<UInt8>) -> [UInt8] { name.map { ByteView.lowercased($0) } }
}

/// A library of functions (FUNCTION LOAD): its source, and what it registered when it was loaded.
public final class Library: Sendable {
    public let name: [UInt8]
    public let source: [UInt8]
    /// The first line that Lua does not see.
    public let shebangLength: Int
    public let functions: [FunctionDescription]
    /// Unlike any other library's, before or after.
    public let id: UInt64

    public init(_ header: LibraryHeader, source: [UInt8], functions: [FunctionDescription], id: UInt64) {
        name = header.name
        shebangLength = header.length
        self.source = source
        self.functions = functions
        self.id = id
    }

    /// Whether a library or function may be called so.
    public static func isName(_ name: ByteView) -> Bool {
        if name.isEmpty { return false }
        for i in 0..<name.count {
            let byte = name[i]
            let isLetter = ByteView.lowercased(byte) &- 97 < 26
            if !isLetter && byte &- 48 >= 10 && byte != 95 { return false }
        }
        return true
    }
}

/// What a library's first line says: "#!lua name=mylib".
public struct LibraryHeader {
    public let name: [UInt8]
    /// Bytes up to (not including) the line's end.
    public let length: Int

    /// Throws the error reply.
    public init(_ source: ByteView) throws(Shebang.Refusal) {
        guard source.count >= 2, source[0] == UInt8(ascii: "#"), source[1] == UInt8(ascii: "!") else {
            throw Shebang.Refusal(text: "ERR Missing library metadata")
        }
        guard let end = (0..<source.count).first(where: { source[$0] == 10 }) else {
            throw Shebang.Refusal(text: "ERR Invalid library metadata")
        }
        let words = Shebang.split(source.slice(0, end))
        var name: String?
        for word in words.dropFirst() {
            guard word.lowercased().hasPrefix("name=") else {
                throw Shebang.Refusal(text: "ERR Invalid metadata value given: \(word)")
            }
            if name != nil {
                throw Shebang.Refusal(
                    text: "ERR Invalid metadata value, name argument was given multiple times")
            }
            name = String(word.dropFirst(5))
        }
        guard let name else { throw Shebang.Refusal(text: "ERR Library name was not given") }
        guard name.withView({ Library.isName($0) }) else {
            throw Shebang.Refusal(text: "ERR \(LibraryStore.nameRule)")
        }
        let engine = words[0].dropFirst(2)
        guard engine.lowercased() == "lua" else { throw Shebang.Refusal(text: "ERR Engine '\(engine)' not found") }
        self.name = Array(name.utf8)
        length = end
    }
}
