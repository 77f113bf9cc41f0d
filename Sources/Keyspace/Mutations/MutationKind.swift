/// What an encoded mutation's first byte says (docs/storage-format.md). Numbers are for ever: a new kind takes a new
/// one, and one that is no longer written is still read.
enum MutationKind: UInt8 {
    case putString = 1
    case putRawString = 2
    case putInteger = 3
    case putObject = 4
    case delete = 5
    case deadline = 6
    case add = 7
    case splice = 8
    case raise = 9
    case flush = 10
    case swap = 11
    case libraries = 12
    case siblings = 13
    case clock = 14
    case actors = 15
    case listPush = 16
    case listPop = 17
    case listInsert = 18
    case listSet = 19
    case listRemove = 20
    case setAdd = 24
    case setRemove = 25
    case sortedSetPut = 26
    case sortedSetRemove = 27
    case hashSet = 28
    case hashRemove = 29
    case streamAdd = 32
    case streamDelete = 33
    case streamTrim = 34
    case streamSetID = 35
    case streamCreateGroup = 36
    case streamSetGroup = 37
    case streamDestroyGroup = 38
    case streamCreateConsumer = 39
    case streamDeleteConsumer = 40
    case streamDeliver = 41
    case streamClaim = 42
    case streamAcknowledge = 43

    /// The change is about no key: the head has a slot (0 if it is about none either).
    var isOfSlot: Bool {
        switch self {
        case .flush, .swap, .libraries, .clock, .actors: true
        default: false
        }
    }

    /// A deadline follows the head.
    static let hasDeadline: UInt8 = 0x80
    /// A database's number, which is not 0, follows the kind.
    static let hasDatabase: UInt8 = 0x40
    static let mask: UInt8 = 0x3f
}
