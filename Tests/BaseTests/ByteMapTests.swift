import Base
import Testing

@Suite struct ByteMapTests {
    /// Random operations against a Dictionary; few distinct keys, so that removals leave holes in long runs.
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func behavesLikeADictionary(seed: UInt64) {
        var random = PRNG(seed: seed)
        let map = ByteMap<Int>()
        var model: [[UInt8]: Int] = [:]
        for step in 0..<20_000 {
            let key = Array("key\(random.below(step < 10_000 ? 300 : 40))".utf8)
            switch random.below(4) {
            case 0: #expect(key.withView { map.remove($0) } == model.removeValue(forKey: key))
            case 1: #expect(key.withView { map.set($0, step) } == model.updateValue(step, forKey: key))
            case 2:
                key.withView { map.findOrInsert($0, 0).pointee += 1 }
                model[key, default: 0] += 1
            default: #expect(key.withView { map[$0] } == model[key])
            }
            #expect(map.count == model.count)
        }
        var seen: [[UInt8]: Int] = [:]
        map.forEach { seen[$0.bytes] = $1.pointee }
        #expect(seen == model)
        map.removeAll()
        #expect(map.isEmpty && Array("key1".utf8).withView { map.find($0) } == nil)
    }

    /// Values that hold references are released with their keys.
    @Test func releasesItsValues() {
        final class Witness {}
        weak var kept: Witness?
        weak var removed: Witness?
        do {
            let map = ByteMap<Witness>()
            let (a, b) = (Witness(), Witness())
            (kept, removed) = (a, b)
            map.set(ByteView("a"), a)
            map.set(ByteView("b"), b)
            map.remove(ByteView("b"))
        }
        #expect(kept == nil && removed == nil)
    }
}
