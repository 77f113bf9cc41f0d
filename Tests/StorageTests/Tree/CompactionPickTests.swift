import Base
import Testing

@testable import Storage

/// What is compacted next, as a function of sizes and keys.
@Suite struct CompactionPickTests {
    /// In units of a table.
    private static var options: Tree.Options {
        var options = Tree.Options()
        options.tableBytes = 100
        options.baseBytes = 1000
        options.levelRatio = 10
        options.compressAll(.none)
        return options
    }

    private static func key(_ i: Int) -> [UInt8] { [UInt8(i >> 8), UInt8(i & 255)] }

    private static func table(
        _ number: UInt64, _ first: Int, _ last: Int, bytes: Int64 = 100, tombstones: Int64 = 0
    ) -> TableSummary {
        TableSummary(
            number: number, bytes: bytes, records: 10, tombstones: tombstones, first: key(first), last: key(last))
    }

    /// A level of so many tables side by side.
    private static func level(_ count: Int, from number: UInt64, of keys: Int = 60_000) -> [TableSummary] {
        (0..<count).map { i in
            table(number + UInt64(i), i * keys / count, (i + 1) * keys / count - 1)
        }
    }

    private static func layout(_ runs: [[TableSummary]] = [], _ levels: [Int: [TableSummary]] = [:]) -> Layout {
        Layout(
            runs: runs.enumerated().map { Layout.Run(number: UInt64(1000 - $0.offset), tables: $0.element) },
            levels: (0...LevelSizes.last).map { levels[$0] ?? [] })
    }

    private static func picker(_ layout: Layout, damaged: Set<UInt64> = []) -> CompactionPicker {
        CompactionPicker(layout, options, damaged: damaged)
    }

    @Test func sizesAreCountedFromTheLastLevel() {
        func sizes(_ tables: Int) -> LevelSizes {
            LevelSizes(Self.layout([], [6: [Self.table(1, 0, 1, bytes: Int64(tables) * 100)]]), Self.options)
        }
        #expect(sizes(0).base == 6 && sizes(5).base == 6)
        #expect(sizes(20).base == 5)
        #expect(sizes(20).targets[5] == 200)
        #expect(sizes(100).base == 5)
        #expect(sizes(100).targets[5] == 1000)
        // One more level: a tenth of the last, and baseBytes.
        let more = sizes(400)
        #expect(more.base == 4)
        #expect(more.targets[5] == 4000 && abs(more.targets[4] - 1000) < 1)
        let many = sizes(10_000)
        #expect(many.base == 3)
        #expect(abs(many.targets[3] - 1000) < 1 && many.targets[5] == 100_000)
        #expect(abs(many.targets[4] - 10_000) < 10)
        // The bytes above the last level stay below what space amplification allows.
        for tables in [20, 50, 100, 150, 400, 1000, 5000, 10_000, 100_000] {
            let sizes = sizes(tables)
            let above = sizes.targets.reduce(0, +) + sizes.level0
            #expect(above <= 0.3 * Double(tables) * 100, "\(tables)")
            for level in sizes.base..<5 { #expect(sizes.targets[level + 1] <= 10.001 * sizes.targets[level]) }
        }
    }

    @Test func nothingToDo() {
        #expect(Self.picker(Self.layout()).pick() == nil)
        #expect(Self.picker(Self.layout([[Self.table(1, 0, 9, bytes: 50)]])).debtBytes == 0)
        let layout = Self.layout([[Self.table(1, 0, 60_000)]], [6: Self.level(50, from: 10)])
        #expect(Self.picker(layout).pick() == nil)
        #expect(Self.picker(layout).debtBytes == 0)
    }

    @Test func levelZeroGoesToTheBase() throws {
        let runs = (0..<Self.options.level0Runs).map { [Self.table(UInt64($0 + 1), 10, 49_999)] }
        let all = try #require(Self.picker(Self.layout(runs)).pick())
        #expect(all.level == 6)
        #expect(all.inputs.map { $0.map(\.number) } == runs.map { $0.map(\.number) })
        // With what lies there, and only as far as it reaches.
        let above = try #require(
            Self.picker(Self.layout(runs, [5: Self.level(6, from: 50), 6: Self.level(60, from: 100)])).pick())
        #expect(above.level == 5)
        #expect(above.inputs.last?.map(\.number) == [50, 51, 52, 53, 54])
        #expect(Self.picker(Self.layout(runs, [6: Self.level(20, from: 100)])).debtBytes > 0)
    }

