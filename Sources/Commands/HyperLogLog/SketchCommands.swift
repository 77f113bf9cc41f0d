import Base
import CSystem
import Keyspace
import RESP

extension Call {
    static var notSketch: StaticString { "WRONGTYPE Key is not a valid HyperLogLog string value." }
    static var corruptSketch: StaticString { "INVALIDOBJ Corrupted HLL object detected" }

    /// The entry's HyperLogLog; replies and answers nil if it holds none.
    func sketch(_ entry: Entry) -> Sketch? {
        guard isString(entry) else { return nil }
        if let sketch = Sketch(entry) { return sketch }
        fail(Call.notSketch)
        return nil
    }

    /// PFADD key [element ...]. Answers whether that changed anything.
    func addToSketch() {
        let key = key(1)
        let access = access(key)
        var hasChanged = false
        let editor: SketchEditor
        if let slot = access.find(key) {
            guard sketch(access.entry(slot)) != nil else { return }
            editor = SketchEditor(access, slot, key)
        } else {
            editor = access.makeSketch(key)
            hasChanged = true
        }
        for word in 2..<max(2, count) {
            let place = Sketch.place(of: self[word])
            switch editor.raise(place.register, to: place.rank) {
            case .unchanged: break
            case .raised: hasChanged = true
            case .corrupt: return fail(Call.corruptSketch)
            }
        }
        if hasChanged { access.notify(.string, "pfadd", key) }
        reply.integer(hasChanged ? 1 : 0)
    }

    /// PFCOUNT key [key ...]
    func countSketches() {
        if count > 2 { return countUnion() }
        let key = key(1)
        guard let entry = read(key) else { return reply.integer(0) }
        guard let sketch = sketch(entry) else { return }
        if let known = sketch.knownCardinality { return reply.integer(Int64(bitPattern: known)) }
        guard let cardinality = sketch.cardinality() else { return fail(Call.corruptSketch) }
        let access = access(key)
        if let slot = access.find(key) { SketchEditor(access, slot, key).keep(cardinality) }
        reply.integer(Int64(bitPattern: cardinality))
    }

    private func countUnion() {
        withUnion { ranks, _ in reply.integer(Int64(bitPattern: Sketch.cardinality(of: ranks))) }
    }

    /// Lends the registers, a byte each, of the union of all keys' HyperLogLogs, and whether one of them is dense.
    /// Replies instead if a key holds something else.
    private func withUnion(_ body: (UnsafePointer<UInt8>, Bool) -> Void) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Sketch.registers) { ranks in
            ranks.initialize(repeating: 0)
            let start = ranks.baseAddress.unsafelyUnwrapped
            var isDense = false
            for word in 1..<count {
                guard let entry = read(key(word)) else { continue }
                guard let sketch = sketch(entry) else { return }
                if sketch.isDense { isDense = true }
                if !sketch.merge(into: start) { return fail(Call.corruptSketch) }
            }
            body(UnsafePointer(start), isDense)
        }
    }

    /// PFMERGE destkey [sourcekey ...]
    func mergeSketches() {
        withUnion { ranks, isDense in
            let key = key(1)
            let access = access(key)
            let editor = access.find(key).map { SketchEditor(access, $0, key) } ?? access.makeSketch(key)
            if isDense && !editor.makeDense() { return fail(Call.corruptSketch) }
            if !editor.raise(toAll: ranks) { return fail(Call.corruptSketch) }
            access.notify(.string, "pfadd", key)
            reply.ok()
        }
    }
}
