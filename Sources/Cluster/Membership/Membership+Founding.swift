import Base

/// How a cluster comes to be. Each node asks all seeds who they are. Once all have answered, the nodes behind them are
/// the cluster's members for good, and the ring is theirs.
extension Membership {
    static func digest(_ seeds: [NodeAddress]) -> UInt64 {
        var message = ByteBuffer()
        for seed in Set(seeds.map(\.description)).sorted() { seed.withView { message.append(counted: $0) } }
        return SHA256.digest(message.view).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func founding(_ ids: [NodeID]) -> UInt64 {
        var message = ByteBuffer()
        message.append(ByteView("martlet founding 1"))
        for id in ids.sorted() { id.write(to: &message) }
        // 0 says that there is none.
        return max(1, SHA256.digest(message.view).prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Not more often than tenfold the usual, however often somebody asks for it.
    mutating func sendHellos(_ now: Int64, _ directives: inout [MembershipDirective]) {
        if now < nextHellos { return }
        nextHellos = now + options.period / 10
        var left = options.hellos
        for i in seeds.indices where seedsFound[i] == nil && left > 0 {
            left -= 1
            // The index is in the nonce, so that the answer says whose it is.
            sendIntroduction(.hello, to: nil, seeds[i], nonce: helloNonce | UInt64(i), &directives)
        }
    }

    private mutating func sendIntroduction(
        _ kind: Gossip.Kind, to receiver: NodeID?, _ address: NodeAddress, nonce: UInt64,
        _ directives: inout [MembershipDirective]
    ) {
        writer.begin(kind, from: id, to: receiver, founding: founding, nonce: nonce)
        writer.append(number: seedsDigest)
        let fits = writer.append(Update.record(known[0].member))
        precondition(fits)
        send(to: address, &directives)
    }

    mutating func receiveFounding(
        _ message: GossipMessage, _ address: NodeAddress, _ now: Int64, _ directives: inout [MembershipDirective]
    ) throws(MalformedBytes) {
        var body = message.body
        if message.kind == .refusal {
            guard let reason = MembershipRefusal(rawValue: try body.byte()) else { throw MalformedBytes() }
            try body.end()
            if refusals.insert(reason.rawValue).inserted {
                directives.append(.event(.refused(by: address, reason)))
            }
            return
        }
        let seedsDigest = try body.integer(UInt64.self)
        guard case .record(let member) = try Update(&body), member.id == message.sender else { throw MalformedBytes() }
        try body.end()
        if message.kind == .hello {
            receiveHello(member, message, seedsDigest, address, now, &directives)
        } else {
            receiveWelcome(member, message, seedsDigest, address, &directives)
        }
    }

    private mutating func receiveHello(
        _ member: Member, _ message: GossipMessage, _ seedsDigest: UInt64, _ address: NodeAddress, _ now: Int64,
        _ directives: inout [MembershipDirective]
    ) {
        if isFounded && indices[member.id] == nil {
            return refuse(member.id, at: address, .ringIsFixed, message.nonce, &directives)
        }
        if !isFounded && seedsDigest != self.seedsDigest && message.founding == 0 {
            return refuse(member.id, at: address, .seedsDiffer, message.nonce, &directives)
        }
        sendIntroduction(.welcome, to: member.id, address, nonce: message.nonce, &directives)
        // It has just come: it may be the one that is still missing.
        if !isFounded && indices[member.id] == nil { sendHellos(now, &directives) }
    }

    private mutating func receiveWelcome(
        _ member: Member, _ message: GossipMessage, _ seedsDigest: UInt64, _ address: NodeAddress,
        _ directives: inout [MembershipDirective]
    ) {
        let seed = Int(message.nonce & 0xffff)
        if isFounded || seed >= seeds.count || message.nonce & ~0xffff != helloNonce { return }
        seedsFound[seed] = member.id
        if indices[member.id] == nil { insert(member) }
        found(&directives)
    }

    /// Founds the cluster once all seeds are known.
    mutating func found(_ directives: inout [MembershipDirective]) {
        if isFounded || seeds.isEmpty || seedsFound.contains(nil) { return }
        let named = Set(seedsFound.compactMap { $0 })
        if !named.contains(id) {
            if refusals.insert(MembershipRefusal.notASeed.rawValue).inserted {
                directives.append(.event(.stranger(id, at: known[0].member.peerAddress, .notASeed)))
            }
            return
        }
        founding = Self.founding(Array(named))
        changed = true
        directives.append(.event(.founded(members: known.count)))
    }

    /// CLUSTER MEET: nothing to do for a member; anything else would move data.
    public func meet(_ address: NodeAddress) throws(MembershipRefusal) {
        if known.contains(where: { $0.member.peerAddress == address }) { return }
        throw isFounded ? .ringIsFixed : .notFounded
    }

    /// CLUSTER FORGET: of members that hold slots, as all do now, none can be forgotten.
    public func forget(_ id: NodeID) throws(MembershipRefusal) {
        throw indices[id] == nil ? .unknownNode : .holdsSlots
    }
}
