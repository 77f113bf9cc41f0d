import Base
import CSystem
import Commands
import Keyspace
import RESP

extension Executor {
    /// Runs all requests of the batch, in the order in which they were parsed.
    @inline(__always)
    func runBatch() {
        if batchCount > 0 { runRequests() }
    }

    @inline(never)
    private func runRequests() {
        if batchCount > 1 {
            prefetchEntries(batchCount)
            if _slowPath(clusterVersion != 0) { prefetchRoutes(batchCount) }
        }
        wantsElements = false
        statistics.add(.commandsProcessed, batchCount)
        lastTicks = cs_ticks()
        pausing = node.pause.until != 0 || isMonitored || busy.kind != nil || cluster != nil
        let persistence = persistence
        let isLogged = persistence != nil
        let writeDelay = persistence?.writeDelay ?? 0
        hasLogged = false
        if _slowPath(isLogged || snapshots.hasFailed), refusesWrites { pausing = true }
        if _slowPath(isLoading) { pausing = true }
        if _slowPath(cs_load_u64(usersVersionNow) != usersVersion) { refreshUsers() }
        if _slowPath(isOverMemory || settings.maxMemory > 0), !isLoading { checkMemory() }
        let mayBeAway = keyspace.shared.pointee.awayValues != 0
        var i = 0
        // A long command may send requests behind it back to where they came from.
        while i < batchCount {
            batchIndex = i
            let request = batch + i
            let session = request.pointee.session
            if _fastPath(!pausing && session.pointee.mode.isDisjoint(with: .special)),
                let command = request.pointee.command, isArityRight(command, request.pointee.count),
                _fastPath(!command.pointee.flags.contains(.protected))
            {
                if _slowPath(mayBeAway), !bringValues(request, command, lends: true) {
                    i &+= 1
                    continue
                }
                invoke(session, command, request.pointee.arguments, request.pointee.count, request.pointee.key)
                if _slowPath(mayBeAway) { endLoan() }
            } else {
                runSpecially(request)
            }
            if _slowPath(isLogged) {
                commitRecord()
                if hasLogged {
                    hasLogged = false
                    if _slowPath(writeDelay != 0) { slow(session, writeDelay) }
                }
            }
            i &+= 1
        }
        batchCount = 0
        argumentsUsed = 0
        state.pointee.session = Executor.nobody
        if _slowPath(pushes.areUnfinished) { finishPushes() }
    }

    private func prefetchEntries(_ count: Int) {
        var i = 0
        while i < count {
            let request = batch + i
            if request.pointee.hasKey {
                let key = request.pointee.key
                guesses.prefetchEntry(tablePlace(key, request.pointee.session.pointee.database), key.hash)
            }
            i &+= 1
        }
        if wantsElements {
            _ = prefetchElements(count, .first)
            if prefetchElements(count, .second) { _ = prefetchElements(count, .third) }
        }
    }

    /// Fetches what says where requests go in a cluster, and what this node notes if it coordinates them.
    @inline(never)
    private func prefetchRoutes(_ count: Int) {
        guard let routes = cluster?.routes else { return }
        for i in 0..<count where batch[i].hasKey {
            let slot = batch[i].key.slot
            routes.prefetch(slot)
            if batch[i].command?.pointee.flags.contains(.write) ?? false { keyspace.prefetchSlot(slot) }
        }
    }

    /// Fetches what commands of the batch will look at inside large values: one step for all of them, then the
    /// next, so that the waits for memory overlap. Needs the partitions' locks; one that is taken is left out.
    /// Answers whether a next step is of use to any.
    private func prefetchElements(_ count: Int, _ step: Entry.PrefetchStep) -> Bool {
        var goesOn = false
        var i = 0
        while i < count {
            let request = batch + i
            i &+= 1
            guard request.pointee.hasKey, let command = request.pointee.command, command.pointee.element != 0 else {
                continue
            }
            let word = Int(command.pointee.element)
            if word >= request.pointee.count { continue }
            let key = request.pointee.key
            let partition = partitions + key.partition
            if sharesKeyspace && !Partition.tryLock(partition) { continue }
            let table = table(key, request.pointee.session.pointee.database)
            if let slot = table.pointee.entries.find(key) {
                let entry = Table.entry(slot)
                if word > 0 {
                    if entry.prefetch(request.pointee.arguments[word], step) { goesOn = true }
                } else {
                    entry.prefetch(step)
                }
            }
            if sharesKeyspace { Partition.unlock(partition) }
        }
        return goesOn
    }

    /// The table that a key of a database is in.
    @inline(__always)
    func table(_ key: Key, _ database: Int) -> UnsafeMutablePointer<PartitionDatabase> {
        tables + tablePlace(key, database)
    }

