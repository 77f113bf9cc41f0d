import Base
import CSystem
import Causality
import Testing

@testable import Keyspace

@Suite struct AccessTests {
    private func entry(_ test: TestKeyspace, _ key: String, _ body: (Entry) -> Void) {
        test.with([UInt8](key.utf8)) { access, key in
            guard let entry = access.peek(key) else {
                Issue.record("the key is gone")
                return
            }
            body(entry)
        }
    }

    /// Values of all lengths around the limits of header, size class and block, put over each other.
    @Test func valuesAcrossLimits() {
        let test = TestKeyspace()
        let lengths = [0, 1, 20, 21, 44, 45, 1000, 1023, 1024, 1025, 2047, 2048, 2049, 5000, 100, 2048, 3]
        for first in lengths {
            for second in lengths {
                test.put("k", [UInt8](repeating: 0x61, count: first))
                test.put("k", [UInt8](repeating: 0x62, count: second))
                entry(test, "k") { entry in
                    #expect(entry.withString { $0.bytes } == [UInt8](repeating: 0x62, count: second))
                    #expect((entry.encoding == .block) == (second > 2048))
                    #expect("\(entry.encodingName)" == (second <= 44 ? "embstr" : "raw"))
                }
            }
        }
        #expect(test.count() == 1)
        #expect(test.brokenInvariant() == nil)
    }

    @Test(arguments: [1, 254, 255, 256, 257, 70_000])
    func longKeys(length: Int) {
        let test = TestKeyspace()
        let key = String(repeating: "k", count: length)
        test.put(key, "first", deadline: .set(testNow + 5))
        test.put(key, "second", deadline: .keep)
        #expect(test.value(key) == "second")
        #expect(test.value(key + "k") == nil)
        #expect(test.value(String(key.dropLast())) == nil)
        entry(test, key) { entry in
            #expect(entry.isWide == (length > 255))
            #expect(entry.deadline == testNow + 5)
        }
        test.remove(key)
        #expect(test.count() == 0)
        #expect(test.brokenInvariant() == nil)
    }

    @Test(arguments: [0, 9, 3000])
    func deadlineComesAndGoes(length: Int) {
        let test = TestKeyspace()
        let value = [UInt8](repeating: 0x78, count: length)
        test.put("k", value)
        for deadline in [nil, testNow + 10, testNow + 20, nil, testNow + 5, nil] {
            test.with([UInt8]("k".utf8)) { access, key in access.setDeadline(access.find(key)!, key, deadline) }
            entry(test, "k") { entry in
                #expect(entry.deadline == deadline)
                #expect(entry.withString { $0.bytes } == value)
            }
            #expect(test.expiringCount() == (deadline == nil ? 0 : 1))
            #expect(test.brokenInvariant() == nil)
        }
    }

