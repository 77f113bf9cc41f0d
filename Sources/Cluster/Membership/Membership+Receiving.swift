import Base

extension Membership {
    /// Takes a datagram, as it came from the network. What is not signed by this cluster is counted and forgotten.
    public mutating func received(
        _ datagram: ByteView, from address: NodeAddress, now: Int64, into directives: inout [MembershipDirective]
    ) {
        statistics.received += 1
        do throws(GossipError) {
            try receive(datagram, address, now, &directives)
        } catch {
            statistics.refused[Int(error.rawValue)] += 1
        }
        tellOfChanges(&directives)
    }

    private mutating func receive(
        _ datagram: ByteView, _ address: NodeAddress, _ now: Int64, _ directives: inout [MembershipDirective]
    ) throws(GossipError) {
        let message = try GossipMessage(datagram, key)
        if message.receiver != id && message.receiver != .nobody { throw .misdirected }
        do throws(MalformedBytes) {
            switch message.kind {
            case .hello, .welcome, .refusal: try receiveFounding(message, address, now, &directives)
            default:
                guard let sender = indices[message.sender], sender != 0, isFounded, message.founding == founding else {
                    return refuse(message, address, &directives)
                }
                try receive(message, sender, now, &directives)
            }
        } catch {
            throw .malformed
        }
    }

    /// Whatever a message says is read to its end before any of it is believed.
    private mutating func receive(
        _ message: GossipMessage, _ sender: Int, _ now: Int64, _ directives: inout [MembershipDirective]
    ) throws(MalformedBytes) {
        var body = message.body
        switch message.kind {
        case .ping:
            let digest = try body.integer(UInt64.self)
            believe(try body.updates(), now, &directives)
            begin(.ack, to: sender, nonce: message.nonce)
            appendOwedRecord()
            send(to: sender, &directives)
            compare(digest, sender)
        case .ack:
            let digest = try body.integer(UInt64.self)
            believe(try body.updates(), now, &directives)
            compare(digest, sender)
            if probe.target == sender || relays.contains(where: { $0.nonce == message.nonce }) {
                answered(sender, message.nonce, &directives)
            } else {
                answeredThroughHelper(message.nonce)
            }
        case .indirectPing:
            let target = indices[try body.id()]
            believe(try body.updates(), now, &directives)
            if let target { relay(target, for: sender, message.nonce, now, &directives) }
        case .nack:
            believe(try body.updates(), now, &directives)
            nacked(message.sender, message.nonce)
        case .gossip: believe(try body.updates(), now, &directives)
        case .syncPage:
            let page = try SyncPage(&body)
            believe(try body.updates(), now, &directives)
            reply(to: page, sender, message.nonce, &directives)
        case .syncReply:
            let wanted = try SyncPage.wanted(&body)
            believe(try body.updates(), now, &directives)
            tell(sender, of: wanted, message.nonce, &directives)
        case .hello, .welcome, .refusal: break
        }
        if owesRecord {
            begin(.gossip, to: sender, nonce: random.next())
            appendOwedRecord()
            send(to: sender, &directives)
        }
    }

    /// Two nodes that have each other for down, each in an incarnation that the other is past, would not find together
    /// otherwise.
    private mutating func appendOwedRecord() {
        if !owesRecord { return }
        owesRecord = false
        _ = writer.append(Update.record(known[0].member))
    }

    private mutating func believe(_ updates: [Update], _ now: Int64, _ directives: inout [MembershipDirective]) {
        for update in updates { believe(update, now, &directives) }
    }

    /// A node with the secret, but not a member of this cluster as it was founded.
    private mutating func refuse(
        _ message: GossipMessage, _ address: NodeAddress, _ directives: inout [MembershipDirective]
    ) {
        // Not founded here: it has found all seeds before this node did; that will pass.
        if !isFounded || message.founding == 0 || message.sender == id { return }
        let reason: MembershipRefusal = message.founding == founding ? .ringIsFixed : .foundedDifferently
        refuse(message.sender, at: address, reason, message.nonce, &directives)
    }

    mutating func refuse(
        _ stranger: NodeID, at address: NodeAddress, _ reason: MembershipRefusal, _ nonce: UInt64,
        _ directives: inout [MembershipDirective]
    ) {
        // The list is bounded: whoever has the secret could fill it otherwise.
        if strangers.count < 1000 && strangers.insert(stranger).inserted {
            directives.append(.event(.stranger(stranger, at: address, reason)))
        }
        writer.begin(.refusal, from: id, to: stranger, founding: founding, nonce: nonce)
        writer.append(byte: reason.rawValue)
        send(to: address, &directives)
    }
}
