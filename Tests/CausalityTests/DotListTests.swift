import Testing

@testable import Causality

@Suite("Lists of dots")
struct DotListTests {
    private let dots = [Dot(actor: 3, counter: 7), Dot(actor: 1, counter: 9), Dot(actor: 3, counter: 2)]

    @Test("What is appended is there, in its order", arguments: 0...3)
    func appended(count: Int) {
        var list = DotList()
        for dot in dots.prefix(count) { list.append(dot) }
        #expect(Array(list) == Array(dots.prefix(count)))
        #expect(list.count == count && list.isEmpty == (count == 0))
        #expect(list == DotList(dots.prefix(count)))
        #expect(list != DotList(dots.prefix(count) + [Dot(actor: 5, counter: 1)]))
    }

    @Test("One is as good as a list of one")
    func one() {
        #expect(DotList(dots[0]) == [dots[0]])
        #expect(DotList(dots[0]) != [dots[1]])
        #expect([] == DotList())
    }

    @Test("Sorted by actor, then counter")
    func sorted() {
        var list = DotList(dots)
        list.sort()
        #expect(Array(list) == [dots[1], dots[2], dots[0]])
    }
}
