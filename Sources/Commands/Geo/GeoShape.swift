import CSystem

/// What members are looked for in: a circle or a box (along meridians and parallels) around a point.
struct GeoShape {
    enum Form {
        case circle(radius: Double)
        case box(width: Double, height: Double)
    }

    var center = GeoPoint(longitude: 0, latitude: 0)
    /// In `unit`s.
    var form = Form.circle(radius: 0)
    /// Meters.
    var unit = 1.0

    /// How far a point is from the center, meters; nil if it is outside.
    func distance(to point: GeoPoint) -> Double? {
        switch form {
        case .circle(let radius):
            let distance = center.distance(to: point)
            return distance <= radius * unit ? distance : nil
        case .box(let width, let height):
            if point.distance(toLatitude: center.latitude) > height * unit / 2 { return nil }
            let meridian = GeoPoint(longitude: center.longitude, latitude: point.latitude)
            if point.distance(to: meridian) > width * unit / 2 { return nil }
            return center.distance(to: point)
        }
    }

    /// The edges of a box that the shape lies in.
    private var bounds: GeoCell.Area {
        let (width, height): (Double, Double) =
            switch form {
            case .circle(let radius): (radius * unit, radius * unit)
            case .box(let width, let height): (width / 2 * unit, height / 2 * unit)
            }
        let north = GeoPoint.degrees(height / GeoPoint.earthRadius)
        // Where meridians are nearer to each other, more of them are crossed.
        let latitude = GeoPoint.radians(center.latitude < 0 ? center.latitude - north : center.latitude + north)
        let east = GeoPoint.degrees(width / GeoPoint.earthRadius / cos(latitude))
        return GeoCell.Area(
            west: center.longitude - east, east: center.longitude + east, south: center.latitude - north,
            north: center.latitude + north)
    }

    /// So fine a grid that a cell and its neighbours cover the shape, mostly.
    private var step: Int {
        var reach: Double =
            switch form {
            case .circle(let radius): radius * unit
            case .box(let width, let height):
                ((width / 2) * (width / 2) + (height / 2) * (height / 2)).squareRoot() * unit
            }
        if reach == 0 { return GeoCell.stepMax }
        var step = 1
        // Half the length of the equator, as Mercator's projection has it.
        while reach < 20_037_726.37 {
            reach *= 2
            step += 1
        }
        step -= 2
        // Near the poles cells are narrow.
        if abs(center.latitude) > 66 { step -= 1 }
        if abs(center.latitude) > 80 { step -= 1 }
        return min(max(step, 1), GeoCell.stepMax)
    }

    /// The cells that cover the shape: the one around its center, and those of its neighbours that it reaches into, in
    /// Redis' order: center, north, south, east, west, then the corners.
    var cells: [GeoCell] {
        let bounds = bounds
        var step = step
        guard var middle = GeoCell(center, step: step) else { return [] }
        if step > 1 && isTooFine(middle, bounds) {
            step -= 1
            middle = GeoCell(center, step: step) ?? middle
        }
        let area = middle.area
        // Of a coarse grid all cells are looked at.
        let isFine = step >= 2
        let (noNorth, noSouth) = (isFine && area.north > bounds.north, isFine && area.south < bounds.south)
        let (noEast, noWest) = (isFine && area.east > bounds.east, isFine && area.west < bounds.west)
        let directions: [(Int32, Int32)] = [
            (0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1),
        ]
        return directions.compactMap { east, north in
            if (north > 0 && noNorth) || (north < 0 && noSouth) { return nil }
            if (east > 0 && noEast) || (east < 0 && noWest) { return nil }
            return middle.moved(east: east, north: north)
        }
    }

    /// Whether the shape reaches beyond the neighbours of the middle cell.
    private func isTooFine(_ middle: GeoCell, _ bounds: GeoCell.Area) -> Bool {
        middle.moved(east: 0, north: 1).area.north < bounds.north
            || middle.moved(east: 0, north: -1).area.south > bounds.south
            || middle.moved(east: 1, north: 0).area.east < bounds.east
            || middle.moved(east: -1, north: 0).area.west > bounds.west
    }
}
