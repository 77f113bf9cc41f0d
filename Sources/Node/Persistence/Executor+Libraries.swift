import Commands
import Keyspace
import Scripting

extension Executor {
    /// The libraries of functions have changed: all of them are logged, with the running command's record. Of what two
    /// loops log the higher version counts.
    func librariesChanged() {
        keyspace.record(node.libraries.saved, timestamp: state.pointee.moment.wall)
    }
}

extension LibraryStore {
    /// All libraries, and which version they are.
    var saved: SavedLibraries {
        let (libraries, version) = current
        return SavedLibraries(version: version, payload: LibraryPayload.encode(libraries))
    }
}
