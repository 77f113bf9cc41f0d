import Testing

@testable import Base

/// The output buffer against an array of bytes that does the same.
struct OutputBufferTests {
    private static let noise: [UInt8] = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

    private static func pattern(_ seed: Int, _ count: Int) -> [UInt8] { Array(noise[seed..<seed + count]) }

    private static func drained(_ output: inout OutputBuffer) -> [UInt8] {
        var bytes: [UInt8] = []
        while let run = output.unsent {
            bytes += run.bytes
            output.consume(run.count)
        }
        return bytes
    }

    @Test func chainsFullBlocks() {
        var output = OutputBuffer()
        defer { output.reset() }
        var expected: [UInt8] = []
        for i in 0..<300 {
            let piece = Self.pattern(i, 7001)
            piece.withView { output.append($0) }
            expected += piece
        }
        #expect(output.sealedCount > 4)
        #expect(output.pending == expected.count)
        #expect(Self.drained(&output) == expected)
        #expect(output.isEmpty && output.sealedCount == 0)
    }

    /// Appends, partial sends and rewinds in random order.
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func agreesWithAModel(_ seed: UInt64) {
        var random = PRNG(seed: seed)
        var output = OutputBuffer()
        defer { output.reset() }
        var model: [UInt8] = []
        for step in 0..<1000 {
            switch random.below(8) {
            case 0..<5:
                let piece = Self.pattern(step, Int(random.below(random.below(4) == 0 ? 200_000 : 300)))
                piece.withView { output.append($0) }
                model += piece
            case 5:
                guard let run = output.unsent else { continue }
                let sent = 1 + Int(random.below(UInt64(run.count)))
                #expect(Array(run.bytes[..<sent]) == Array(model[..<sent]))
                output.consume(sent)
                model.removeFirst(sent)
            case 6:
                let mark = output.mark
                let kept = output.pending
                let piece = Self.pattern(step, Int(random.below(random.below(4) == 0 ? 600_000 : 3000)))
                piece.withView { output.append($0) }
                output.rewind(to: mark)
                #expect(output.pending == kept)
            default: output.shrink(keep: 0)
            }
            #expect(output.pending == model.count)
            if model.count > 1 << 20 {
                #expect(Self.drained(&output) == model)
                model = []
            }
        }
        #expect(Self.drained(&output) == model)
    }

    @Test func raisesItsLimit() {
        var output = OutputBuffer()
        defer { output.reset() }
        output.hardLimit = 10_000
        Self.pattern(0, 9000).withView { output.append($0) }
        #expect(!output.overLimit)
        Self.pattern(0, 9000).withView { output.append($0) }
        #expect(output.overLimit)
    }

    @Test func tellsWhereTheLastErrorBegins() {
        var output = OutputBuffer()
        defer { output.reset() }
        output.append("+OK\r\n" as StaticString)
        output.noteError()
        output.append("-ERR no\r\n" as StaticString)
        #expect(output.errorCount == 1)
        #expect(output.written(from: output.lastErrorMark)?.text == "-ERR no\r\n")
    }
}

struct InputBufferTests {
    private func fill(_ input: inout InputBuffer, _ text: String) {
        text.withView { input.append($0.start, $0.count) }
    }

    private func unparsed(_ input: InputBuffer) -> String {
        input.unparsed.map { ByteView(UnsafePointer($0), input.unparsedCount).text } ?? ""
    }

    @Test func keepsWhatIsNotParsed() {
        var input = InputBuffer()
        defer { input.reset() }
        #expect(input.isEmpty)
        fill(&input, "abc")
        input.consume(1)
        fill(&input, "def")
        #expect(unparsed(input) == "bcdef")
        let (place, room) = input.prepare(100)
        #expect(room >= 100)
        // What was parsed has made room: the rest lies at the front.
        #expect(input.consumed == 0 && unparsed(input) == "bcdef")
        place[0] = 103
        input.filled(1)
        #expect(unparsed(input) == "bcdefg")
        input.consume(6)
        #expect(input.isEmpty)
    }

    @Test func stepsBack() {
        var input = InputBuffer()
        defer { input.reset() }
        fill(&input, "abcdef")
        let start = UnsafePointer(input.unparsed!)
        input.consume(6)
        #expect(input.contains(start + 2))
        input.rewind(to: start + 2)
        #expect(unparsed(input) == "cdef")
        "xy".withView { input.prepend($0.start, $0.count) }
        #expect(unparsed(input) == "xycdef")
        "xy".withView { outside in #expect(!input.contains(outside.start)) }
    }

    /// Memory follows what arrives: at most about double.
    @Test func growsWithItsContents() {
        var input = InputBuffer()
        defer { input.reset() }
        let piece = [UInt8](repeating: 97, count: 1000)
        for i in 1...500 {
            piece.withView { input.append($0.start, $0.count) }
            #expect(input.capacity <= 2 * i * 1000 + 1000)
        }
        #expect(input.count == 500_000)
    }
}
