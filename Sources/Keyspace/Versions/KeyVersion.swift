import Base
import CSystem
import Causality

/// One version of a key as bytes: what siblings are kept, logged and sent as (docs/storage-format.md).
public struct KeyVersion: Hashable, Sendable {
    public enum Form: UInt8, Sendable {
        /// Text, even if it spells an integer.
        case text = 0
        /// A string that was changed in place.
        case rawText = 1
        /// An integer's decimal digits.
        case integer = 2
        /// A payload's object (DUMP without version and checksum).
        case object = 3
    }

    public let form: Form
    public let bytes: [UInt8]
    /// ms since 1970; nil: never.
    public let deadline: Int64?

    public init(_ form: Form, _ bytes: [UInt8], deadline: Int64? = nil) {
        self.form = form
        self.bytes = bytes
        self.deadline = deadline
    }

    /// What SET makes of a text.
    public init(string: ByteView, deadline: Int64? = nil) {
        let isInteger = string.count <= 20 && string.integer != nil
        self.init(isInteger ? .integer : .text, string.bytes, deadline: deadline)
    }

    /// An entry's value, which is in memory.
    init(_ entry: Entry) {
        switch entry.encoding {
        case .integer: self.init(.integer, entry.withString { $0.bytes }, deadline: entry.deadline)
        case .bytes: self.init(.text, entry.withString { $0.bytes }, deadline: entry.deadline)
        case .rawBytes: self.init(.rawText, entry.withString { $0.bytes }, deadline: entry.deadline)
        case .block where entry.type == .string:
            self.init(.rawText, entry.withString { $0.bytes }, deadline: entry.deadline)
        default:
            var object = ByteBuffer()
            Payload.writeObject(entry, to: &object)
            self.init(.object, object.view.bytes, deadline: entry.deadline)
        }
    }

    /// Whether it is a string, and so what `bytes` are.
    public var isString: Bool { form != .object }

    /// Whether its deadline has passed at this time (ms since 1970).
    public func isExpired(_ now: Int64) -> Bool { deadline.map { now > $0 } ?? false }

    private static let hasDeadline: UInt8 = 0x80

    /// The form, and 0x80 if there is a deadline; the deadline, a signed varint of ms since 2020; the bytes.
    public func encode(to output: inout ByteBuffer) {
        output.append(form.rawValue | (deadline == nil ? 0 : KeyVersion.hasDeadline))
        if let deadline { output.append(signedVarint: deadline &- Limits.timestampEpoch) }
        bytes.withView { output.append($0) }
    }

    /// What `encode` wrote, and nothing behind it.
    public init(_ encoded: ByteView) throws(CausalityError) {
        guard encoded.count > 0, let form = Form(rawValue: encoded[0] & ~KeyVersion.hasDeadline) else { throw .corrupt }
        var at = 1
        var deadline: Int64?
        if encoded[0] & KeyVersion.hasDeadline != 0 {
            guard let distance = encoded.signedVarint(at: &at) else { throw .corrupt }
            deadline = distance &+ Limits.timestampEpoch
        }
        let bytes = encoded.slice(at, encoded.count)
        if form == .integer {
            // One form for the same value.
            guard bytes.count <= 20, bytes.integer != nil else { throw .corrupt }
        }
        self.init(form, bytes.bytes, deadline: deadline)
    }

    /// What a mutation says that makes this the key's value. `body` has it while it runs.
    func withChange<R, E: Error>(_ body: (Mutation.Change) throws(E) -> R) throws(E) -> R {
        try bytes.withView { (bytes) throws(E) in
            switch form {
            case .text: try body(.putString(bytes, deadline: deadline))
            case .rawText: try body(.putRawString(bytes, deadline: deadline))
            case .integer: try body(.putInteger(bytes.integer.unsafelyUnwrapped, deadline: deadline))
            case .object: try body(.putObject(bytes, deadline: deadline))
            }
        }
    }
}

extension Access {
    /// An entry in no table yet that holds the version. Throws if its object cannot be read.
    func makeDetached(_ key: Key, _ version: KeyVersion, _ dot: Dot, at timestamp: Int64) throws(PayloadError) -> Entry
    {
        let entry = try version.bytes.withView { (bytes) throws(PayloadError) -> Entry in
            switch version.form {
            case .text: return makeText(key, bytes, .bytes, deadline: version.deadline)
            case .rawText: return makeText(key, bytes, .rawBytes, deadline: version.deadline)
            case .integer:
                guard let value = bytes.integer else { throw .corrupt }
                let entry = makeDetached(key, .string, .integer, valueCount: 8, deadline: version.deadline)
                entry.integer = value
                return entry
            case .object: return try Payload.readObject(bytes, self, key, deadline: version.deadline)
            }
        }
        return stamped(entry, key, dot, Moment(wall: timestamp, stamp: moment.stamp))
    }
}

extension Mutation {
    /// Whether what it leaves depends on what the key was.
    public var dependsOnValue: Bool {
        switch change {
        case .splice, .deadline, .add, .raise, .list, .set, .sortedSet, .hash, .stream: true
        case .putString, .putRawString, .putInteger, .putObject, .putValue, .delete, .siblings, .clock, .actors, .flush,
            .swap, .libraries:
            false
        }
    }

    /// Whether it leaves the same of a key whatever that was before: `version`.
    public var isWhole: Bool {
        switch change {
        case .putString, .putRawString, .putInteger, .putObject, .delete: true
        default: false
        }
    }

    /// What it leaves, if it is whole and read from bytes; nil: nothing.
    var version: KeyVersion? {
        switch change {
        case .putString(let bytes, let deadline): KeyVersion(.text, bytes.bytes, deadline: deadline)
        case .putRawString(let bytes, let deadline): KeyVersion(.rawText, bytes.bytes, deadline: deadline)
        case .putInteger(let value, let deadline): KeyVersion(.integer, Array(String(value).utf8), deadline: deadline)
        case .putObject(let object, let deadline): KeyVersion(.object, object.bytes, deadline: deadline)
        default: nil
        }
    }
}
