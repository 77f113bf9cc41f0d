import Base
import CSystem
import Testing

@testable import Keyspace

/// Sets in all their forms: members found across forms, conversions, bytes of sets of integers.
@Suite struct SetFormTests {
    private func make(_ test: TestKeyspace, _ key: String, _ members: [String]) {
        test.with([UInt8](key.utf8)) { access, key in
            var set = SetValue(access, key, access.find(key))
            for member in members { _ = member.withView { set.add($0) } }
        }
    }

    private func entry<R>(_ test: TestKeyspace, _ key: String, _ body: (Entry) -> R) -> R {
        test.with([UInt8](key.utf8)) { access, key in body(access.peek(key)!) }
    }

    private func limits(_ test: TestKeyspace, integers: Int, entries: Int, value: Int = 64) {
        test.keyspace.shared.pointee.packing[.setIntegers] = integers
        test.keyspace.shared.pointee.packing[.setEntries] = entries
        test.keyspace.shared.pointee.packing[.setValue] = value
    }

    @Test func membersOfOneFormAreFoundInOthers() {
        let test = TestKeyspace()
        let words = ["", "0", "7", "-7", "07", "70000", "-9223372036854775808", "9223372036854775808", "x", "7 "]
        make(test, "integers", ["7", "-7", "70000", "-9223372036854775808"])
        make(test, "packed", ["", "7", "x"])
        limits(test, integers: 0, entries: 0)
        make(test, "pieces", ["", "7", "70000", "07"])
        let forms: [(String, Encoding, Set<String>)] = [
            ("integers", .integers, ["7", "-7", "70000", "-9223372036854775808"]), ("packed", .packed, ["", "7", "x"]),
            ("pieces", .pieces, ["", "7", "70000", "07"]),
        ]
        for (key, encoding, members) in forms {
            entry(test, key) { set in
                #expect(set.encoding == encoding && set.memberCount == members.count)
                for word in words {
                    #expect(word.withView { set.hasMember($0) } == members.contains(word), "\(word) in \(key)")
                    let element = word.withView { Listpack.NewElement($0).integer }
                    guard word.withView({ $0.integer }) != nil else { continue }
                    #expect(
                        set.hasMember(Listpack.Element(integer: element)) == members.contains(word), "\(word) in \(key)"
                    )
                }
            }
        }
    }

    /// The bytes that DUMP holds (Redis' intset.c: width, length, integers, little endian).
    @Test func integersLieAsInRedis() {
        let test = TestKeyspace()
        make(test, "s", ["5", "-1"])
        func bytes() -> [UInt8] { entry(test, "s") { ByteView($0.contents, $0.integers.byteCount).bytes } }
        #expect(bytes() == [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0])
        make(test, "s", ["32768"])
        #expect(bytes() == [4, 0, 0, 0, 3, 0, 0, 0, 255, 255, 255, 255, 5, 0, 0, 0, 0, 128, 0, 0])
        make(test, "s", ["-2147483649"])
        #expect(bytes().prefix(8) == [8, 0, 0, 0, 4, 0, 0, 0])
        #expect(entry(test, "s") { set in (0..<4).map { set.integers[$0] } } == [-2_147_483_649, -1, 5, 32768])
        #expect(bytes().withView { IntegerSet.isValid($0) })
    }

    @Test func foreignIntegersAreChecked() {
        let good: [UInt8] = [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0]
        func isValid(_ change: (inout [UInt8]) -> Void) -> Bool {
            var bytes = good
            change(&bytes)
            return bytes.withView { IntegerSet.isValid($0) }
        }
        #expect(isValid { _ in })
        #expect(!isValid { $0.removeLast() })
        #expect(!isValid { $0.append(0) })
        #expect(!isValid { $0[0] = 3 })
        #expect(!isValid { $0[0] = 4 })
        #expect(!isValid { $0[7] = 128 })
        #expect(
            !isValid {
                $0[10] = 0xff; $0[11] = 0xff
            })
        #expect(
            !isValid {
                $0[10] = 0xfe; $0[11] = 0xff
            })
        #expect(!isValid { $0 = [2, 0, 0, 0, 0, 0, 0, 0] })
        #expect(!isValid { $0 = [2, 0, 0] })
    }

    /// From integers to a listpack to pieces, each when its limit is passed, and never back.
    @Test func formsFollowTheLimits() {
        let test = TestKeyspace()
        limits(test, integers: 3, entries: 4, value: 6)
        func form(_ key: String) -> Encoding { entry(test, key) { $0.encoding } }
        make(test, "a", ["1", "2", "3"])
        #expect(form("a") == .integers)
        make(test, "a", ["4"])
        #expect(form("a") == .packed)
        make(test, "a", ["x"])
        #expect(form("a") == .pieces)
        make(test, "b", ["1", "x"])
        #expect(form("b") == .packed)
        make(test, "b", ["1234567"])
        #expect(form("b") == .pieces)
        make(test, "c", ["1234567", "x"])
        #expect(form("c") == .pieces, "an integer longer than a packed value may be")
        test.with(Array("a".utf8)) { access, key in
            var set = SetValue(access, key, access.find(key))
            for member in ["4", "x", "2"] { #expect(member.withView { set.remove($0) }) }
        }
        #expect(form("a") == .pieces && entry(test, "a") { $0.memberCount } == 2)
    }

    @Test func longSetsOfIntegersMoveOutOfTheirEntry() {
        let test = TestKeyspace()
        let numbers = (0..<500).map { "\($0 * 7919 % 500 - 250)" }
        make(test, "s", numbers)
        entry(test, "s") { set in
            #expect(set.encoding == .integersBlock && set.integers.count == 500)
            #expect((0..<500).map { set.integers[$0] } == (-250..<250).map { Int64($0) })
        }
        make(test, "s", ["x"])
        entry(test, "s") { set in
            #expect(set.encoding == .pieces && set.memberCount == 501)
            for number in numbers { #expect(number.withView { set.hasMember($0) }) }
        }
        #expect(test.brokenInvariant() == nil)
    }

    /// Every member is popped once, whatever the form; then the key is gone.
    @Test(arguments: [(512, 128), (0, 128), (0, 0)])
    func poppingEmptiesASet(integers: Int, entries: Int) {
        let test = TestKeyspace()
        limits(test, integers: integers, entries: entries)
        let members = Set((0..<100).map { "\($0)" })
        make(test, "s", Array(members))
        var random = PRNG(seed: 4)
        var popped: [String] = []
        test.with(Array("s".utf8)) { access, key in
            var set = SetValue(access, key, access.find(key))
            while set.slot != nil { set.pop(&random) { popped.append($0.text) } }
            #expect(access.find(key) == nil)
        }
        #expect(popped.count == 100 && Set(popped) == members)
        #expect(popped.sorted() != popped)
    }
}
