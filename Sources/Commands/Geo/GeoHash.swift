import CSystem

/// A point on the globe, degrees.
struct GeoPoint {
    var longitude: Double
    var latitude: Double

    /// Redis' Earth: a sphere of this radius, meters.
    static let earthRadius = 6_372_797.560856
    /// What can be stored: the square that Web Mercator shows (EPSG:900913).
    static let longitudeMax = 180.0
    static let latitudeMax = 85.05112878

    static func radians(_ degrees: Double) -> Double { degrees * (Double.pi / 180) }
    static func degrees(_ radians: Double) -> Double { radians / (Double.pi / 180) }

    /// Meters along the Earth's surface (haversine formula).
    func distance(to other: GeoPoint) -> Double {
        let v = sin((GeoPoint.radians(other.longitude) - GeoPoint.radians(longitude)) / 2)
        if v == 0 { return distance(toLatitude: other.latitude) }
        let (a, b) = (GeoPoint.radians(latitude), GeoPoint.radians(other.latitude))
        let u = sin((b - a) / 2)
        return 2 * GeoPoint.earthRadius * asin((u * u + cos(a) * cos(b) * v * v).squareRoot())
    }

    /// Meters to the point of another latitude on the same meridian.
    func distance(toLatitude other: Double) -> Double {
        GeoPoint.earthRadius * abs(GeoPoint.radians(other) - GeoPoint.radians(latitude))
    }
}

/// A cell of a grid over the globe (Niemeyer's geohash): longitude and latitude, halved `step` times each, their bits
/// taken in turns. Of 26 steps the number fits in a double, which is a member's score.
struct GeoCell: Equatable {
    var bits: UInt64
    /// 1 to 26; 0 is no cell.
    var step: Int

    static let stepMax = 26
    static let none = GeoCell(bits: 0, step: 0)

    init(bits: UInt64, step: Int) {
        self.bits = bits
        self.step = step
    }

    /// The smallest cell around a point, for storing it; nil outside of what can be stored.
    init?(_ point: GeoPoint, step: Int = stepMax, latitudeMax: Double = GeoPoint.latitudeMax) {
        guard abs(point.longitude) <= GeoPoint.longitudeMax, abs(point.latitude) <= latitudeMax else { return nil }
        let x = GeoCell.offset(point.longitude, GeoPoint.longitudeMax, step)
        let y = GeoCell.offset(point.latitude, latitudeMax, step)
        self.init(bits: GeoCell.spread(y) | GeoCell.spread(x) << 1, step: step)
    }

    /// How many cells of a row lie before a coordinate between -limit and limit.
    private static func offset(_ value: Double, _ limit: Double, _ step: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: Int64((value + limit) / (limit + limit) * Double(UInt64(1) << UInt64(step))))
    }

    /// The cell of a score. Any score: what does not fit is cut off.
    init(score: Double) {
        let bits = score >= 0 && score < 0x1p63 ? UInt64(score) : 0
        self.init(bits: bits, step: GeoCell.stepMax)
    }

    /// Cell numbers among those of the smallest cells: first, and the first behind.
    var scores: (from: Double, to: Double) {
        let shift = UInt64(52 - step * 2)
        return (Double(bits << shift), Double((bits + 1) << shift))
    }

    /// Its edges, degrees.
    struct Area {
        var west: Double
        var east: Double
        var south: Double
        var north: Double

        var center: GeoPoint {
            let longitude = min(max((west + east) / 2, -GeoPoint.longitudeMax), GeoPoint.longitudeMax)
            let latitude = min(max((south + north) / 2, -GeoPoint.latitudeMax), GeoPoint.latitudeMax)
            return GeoPoint(longitude: longitude, latitude: latitude)
        }
    }

    var area: Area {
        let cells = Double(UInt64(1) << UInt64(step))
        func edge(_ index: UInt32, _ limit: Double) -> Double { -limit + Double(index) / cells * (limit + limit) }
        let (x, y) = (GeoCell.gather(bits >> 1), GeoCell.gather(bits))
        return Area(
            west: edge(x, GeoPoint.longitudeMax), east: edge(x + 1, GeoPoint.longitudeMax),
            south: edge(y, GeoPoint.latitudeMax), north: edge(y + 1, GeoPoint.latitudeMax))
    }

    /// The cell so many cells to the east and north, around the globe. (A point on the eastern or northern edge of the
    /// world is in a cell beyond it, which stays where it is unless moved.)
    func moved(east: Int32, north: Int32) -> GeoCell {
        let mask = UInt32(truncatingIfNeeded: UInt64(1) << UInt64(step) - 1)
        var (x, y) = (GeoCell.gather(bits >> 1), GeoCell.gather(bits))
        if east != 0 { x = (x &+ UInt32(bitPattern: east)) & mask }
        if north != 0 { y = (y &+ UInt32(bitPattern: north)) & mask }
        return GeoCell(bits: GeoCell.spread(y) | GeoCell.spread(x) << 1, step: step)
    }

    /// The bits of a number, a zero between every two.
    private static func spread(_ number: UInt32) -> UInt64 {
        var v = UInt64(number)
        v = (v | v << 16) & 0x0000_ffff_0000_ffff
        v = (v | v << 8) & 0x00ff_00ff_00ff_00ff
        v = (v | v << 4) & 0x0f0f_0f0f_0f0f_0f0f
        v = (v | v << 2) & 0x3333_3333_3333_3333
        return (v | v << 1) & 0x5555_5555_5555_5555
    }

    /// Every second bit, the lowest first.
    private static func gather(_ bits: UInt64) -> UInt32 {
        var v = bits & 0x5555_5555_5555_5555
        v = (v | v >> 1) & 0x3333_3333_3333_3333
        v = (v | v >> 2) & 0x0f0f_0f0f_0f0f_0f0f
        v = (v | v >> 4) & 0x00ff_00ff_00ff_00ff
        v = (v | v >> 8) & 0x0000_ffff_0000_ffff
        return UInt32(truncatingIfNeeded: v | v >> 16)
    }
}