    @inline(__always)
    func tablePlace(_ key: Key, _ database: Int) -> Int { database &* Limits.partitions &+ key.partition }

    @inline(__always)
    func isArityRight(_ command: CommandPointer, _ count: Int) -> Bool {
        let arity = Int(command.pointee.arity)
        return arity >= 0 ? count == arity : count >= 0 &- arity
    }

    /// Runs one command for a client: locks, calls, unlocks, counts.
    @inline(__always)
    func invoke(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int,
        _ key: Key
    ) {
        let output = Executor.output(of: session.pointee.link)
        let errorsBefore = output.pointee.errorCount
        prepare(session, command, words, count, output)
        var isFinished = true
        if _fastPath(command.pointee.locking == .firstKey || isOneOfMany(command, count)) {
            state.pointee.keys[0] = key
            state.pointee.keyCount = 1
            let partition = partitions + key.partition
            if _slowPath(sharesKeyspace), _slowPath(!Partition.tryLock(partition)), !waitForLock(partition) {
                return refuseBusy(session, command)
            }
            command.pointee.run(UnsafeMutableRawPointer(state))
            if _slowPath(!state.pointee.aftermath.isEmpty) {
                isFinished = settle(partition)
            } else if _slowPath(sharesKeyspace) {
                Partition.unlock(partition)
            }
        } else {
            guard let finished = runLocking(command, key) else { return refuseBusy(session, command) }
            isFinished = finished
        }
        finish(session, command, words, count, errorsBefore, isFinished)
    }

    /// What follows a command: counting, mostly.
    @inline(__always)
    private func finish(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int,
        _ errorsBefore: Int, _ isFinished: Bool
    ) {
        let output = Executor.output(of: session.pointee.link)
        let now = cs_ticks()
        let ticks = now &- lastTicks
        lastTicks = now
        session.pointee.lastCommand = command.pointee.index
        if _slowPath(!isFinished) { return }
        statistics.count(command.pointee.index, ticks: ticks)
        if _slowPath(ticks >= slowTicks) { noteSlow(session, command, words, count, ticks) }
        if _slowPath(output.pointee.errorCount != errorsBefore) { noteError(command, output) }
        if _slowPath(output.pointee.overLimit) { closeForOutput(session) }
        markDirty(session.pointee.link)
    }

    /// Runs a reading command that locks by keys, for a client that is to be told when they change.
    func invokeRemembering(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) {
        let output = Executor.output(of: session.pointee.link)
        let errorsBefore = output.pointee.errorCount
        prepare(session, command, words, count, output)
        var set = PartitionSet()
        collectKeys(command, into: &set)
        if !lock(set) { return refuseBusy(session, command) }
        state.pointee.held = set
        command.pointee.run(UnsafeMutableRawPointer(state))
        rememberKeys(session)
        state.pointee.held = PartitionSet()
        var isFinished = true
        if state.pointee.aftermath.isEmpty {
            set.forEach { Partition.unlock(partitions + $0) }
        } else {
            isFinished = settle(set)
        }
        finish(session, command, words, count, errorsBefore, isFinished)
    }

    /// A command that takes any number of keys, given one: as DEL mostly is.
    @inline(__always)
    private func isOneOfMany(_ command: CommandPointer, _ count: Int) -> Bool {
        count == 2 && command.pointee.locking == .keys && command.pointee.firstKey == 1
    }

    static let outputOffset = MemoryLayout<Link>.offset(of: \Link.output)!

    @inline(__always)
    static func output(of link: LinkPointer) -> UnsafeMutablePointer<OutputBuffer> {
        UnsafeMutableRawPointer(link).advanced(by: outputOffset).assumingMemoryBound(to: OutputBuffer.self)
    }

    /// `settle` after a command that locks one partition (or none, while nobody else is there).
    @inline(never)
    private func settle(_ partition: PartitionPointer) -> Bool {
        if !sharesKeyspace { Partition.lock(partition) }
        var set = PartitionSet()
        set.insert(partition - partitions)
        return settle(set)
    }

    @inline(__always)
    func prepare(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int,
        _ output: UnsafeMutablePointer<OutputBuffer>
    ) {
        state.pointee.arguments = words
        state.pointee.argumentCount = count
        state.pointee.output = output
        state.pointee.replyStart = output.pointee.mark
        state.pointee.version = session.pointee.version
        state.pointee.database = session.pointee.database
        state.pointee.command = command
        state.pointee.session = UnsafeMutableRawPointer(session)
        state.pointee.keyCount = 0
        state.pointee.noTouch = session.pointee.noTouch
    }

