import Base

/// What a step of scrubbing found.
public struct ScrubReport: Sendable {
    public struct Damage: Sendable {
        public var table: UInt64
        public var error: TableError
    }

    public var tables = 0
    public var bytes: Int64 = 0
    /// The disk refused, or the table is damaged.
    public var damage: [Damage] = []
    /// All tables there were have been read: it begins again.
    public var isRoundDone = false
}

/// Where scrubbing is.
struct Scrubbing {
    /// The last table that was read; the next one is the one with the next number.
    var last: UInt64 = 0
    /// Bytes that were allowed and not used.
    var allowance: Int64 = 0
}

extension Tree {
    /// Reads and verifies tables, in the order of their numbers, round and round, on average so many bytes a call (a
    /// table is read as a whole, once as many bytes have come together). One thread at a time.
    public func scrub(bytes: Int) -> ScrubReport {
        var report = ScrubReport()
        let tables = current.tables.sorted { $0.number < $1.number }
        if tables.isEmpty {
            report.isRoundDone = true
            return report
        }
        scrubbing.allowance += Int64(bytes)
        // No more than once around.
        for _ in tables.indices {
            let next = tables.first { $0.number > scrubbing.last } ?? tables[0]
            let size = next.table.properties.fileBytes
            if scrubbing.allowance < size { return report }
            scrubbing.allowance -= size
            scrubbing.last = next.number
            verify(next, &report)
            if next.number != tables[tables.count - 1].number { continue }
            report.isRoundDone = true
            break
        }
        scrubbing.allowance = 0
        return report
    }

    private func verify(_ handle: TableHandle, _ report: inout ScrubReport) {
        report.tables += 1
        report.bytes += handle.table.properties.fileBytes
        do throws(TableError) {
            try handle.table.verify()
        } catch {
            if case .disk = error {} else { note(damaged: handle.number) }
            report.damage.append(ScrubReport.Damage(table: handle.number, error: error))
        }
    }
}
