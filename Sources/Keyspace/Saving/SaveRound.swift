import CSystem

/// Which round of saving an entry went to the tree with: 1 to 3 in turn, 0 for what the tree has had since the start.
/// While a round is under way its records are in no table that counts, so values that went with it stay in memory
/// (as do those of three rounds before, which look the same).
struct SaveRound: Equatable {
    let number: UInt32

    static let none = SaveRound(number: 0)

    /// As it is in an entry's first word.
    var bits: UInt64 { UInt64(number) << Entry.Bit.roundShift }
}

extension KeyspaceShared {
    /// The round that is under way; `.none`: no round is.
    var openRound: SaveRound {
        mutating get { SaveRound(number: cs_load_u32(&roundWord)) }
    }
}

extension Keyspace {
    /// A round of saving begins: before its first cut. `number` counts rounds. One at a time.
    public func beginRound(_ number: UInt64) {
        cs_store_u32(&shared.pointee.roundWord, UInt32(number % 3) + 1)
    }

    /// The tree has all of the round, or what it took has been given back.
    public func endRound() { cs_store_u32(&shared.pointee.roundWord, 0) }
}
