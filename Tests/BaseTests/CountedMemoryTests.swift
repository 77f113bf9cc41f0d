import CSystem
import Glibc
import Testing

/// What threads allocate, counted thread by thread. Others of the test run may be counted, too, and change it by a
/// little, so these tests look at many megabytes.
@Suite(.serialized)
struct CountedMemoryTests {
    private static let much = 256 << 20
    private static let little = Int64(64 << 20)

    private static func isNear(_ bytes: Int64, _ expected: Int) -> Bool { abs(bytes - Int64(expected)) < little }

    @Test func whatAThreadAllocatesCountsUntilItIsFreed() throws {
        cs_count_thread_memory()
        let before = cs_counted_memory()
        let block = try #require(cs_allocate(CountedMemoryTests.much))
        #expect(CountedMemoryTests.isNear(cs_counted_memory() - before, CountedMemoryTests.much))
        cs_release(block, CountedMemoryTests.much)
        #expect(CountedMemoryTests.isNear(cs_counted_memory() - before, 0))
    }

    /// What a thread leaves behind is counted after its end, and others may free it.
    @Test func whatAThreadLeavesCounts() throws {
        cs_count_thread_memory()
        let before = cs_counted_memory()
        var thread = pthread_t()
        // Memory from before it was counted does not count.
        #expect(
            pthread_create(
                &thread, nil,
                { _ in
                    let early = cs_allocate(CountedMemoryTests.much)
                    cs_begin_thread("counted")
                    let left = cs_allocate(CountedMemoryTests.much)
                    cs_release(cs_allocate(CountedMemoryTests.much), CountedMemoryTests.much)
                    cs_count_thread_memory()
                    let both = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: 2)
                    (both[0], both[1]) = (early, left)
                    return UnsafeMutableRawPointer(both)
                }, nil) == 0)
        var result: UnsafeMutableRawPointer?
        #expect(pthread_join(thread, &result) == 0)
        let both = try #require(result).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
        #expect(CountedMemoryTests.isNear(cs_counted_memory() - before, CountedMemoryTests.much))
        cs_release(both[1], CountedMemoryTests.much)
        #expect(CountedMemoryTests.isNear(cs_counted_memory() - before, 0))
        cs_release(both[0], CountedMemoryTests.much)
        both.deallocate()
    }
}
