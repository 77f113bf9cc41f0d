import Base
import Causality
import Simulation
import Testing

@testable import Keyspace
@testable import Node

/// Siblings, clocks and the node's identity on a simulated disk.
@Suite struct VersionPersistenceTests {
    private func get(_ node: DiskNode, _ key: String) -> (context: String, values: [String]) {
        let lines = node.run("VGET \(key)").split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count > 3 else { return ("", ["\(lines)"]) }
        return (lines[2], stride(from: 5, to: lines.count, by: 2).map { lines[$0] })
    }

    private func actor(_ node: DiskNode) -> ActorID { node.keyspace.actors.read { $0.id(at: node.keyspace.actor) } }

    /// Two siblings, of which the later wins.
    private func siblings(_ node: DiskNode, _ key: String, _ suffix: String = "") {
        _ = node.run("VSET \(key) a\(suffix)")
        node.shell.now += 1
        _ = node.run("VSET \(key) b\(suffix)")
        node.shell.now += 1
    }

    private func round(_ node: DiskNode) { #expect(node.keeper!.runRound() == nil) }

    @Test(arguments: [false, true]) func siblingsSurvive(isSaved: Bool) throws {
        let node = try DiskNode()
        siblings(node, "k")
        siblings(node, "settled")
        siblings(node, "gone")
        _ = node.run("RPUSH l 1 2 3")
        let (old, _) = get(node, "k")
        if isSaved { round(node) }
        _ = node.run("SET settled c")
        _ = node.run("VDEL gone")
        _ = node.run("VSET k c EX 1000")
        if isSaved { round(node) }
        _ = node.run("VSET k d CONTEXT \(old)")
        for next in [try node.crashed(), try node.crashed().crashed()] {
            #expect(get(next, "k").values.sorted() == ["c", "d"])
            #expect(get(next, "settled").values == ["c"] && get(next, "gone").values.isEmpty)
            #expect(next.run("TTL k") == ":1000\r\n" || next.run("TTL k") == ":-1\r\n")
            // Contexts are good for the directory.
            let context = get(next, "k").context
            #expect(next.run("VSET k e CONTEXT \(context)").hasPrefix("$"))
            #expect(get(next, "k").values == ["e"])
            #expect(next.run("VSET k e CONTEXT \(old)").hasPrefix("$"))
            #expect(get(next, "k").values.count == 2)
        }
    }

    /// A record of the tree goes when its key is settled, empty, in another database, or emptied with it.
    @Test func savedSiblingsGo() throws {
        let node = try DiskNode()
        for key in ["set", "del", "ren", "move", "stay", "away"] { siblings(node, key) }
        round(node)
        for line in ["SET set x", "DEL del", "RENAME ren new", "MOVE move 1"] { _ = node.run(line) }
        round(node)
        let next = try node.crashed()
        #expect(get(next, "set").values == ["x"] && get(next, "del").values.isEmpty && get(next, "new").values == ["b"])
        #expect(get(next, "stay").values == ["b", "a"])
        _ = next.run("SWAPDB 0 1")
        round(next)
        _ = next.run("SELECT 1")
        let swapped = try next.crashed()
        #expect(get(swapped, "stay").values.isEmpty && get(swapped, "move").values == ["b"])
        _ = swapped.run("SELECT 1")
        #expect(get(swapped, "stay").values == ["b", "a"])
        _ = swapped.run("FLUSHALL")
        round(swapped)
        let empty = try swapped.crashed()
        _ = empty.run("SELECT 1")
        #expect(get(empty, "stay").values.isEmpty)
        #expect(empty.keyspace.siblingFigures[.unsettledKeys] == 0)
    }

    @Test func anIDIsNewAfterACrash() throws {
        let first = try DiskNode()
        _ = first.run("SET k v")
        let id = actor(first)
        first.close()
        let second = try DiskNode(first.files.afterKill())
        #expect(actor(second) == id)
        _ = second.run("SET k w")
        let third = try second.crashed()
        #expect(actor(third) != id)
        // Nobody else has anything of the first one: no clock need name it.
        #expect(third.keyspace.actors.read { $0.state(of: $0.index(of: id)!) } == .dropped)
        #expect(third.run("GET k") == "$1\r\nw\r\n")
        _ = third.run("SET l x")
        third.close()
        let fourth = try DiskNode(third.files.afterKill())
        #expect(actor(fourth) == actor(third))
        // Nothing has been written under the id: the log knows nothing of it.
        let fifth = try fourth.crashed()
        #expect(actor(fifth) != actor(fourth))
        #expect(try fifth.crashed().run("GET k") == "$1\r\nw\r\n")
    }

    /// A file `actor` that is damaged is told, as any is. Without it, there is no licence to go on.
    @Test func identitiesThatAreDamagedOrMissing() throws {
        let node = try DiskNode()
        _ = node.run("SET k v")
        let id = actor(node)
        node.close()
        let path = "/tmp/appendonlydir/actor"
        let files = node.files.afterKill()
        let file = try files.open(path, .write)
        try [UInt8](repeating: 7, count: 3).withView { (bytes) throws(DiskError) in try file.write(bytes, at: 9) }
        #expect {
            try DiskNode(files)
        } throws: { "\($0)" == "\(path) is damaged" }
        try files.remove(path)
        let next = try DiskNode(files)
        #expect(actor(next) != id && next.run("GET k") == "$1\r\nv\r\n")
    }

    /// docs/causality.md, rule 6, as a client meets it: whatever a crash has lost, a context from before it covers no write
    /// made after it, though counters may be the same again.
    @Test(arguments: 0..<24) func contextsCoverNothingLater(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }
        var node = try DiskNode(DiskNode.disk(seed: seed), sync: "everysec")
        var contexts: [String] = []
        for _ in 0..<4 {
            // What is known before the crash.
            for i in 0..<(3 + below(12)) {
                switch below(6) {
                case 0: _ = node.run("SET k p\(i)")
                case 1: _ = node.run("DEL k")
                case 2: _ = node.run("VDEL k CONTEXT \(get(node, "k").context)")
                case 3: _ = node.run("VSET k c\(i) CONTEXT \(get(node, "k").context)")
                case 4: if below(2) == 0 { round(node) }
                default: _ = node.run("VSET k v\(i)")
                }
                if below(4) == 0 { node.persistence!.step() }
                contexts.append(get(node, "k").context)
            }
            node = try DiskNode(
                node.files.crash(keeping: .each(seed: random.next())), sync: "everysec", now: node.shell.now)
            // Written after it, and by whoever has an old context, superseded by none.
            let latest = "after\(below(1000))"
            #expect(node.run("VSET k \(latest)").hasPrefix("$"))
            for context in contexts {
                #expect(node.run("VDEL k CONTEXT \(context)").hasPrefix("$"), "seed \(seed)")
                #expect(get(node, "k").values.contains(latest), "seed \(seed): a context covers what came after it")
            }
        }
    }
}
