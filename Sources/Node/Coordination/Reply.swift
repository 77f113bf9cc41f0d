import Base

/// A reply as a client gets it, while it waits for other nodes. Short ones, as most are, take no memory of their own.
struct Reply: ExpressibleByArrayLiteral {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// Bytes in `words`.
    private var short: UInt8 = 0
    /// All bytes, if there are more than fit there.
    private var long: [UInt8]?

    static let shortMax = 32

    init(_ bytes: ByteView) {
        if bytes.count > Reply.shortMax {
            long = bytes.bytes
        } else {
            short = UInt8(bytes.count)
            withUnsafeMutableBytes(of: &words) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: bytes.start, count: bytes.count))
            }
        }
    }

    init(_ bytes: [UInt8]) {
        if bytes.count > Reply.shortMax { long = bytes } else { self = bytes.withView { Reply($0) } }
    }

    init(arrayLiteral elements: UInt8...) { self.init(elements) }

    /// What has been written, which is taken out.
    init(taking output: UnsafeMutablePointer<OutputBuffer>) {
        guard output.pointee.pending <= Reply.shortMax, output.pointee.sealedCount == 0, !output.pointee.overLimit
        else {
            long = output.pointee.takeAll()
            return
        }
        if let written = output.pointee.unsent { self = Reply(written) }
        output.pointee.clear()
    }

    /// Nothing.
    init() {}

    var count: Int { long?.count ?? Int(short) }
    var isEmpty: Bool { long == nil && short == 0 }
    var bytes: [UInt8] { long ?? withView { $0.bytes } }

    @inline(__always)
    func withView<R>(_ body: (ByteView) -> R) -> R {
        if let long { return long.withView(body) }
        return withUnsafeBytes(of: words) {
            body(ByteView(raw: $0.baseAddress.unsafelyUnwrapped, Int(short)))
        }
    }
}

extension OutputBuffer {
    mutating func append(_ reply: Reply) {
        if !reply.isEmpty { reply.withView { append($0) } }
    }
}
