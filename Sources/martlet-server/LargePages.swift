import CSystem
import Glibc

/// Joins the heap's small pages to large ones, on a thread of its own, a few at a time.
///
/// A lookup reads two random cache lines; with 4 KB pages it also misses the TLB twice, which costs about as
/// much. Asking for large pages when memory is first touched would make a loop wait for two megabytes to be
/// cleared (milliseconds on a virtual machine); joining pages that are full already costs the loops at most
/// one such wait per pause. Nothing here forks with its memory shared, so large pages are not paid for later.
final class LargePages: @unchecked Sendable {
    /// Resident bytes below which it is not worth the trouble.
    private static let residentFrom = 48 << 20
    /// Microseconds between two joins, and between two looks at the heap.
    private static let pause: UInt32 = 10_000
    private static let period: UInt32 = 500_000

    /// Resident bytes at the last full walk: nothing new to join until they change.
    private var residentBefore = 0

    /// Starts the thread, which ends with the process.
    static func start() {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { raw in Unmanaged<LargePages>.fromOpaque(raw!).takeRetainedValue().run() },
            Unmanaged.passRetained(LargePages()).toOpaque())
        pthread_detach(thread)
    }

    private func run() -> Never {
        cs_name_thread("large-pages")
        while true {
            usleep(LargePages.period)
            let resident = Int(cs_resident_bytes())
            if resident < LargePages.residentFrom || abs(resident - residentBefore) < CS_LARGE_PAGE { continue }
            residentBefore = resident
            for region in anonymousRegions() { join(region) }
        }
    }

    /// Joins what is full in a region. Where the system will not, nothing is lost but speed.
    private func join(_ region: Region) {
        let size = UInt(CS_LARGE_PAGE)
        var at = (region.start + size - 1) & ~(size - 1)
        while at + size <= region.end {
            let begun = cs_monotonic_ns()
            _ = cs_join_pages(UnsafeMutableRawPointer(bitPattern: at))
            // What was joined earlier is only looked at, which takes no time.
            if cs_monotonic_ns() - begun > 100_000 { usleep(LargePages.pause) }
            at += size
        }
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
