import Base
import Testing

@testable import Causality

@Suite("Short lists")
struct FewTests {
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

    @Test("What is put in, changed and taken out anywhere is what an array makes of it", arguments: 0..<50)
    func changed(seed: UInt64) {
        var random = PRNG(seed: seed)
        var (list, array) = (DotList(), [Dot]())
        for i in 1..<200 {
            let dot = Dot(actor: random.below(3), counter: UInt64(i))
            switch random.below(6) {
            case 0...1 where array.count < 5:
                let place = Int(random.below(UInt64(array.count + 1)))
                list.insert(dot, at: place)
                array.insert(dot, at: place)
            case 2 where !array.isEmpty:
                let place = Int(random.below(UInt64(array.count)))
                #expect(list.remove(at: place) == array.remove(at: place))
            case 3 where !array.isEmpty:
                let place = Int(random.below(UInt64(array.count)))
                (list[place], array[place]) = (dot, dot)
            case 4:
                let actor = random.below(3)
                list.removeAll { $0.actor == actor }
                array.removeAll { $0.actor == actor }
            default:
                list.append(dot)
                array.append(dot)
            }
            #expect(Array(list) == array && list == DotList(array) && list.isEmpty == array.isEmpty)
        }
    }

    @Test("Sorted by actor, then counter")
    func sorted() {
        var list = DotList(dots)
        list.sort()
        #expect(Array(list) == [dots[1], dots[2], dots[0]])
    }
}
