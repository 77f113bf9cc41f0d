import CSystem

/// The LZF format (Marc Lehmann's liblzf), which Redis' dumps hold long strings in. A sequence of
///
///     000nnnnn, n+1 bytes                       these bytes
///     nnnooooo oooooooo            (n < 7)      n+2 bytes from o+1 before here
///     111ooooo nnnnnnnn oooooooo                n+9 bytes from o+1 before here
///
/// What is read may come from anywhere: nothing outside the input and nothing before the output's beginning is read,
/// and what a stream expands to is known before memory is taken for it.
public enum LZF {
    /// How many bytes the stream expands to; nil if it is none.
    public static func expandedCount(_ input: ByteView) -> Int? {
        var at = 0
        var total = 0
        while at < input.count {
            let control = Int(input[at])
            at &+= 1
            if control < 32 {
                if input.count &- at <= control { return nil }
                at &+= control &+ 1
                total &+= control &+ 1
                continue
            }
            var length = control >> 5
            if length == 7 {
                if at >= input.count { return nil }
                length &+= Int(input[at])
                at &+= 1
            }
            if at >= input.count { return nil }
            let distance = (control & 31) << 8 &+ Int(input[at]) &+ 1
            at &+= 1
            if distance > total { return nil }
            total &+= length &+ 2
        }
        return total
    }

    /// Expands a stream that `expandedCount` has accepted; there is room for as many bytes as it said.
    public static func expand(_ input: ByteView, into output: UnsafeMutablePointer<UInt8>) {
        var at = 0
        var to = 0
        while at < input.count {
            let control = Int(input[at])
            at &+= 1
            if control < 32 {
                memcpy(output + to, input.start + at, control &+ 1)
                at &+= control &+ 1
                to &+= control &+ 1
                continue
            }
            var length = control >> 5
            if length == 7 {
                length &+= Int(input[at])
                at &+= 1
            }
            let from = to &- ((control & 31) << 8 &+ Int(input[at]) &+ 1)
            at &+= 1
            // The source may reach into what is being written: a byte at a time repeats it.
            for i in 0..<length &+ 2 { output[to &+ i] = output[from &+ i] }
            to &+= length &+ 2
        }
    }

    // MARK: compressing

    private static let literalsMax = 32
    private static let distanceMax = 1 << 13
    private static let lengthMax = 264
    private static let hashBits = 13

    /// Writes the input compressed; there is room for `room` bytes. Answers how many it took, nil if they do not
    /// suffice. Takes linear time.
    public static func compress(_ input: ByteView, into output: UnsafeMutablePointer<UInt8>, room: Int) -> Int? {
        if input.count < 4 || input.count > Int(Int32.max) { return nil }
        return withUnsafeTemporaryAllocation(of: Int32.self, capacity: 1 << hashBits) { seen in
            seen.initialize(repeating: -1)
            var compressor = Compressor(
                input: input, output: output, room: room, seen: seen.baseAddress.unsafelyUnwrapped)
            return compressor.run()
        }
    }

    private struct Compressor {
        let input: ByteView
        let output: UnsafeMutablePointer<UInt8>
        let room: Int
        /// Where three bytes of each hash were seen last.
        let seen: UnsafeMutablePointer<Int32>
        var written = 0
        /// Where the bytes begin that have not been written yet.
        var pending = 0

        mutating func run() -> Int? {
            var at = 0
            while at < input.count - 2 {
                let length = match(at)
                guard let (distance, count) = length else {
                    at &+= 1
                    continue
                }
                guard flush(upTo: at), copy(distance, count) else { return nil }
                let end = at &+ count
                // The last positions inside what was copied are worth knowing, too.
                at = max(at &+ 1, end &- 2)
                while at < end && at < input.count - 2 {
                    seen[hash(at)] = Int32(truncatingIfNeeded: at)
                    at &+= 1
                }
                at = end
                pending = end
            }
            return flush(upTo: input.count) ? written : nil
        }

        @inline(__always)
        private func triple(_ at: Int) -> UInt32 {
            UInt32(input[at]) << 16 | UInt32(input[at &+ 1]) << 8 | UInt32(input[at &+ 2])
        }

        @inline(__always)
        private func hash(_ at: Int) -> Int {
            Int(truncatingIfNeeded: (triple(at) &* 0x9e37_79b1) >> UInt32(32 - LZF.hashBits))
        }

        /// The earlier place with the same three bytes, how far back it is and how much it shares.
        @inline(__always)
        private mutating func match(_ at: Int) -> (distance: Int, count: Int)? {
            let cell = hash(at)
            let before = Int(seen[cell])
            seen[cell] = Int32(truncatingIfNeeded: at)
            if before < 0 || at &- before > LZF.distanceMax || triple(before) != triple(at) { return nil }
            let limit = min(LZF.lengthMax, input.count &- at)
            var count = 3
            while count < limit && input[before &+ count] == input[at &+ count] { count &+= 1 }
            return (at &- before, count)
        }

        /// Writes what is pending as it is.
        private mutating func flush(upTo end: Int) -> Bool {
            while pending < end {
                let count = min(LZF.literalsMax, end - pending)
                if written + count + 1 > room { return false }
                output[written] = UInt8(count - 1)
                memcpy(output + written + 1, input.start + pending, count)
                written += count + 1
                pending += count
            }
            return true
        }

        private mutating func copy(_ distance: Int, _ count: Int) -> Bool {
            if written + 3 > room { return false }
            let back = distance - 1
            let length = count - 2
            output[written] = UInt8(min(length, 7) << 5 | back >> 8)
            written += 1
            if length >= 7 {
                output[written] = UInt8(length - 7)
                written += 1
            }
            output[written] = UInt8(back & 255)
            written += 1
            return true
        }
    }
}
