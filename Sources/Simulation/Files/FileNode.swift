import Base

/// A change of a file that was written and not synced: a crash may undo it.
struct FileChange {
    enum Kind {
        /// A page as it was after a write, and the file's size then.
        case page(Int, FileImage.Page, fileSize: Int64)
        case cut(to: Int64)
        case grow(to: Int64)
    }

    let kind: Kind
    /// The number of the call that did it.
    let stamp: Int

    var page: Int? { if case .page(let index, _, _) = kind { index } else { nil } }

    /// The file's length is part of a write: where only the length grew, a crash leaves zeros.
    var text: String {
        switch kind {
        case .page(let index, _, _): "page \(index)"
        case .cut(let size): "cut to \(size)"
        case .grow(let size): "growth to \(size)"
        }
    }
}

/// A file, whatever its names.
struct FileNode {
    /// What a crash leaves if it keeps nothing.
    private(set) var durable = FileImage()
    /// What processes read.
    private(set) var cached = FileImage()
    /// What of `cached` is not durable, in order. What was lost is in neither.
    private(set) var changes: [FileChange] = []
    /// How often each page is in `changes` behind the last cut.
    private var versions: [Int: Int] = [:]
    /// How many names it has, as processes see it.
    var links = 0

    mutating func write(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, stamp: Int, versions limit: Int
    ) {
        let grows = offset + Int64(bytes.count) > cached.size
        cached.write(bytes, at: offset)
        for index in FileImage.pages(at: offset, bytes.count) {
            if versions[index, default: 0] >= max(limit, 1) { dropOldestVersion(of: index) }
            versions[index, default: 0] += 1
            append(.page(index, cached.page(index), fileSize: cached.size), stamp)
        }
        if grows { grow(stamp) }
    }

    mutating func truncate(to size: Int64, stamp: Int) {
        if size > cached.size {
            cached.grow(to: size)
            grow(stamp)
        } else if size < cached.size {
            cached.cut(to: size)
            versions = [:]
            append(.cut(to: size), stamp)
        }
    }

    private mutating func append(_ kind: FileChange.Kind, _ stamp: Int) {
        changes.append(FileChange(kind: kind, stamp: stamp))
    }

    /// One growth stands for all since the last cut.
    private mutating func grow(_ stamp: Int) {
        for index in changes.indices.reversed() {
            if case .cut = changes[index].kind { break }
            if case .grow = changes[index].kind {
                changes.remove(at: index)
                break
            }
        }
        append(.grow(to: cached.size), stamp)
    }

    private mutating func dropOldestVersion(of page: Int) {
        var left = versions[page, default: 0]
        for index in changes.indices.reversed() where changes[index].page == page {
            left -= 1
            if left == 0 {
                changes.remove(at: index)
                versions[page, default: 1] -= 1
                return
            }
        }
    }

    /// The durable contents with some of the changes: of each page the sectors whose bits are set, of others all or
    /// nothing. Journals keep the order of a file's cuts: what was done after one comes with it.
    func image(keeping sectors: [UInt8]) -> FileImage {
        var image = durable
        let last = sectors.lastIndex { $0 != 0 } ?? -1
        for (index, change) in changes.enumerated() where index <= last {
            switch change.kind {
            case .cut(let size):
                image.cut(to: size)
                // Where a growth before the cut was lost, the cut still says how long the file is.
                image.grow(to: size)
            case _ where sectors[index] == 0: break
            case .grow(let size): image.grow(to: size)
            case .page(let page, let bytes, let size):
                image.merge(page, bytes, sectors: sectors[index], fileSize: size)
            }
        }
        return image
    }

    private func all() -> [UInt8] { [UInt8](repeating: FileImage.allSectors, count: changes.count) }

    /// Makes the changes durable, but for one page if a fault says so. Answers that page's bytes.
    mutating func sync(sparing fault: DiskFault? = nil, _ random: inout PRNG) -> (Int, FileImage.Page)? {
        var kept = all()
        var spared: (Int, FileImage.Page)?
        let pages = changes.indices.filter { changes[$0].page != nil }
        if fault != nil, !pages.isEmpty {
            let victim = pages[random.below(pages.count)]
            if case .page(let page, let bytes, _) = changes[victim].kind {
                spared = (page, bytes)
                // All its versions: none of them arrives.
                for index in pages where changes[index].page == page { kept[index] = 0 }
            }
        }
        durable = image(keeping: kept)
        forgetChanges()
        return spared
    }

    /// A sync that the disk refuses. If pages then count as clean, some changes became durable and the others never
    /// will; otherwise all wait for the next sync, and a crash may leave any of them.
    mutating func failSync(cleans: Bool, _ random: inout PRNG) {
        guard cleans else { return }
        durable = image(keeping: changes.map { _ in random.below(2) == 0 ? 0 : FileImage.allSectors })
        forgetChanges()
    }

    private mutating func forgetChanges() {
        changes = []
        versions = [:]
    }

    /// Reads from now on see the disk, but for what is still to be written there.
    mutating func dropCache() { cached = image(keeping: all()) }

    /// A crash: what is durable then is all there is.
    mutating func crash(keeping sectors: [UInt8]) {
        durable = image(keeping: sectors)
        cached = durable
        forgetChanges()
    }

    mutating func misdirect(_ page: FileImage.Page, to index: Int) { durable.replace(index, page) }

    /// Turns a bit, durable and cached. Nothing if the file ends before.
    mutating func flip(_ bit: Int, at offset: Int64) {
        if offset < durable.size { durable.flip(bit, at: offset) }
        if offset < cached.size { cached.flip(bit, at: offset) }
        changes = changes.map { change in
            let place = Int(offset) / FileImage.pageSize
            guard case .page(place, var bytes, let size) = change.kind, offset < size else { return change }
            bytes[Int(offset) % FileImage.pageSize] ^= 1 << UInt8(bit)
            return FileChange(kind: .page(place, bytes, fileSize: size), stamp: change.stamp)
        }
    }
}
