/// Bytes that are none of this module's, or no room for what they say.
public enum CausalityError: Error, Equatable {
    /// Cut off, of another kind, or with numbers that cannot be.
    case corrupt
    /// The checksum is wrong.
    case checksum
    /// Of a version that this one does not know.
    case version(UInt8)
    /// The table of actors is full.
    case tooManyActors
}
