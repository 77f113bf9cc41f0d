import Base

extension CommandTable {
    /// The index of a command by its full name in any case: "get", "client|getname".
    public func lookUp(_ name: ByteView) -> Int? {
        guard let bar = (0..<name.count).first(where: { name[$0] == 124 }) else {
            return find(name).map { Int($0.pointee.index) }
        }
        guard let container = find(name.slice(0, bar)) else { return nil }
        let rest = name.slice(bar + 1, name.count)
        return find(rest, parent: container.pointee.index).map { Int($0.pointee.index) }
    }
}
