import Base
import CSystem
import Commands
import Scripting

/// The script or function that a loop is running: what its commands may do, and where its reply goes.
struct ScriptRun {
    var kind = Interpreter.Kind.scripts
    /// Commands that write are refused.
    var isReadOnly = false
    /// Commands that take memory run whatever maxmemory says.
    var allowsOOM = false
    /// The client's, to which the reply goes.
    var output: UnsafeMutablePointer<OutputBuffer>
    var session: SessionPointer
    /// An error reply was written that had been counted when it came up.
    var repliedCountedError = false
    /// The client tracks what it reads, and a command has read.
    var remembersKeys = false
    /// The SHA1 or the function's name.
    var name = ByteView("")
    /// Ticks at the start, and when the clock is to be looked at again.
    var started: UInt64 = 0
    var nextLook: UInt64 = 0
    /// The locks of all partitions are held.
    var holdsAll = true
    /// The time limit has passed: other clients get BUSY.
    var isBusy = false
}

/// What other loops may know and say of a loop's running script. Words, read and written by atomics.
struct ScriptSignals: @unchecked Sendable {
    private enum Word: Int, CaseIterable {
        /// Number of the present run, 0: none. Odd: a script of EVAL; even: a function.
        case run
        /// Number of the last run that has written.
        case written
        /// Number of the last run that somebody wants to end.
        case killed
        /// Runs so far.
        case count
    }

    private let words: UnsafeMutablePointer<UInt64>

    init() {
        words = .allocate(capacity: Word.allCases.count)
        words.initialize(repeating: 0, count: Word.allCases.count)
    }

    @inline(__always)
    private func at(_ word: Word) -> UnsafeMutablePointer<UInt64> { words + word.rawValue }

    /// A run begins. On its loop.
    @inline(__always)
    func begin(_ kind: Interpreter.Kind) {
        let number = cs_load_u64(at(.count)) &+ 1
        cs_store_u64(at(.count), number)
        cs_store_release_u64(at(.run), number << 1 | (kind == .scripts ? 1 : 0))
    }

    @inline(__always)
    func end() { cs_store_release_u64(at(.run), 0) }

    /// The present run is about to change something. Answers false if it is to end instead.
    @inline(__always)
    func mayWrite() -> Bool {
        let run = cs_load_u64(at(.run))
        if _fastPath(cs_load_u64(at(.written)) == run) { return true }
        cs_store_ordered_u64(at(.written), run)
        return cs_load_ordered_u64(at(.killed)) != run
    }

    @inline(__always)
    var isKilled: Bool { cs_load_u64(at(.killed)) == cs_load_u64(at(.run)) && cs_load_u64(at(.run)) != 0 }

    @inline(__always)
    var hasWritten: Bool { cs_load_u64(at(.written)) == cs_load_u64(at(.run)) }

    /// The kind of what runs now, nil: nothing.
    var running: Interpreter.Kind? {
        let run = cs_load_acquire_u64(at(.run))
        return run == 0 ? nil : run & 1 != 0 ? .scripts : .functions
    }

    enum Killing {
        case notRunning, otherKind, hasWritten, done
    }

    /// Ends the present run if it is of this kind and has not written. From any thread.
    func kill(_ kind: Interpreter.Kind) -> Killing {
        let run = cs_load_acquire_u64(at(.run))
        if run == 0 { return .notRunning }
        if (run & 1 != 0) != (kind == .scripts) { return .otherKind }
        if cs_load_ordered_u64(at(.written)) == run { return .hasWritten }
        cs_store_ordered_u64(at(.killed), run)
        return cs_load_ordered_u64(at(.written)) == run ? .hasWritten : .done
    }
}
