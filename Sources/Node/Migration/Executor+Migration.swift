import Base
import Commands
import Keyspace
import RESP

/// Carrying MIGRATE out: what the other server says comes back by mail.
extension Executor {
    /// Has the client wait while its keys are under way.
    func begin(_ migration: Migration, _ call: Call) {
        let waiter = waitForPeer(call)
        send(migration, waiter)
    }

    private func send(_ migration: Migration, _ waiter: Waiter) {
        let mailbox = mailbox
        node.doors.exchange(migration.takeRequest()) { reply in
            mailbox.post { $0.finish(migration, waiter, reply) }
        }
    }

    /// The other server has answered, or has not. From the mailbox: no lock is held.
    private func finish(_ migration: Migration, _ waiter: Waiter, _ reply: PeerReply) {
        let (arrived, error) = migration.read(reply)
        let changed = migration.copies ? [] : arrived.filter { !remove($0, database: migration.database) }
        settleNow()
        if let error { return answerPeerWait(waiter, error: error) }
        if changed.isEmpty { return answerPeerWait(waiter, error: nil) }
        guard migration.beginAnew() else {
            return answerPeerWait(waiter, error: Array("IOERR keys keep changing while they are migrated".utf8))
        }
        for parcel in changed { add(parcel.key, to: migration) }
        if migration.parcels.isEmpty { return answerPeerWait(waiter, error: nil) }
        send(migration, waiter)
    }

    /// Removes a key that has arrived elsewhere. False if it has changed since: then it is there to be sent again,
    /// or is gone.
    private func remove(_ parcel: Migration.Parcel, database: Int) -> Bool {
        withAccess(parcel.key, database) { access, key in
            guard let slot = access.find(key) else { return false }
            if access.entry(slot).dot != parcel.dot { return false }
            access.remove(slot, key)
            access.notify(.generic, "del", key)
            return true
        }
    }

    private func add(_ name: [UInt8], to migration: Migration) {
        withAccess(name, migration.database) { access, key in
            guard let entry = access.peek(key) else { return }
            migration.add(key, entry, now: access.moment.wall)
        }
    }

    private func withAccess<R>(_ name: [UInt8], _ database: Int, _ body: (Access, Key) -> R) -> R {
        name.withView { view in
            let key = Key(view)
            let partition = partitions + key.partition
            Partition.lock(partition)
            defer { Partition.unlock(partition) }
            return body(Access(partition, database: database, moment: state.pointee.moment), key)
        }
    }
}
