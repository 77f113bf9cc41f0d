import Base

/// A merge that has begun, on its way from slice to slice: whoever has time does the next one, so a thread that does not
/// get the processor holds up others for one slice only. Under the tree's `compacting` lock.
final class CompactionStep {
    let pick: CompactionPick
    let output: TableOutput
    /// Has the tables' files stay.
    let version: Version
    private var merge: TableMerge

    init(_ pick: CompactionPick, _ version: Version, _ merge: consuming TableMerge, _ output: TableOutput) {
        self.pick = pick
        self.version = version
        self.merge = merge
        self.output = output
    }

    /// Merges about so many bytes more. True if that was all.
    func advance(bytes: Int, _ isDroppable: (ByteView, ByteView) -> Bool) throws(TreeError) -> Bool {
        try merge.run(bytes: bytes, isDroppable)
    }
}
