/// The kinds of clients that `client-output-buffer-limit` tells apart.
public enum ClientClass: Int, CaseIterable, Sendable {
    case normal, replica, pubsub

    /// The name CONFIG GET shows.
    var word: String {
        switch self {
        case .normal: "normal"
        case .replica: "slave"
        case .pubsub: "pubsub"
        }
    }

    init?(word: String) {
        switch word.lowercased() {
        case "normal": self = .normal
        case "slave", "replica": self = .replica
        case "pubsub": self = .pubsub
        default: return nil
        }
    }
}

/// How much unsent output a client may pile up: bytes at once, or bytes for so many seconds. 0: any.
public struct OutputLimit: Sendable, Equatable {
    /// Bytes at which the client is cut off at once.
    public var hard: Int
    /// Bytes past which it may not be for longer than `softSeconds`.
    public var soft: Int
    public var softSeconds: Int

    public init(hard: Int, soft: Int, softSeconds: Int) {
        self.hard = hard
        self.soft = soft
        self.softSeconds = softSeconds
    }
}

/// The limits of every class of clients.
public struct OutputLimits: Sendable, Equatable {
    private var normal = OutputLimit(hard: 0, soft: 0, softSeconds: 0)
    private var replica = OutputLimit(hard: 256 << 20, soft: 64 << 20, softSeconds: 60)
    private var pubsub = OutputLimit(hard: 32 << 20, soft: 8 << 20, softSeconds: 60)

    static let initial = OutputLimits()

    private init() {}

    /// From a text made by `text`.
    init(text: String) {
        let words = text.split(separator: " ").map(String.init)
        do { try change(words) } catch { preconditionFailure("not a normal form: \(text)") }
    }

    public subscript(_ kind: ClientClass) -> OutputLimit {
        get {
            switch kind {
            case .normal: normal
            case .replica: replica
            case .pubsub: pubsub
            }
        }
        set {
            switch kind {
            case .normal: normal = newValue
            case .replica: replica = newValue
            case .pubsub: pubsub = newValue
            }
        }
    }

    /// Takes over groups of class, hard limit, soft limit and seconds; all or nothing.
    mutating func change(_ words: [String]) throws(Refusal) {
        guard words.count % 4 == 0 else {
            throw Refusal(text: "Wrong number of arguments in buffer limit configuration.")
        }
        var changed = self
        for at in stride(from: 0, to: words.count, by: 4) {
            guard let kind = ClientClass(word: words[at]) else {
                throw Refusal(text: "Invalid client class specified in buffer limit configuration.")
            }
            guard let hard = Units.memory(words[at + 1]), let soft = Units.memory(words[at + 2]),
                let seconds = Units.lenientInteger(words[at + 3]), seconds >= 0 && seconds <= Int64(Int32.max)
            else {
                throw Refusal(text: "Error in hard, soft or soft_seconds setting in buffer limit configuration.")
            }
            changed[kind] = OutputLimit(
                hard: Int(clamping: hard), soft: Int(clamping: soft), softSeconds: Int(seconds))
        }
        self = changed
    }

    /// As CONFIG GET shows them.
    var text: String {
        let groups = ClientClass.allCases.map { kind in
            "\(kind.word) \(self[kind].hard) \(self[kind].soft) \(self[kind].softSeconds)"
        }
        return groups.joined(separator: " ")
    }
}
