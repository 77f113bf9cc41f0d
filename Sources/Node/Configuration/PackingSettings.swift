import Keyspace

extension PackingLimits {
    /// Takes over the configured limits. Every loop does so when settings change; the words are shared.
    func adopt(_ settings: Settings) {
        self[.hashEntries] = settings.hashMaxListpackEntries
        self[.hashValue] = settings.hashMaxListpackValue
        self[.setIntegers] = settings.setMaxIntsetEntries
        self[.sortedSetEntries] = settings.zsetMaxListpackEntries
        self[.sortedSetValue] = settings.zsetMaxListpackValue
        self[.listSize] = settings.listMaxListpackSize
        self[.streamNodeBytes] = settings.streamNodeMaxBytes
        self[.streamNodeEntries] = settings.streamNodeMaxEntries
        self[.sparseBytes] = settings.hllSparseMaxBytes
    }
}