    @Test func puttingClearsKeepsOrSetsTheDeadline() {
        let test = TestKeyspace()
        test.put("k", "1", deadline: .set(testNow + 10))
        test.put("k", "text", deadline: .keep)
        entry(test, "k") { #expect($0.deadline == testNow + 10) }
        test.put("k", "other", deadline: .set(testNow + 3))
        entry(test, "k") { #expect($0.deadline == testNow + 3) }
        test.put("k", "other")
        entry(test, "k") { #expect($0.deadline == nil) }
        test.put("fresh", "x", deadline: .keep)
        entry(test, "fresh") { #expect($0.deadline == nil) }
        #expect(test.expiringCount() == 0)
    }

    @Test func expiryIsAfterTheDeadlineAndRemoves() {
        let sink = RecordingSink()
        let test = TestKeyspace(sink: sink)
        test.put("k", "v", deadline: .set(testNow + 10))
        test.now = testNow + 10
        #expect(test.value("k") == "v")
        test.now = testNow + 11
        #expect(test.value("k") == nil)
        #expect(test.count() == 0)
        #expect(test.slot(of: "k").keys == 0)
        #expect(test.slot(of: "k").writes == 2)
        #expect(sink.mutations.map(\.dot.counter) == [1, 2])
    }

    @Test func suspendedExpiryHidesOnly() {
        let test = TestKeyspace()
        test.put("k", "v", deadline: .set(testNow + 10))
        test.now = testNow + 11
        test.keyspace.shared.pointee.keepsExpired = 1
        #expect(test.value("k") == nil)
        #expect(test.count() == 1)
        test.keyspace.shared.pointee.keepsExpired = 0
        #expect(test.value("k") == nil)
        #expect(test.count() == 0)
    }

    /// A pause may begin, by another loop, while a batch of writes runs: what they replace is hidden.
    @Test func aHiddenKeyIsReplaced() {
        let test = TestKeyspace()
        test.put("k", "old", deadline: .set(testNow + 10))
        test.put("l", "old", deadline: .set(testNow + 10))
        test.now = testNow + 11
        test.keyspace.shared.pointee.keepsExpired = 1
        test.put("k", "new")
        test.with(Array("l".utf8)) { access, key in
            let slot = access.find(key)
            #expect(slot == nil)
            #expect([UInt8](arrayLiteral: 1, 2).withView { access.splice(key, slot, offset: 1, $0) } == 3)
        }
        #expect(test.value("k") == "new")
        #expect(test.value("l") == "\0\u{1}\u{2}")
        #expect(test.count() == 2)
        #expect(test.expiringCount() == 0)
        #expect(test.slot(of: "k").keys == 1)
        #expect(test.keyspace.slotCountersAreRight)
    }

    /// A slot's counter outgrows the narrow header in the middle of a key's life.
    @Test(arguments: ["put", "add", "deadline", "splice"])
    func dotsOutgrowTheNarrowHeader(how: String) {
        let test = TestKeyspace()
        test.setNextCounter(1 << 24 - 2, of: "k")
        test.put("k", "1000000", deadline: .set(testNow + 100))
        var written = Array("1000000".utf8)
        for round in UInt64(0)..<4 {
            test.with([UInt8]("k".utf8)) { access, key in
                let slot = access.find(key)!
                switch how {
                case "put":
                    written = Array("round \(round)".utf8)
                    written.withView { access.putString(key, $0, slot, deadline: .keep) }
                case "add":
                    access.addInteger(key, slot, 1)
                    written = Array("\(1_000_001 + round)".utf8)
                case "deadline": access.setDeadline(slot, key, testNow + 100)
                default:
                    written[Int(round)] = 0x39
                    [0x39].withView { _ = access.splice(key, slot, offset: Int(round), $0) }
                }
            }
            entry(test, "k") { entry in
                #expect(entry.dot == Dot(actor: 1, counter: 1 << 24 - 1 + round))
                #expect(entry.isWide == (round > 0))
                #expect(entry.withString { $0.bytes } == written)
                #expect(entry.deadline == testNow + 100)
            }
            #expect(test.brokenInvariant() == nil)
        }
    }

    @Test func copiesAreIndependent() {
        let test = TestKeyspace()
        for value in ["12", "text", String(repeating: "long", count: 2000)] {
            test.put("a", value, deadline: .set(testNow + 50))
            test.put("b", "in the way", 2)
            for (name, database) in [("b", 0), ("a", 1), ("b", 2)] {
                test.with([UInt8]("a".utf8)) { access, key in
                    let source = access.peek(key)!
                    test.with([UInt8](name.utf8), database) { $0.putCopy(of: source, $1, $0.find($1)) }
                }
                #expect(test.value(name, database) == value)
            }
            test.remove("a")
            #expect(test.value("b") == value)
            #expect(test.value("a", 1) == value)
            #expect(test.expiringCount(0) == 1 && test.expiringCount(1) == 1 && test.expiringCount(2) == 1)
            #expect(test.brokenInvariant() == nil)
        }
    }

    @Test func transferHandsOverLargeValues() {
        let test = TestKeyspace()
        let large = String(repeating: "x", count: 3_000_000)
        test.put("{t}a", large, deadline: .set(testNow + 50))
        test.put("{t}b", "in the way", deadline: .set(testNow + 9))
        var address: UnsafeMutablePointer<UInt8>?
        entry(test, "{t}a") { address = $0.block.bytes }
        test.with([UInt8]("{t}a".utf8)) { access, key in
            test.with([UInt8]("{t}b".utf8)) { access.transfer(access.find(key)!, key, to: $0, $1) }
        }
        #expect(test.value("{t}a") == nil)
        #expect(test.value("{t}b") == large)
        entry(test, "{t}b") { entry in
            #expect(entry.block.bytes == address)
            #expect(entry.deadline == testNow + 50)
        }
        test.with([UInt8]("{t}b".utf8)) { access, key in
            test.with([UInt8]("{t}b".utf8), 3) { access.transfer(access.find(key)!, key, to: $0, $1) }
        }
        #expect(test.count(0) == 0 && test.count(3) == 1)
        #expect(test.value("{t}b", 3) == large)
        #expect(test.brokenInvariant() == nil)
    }

    @Test func watchersHearOfTheirKeyOnly() {
        let test = TestKeyspace()
        let flag = WatchFlag()
        test.with([UInt8]("k".utf8)) { $0.watch($1, flag) }
        test.put("k", "v", 1)
        test.put("other", "v")
        #expect(!flag.isSet)
        test.put("k", "v")
        #expect(flag.isSet)
        flag.clear()
        test.keyspace.forEachPartition { Access.unwatch($0, flag) }
        test.put("k", "w")
        #expect(!flag.isSet)
    }
}
