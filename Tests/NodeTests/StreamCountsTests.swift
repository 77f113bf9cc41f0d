import Testing

/// A stream's counts as high as clients may set them: they wrap around, as Redis' do, and nothing trips over that.
@Suite struct StreamCountsTests {
    private func filled() throws -> DiskNode {
        let node = try DiskNode()
        #expect(node.run("XADD s 5-0 f v") == "$3\r\n5-0\r\n")
        #expect(node.run("XSETID s 5-0 ENTRIESADDED 9223372036854775807") == "+OK\r\n")
        #expect(node.run("XADD s 6-0 f v") == "$3\r\n6-0\r\n")
        #expect(node.run("XGROUP CREATE s g 0 ENTRIESREAD 9223372036854775807") == "+OK\r\n")
        return node
    }

    /// How the counts are logged.
    @Test func theyAreReplayed() throws {
        let node = try filled()
        #expect(node.run("XSETID s 6-0") == "+OK\r\n")
        #expect(node.run("XREADGROUP GROUP g c COUNT 1 STREAMS s >").contains("5-0"))
        let shown = node.run("XINFO STREAM s FULL")
        #expect(shown.contains("entries-added\r\n:-9223372036854775808\r\n"))
        #expect(shown.contains("entries-read\r\n:-9223372036854775808\r\n"))
        let expected = Contents(node.keyspace)
        let after = try node.crashed()
        #expect(Contents(after.keyspace) == expected)
    }

    /// How they are saved; and copied, by a payload in the log.
    @Test(arguments: ["", "XREADGROUP GROUP g c COUNT 1 STREAMS s >"]) func theyAreSaved(_ read: String) throws {
        let node = try filled()
        if read != "" { #expect(node.run(read).contains("5-0")) }
        #expect(node.run("SAVE") == "+OK\r\n")
        #expect(node.run("COPY s t") == ":1\r\n")
        let expected = Contents(node.keyspace)
        #expect(expected.keys.count == 2)
        let after = try node.crashed()
        #expect(Contents(after.keyspace) == expected)
    }
}
