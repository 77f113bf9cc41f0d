import Base
import Commands
import Keyspace
import RESP
import Scripting

extension Call {
    /// DEBUG RELOAD [NOFLUSH] [MERGE] [NOSAVE]: saves the data, forgets it, reads it again. A node that logs its changes,
    /// or has no disk, has every value go through its payload and come back instead.
    func debugReload() {
        var saves = true
        var flushes = true
        var merges = false
        for word in 2..<max(2, count) {
            if self[word].isWord("merge") {
                merges = true
            } else if self[word].isWord("noflush") {
                flushes = false
            } else if self[word].isWord("nosave") {
                saves = false
            } else {
                return fail("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
            }
        }
        if executor.isLoading { return fail(Executor.loadingText) }
        guard node.savesFiles else { return reloadValues(saves: saves, isPossible: flushes || merges) }
        let holds = !state.pointee.held.isEmpty
        if !holds && !executor.lock(.all) { return fail(Executor.busyText(node.busy.kind ?? .scripts)) }
        let isDone = reload(saves: saves, flushes: flushes, merges: merges)
        if !holds { PartitionSet.all.forEach { Partition.unlock(keyspace.partitions + $0) } }
        if isDone { reply.ok() }
    }

    /// DEBUG LOADAOF: what is logged is in force already, so that all there is to try is whether values survive.
    func debugLoadLog() {
        if node.persistence == nil { return fail("ERR Error trying to load the AOF files, check server logs") }
        reloadValues(saves: true, isPossible: true)
    }

    /// All locks are held.
    private func reload(saves: Bool, flushes: Bool, merges: Bool) -> Bool {
        if saves && !node.saveNow(state.pointee.moment) {
            fail("ERR")
            return false
        }
        if flushes {
            keyspace.flush(database: nil, moment: state.pointee.moment, isLazy: false)
            node.libraries.removeAll()
        }
        // Redis does not announce keys that are read.
        keyspace.setEvents([])
        defer { keyspace.setEvents(node.configuration.settings.keyspaceEvents.announced) }
        var rules = SnapshotRules()
        rules.locks = false
        rules.replaces = merges
        do throws(SnapshotError) {
            let report = try node.readSnapshot(rules, state.pointee.moment)
            let sources = report?.libraries ?? []
            if let text = executor.takeLibraries(sources, merges ? .replace : .append) { throw .library(text) }
        } catch {
            node.doors.log(.warning, "DEBUG RELOAD: \(error)")
            fail("ERR Error trying to load the RDB dump")
            return false
        }
        node.doors.log(.warning, "DB reloaded by DEBUG RELOAD")
        return true
    }

    private func reloadValues(saves: Bool, isPossible: Bool) {
        if !saves { return fail("ERR DEBUG RELOAD NOSAVE is not possible: this server has no RDB file") }
        // All keys are there already.
        if !isPossible { return fail("ERR Error trying to load the RDB dump") }
        var lost: [UInt8]?
        forEachPartition { partition in
            for database in 0..<keyspace.databaseCount where lost == nil {
                lost = Access(partition, database: database, moment: state.pointee.moment).reloadAll()
            }
        }
        if let lost {
            node.doors.log(
                .warning, "DEBUG RELOAD: the value of \(String(decoding: lost, as: UTF8.self)) was not read back")
            return fail("ERR Error trying to load the RDB dump")
        }
        node.doors.log(.warning, "All values reloaded by DEBUG RELOAD")
        reply.ok()
    }
}
