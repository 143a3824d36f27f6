import Foundation

/// A measure over two axes, as colours and numbers.
struct HeatMap {
  /// A field; nil values have no number, only a word.
  struct Field {
    let value: Double?
    let text: String
  }

  let title: String
  let rowAxis: String
  let columnAxis: String
  let rows: [String]
  let columns: [String]
  let fields: [[Field]]
  let isBetterHigh: Bool

  private static let (rowHeight, columnWidth, nameWidth) = (34.0, 104.0, 150.0)

  /// The picture; see `LineChart.svg`.
  func svg(style: String? = nil) -> String {
    let width = Self.nameWidth + Self.columnWidth * Double(columns.count) + 10
    let top = 50.0
    let height = top + Self.rowHeight * Double(rows.count) + 10
    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(width)) \(Int(height))\""
        + " width=\"\(Int(width))\" height=\"\(Int(height))\" role=\"img\""
        + " aria-label=\"\(Markup.escaped(summary))\">"
    ]
    if let style {
      parts.append(
        "<style>\(style)</style><rect class=\"paper\" width=\"100%\" height=\"100%\"/>")
    }
    func text(_ x: Double, _ y: Double, _ text: String, _ more: String = "") {
      parts.append(
        "<text x=\"\(Markup.pixel(x))\" y=\"\(Markup.pixel(y))\"\(more)>\(Markup.escaped(text))"
          + "</text>")
    }
    let named = style == nil ? "" : title + ": "
    text(8, 18, "\(named)\(rowAxis) down, \(columnAxis) across", " class=\"title\"")
    for (column, name) in columns.enumerated() {
      text(
        Self.nameWidth + Self.columnWidth * (Double(column) + 0.5), 42, Self.short(name, 15),
        " text-anchor=\"middle\"")
    }
    let finite = fields.joined().compactMap(\.value).filter { abs($0) <= 1e300 }
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    for (row, name) in rows.enumerated() {
      let y = top + Self.rowHeight * Double(row)
      text(8, y + 22, Self.short(name, 21))
      for (column, field) in fields[row].enumerated() {
        let x = Self.nameWidth + Self.columnWidth * Double(column)
        let place = field.value.flatMap { value -> Double? in
          guard abs(value) <= 1e300 else { return nil }
          return high > low ? (value - low) / (high - low) : 0.5
        }
        let good = place.map { isBetterHigh ? $0 : 1 - $0 }
        let colour = good.map(Self.colour) ?? "none"
        parts.append(
          "<rect class=\"cell\" x=\"\(Markup.pixel(x + 1))\" y=\"\(Markup.pixel(y + 1))\" width="
            + "\"\(Int(Self.columnWidth - 2))\" height=\"\(Int(Self.rowHeight - 2))\" rx=\"3\""
            + " fill=\"\(colour)\"/>")
        let ink = good.map { " style=\"fill:\($0 > 0.55 ? "#111111" : "#ffffff")\"" } ?? ""
        text(
          x + Self.columnWidth / 2, y + 22, field.text, " text-anchor=\"middle\"\(ink)")
      }
    }
    return parts.joined() + "</svg>"
  }

  private var summary: String {
    let lines = zip(rows, fields).map { name, fields in
      "\(name): " + zip(columns, fields).map { "\($0) \($1.text)" }.joined(separator: ", ")
    }
    return "\(title), \(rowAxis) by \(columnAxis). " + lines.joined(separator: "; ")
  }

  private static func short(_ text: String, _ limit: Int) -> String {
    text.count > limit ? text.prefix(limit - 1) + "…" : text
  }

  /// From dark blue to yellow through grey, even in lightness and the same to colour-blind eyes. After
  /// cividis: Nuñez, Anderton, Renslow 2018, doi:10.1371/journal.pone.0199239.
  private static func colour(_ place: Double) -> String {
    let stops: [(Double, Double, Double)] = [
      (0, 34, 78), (53, 69, 108), (102, 105, 112), (148, 142, 119), (200, 184, 102), (254, 232, 56),
    ]
    let position = min(max(place, 0), 1) * Double(stops.count - 1)
    let index = min(Int(position), stops.count - 2)
    let part = position - Double(index)
    func mixed(_ a: Double, _ b: Double) -> String {
      String(format: "%02x", Int((a + (b - a) * part).rounded()))
    }
    let (a, b) = (stops[index], stops[index + 1])
    return "#" + mixed(a.0, b.0) + mixed(a.1, b.1) + mixed(a.2, b.2)
  }
}
