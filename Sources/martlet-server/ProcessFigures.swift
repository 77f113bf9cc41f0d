import CSystem
import Glibc
import Node

/// Asks the system what INFO shows of this process.
@Sendable
func processFigures() -> ProcessFigures {
    var figures = ProcessFigures()
    figures.processID = Int(getpid())
    figures.system = systemName
    figures.executable = executablePath
    (figures.userSeconds, figures.systemSeconds) = cpuSeconds(RUSAGE_SELF.rawValue)
    (figures.childUserSeconds, figures.childSystemSeconds) = cpuSeconds(RUSAGE_CHILDREN.rawValue)
    (figures.threadUserSeconds, figures.threadSystemSeconds) = cpuSeconds(callingThread)
    figures.residentBytes = Int(cs_resident_bytes())
    figures.memoryBytes = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return figures
}

/// RUSAGE_THREAD, which glibc declares for GNU sources only.
private let callingThread: Int32 = 1

private func cpuSeconds(_ whose: Int32) -> (user: Double, system: Double) {
    var usage = rusage()
    getrusage(__rusage_who_t(whose), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return (seconds(usage.ru_utime), seconds(usage.ru_stime))
}

private let systemName: String = {
    var name = utsname()
    guard uname(&name) == 0 else { return "unknown" }
    func text<T>(_ field: T) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return "\(text(name.sysname)) \(text(name.release)) \(text(name.machine))"
}()

private let executablePath: String = {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { path in
        let count = readlink("/proc/self/exe", path.baseAddress!, 4096)
        return count > 0
            ? String(decoding: UnsafeRawBufferPointer(path).prefix(count), as: UTF8.self) : CommandLine.arguments[0]
    }
}()
