import CSystem
import Glibc
import Node

/// Joins the heap's small pages to large ones, on a thread of its own, a few at a time.
///
/// A lookup reads two random cache lines; with 4 KB pages it also misses the TLB twice, which costs about as
/// much. Asking for large pages when memory is first touched would make a loop wait for two megabytes to be
/// cleared (milliseconds on a virtual machine). Joining pages later does that work here; but while it lasts, a
/// loop that needs new memory waits for the kernel's lock on the address space. So pages are joined only while
/// the heap neither grows nor shrinks, and no copy of the process shares it (BGSAVE; the first write to a large
/// page that is shared takes it apart, since Linux 5.8).
final class LargePages: @unchecked Sendable {
    /// Resident bytes below which it is not worth the trouble.
    private static let residentFrom = 48 << 20
    /// Microseconds between two joins, and between two looks at the heap.
    private static let pause: UInt32 = 50_000
    private static let period: UInt32 = 500_000
    /// Looks in a row that must have found the heap at rest.
    private static let restsWanted = 4

    /// Resident bytes at the last full walk: nothing new to join until they change.
    private var residentWalked = 0
    private var rests = 0
    /// Resident bytes at the last look.
    private var residentSeen = 0

    /// Starts the thread, which ends with the process.
    static func start() {
        let pages = LargePages()
        BackgroundThread.startIfPossible("large-pages", .low) { pages.run() }
    }

    private func run() -> Never {
        while true {
            usleep(LargePages.period)
            rests = isAtRest() ? rests + 1 : 0
            guard rests >= LargePages.restsWanted, residentSeen >= LargePages.residentFrom,
                abs(residentSeen - residentWalked) >= CS_LARGE_PAGE
            else { continue }
            if anonymousRegions().allSatisfy(join) { residentWalked = residentSeen }
        }
    }

    /// Whether the heap has kept its size since the last look.
    private func isAtRest() -> Bool {
        let before = residentSeen
        residentSeen = Int(cs_resident_bytes())
        return abs(residentSeen - before) < CS_LARGE_PAGE && !ChildProcess.isRunning
    }

    /// Joins what is full in a region. Where the system will not, nothing is lost but speed. Answers false when
    /// the heap began to change meanwhile.
    private func join(_ region: Region) -> Bool {
        let size = UInt(CS_LARGE_PAGE)
        var at = (region.start + size - 1) & ~(size - 1)
        while at + size <= region.end {
            let begun = cs_monotonic_ns()
            _ = cs_join_pages(UnsafeMutableRawPointer(bitPattern: at))
            // What was joined earlier is only looked at, which takes no time.
            if cs_monotonic_ns() - begun > 100_000 {
                usleep(LargePages.pause)
                if !isAtRest() { return false }
            }
            at += size
        }
        return true
    }

    private struct Region {
        var start: UInt
        var end: UInt
    }

    /// The process' private writable memory without a file behind it, from /proc/self/maps.
    private func anonymousRegions() -> [Region] {
        guard let file = fopen("/proc/self/maps", "re") else { return [] }
        defer { fclose(file) }
        var regions: [Region] = []
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, 512, file) != nil {
            let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                .split(whereSeparator: { $0 == " " || $0 == "\n" })
            guard words.count == 5, words[1] == "rw-p" else { continue }
            let bounds = words[0].split(separator: "-")
            guard bounds.count == 2, let start = UInt(bounds[0], radix: 16), let end = UInt(bounds[1], radix: 16)
            else { continue }
            if end - start >= UInt(CS_LARGE_PAGE) { regions.append(Region(start: start, end: end)) }
        }
        return regions
    }
}
