import Base
import Keyspace
import Storage

/// Why a node cannot start from its directory.
public enum RecoveryError: Error, CustomStringConvertible {
    case directory(DirectoryError)
    case log(LogError)
    /// The log speaks of a database that the configuration does not have.
    case database(Int, of: Int)

    public var description: String {
        switch self {
        case .directory(let error): error.description
        case .log(let error): error.description
        case .database(let number, let count):
            "the log has keys in database \(number), but `databases` is \(count)"
        }
    }
}

/// What a start found.
public struct RecoveryReport: Sendable {
    public var records = 0
    public var mutations = 0
}

extension Node {
    /// Takes over what the directory's log holds, and logs every change from now on. Before the loops run.
    public func recover(_ directory: DataDirectory) throws(RecoveryError) -> RecoveryReport {
        let events = keyspace.shared.pointee.eventMask
        keyspace.shared.pointee.eventMask = 0
        defer { keyspace.shared.pointee.eventMask = events }
        var report = RecoveryReport()
        var recovery = LogRecovery(directory.files, directory: directory.path, identity: directory.identity)
        var strange: RecoveryError?
        let end: LogEnd
        do throws(LogError) {
            end = try recovery.run(from: 1) { (number, record) throws(LogError) in
                strange = try keyspace.replay(number, record, &report) ?? strange
            }
        } catch {
            throw .log(error)
        }
        if let strange { throw strange }
        let log = Log(directory.files, directory: directory.path, identity: directory.identity, after: end)
        let persistence = Persistence(log, directory, configuration.settings.syncPolicy, sleep: doors.sleep)
        self.persistence = persistence
        keyspace.shared.pointee.sink = CommitLogSink(log)
        for executor in executors { executor.persistence = persistence }
        return report
    }
}

extension Keyspace {
    /// Applies a record's mutations. Nobody else is there yet, or all locks are held. Answers what is wrong with the
    /// configuration, if something is.
    fileprivate func replay(
        _ number: UInt64, _ record: ByteView, _ report: inout RecoveryReport
    ) throws(LogError) -> RecoveryError? {
        var reader = MutationReader(record)
        while !reader.isAtEnd {
            do throws(MutationError) {
                let mutation = try reader.next()
                if mutation.database >= databaseCount { return .database(mutation.database, of: databaseCount) }
                mutation.apply(to: self)
                report.mutations += 1
            } catch {
                throw .unreadable(record: number)
            }
        }
        report.records += 1
        return nil
    }
}
