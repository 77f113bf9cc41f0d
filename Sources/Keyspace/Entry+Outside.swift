import Base
import CSystem

/// What a value is called, and what of it lies outside its entry: freeing, copying, measuring.
extension Entry {
    /// OBJECT ENCODING's word for the value: that of the form Redis 7.0 would use.
    public var encodingName: StaticString {
        switch (type, encoding) {
        case (.string, .integer): "int"
        case (.string, .bytes): valueCount <= 44 ? "embstr" : "raw"
        case (.string, _): "raw"
        case (.list, _): "quicklist"
        case (.set, .integers), (.set, .integersBlock): "intset"
        case (.set, _): "hashtable"
        case (.sortedSet, .pieces): "skiplist"
        case (.sortedSet, _): "listpack"
        case (.hash, .pieces): "hashtable"
        case (.hash, _): "listpack"
        case (.stream, _): "stream"
        }
    }

    /// All memory of the key and its value, in bytes, as the allocator rounds it. Of a value in pieces so many
    /// are looked at, 0: all.
    public func memoryBytes(samples: Int = 0) -> Int {
        let own = cs_usable_size(base)
        switch encoding {
        case .integer, .bytes, .rawBytes, .packed, .integers: return own
        case .block, .packedBlock, .integersBlock: return own + cs_usable_size(block.bytes)
        case .pieces: return own + pieces.memoryBytes(head, samples: samples)
        }
    }

    /// Frees the entry and what its value points to.
    func destroy() {
        switch encoding {
        case .integer, .bytes, .rawBytes, .packed, .integers: break
        case .block, .packedBlock, .integersBlock: cs_release(block.bytes, block.capacity)
        case .pieces: pieces.free(head)
        }
        release()
    }

    /// Gives a byte-wise copy of an entry its own copy of what lies outside the block.
    func duplicateOutside() {
        switch encoding {
        case .integer, .bytes, .rawBytes, .packed, .integers: break
        case .block, .packedBlock, .integersBlock:
            let shared = block
            var own = StringBlock.make(capacity: sizeClass(max(1, shared.count)))
            memcpy(own.bytes, shared.bytes, shared.count)
            own.count = shared.count
            block = own
        case .pieces: head = pieces.copy(head)
        }
    }

    /// The change that makes a key hold what this entry holds.
    var wholeChange: Mutation.Change {
        switch encoding {
        case .integer: .putInteger(integer, deadline: deadline)
        case .bytes: .putString(stringBytes.unsafelyUnwrapped, deadline: deadline)
        case .rawBytes, .block: .putRawString(stringBytes.unsafelyUnwrapped, deadline: deadline)
        case .packed, .packedBlock, .integers, .integersBlock, .pieces: .putValue(self)
        }
    }
}