    /// A level that should be empty still hides what is below it: level 0 does not go past it.
    @Test func levelZeroNeverPassesOlderRecords() throws {
        let runs = (0..<Self.options.level0Runs).map { [Self.table(UInt64($0 + 1), 0, 60_000, bytes: 300)] }
        let layout = Self.layout(runs, [3: Self.level(2, from: 50), 6: Self.level(60, from: 100)])
        var picker = Self.picker(layout)
        #expect(picker.sizes.base == 5)
        // First that level is emptied.
        #expect(picker.pick()?.level == 4)
        picker = Self.picker(layout, damaged: [50, 51])
        // It cannot be read: level 0 has to wait for it as well.
        #expect(picker.pick() == nil)
    }

    /// Small runs above much are merged among themselves; long ones are not merged again and again.
    @Test func littleIsMergedInLevelZero() throws {
        var runs = [[Self.table(1, 0, 60_000, bytes: 2)], [Self.table(2, 0, 60_000, bytes: 2)]]
        runs += [[Self.table(3, 0, 60_000, bytes: 3)], [Self.table(4, 0, 60_000, bytes: 150)]]
        while runs.count < Self.options.level0Runs {
            runs.append([Self.table(UInt64(runs.count + 1), 0, 60_000, bytes: 20)])
        }
        let layout = Self.layout(
            runs, [4: Self.level(9, from: 200), 5: Self.level(35, from: 300), 6: Self.level(400, from: 1000)])
        let pick = try #require(Self.picker(layout).pick())
        #expect(pick.level == 0)
        #expect(pick.run == 1000)
        #expect(pick.inputs.map { $0.map(\.number) } == [[1], [2], [3]])
    }

    @Test func idleTreesMergeTheirRuns() {
        let runs = [[Self.table(1, 0, 60_000, bytes: 2)], [Self.table(2, 0, 60_000, bytes: 2)]]
        let levels = [5: Self.level(4, from: 50), 6: Self.level(60, from: 100)]
        let picker = Self.picker(Self.layout(runs, levels))
        #expect(picker.pick() == nil)
        #expect(picker.pick(eager: true)?.level == 0)
        #expect(Self.picker(Self.layout([runs[0]], levels)).pick(eager: true) == nil)
        let long = runs.map { [Self.table($0[0].number, 0, 60_000, bytes: 250)] }
        #expect(Self.picker(Self.layout(long, levels)).pick(eager: true)?.level == 5)
    }

    @Test func muchLevelZeroDoesNotWaitForMoreRuns() {
        let run = [Self.table(1, 0, 30_000, bytes: 400), Self.table(2, 30_001, 60_000, bytes: 400)]
        let layout = Self.layout([run], [5: Self.level(3, from: 50), 6: Self.level(60, from: 100)])
        #expect(Self.picker(layout).pick()?.level == 5)
    }

    /// Of a level that is too long those tables go that lie above the least.
    @Test func theDensestGoFirst() throws {
        var upper = Self.level(10, from: 50)
        // Two small ranges that are as long as the others.
        upper[4] = Self.table(54, 24_000, 24_400)
        let layout = Self.layout([], [5: upper, 6: Self.level(40, from: 100)])
        let pick = try #require(Self.picker(layout).pick())
        #expect(pick.level == 6)
        #expect(pick.inputs.map { $0.map(\.number) } == [[54], [116]])
        // One that cannot be read stays; others go.
        let other = try #require(Self.picker(layout, damaged: [116]).pick())
        #expect(!other.tables.contains { $0.number == 116 || $0.number == 54 })
    }

    @Test func tablesAboveNothingOnlyMove() throws {
        var upper = Self.level(10, from: 50)
        let lower = Self.level(40, from: 100).filter { $0.number != 120 && $0.number != 121 }
        upper[5] = Self.table(55, 30_100, 32_000)
        let pick = try #require(Self.picker(Self.layout([], [5: upper, 6: lower])).pick())
        #expect(pick.isMove && pick.inputs == [[upper[5]]] && pick.level == 6)
        // Not if tombstones would stay for ever, nor if it is to be compressed.
        upper[5].tombstones = 1
        #expect(try !#require(Self.picker(Self.layout([], [5: upper, 6: lower])).pick()).isMove)
        upper[5].tombstones = 0
        upper[5].compression = .lz4
        #expect(try !#require(Self.picker(Self.layout([], [5: upper, 6: lower])).pick()).isMove)
    }

    /// Tombstones weigh what they free.
    @Test func tombstonesAreUrgent() {
        let few = Self.layout([], [5: Self.level(3, from: 50), 6: Self.level(60, from: 100)])
        #expect(Self.picker(few).pick() == nil)
        var deleting = few
        for i in 0..<3 { deleting.levels[5][i].tombstones = 200 }
        #expect(Self.picker(deleting).pick()?.level == 6)
    }
}
