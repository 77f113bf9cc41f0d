import Base
import Testing

@testable import Causality

/// SPEC C1: the walk of the Dynamo paper (DeCandia et al., SOSP 2007, section 4.4, figure 3) through tokens, as a client does it.
@Suite struct VersionWalkTests {
    private var actors = ActorTable()
    private let token = ContextToken(secret: (1, 2))
    private var nodes: [Replica] = []

    init() { nodes = ["Sx", "Sy", "Sz"].map { Replica($0, &actors) } }

    private func clock(_ version: Sibling<String>) -> String {
        version.clock.map { entry in
            let node = nodes.first { $0.actor == entry.actor }!
            return "[\(node.name),\(entry.counter)@\(entry.timestamp)]"
        }.joined()
    }

    /// What VGET shows: values and clocks, and the context as text.
    private func read(_ i: Int) -> (shown: [String], context: [UInt8]) {
        let set = nodes[i].filled
        var text = ByteBuffer()
        token.encode(
            set.contextForClient(entriesMax: 10).context, database: 0, key: ByteView("cart"), to: &text, actors)
        return (set.versions.map { $0.payload + clock($0) }.sorted(), text.view.bytes)
    }

    private mutating func write(_ i: Int, _ value: String, _ text: [UInt8]?, at time: Int64) throws -> WriteEvent<
        String
    > {
        var context = CausalContext()
        if let text {
            context = try text.withView { bytes throws(ContextError) in
                try token.decode(bytes, database: 0, key: ByteView("cart"), &actors)
            }
        }
        return try nodes[i].write(value, after: context, at: time)
    }

    @Test mutating func walk() throws {
        let d1 = try write(0, "D1", nil, at: 10)
        #expect(read(0).shown == ["D1[Sx,1@10]"])
        let d2 = try write(0, "D2", read(0).context, at: 20)
        #expect(read(0).shown == ["D2[Sx,2@20]"])
        for i in 1...2 {
            nodes[i].receive(d1)
            nodes[i].receive(d2)
            #expect(read(i).shown == ["D2[Sx,2@20]"])
        }
        let d3 = try write(1, "D3", read(1).context, at: 30)
        #expect(read(1).shown == ["D3[Sx,2@20][Sy,1@30]"])
        let d4 = try write(2, "D4", read(2).context, at: 40)
        #expect(read(2).shown == ["D4[Sx,2@20][Sz,1@40]"])
        for write in [d3, d4, d3] { for i in 0...2 { nodes[i].receive(write) } }
        for i in 0...2 { #expect(read(i).shown == ["D3[Sx,2@20][Sy,1@30]", "D4[Sx,2@20][Sz,1@40]"]) }
        let d5 = try write(0, "D5", read(0).context, at: 50)
        for i in 0...2 {
            nodes[i].receive(d5)
            #expect(read(i).shown == ["D5[Sx,3@50][Sy,1@30][Sz,1@40]"])
            #expect(nodes[i].key.isSettled)
            #expect(nodes[i].state.clock.isDense)
        }
    }

    /// The same, but what the replicas tell each other are states, and D3 and D4 meet at a reader.
    @Test mutating func walkByStates() throws {
        _ = try write(0, "D1", nil, at: 10)
        _ = try write(0, "D2", read(0).context, at: 20)
        for i in 1...2 { nodes[i].receive(nodes[0].filled) }
        _ = try write(1, "D3", read(1).context, at: 30)
        _ = try write(2, "D4", read(2).context, at: 40)
        nodes[0].receive(nodes[1].filled)
        #expect(read(0).shown == ["D3[Sx,2@20][Sy,1@30]"])
        nodes[0].receive(nodes[2].filled)
        #expect(read(0).shown == ["D3[Sx,2@20][Sy,1@30]", "D4[Sx,2@20][Sz,1@40]"])
        _ = try write(0, "D5", read(0).context, at: 50)
        nodes[1].receive(nodes[0].filled)
        #expect(read(1).shown == ["D5[Sx,3@50][Sy,1@30][Sz,1@40]"])
    }

    /// Clients that interleave and each give the context of what they read last: never more siblings than clients
    /// (Almeida et al., DAIS 2014: with plain version vectors on the server they multiply).
    @Test mutating func interleavedWritersDoNotExplodeSiblings() throws {
        var contexts: [[UInt8]?] = [nil, nil]
        for turn in 0..<40 {
            let client = turn % 2
            _ = try write(0, "client \(client)", contexts[client], at: Int64(turn))
            contexts[client] = read(0).context
            #expect(nodes[0].key.count <= 2)
        }
    }
}
