import Base
import Causality

/// What the tree holds of a key besides its value: a record of its own, under the number `StoredKey.siblingsPiece`
/// (docs/storage-format.md). It was saved in the same instant as the key's head.
enum SavedSiblings {
    static let version: UInt8 = 1

    /// The version; the dictionary; what is stored, the payload of the version that the head has being empty.
    static func encode(_ stored: StoredSiblings<HeldVersion>, _ table: ActorTable, to output: inout ByteBuffer) {
        output.append(version)
        let dictionary = ActorDictionary(of: stored.actors, table)
        dictionary.encode(to: &output)
        stored.encode(to: &output, dictionary) { held, output in
            if case .bytes(let version) = held { version.encode(to: &output) }
        }
    }

    static func decode(
        _ bytes: ByteView, _ table: inout ActorTable
    ) throws(CausalityError) -> StoredSiblings<HeldVersion> {
        if bytes.count == 0 || bytes[0] != version { throw .version(bytes.count == 0 ? 0 : bytes[0]) }
        var reader = CausalReader(bytes.slice(1, bytes.count))
        let dictionary = try ActorDictionary(&reader, &table)
        let stored = try StoredSiblings<HeldVersion>(&reader, dictionary) { (bytes) throws(CausalityError) in
            bytes.count == 0 ? .inTable : .bytes(try KeyVersion(bytes))
        }
        if reader.rest != 0 { throw .corrupt }
        return stored
    }
}

extension Access {
    /// Puts what the tree has of a key besides its value beside it; the value, if it has one, is there. Answers false if
    /// the bytes are no such record, or do not fit the value.
    public func adoptSiblings(_ key: Key, _ record: ByteView) -> Bool {
        guard
            let stored = try? shared.pointee.actors.update({ (table) throws(CausalityError) in
                try SavedSiblings.decode(record, &table)
            })
        else { return false }
        let entry = tables.pointee.entries.find(key).map { Table.entry($0) }
        var inTable: [Dot] = []
        stored.forEachVersion { version in
            if case .inTable = version.payload { inTable.append(version.dot) }
        }
        if inTable != (entry.map { [$0.dot] } ?? []) || (entry == nil && stored.count > 0) { return false }
        partition.pointee.setSiblings(database, key.view, KeySiblings(stored: stored, isSaved: true))
        return true
    }
}
