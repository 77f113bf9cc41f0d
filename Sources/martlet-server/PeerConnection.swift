import CSystem
import Glibc
import Node

/// Talks to another server for `Doors.exchange`, on a thread that lives as long as that takes.
enum PeerConnection {
    static func exchange(_ request: PeerRequest, _ done: @escaping @Sendable (PeerReply) -> Void) {
        let isStarted = BackgroundThread.startIfPossible("peer") { done(run(request)) }
        if !isStarted { done(PeerReply(failure: .connecting)) }
    }

    private static func run(_ request: PeerRequest) -> PeerReply {
        let descriptor = cs_connect_tcp(request.host, Int32(clamping: request.port), Int32(request.timeoutMilliseconds))
        if descriptor < 0 { return PeerReply(failure: .connecting) }
        defer { close(descriptor) }
        let timeout = Int32(request.timeoutMilliseconds)
        let sent = request.bytes.withUnsafeBufferPointer {
            cs_send_all(descriptor, $0.baseAddress, $0.count, timeout)
        }
        if sent != 0 { return PeerReply(failure: .writing) }
        return read(descriptor, request.replyLines, timeout)
    }

    private static func read(_ descriptor: Int32, _ wanted: Int, _ timeout: Int32) -> PeerReply {
        var reply = PeerReply()
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while reply.lines.count < wanted {
            let count = cs_receive(descriptor, &buffer, buffer.count, timeout)
            // A line is an error's text at most.
            if count <= 0 || line.count > 65536 {
                reply.failure = .reading
                return reply
            }
            for byte in buffer[..<count] {
                if byte != 10 {
                    line.append(byte)
                    continue
                }
                if line.last == 13 { line.removeLast() }
                reply.lines.append(line)
                line.removeAll(keepingCapacity: true)
            }
        }
        return reply
    }
}
