import Base
import Keyspace
import RESP

/// The options of VGET, VSET and VDEL, in any order, each once.
struct VersionOptions {
    /// The word with the context.
    var context: Int?
    /// The word with the number of replicas.
    var replicas: Int?
    var keepsDeadline = false
    var unit: ExpireUnit?
    /// The word with the time.
    var time = 0

    /// What a command takes.
    enum Kind {
        case get, set, delete
    }

    /// Takes the option at `word`. Answers the words taken, 0: a syntax error.
    fileprivate mutating func take(_ call: Call, _ word: Int, _ kind: Kind) -> Int {
        let option = call[word]
        let hasNext = word + 1 < call.count
        if option.isWord(kind == .get ? "r" : "w"), hasNext, replicas == nil {
            replicas = word + 1
            return 2
        }
        if kind == .get { return 0 }
        if option.isWord("context"), hasNext, context == nil {
            context = word + 1
            return 2
        }
        if kind == .delete || unit != nil || keepsDeadline { return 0 }
        if option.isWord("keepttl") {
            keepsDeadline = true
            return 1
        }
        guard let named = ExpireUnit(option), hasNext else { return 0 }
        unit = named
        time = word + 1
        return 2
    }
}

extension Call {
    /// The options from `first` on; replies and answers nil when they make no sense, or cannot be met.
    func versionOptions(from first: Int, _ kind: VersionOptions.Kind) -> VersionOptions? {
        var options = VersionOptions()
        var word = first
        while word < count {
            let taken = options.take(self, word, kind)
            if taken == 0 {
                fail(ErrorText.syntax)
                return nil
            }
            word += taken
        }
        if let word = options.replicas, !canBeMet(word, isWrite: kind != .get) { return nil }
        return options
    }

    /// Outside a cluster there is one replica: this node. Replies if more are wanted than there are; whether so many
    /// answer is the cluster's.
    private func canBeMet(_ word: Int, isWrite: Bool) -> Bool {
        let wanted = self[word]
        if wanted.isWord("one") || wanted.isWord("quorum") || wanted.isWord("all") || (isWrite && wanted.isWord("any"))
        {
            return true
        }
        guard let number = wanted.integer, number >= 1 else {
            fail(
                isWrite
                    ? "ERR W must be a number from 1 on, ONE, QUORUM, ALL or ANY"
                    : "ERR R must be a number from 1 on, ONE, QUORUM or ALL")
            return false
        }
        if number <= Int64(keyspace.shared.pointee.replicas) { return true }
        fail(isWrite ? "ERR W is more than there are replicas" : "ERR R is more than there are replicas")
        return false
    }
}
