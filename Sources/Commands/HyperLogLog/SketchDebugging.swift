import Base
import Keyspace
import RESP

extension Call {
    /// PFDEBUG GETREG | DECODE | ENCODING | TODENSE key
    func debugSketch() {
        let key = key(2)
        let access = access(key)
        guard let slot = access.find(key) else { return fail("ERR The specified key does not exist") }
        guard let sketch = sketch(access.entry(slot)) else { return }
        if self[1].isWord("getreg") {
            guard SketchEditor(access, slot, key).makeDense() else { return fail(Call.corruptSketch) }
            replyRegisters(access.entry(slot))
        } else if self[1].isWord("decode") {
            if sketch.isDense { return fail("ERR HLL encoding is not sparse") }
            reply.bulk(sketch.runsShown)
        } else if self[1].isWord("encoding") {
            reply.simple(sketch.isDense ? "dense" : "sparse")
        } else if self[1].isWord("todense") {
            let wasDense = sketch.isDense
            guard SketchEditor(access, slot, key).makeDense() else { return fail(Call.corruptSketch) }
            reply.integer(wasDense ? 0 : 1)
        } else {
            reply.error(
                Array("ERR Unknown PFDEBUG subcommand '".utf8) + self[1].cBytes(self[1].count) + Array("'".utf8))
        }
    }

    private func replyRegisters(_ entry: Entry) {
        reply.array(Sketch.registers)
        Sketch(entry)?.forEachRegister { reply.integer(Int($0)) }
    }

    /// PFSELFTEST: what the sketches of random elements count, in both forms, against what was added.
    func testSketches() {
        if let fault = SketchTest.run(seed: UInt64(bitPattern: now)) {
            reply.error("TESTFAILED " + fault)
        } else {
            reply.ok()
        }
    }
}
