import Base
import CSystem
import Keyspace
import RESP

extension Call {
    /// GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]
    func geoadd() {
        var options: AddOptions = []
        var first = 2
        while first < count, let option = AddOptions.named(self[first]),
            AddOptions([.onlyNew, .onlyOld, .changed]).contains(option)
        {
            options.insert(option)
            first += 1
        }
        if (count - first) % 3 != 0 || options.isSuperset(of: [.onlyNew, .onlyOld]) { return fail(ErrorText.syntax) }
        for word in stride(from: first, to: count, by: 3) {
            guard geoPoint(word) != nil else { return }
        }
        // ZADD, which does the rest, wants elements.
        if first == count { return fail(ErrorText.syntax) }
        addElements((count - first) / 3, options) { i in
            let word = first + 3 * i
            let point = GeoPoint(longitude: self[word].double ?? 0, latitude: self[word + 1].double ?? 0)
            return (Double(GeoCell(point)?.bits ?? 0), self[word + 2])
        }
    }

    /// The point whose longitude and latitude are two words; replies and answers nil if there is none.
    func geoPoint(_ word: Int) -> GeoPoint? {
        guard let longitude = self[word].double, let latitude = self[word + 1].double else {
            fail(ErrorText.notFloat)
            return nil
        }
        if abs(longitude) <= GeoPoint.longitudeMax && abs(latitude) <= GeoPoint.latitudeMax {
            return GeoPoint(longitude: longitude, latitude: latitude)
        }
        reply.error("ERR invalid longitude,latitude pair \(Call.sixDecimals(longitude)),\(Call.sixDecimals(latitude))")
        return nil
    }

    /// C's "%f".
    private static func sixDecimals(_ value: Double) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { text in
            let length = Int(cs_format_decimals(value, 6, text.baseAddress.unsafelyUnwrapped, 400))
            return ByteView(raw: text.baseAddress.unsafelyUnwrapped, length).text
        }
    }

    /// A member's position; nil if it is not there.
    private func position(_ set: SortedSet?, _ member: ByteView) -> GeoPoint? {
        set?.score(of: member).map { GeoCell(score: $0).area.center }
    }

    /// GEOPOS key [member ...]
    func geopos() {
        let (set, isRight) = readSet(1)
        if !isRight { return }
        reply.array(count - 2)
        for word in 2..<max(2, count) {
            if let point = position(set, self[word]) { replyPoint(point) } else { reply.nullArray() }
        }
    }

    /// Longitude and latitude with up to 17 decimals.
    func replyPoint(_ point: GeoPoint) {
        reply.array(2)
        for coordinate in [point.longitude, point.latitude] {
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
                let start = text.baseAddress.unsafelyUnwrapped
                let view = ByteView(raw: start, Int(cs_format_human(coordinate, start, 64)))
                if !reply.isRESP3 { return reply.bulk(view) }
                reply.raw(",")
                reply.raw(view)
                reply.raw("\r\n")
            }
        }
    }

    /// Meters in a unit; replies and answers nil if the word is none.
    func geoUnit(_ word: Int) -> Double? {
        if self[word].isWord("m") { return 1 }
        if self[word].isWord("km") { return 1000 }
        if self[word].isWord("ft") { return 0.3048 }
        if self[word].isWord("mi") { return 1609.34 }
        fail("ERR unsupported unit provided. please use M, KM, FT, MI")
        return nil
    }

    /// A distance with four decimals.
    func replyDistance(_ distance: Double) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { text in
            let start = text.baseAddress.unsafelyUnwrapped
            reply.bulk(ByteView(raw: start, Int(cs_format_decimals(distance, 4, start, 400))))
        }
    }

    /// GEODIST key member member [unit]
    func geodist() {
        var unit = 1.0
        if count == 5 {
            guard let given = geoUnit(4) else { return }
            unit = given
        } else if count > 5 {
            return fail(ErrorText.syntax)
        }
        let (set, isRight) = readSet(1)
        if !isRight { return }
        guard let a = position(set, self[2]), let b = position(set, self[3]) else { return reply.null() }
        replyDistance(a.distance(to: b) / unit)
    }

    /// GEOHASH key [member ...]
    func geohash() {
        let (set, isRight) = readSet(1)
        if !isRight { return }
        reply.array(count - 2)
        for word in 2..<max(2, count) {
            if let point = position(set, self[word]) { reply.bulk(Call.geohashText(point)) } else { reply.null() }
        }
    }

    /// A standard geohash of eleven characters, of which the last has no bits left.
    private static func geohashText(_ point: GeoPoint) -> [UInt8] {
        // The standard's latitudes go to the poles.
        let bits = GeoCell(point, latitudeMax: 90)?.bits ?? 0
        let alphabet: StaticString = "0123456789bcdefghjkmnpqrstuvwxyz"
        return (0..<11).map { i in
            let digit = i < 10 ? Int(bits >> UInt64(52 - (i + 1) * 5) & 31) : 0
            return alphabet.utf8Start[digit]
        }
    }
}
