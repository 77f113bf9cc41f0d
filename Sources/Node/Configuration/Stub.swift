import Base

public enum LogLevel: Int, Sendable { case debug, verbose, notice, warning }
public enum ClientClass: Int, Sendable { case normal, replica, pubsub }
public enum Permission: Sendable { case no, local, yes }
public final class Settings: Sendable {
    public let bind = ["127.0.0.1"]
    public let port: Int
    public let unixSocket = ""
    public let unixSocketPermissions: UInt32 = 0
    public let timeoutSeconds = 0, tcpBacklog = 511, tcpKeepalive = 300, maxClients = 10000
    public let requirePassword = ""
    public let protectedMode = true
    public let databases = 16, hz = 10
    public let logFile = "", pidFile = "", daemonize = false
    public let logLevel = LogLevel.notice
    public let loops: Int
    public let outputLimits: [ClientClass: (hard: Int, soft: Int, softSeconds: Int)] = [.normal: (0, 0, 0)]
    public let queryBufferLimit = 1 << 30, bulkBytesMax = 512 << 20
    public let slowlogMicroseconds = 10000, slowlogLength = 128, latencyThresholdMilliseconds = 0
    public let countsFrequency = false
    public let enableDebugCommand = Permission.yes
    init(port: Int, loops: Int) { self.port = port; self.loops = loops }
}
extension [ClientClass: (hard: Int, soft: Int, softSeconds: Int)] {
    subscript(_ c: ClientClass) -> (hard: Int, soft: Int, softSeconds: Int) { self[c, default: (0, 0, 0)] }
}
public struct ConfigurationError: Error { public let text: String }
public final class Configuration: @unchecked Sendable {
    public let settings: Settings
    public var version: UInt64 { 1 }
    public var renamedCommands: [(String, String)] { [] }
    public var warnings: [String] { [] }
    init(_ s: Settings) { settings = s }
    public static func load(_ arguments: [String]) throws(ConfigurationError) -> Configuration {
        var port = 6379, loops = 2
        var i = 0
        while i + 1 < arguments.count {
            if arguments[i] == "--port" { port = Int(arguments[i + 1])! }
            if arguments[i] == "--io-threads" { loops = Int(arguments[i + 1])! }
            i += 1
        }
        return Configuration(Settings(port: port, loops: loops))
    }
}
