import Base
import Causality
import Commands
import Keyspace

/// Keys on their way to another server (MIGRATE). Belongs to the loop of the client that waits for it.
final class Migration: @unchecked Sendable {
    /// A key that is sent.
    struct Parcel {
        var key: [UInt8]
        /// The version that was sent: only that one is removed here.
        var dot: Dot
    }

    let host: String
    let port: Int
    let database: Int
    let targetDatabase: Int64
    let timeoutMilliseconds: Int
    let copies: Bool
    /// The user, if one is given, and the password.
    let credentials: [[UInt8]]
    private(set) var replaces: Bool
    private(set) var parcels: [Parcel] = []
    /// Keys that changed while they were under way are sent again, a few times.
    private(set) var round = 0
    private var request = ByteBuffer()

    static let roundsMax = 16

    struct Terms {
        var host: String
        var port = 0
        var database: Int
        var targetDatabase: Int64 = 0
        var timeoutMilliseconds = 1000
        var copies = false
        var replaces = false
        var credentials: [[UInt8]] = []
    }

    init(_ terms: Terms) {
        host = terms.host
        port = terms.port
        database = terms.database
        targetDatabase = terms.targetDatabase
        timeoutMilliseconds = terms.timeoutMilliseconds
        copies = terms.copies
        credentials = terms.credentials
        replaces = terms.replaces
        greet()
    }

    /// Lines that come before those about keys.
    private var greetings: Int { credentials.isEmpty ? 1 : 2 }

    private func greet() {
        if !credentials.isEmpty { request.appendRequest([Array("AUTH".utf8)] + credentials) }
        request.appendRequest([Array("SELECT".utf8), Array("\(targetDatabase)".utf8)])
    }

    /// Adds a key to what will be sent. Its partition's lock is held.
    func add(_ key: Key, _ entry: Entry, now: Int64) {
        var payload = ByteBuffer()
        Payload.write(entry, to: &payload)
        let lifetime = entry.deadline.map { max(1, $0 - now) } ?? 0
        var words = [Array("RESTORE".utf8), key.view.bytes, Array("\(lifetime)".utf8), payload.view.bytes]
        if replaces { words.append(Array("REPLACE".utf8)) }
        request.appendRequest(words)
        parcels.append(Parcel(key: key.view.bytes, dot: entry.dot))
    }

    /// What is to be sent now.
    func takeRequest() -> PeerRequest {
        PeerRequest(
            host: host, port: port, timeoutMilliseconds: timeoutMilliseconds, bytes: request.view.bytes,
            replyLines: greetings + parcels.count)
    }

    /// The answers to a request: which parcels have arrived, and what is wrong, as an error for the client.
    func read(_ reply: PeerReply) -> (arrived: [Parcel], error: [UInt8]?) {
        if reply.failure == .connecting {
            return ([], Array("IOERR error or timeout connecting to the client".utf8))
        }
        let refusal = reply.lines.prefix(greetings).first { $0.first == UInt8(ascii: "-") }
        var error = refusal.map(Migration.complaint)
        var arrived: [Parcel] = []
        for (parcel, line) in zip(parcels, reply.lines.dropFirst(greetings)) where refusal == nil {
            if line.first != UInt8(ascii: "-") {
                arrived.append(parcel)
            } else if error == nil {
                error = Migration.complaint(line)
            }
        }
        if error == nil, let failure = reply.failure {
            let step = failure == .writing ? "writing" : "reading"
            error = Array("IOERR error or timeout \(step) to target instance".utf8)
        }
        return (arrived, error)
    }

    private static func complaint(_ line: [UInt8]) -> [UInt8] {
        Array("ERR Target instance replied with error: ".utf8) + line.dropFirst()
    }

    /// Begins another round, whose keys replace what was sent before. False if there were enough.
    func beginAnew() -> Bool {
        round += 1
        replaces = true
        parcels = []
        request.truncate(to: 0)
        greet()
        return round < Migration.roundsMax
    }
}

extension ByteBuffer {
    /// A request in RESP.
    fileprivate mutating func appendRequest(_ words: [[UInt8]]) {
        appendLine("*", words.count)
        for word in words {
            appendLine("$", word.count)
            word.withView { append($0) }
            append(ByteView("\r\n"))
        }
    }

    private mutating func appendLine(_ kind: StaticString, _ count: Int) {
        append(ByteView(kind))
        "\(count)\r\n".withView { append($0) }
    }
}
