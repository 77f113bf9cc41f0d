import Base
import CSystem
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
    /// Takes over what the directory's log holds, and logs every change once the loops answer (`finishLoading`). While
    /// no loop runs, or all answer LOADING.
    public func recover(_ directory: DataDirectory) throws(RecoveryError) -> RecoveryReport {
        loading.begin(total: directory.bytes, now: cs_wall_us() / 1_000_000)
        defer { loading.end() }
        var report = RecoveryReport()
        var bytes: Int64 = 0
        var recovery = LogRecovery(directory.files, directory: directory.path, identity: directory.identity)
        var strange: RecoveryError?
        let end: LogEnd
        do throws(LogError) {
            end = try recovery.run(from: 1) { (number, record) throws(LogError) in
                strange = try keyspace.replay(number, record, &report) ?? strange
                bytes += Int64(record.count)
                loading.note(keys: report.mutations, done: bytes)
            }
        } catch {
            throw .log(error)
        }
        if let strange { throw strange }
        let log = Log(directory.files, directory: directory.path, identity: directory.identity, after: end)
        let persistence = Persistence(log, directory, configuration.settings.syncPolicy, sleep: doors.sleep)
        self.persistence = persistence
        keyspace.shared.pointee.sink = CommitLogSink(log)
        return report
    }
}

extension Keyspace {
    /// Applies a record's mutations. Commands that may run meanwhile only look. Answers what is wrong with the
    /// configuration, if something is.
    fileprivate func replay(
        _ number: UInt64, _ record: ByteView, _ report: inout RecoveryReport
    ) throws(LogError) -> RecoveryError? {
        var reader = MutationReader(record)
        while !reader.isAtEnd {
            do throws(MutationError) {
                let mutation = try reader.next()
                if mutation.database >= databaseCount { return .database(mutation.database, of: databaseCount) }
                let partition = partitions + (mutation.slot >> 6)
                Partition.lock(partition)
                mutation.apply(to: self)
                Partition.unlock(partition)
                report.mutations += 1
            } catch {
                throw .unreadable(record: number)
            }
        }
        report.records += 1
        return nil
    }
}
