import Testing

@testable import Keyspace

@Suite struct SharedLayoutTests {
    /// tools/thread-sanitizer.awk knows the block by its size.
    @Test func sizeIsWhatTheSanitizersFilterSays() { #expect(MemoryLayout<KeyspaceShared>.stride == 216) }
}
