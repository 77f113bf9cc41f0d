import Base
import CSystem
import Keyspace
import RESP

extension Call {
    /// LEFT or RIGHT at a word; replies if it is neither.
    func listSide(_ word: Int) -> ListSide? {
        if self[word].isWord("left") { return .front }
        if self[word].isWord("right") { return .back }
        fail(ErrorText.syntax)
        return nil
    }

    /// LMOVE source destination LEFT|RIGHT LEFT|RIGHT
    func moveBetweenLists() {
        guard let from = listSide(3), let to = listSide(4) else { return }
        if !moveElement(from, to) { reply.null() }
    }

    /// RPOPLPUSH source destination
    func rotateBetweenLists() {
        if !moveElement(.back, .front) { reply.null() }
    }

    /// BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout
    func moveWaiting() {
        guard let from = listSide(3), let to = listSide(4) else { return }
        moveWaiting(from, to, timeout: 5)
    }

    /// BRPOPLPUSH source destination timeout
    func rotateWaiting() { moveWaiting(.back, .front, timeout: 3) }

    private func moveWaiting(_ from: ListSide, _ to: ListSide, timeout word: Int) {
        guard let deadline = secondsDeadline(word) else { return }
        if isServing && access(key(1)).peek(key(1))?.type != .list { return }
        if moveElement(from, to) { return }
        var wait = Wait(.list, keys: 1..<2, deadline: deadline)
        wait.others = 2..<3
        wait.repliesArray = false
        self.wait(wait)
    }

    /// Moves an element from the list at word 1 to that at word 2, and replies with it. Answers false, and has
    /// not replied, if there is none.
    private func moveElement(_ from: ListSide, _ to: ListSide) -> Bool {
        let source = key(1)
        let destination = key(2)
        let (access, target) = (access(source), access(destination))
        guard let slot = access.find(source) else { return false }
        guard isA(.list, access.entry(slot)) else { return true }
        // Looked up first, because a key past its deadline is removed by that, and slots move.
        let (place, isRight) = find(.list, destination, target)
        guard isRight, let slot = access.find(source) else { return true }
        ListValue(access, slot, source).withEnd(from) { element in
            withCopy(of: element) { view in
                // Pushed first: the list may be the same one, and must not become empty in between.
                withUnsafePointer(to: view) { _ = target.pushToList(destination, place, $0, 1, to) }
                reply.bulk(view)
            }
        }
        target.notify(.list, to.pushEvent, destination)
        guard let slot = access.find(source) else { return true }
        takeAway(ListValue(access, slot, source), 1, from)
        return true
    }

    /// Lends an element's bytes in memory of their own.
    private func withCopy(of element: Listpack.Element, _ body: (ByteView) -> Void) {
        element.withView { view in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, view.count)) { copy in
                let start = copy.baseAddress.unsafelyUnwrapped
                memcpy(start, view.start, view.count)
                body(ByteView(UnsafePointer(start), view.count))
            }
        }
    }
}
