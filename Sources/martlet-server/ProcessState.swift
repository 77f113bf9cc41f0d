import Base
import CSystem
import Glibc
import Node

/// Descriptors that are not clients': listeners, event loops, files.
private let ownDescriptors = 128

/// Gives the process what the configuration asks of it: its directory, and room for its clients.
func takeUp(_ configuration: Configuration) throws(StartError) {
    let settings = configuration.settings
    if chdir(settings.directory) != 0 {
        throw StartError(text: "cannot change to the directory '\(settings.directory)': \(errorText(errno))")
    }
    let ownDescriptors = ownDescriptors + peerDescriptors(settings)
    let room = cs_raise_open_files(settings.maxClients + ownDescriptors) - ownDescriptors
    if room >= settings.maxClients { return }
    if room < 1 {
        throw StartError(text: "the system allows \(room + ownDescriptors) open files, too few for any client")
    }
    let text = "\(room)"
    "maxclients".withView { name in
        text.withView { _ = configuration.set([(name: name, value: $0)]) }
    }
    configuration.warn(
        "maxclients lowered from \(settings.maxClients) to \(room): the system allows no more open files (ulimit -n)")
}

/// CONFIG SET dir. Answers why it cannot be.
func changeDirectory(_ old: Settings, _ new: Settings) -> String? {
    if old.directory == new.directory || chdir(new.directory) == 0 { return nil }
    return "dir: \(errorText(errno))"
}

/// CONFIG SET maxclients. Answers why it cannot be.
func raiseClientLimit(_ old: Settings, _ new: Settings) -> String? {
    if new.maxClients <= old.maxClients { return nil }
    let ownDescriptors = ownDescriptors + peerDescriptors(new)
    let room = cs_raise_open_files(new.maxClients + ownDescriptors) - ownDescriptors
    if room >= new.maxClients { return nil }
    return "maxclients: The operating system is not able to handle the specified number of clients, try with \(room)"
}

/// Every loop has a connection to every other node, and each node's loops may all be connected with one of ours.
private func peerDescriptors(_ settings: Settings) -> Int {
    settings.cluster.isEnabled ? 2 * settings.loops * settings.cluster.seeds.count + 64 : 0
}
