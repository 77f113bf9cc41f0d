import Base
import Keyspace
import RESP

/// What the name of a search command leaves open.
enum GeoSearchKind {
    case search, searchStore, radius, radiusReadOnly, radiusByMember, radiusByMemberReadOnly

    var isSearch: Bool { self == .search || self == .searchStore }
    var isByMember: Bool { self == .radiusByMember || self == .radiusByMemberReadOnly }
    /// Whether STORE and STOREDIST may be given.
    var mayStore: Bool { self == .radius || self == .radiusByMember }
}

/// A member that was found.
private struct GeoMatch {
    var member: SortedSetMember
    var score: Double
    var point: GeoPoint
    /// From the center, meters.
    var distance: Double
}

private enum GeoOrder {
    case none, nearest, farthest
}

/// What a search asks for.
private struct GeoRequest {
    var shape = GeoShape()
    var hasCenter = false
    var hasForm = false
    var isBox = false
    var isFromMember = false
    var withDistance = false
    var withHash = false
    var withPosition = false
    var order = GeoOrder.none
    /// 0: all.
    var count = 0
    /// The first `count` that are met will do.
    var takesAny = false
    /// The word that is the key to store at; 0: none.
    var destination = 0
    var storesDistance = false

    /// The members of a set that are inside.
    func matches(in set: SortedSet) -> [GeoMatch] {
        var found: [GeoMatch] = []
        let limit = takesAny ? count : 0
        var last = GeoCell.none
        for cell in shape.cells {
            // On a coarse grid neighbours may be the same, once around the globe.
            if cell == last && last.step != 0 { continue }
            if limit > 0 && found.count >= limit { break }
            let (from, to) = cell.scores
            let ranks = ScoreInterval(low: from, high: to, excludesLow: false, excludesHigh: true).ranks(in: set)
            set.forEach(ranks) { member, score in
                if limit > 0 && found.count >= limit { return }
                let point = GeoCell(score: score).area.center
                guard let distance = shape.distance(to: point) else { return }
                found.append(GeoMatch(member: member, score: score, point: point, distance: distance))
            }
            last = cell
        }
        switch count != 0 && order == .none && !takesAny ? .nearest : order {
        case .none: break
        case .nearest: found.sort { $0.distance < $1.distance }
        case .farthest: found.sort { $0.distance > $1.distance }
        }
        if count > 0 && found.count > count { found.removeLast(found.count - count) }
        return found
    }
}

extension Call {
    /// GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and the read-only forms of the latter.
    func geosearch(_ kind: GeoSearchKind) {
        let (set, isRight) = readSet(kind == .searchStore ? 2 : 1)
        if !isRight { return }
        guard let request = geoRequest(kind, set), isComplete(request, kind) else { return }
        guard let set else {
            if request.destination > 0 { return store([], request, kind) }
            return reply.array(0)
        }
        let matches = request.matches(in: set)
        if request.destination > 0 { store(matches, request, kind) } else { replyMatches(matches, request) }
    }

    private func replyMatches(_ matches: [GeoMatch], _ request: GeoRequest) {
        let more = (request.withDistance ? 1 : 0) + (request.withHash ? 1 : 0) + (request.withPosition ? 1 : 0)
        reply.array(matches.count)
        for match in matches {
            if more > 0 { reply.array(more + 1) }
            reply.bulk(match.member)
            if request.withDistance { replyDistance(match.distance / request.shape.unit) }
            if request.withHash { reply.integer(Int64(match.score)) }
            if request.withPosition { replyPoint(match.point) }
        }
    }

    private func store(_ matches: [GeoMatch], _ request: GeoRequest, _ kind: GeoSearchKind) {
        let result = ElementTable()
        defer { result.free() }
        for match in matches {
            result.append(match.member, request.storesDistance ? match.distance / request.shape.unit : match.score)
        }
        result.sort()
        storeElements(result, at: request.destination, kind.isSearch ? "geosearchstore" : "georadiusstore")
    }

    // MARK: the request

    private func geoRequest(_ kind: GeoSearchKind, _ set: SortedSet?) -> GeoRequest? {
        var request = GeoRequest()
        var first = kind == .searchStore ? 3 : 2
        if kind == .searchStore { request.destination = 1 }
        if !kind.isSearch {
            request.hasForm = true
            first = kind.isByMember ? 5 : 6
            // Without a set, what is left is only parsed.
            if !(kind.isByMember && set == nil) {
                guard readCenter(&request, kind.isByMember ? set : nil, 2), readCircle(&request, first - 2) else {
                    return nil
                }
            }
            request.hasCenter = true
        }
        var word = first
        while word < count {
            guard let used = readGeoOption(&request, kind, set, word) else { return nil }
            word += used
        }
        return request
    }

