import Base

extension Tree {
    /// How a tree is built.
    public struct Options: Sendable {
        /// For blocks that were read.
        public var cacheBytes = 64 << 20
        /// About how long tables are.
        public var tableBytes: Int64 = 32 << 20
        /// So many runs in level 0, and it is compacted. Runs of a hundredth of all data, merged ten at a time, cost less
        /// than half of what four at a time do; longer runs fill level 0 before they are so many.
        public var level0Runs = 10
        /// How many times as long a level is as the one before it, at most. With 8 what may be superseded stays below
        /// 1.3 times what there is.
        public var levelRatio = 8
        /// No longer is the first level that runs go to; nor level 0.
        public var baseBytes: Int64 = 256 << 20
        public var blockBytes = 4096
        public var filterBitsPerKey = 10
        /// Of level 0; of those between; and of the last one, where nearly all is. What level 0 has does not live long, but
        /// is written all the same, and is merged the less often the shorter it is.
        public var newest = Compression.lz4
        public var middle = Compression.lz4
        public var last = Compression.zstd

        public init() {}

        /// The same compression for all levels.
        public mutating func compressAll(_ compression: Compression) {
            (newest, middle, last) = (compression, compression, compression)
        }

        func compression(of level: Int) -> Compression {
            level == 0 ? newest : level < ManifestEdit.lastLevel ? middle : last
        }
    }
}