    /// The other ways of locking. Answers whether the command is finished, which it is not if its client waits;
    /// nil if it has not run, because a script past its time limit holds the locks.
    @inline(never)
    private func runLocking(_ command: CommandPointer, _ key: Key) -> Bool? {
        switch command.pointee.locking {
        case .none, .own, .firstKey:
            command.pointee.run(UnsafeMutableRawPointer(state))
            return state.pointee.aftermath.isEmpty || settle(PartitionSet())
        case .keys:
            var set = PartitionSet()
            collectKeys(command, into: &set)
            return runHolding(set, command)
        case .all:
            return runHolding(.all, command)
        }
    }

    private func runHolding(_ wanted: PartitionSet, _ command: CommandPointer) -> Bool? {
        // What a long command holds, inside which this one runs.
        let outer = state.pointee.held
        var set = wanted
        set.subtract(outer)
        if !lock(set) { return nil }
        state.pointee.held.formUnion(set)
        if state.pointee.keyCount > 1 { prefetchCollected() }
        command.pointee.run(UnsafeMutableRawPointer(state))
        state.pointee.held = outer
        if !state.pointee.aftermath.isEmpty { return settle(set) }
        set.forEach { Partition.unlock(partitions + $0) }
        return true
    }

    private func prefetchCollected() {
        for i in 0..<state.pointee.keyCount {
            let key = state.pointee.keys[i]
            guesses.prefetchEntry(tablePlace(key, state.pointee.database), key.hash)
        }
    }

    /// Hashes all keys of the command in `state` and adds their partitions to `set`. Simple ranges are
    /// kept in `state.keys`. Words that do not fit the declaration are reported by the command itself, which
    /// looks at them anyway.
    func collectKeys(_ command: CommandPointer, into set: inout PartitionSet) {
        if command.pointee.flags.contains(.movableKeys) { return collectMovableKeys(command, into: &set) }
        let first = Int(command.pointee.firstKey)
        let count = state.pointee.argumentCount
        let last = command.pointee.lastKey < 0 ? count + Int(command.pointee.lastKey) : Int(command.pointee.lastKey)
        let step = max(1, Int(command.pointee.keyStep))
        guard first > 0, first < count else { return }
        reserveKeys((last - first) / step + 1)
        var n = 0
        var word = first
        while word <= last && word < count {
            let key = Key(state.pointee.arguments[word])
            state.pointee.keys[n] = key
            set.insert(key.partition)
            guesses.prefetchBucket(tablePlace(key, state.pointee.database), key.hash)
            n &+= 1
            word &+= step
        }
        state.pointee.keyCount = n
    }

    private func collectMovableKeys(_ command: CommandPointer, into set: inout PartitionSet) {
        let declaration = node.commands.commands[Int(command.pointee.index)]
        switch declaration.keysToLock(state.pointee.arguments, state.pointee.argumentCount) {
        case .all: return set.formUnion(.all)
        case .words(let words):
            for word in words { set.insert(Key(state.pointee.arguments[word]).partition) }
            return
        case nil: break
        }
        if let keyRange = declaration.keyRange {
            for word in keyRange.find(state.pointee.arguments, state.pointee.argumentCount) {
                set.insert(Key(state.pointee.arguments[word]).partition)
            }
            return
        }
        for spec in declaration.keys where !spec.flags.contains(.notKey) {
            guard let found = spec.positions(state.pointee.arguments, state.pointee.argumentCount) else { continue }
            for position in found { set.insert(Key(state.pointee.arguments[position]).partition) }
        }
    }

    private func reserveKeys(_ count: Int) {
        if count <= state.pointee.keyCapacity { return }
        state.pointee.keys.deallocate()
        state.pointee.keyCapacity = count
        state.pointee.keys = .allocate(capacity: count)
    }

    // MARK: aftermath

    @inline(never)
    private func noteError(_ command: CommandPointer, _ output: UnsafeMutablePointer<OutputBuffer>) {
        statistics.countFailed(command.pointee.index)
        countError(output)
    }

    /// Counts the last error reply by its code.
    func countError(_ output: UnsafeMutablePointer<OutputBuffer>) {
        statistics.add(.errorReplies)
        guard let text = output.pointee.written(from: output.pointee.lastErrorMark) else { return }
        var end = 1
        while end < text.count && end < 64 && text[end] > 32 { end += 1 }
        if end > 1 { node.errors.count(text.slice(1, end).text) }
    }

    /// A client whose backlog passed the hard limit is cut off.
    func closeForOutput(_ session: SessionPointer) {
        if session.pointee.mode.contains(.closing) { return }
        statistics.add(.outputBufferDisconnects)
        node.doors.log(
            .warning, "Client \(describeOwn(session)) closed for overcoming of output buffer limits.")
        close(session, afterReplies: false)
    }
}