    /// Reads the option at a word; answers how many words it has. Replies and answers nil if there is none.
    private func readGeoOption(
        _ request: inout GeoRequest, _ kind: GeoSearchKind, _ set: SortedSet?, _ word: Int
    ) -> Int? {
        let option = self[word]
        if option.isWord("withdist") {
            request.withDistance = true
        } else if option.isWord("withhash") {
            request.withHash = true
        } else if option.isWord("withcoord") {
            request.withPosition = true
        } else if option.isWord("any") {
            request.takesAny = true
        } else if option.isWord("asc") {
            request.order = .nearest
        } else if option.isWord("desc") {
            request.order = .farthest
        } else if option.isWord("count") && word + 1 < count {
            return readGeoCount(&request, word + 1) ? 2 : nil
        } else if kind == .searchStore && option.isWord("storedist") {
            request.storesDistance = true
        } else if kind.mayStore && word + 1 < count && (option.isWord("store") || option.isWord("storedist")) {
            request.destination = word + 1
            request.storesDistance = option.isWord("storedist")
            return 2
        } else if kind.isSearch {
            return readGeoPlace(&request, set, word)
        } else {
            fail(ErrorText.syntax)
            return nil
        }
        return 1
    }

    private func readGeoCount(_ request: inout GeoRequest, _ word: Int) -> Bool {
        guard let number = integer(word) else { return false }
        if number <= 0 {
            fail("ERR COUNT must be > 0")
            return false
        }
        request.count = Int(number)
        return true
    }

    /// FROMMEMBER, FROMLONLAT, BYRADIUS or BYBOX.
    private func readGeoPlace(_ request: inout GeoRequest, _ set: SortedSet?, _ word: Int) -> Int? {
        let option = self[word]
        let left = count - word - 1
        if option.isWord("frommember") && left >= 1 && !(request.hasCenter && !request.isFromMember) {
            (request.hasCenter, request.isFromMember) = (true, true)
            if set != nil, !readCenter(&request, set, word + 1) { return nil }
            return 2
        }
        if option.isWord("fromlonlat") && left >= 2 && !request.isFromMember {
            request.hasCenter = true
            return readCenter(&request, nil, word + 1) ? 3 : nil
        }
        if option.isWord("byradius") && left >= 2 && !(request.hasForm && request.isBox) {
            request.hasForm = true
            return readCircle(&request, word + 1) ? 3 : nil
        }
        if option.isWord("bybox") && left >= 3 && !(request.hasForm && !request.isBox) {
            (request.hasForm, request.isBox) = (true, true)
            return readBox(&request, word + 1) ? 4 : nil
        }
        fail(ErrorText.syntax)
        return nil
    }

    /// The center: the position of a member, or two words.
    private func readCenter(_ request: inout GeoRequest, _ set: SortedSet?, _ word: Int) -> Bool {
        if let set {
            guard let score = set.score(of: self[word]) else {
                fail("ERR could not decode requested zset member")
                return false
            }
            request.shape.center = GeoCell(score: score).area.center
            return true
        }
        guard let point = geoPoint(word) else { return false }
        request.shape.center = point
        return true
    }

    private func readCircle(_ request: inout GeoRequest, _ word: Int) -> Bool {
        guard let radius = self[word].double else {
            fail("ERR need numeric radius")
            return false
        }
        if radius < 0 {
            fail("ERR radius cannot be negative")
            return false
        }
        guard let unit = geoUnit(word + 1) else { return false }
        request.shape.form = .circle(radius: radius)
        request.shape.unit = unit
        return true
    }

    private func readBox(_ request: inout GeoRequest, _ word: Int) -> Bool {
        guard let width = self[word].double else {
            fail("ERR need numeric width")
            return false
        }
        guard let height = self[word + 1].double else {
            fail("ERR need numeric height")
            return false
        }
        if height < 0 || width < 0 {
            fail("ERR height or width cannot be negative")
            return false
        }
        guard let unit = geoUnit(word + 2) else { return false }
        request.shape.form = .box(width: width, height: height)
        request.shape.unit = unit
        return true
    }

    /// Whether the options make sense together; replies if not.
    private func isComplete(_ request: GeoRequest, _ kind: GeoSearchKind) -> Bool {
        let name = self[0].text
        if request.destination > 0 && (request.withDistance || request.withHash || request.withPosition) {
            let what = kind == .searchStore ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS"
            reply.error("ERR \(what) is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
        } else if !request.hasCenter {
            reply.error("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for \(name)")
        } else if !request.hasForm {
            reply.error("ERR exactly one of BYRADIUS and BYBOX can be specified for \(name)")
        } else if request.takesAny && request.count == 0 {
            fail("ERR the ANY argument requires COUNT argument")
        } else {
            return true
        }
        return false
    }
}
