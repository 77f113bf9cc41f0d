import Base
import Testing

@testable import Keyspace

/// DESIGN: flushing costs what changed. Of a hash and a set of a million elements, one change dirties one piece, or two
/// when a full one is split. (Lists, sorted sets and streams: `ListPieceTests`, `SortedSetModelTests`,
/// `StreamPieceTests`.)
@Suite struct MillionElementTests {
    private static let million = 1_000_000

    /// The pieces of a key's value that have changed since the last call, and how many there are.
    private func changed(_ access: Access, _ key: Key) -> (dirty: [PieceFigures], all: Int) {
        let entry = access.peek(key)!
        var (dirty, all): ([PieceFigures], Int) = ([], 0)
        entry.forEachPiece {
            all += 1
            if $0.isDirty { dirty.append($0) }
        }
        entry.pieces.clean(entry.head)
        return (dirty, all)
    }

    /// Makes a change and looks at what it has touched.
    private func expectOnePiece(_ access: Access, _ key: Key, _ what: String, _ change: () -> Void) {
        let before = changed(access, key).all
        let version = access.nextVersion(key)
        change()
        let (dirty, after) = changed(access, key)
        #expect(dirty.count == 1 + max(0, after - before), "\(what): \(before) pieces, then \(after)")
        #expect(dirty.allSatisfy { $0.version == version && $0.bytes <= 8192 }, "\(what)")
    }

    @Test func hash() {
        let test = TestKeyspace(databases: 1)
        test.with(Array("h".utf8)) { access, key in
            var hash = HashValue(access, key, nil)
            func set(_ field: String, _ value: String) {
                _ = Array(field.utf8).withView { field in
                    Array(value.utf8).withView { hash.set(field, $0) }
                }
            }
            for i in 0..<Self.million { set("field:\(i)", "value") }
            let (dirty, all) = changed(access, key)
            #expect(dirty.count == all && all > 5000 && Set(dirty.map(\.id)).count == all)
            #expect(dirty.reduce(0) { $0 + $1.elements } == Self.million)
            for i in 0..<30 {
                let field = "field:\(i * 33_333)"
                expectOnePiece(access, key, "HSET of the same length") { set(field, "VALUE") }
                expectOnePiece(access, key, "HSET of another length") { set(field, "a longer value") }
                expectOnePiece(access, key, "HSET of a long value") { set(field, String(repeating: "x", count: 2000)) }
                expectOnePiece(access, key, "HSET of a new field") { set("new:\(i)", "value") }
                expectOnePiece(access, key, "HDEL") { _ = Array(field.utf8).withView { hash.remove($0) } }
            }
        }
    }

    @Test func set() {
        let test = TestKeyspace(databases: 1)
        test.with(Array("s".utf8)) { access, key in
            var set = SetValue(access, key, nil)
            func add(_ member: String) { _ = Array(member.utf8).withView { set.add($0) } }
            for i in 0..<Self.million { add("member:\(i)") }
            let (dirty, all) = changed(access, key)
            #expect(dirty.count == all && all > 3000 && Set(dirty.map(\.id)).count == all)
            #expect(dirty.reduce(0) { $0 + $1.elements } == Self.million)
            var random = PRNG(seed: 5)
            for i in 0..<30 {
                expectOnePiece(access, key, "SADD") { add("new:\(i)") }
                expectOnePiece(access, key, "SREM") {
                    _ = Array("member:\(i * 33_333)".utf8).withView { set.remove($0) }
                }
                expectOnePiece(access, key, "SPOP") { set.pop(&random) { _ in } }
            }
        }
    }
}
