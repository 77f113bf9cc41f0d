import Base
import CSystem

/// All libraries of a node. Each loop loads them for itself when it finds that the version has changed.
public final class LibraryStore: @unchecked Sendable {
    public static let nameRule: StaticString = """
        Library names can only contain letters, numbers, or underscores(_) and must be at least one character long
        """

    private let lock = SpinLock()
    /// In the order in which they came.
    private var libraries: [Library] = []
    private var nextID: UInt64 = 1
    private let word: UnsafeMutablePointer<UInt64>

    public init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    /// Changes with every change of the libraries. Read without the lock.
    @inline(__always)
    public var version: UInt64 { cs_load_acquire_u64(word) }

    /// The libraries, and the version that they are of.
    public var current: (libraries: [Library], version: UInt64) { lock.withLock { (libraries, cs_load_u64(word)) } }

    /// A number that no library has had.
    public func makeID() -> UInt64 {
        lock.withLock {
            nextID += 1
            return nextID
        }
    }

    /// What happens to libraries that are there already when others come.
    public enum Policy {
        case flush, append, replace
    }

    /// Adds libraries, all or none. Answers what is wrong, as an error reply, nil: done.
    public func add(_ new: [Library], _ policy: Policy) -> String? {
        lock.withLock {
            var kept = policy == .flush ? [] : libraries
            for library in new {
                guard let place = kept.firstIndex(where: { $0.name == library.name }) else { continue }
                if policy != .replace {
                    return "ERR Library \(String(decoding: library.name, as: UTF8.self)) already exists"
                }
                kept.remove(at: place)
            }
            var taken: Set<[UInt8]> = []
            for library in kept {
                for function in library.functions { taken.insert(FunctionDescription.key(function.name)) }
            }
            for function in new.flatMap(\.functions) where taken.contains(FunctionDescription.key(function.name)) {
                return "ERR Function \(String(decoding: function.name, as: UTF8.self)) already exists"
            }
            libraries = kept + new
            touch()
            return nil
        }
    }

    /// Whether there is a library of this name.
    public func has(_ name: [UInt8]) -> Bool { lock.withLock { libraries.contains { $0.name == name } } }

    /// Answers false if there is none of that name.
    public func remove(_ name: [UInt8]) -> Bool {
        lock.withLock {
            guard let place = libraries.firstIndex(where: { $0.name == name }) else { return false }
            libraries.remove(at: place)
            touch()
            return true
        }
    }

    /// Empties the store.
    public func removeAll() {
        lock.withLock {
            libraries = []
            touch()
        }
    }

    /// From now on versions are higher than this one: what was logged before the start stays older.
    public func raiseVersion(above old: UInt64) {
        lock.withLock {
            if cs_load_u64(word) <= old { cs_store_release_u64(word, old + 1) }
        }
    }

    private func touch() { cs_store_release_u64(word, cs_load_u64(word) &+ 1) }

    /// What the sources and their places take, about.
    public var memory: Int { current.libraries.reduce(0) { $0 + $1.source.count + 200 + $1.functions.count * 120 } }
}
