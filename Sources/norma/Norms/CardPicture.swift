import NormaConformance
import NormaLab

/// Cards as an SVG picture: the table of properties, and each norm's response and slope.
struct CardPicture {
  let text: String

  private static let rowHeight = 22
  private static let nameWidth = 230
  private static let columnWidth = 260
  private static let plotHeight = 150

  init(_ cards: [NormCard]) {
    let tableTop = 48
    let plotTop = tableTop + CardPicture.rowHeight * CardText.rows.count + 24
    let width = CardPicture.nameWidth + CardPicture.columnWidth * cards.count + 20
    let height = plotTop + CardPicture.plotHeight + 40
    let names = cards.map(\.properties.norm)
    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\""
        + " width=\"\(width)\" height=\"\(height)\" role=\"img\" font-family=\"sans-serif\""
        + " font-size=\"13\">",
      "<title>\(Markup.escaped("Properties of " + names.joined(separator: ", ")))</title>",
      "<rect width=\"\(width)\" height=\"\(height)\" fill=\"#ffffff\"/>",
    ]
    func write(_ x: Int, _ y: Int, _ text: String, _ style: String = "") {
      parts.append("<text x=\"\(x)\" y=\"\(y)\"\(style)>\(Markup.escaped(text))</text>")
    }
    func left(_ column: Int) -> Int { CardPicture.nameWidth + CardPicture.columnWidth * column }
    for (column, name) in names.enumerated() {
      write(left(column), 30, name, " font-weight=\"bold\" font-size=\"16\"")
    }
    for (number, row) in CardText.rows.enumerated() {
      let y = tableTop + CardPicture.rowHeight * number
      if number % 2 == 0 {
        parts.append(
          "<rect x=\"0\" y=\"\(y - 2)\" width=\"\(width)\" height=\"\(CardPicture.rowHeight)\""
            + " fill=\"#f3f5f7\"/>")
      }
      write(14, y + 14, row.name, " fill=\"#555555\"")
      for (column, card) in cards.enumerated() { write(left(column), y + 14, row.value(card)) }
    }
    write(14, plotTop + 20, "response y(x)", " fill=\"#0072b2\"")
    write(14, plotTop + 40, "slope dy/dx", " fill=\"#d55e00\"")
    for (column, card) in cards.enumerated() {
      parts += CardPicture.plot(
        card.properties.response, x: left(column), y: plotTop,
        width: CardPicture.columnWidth - 30, height: CardPicture.plotHeight)
    }
    text = (parts + ["</svg>", ""]).joined(separator: "\n")
  }

  /// Both curves on one scale, with axes through 0.
  private static func plot(
    _ response: NormProperties.Response, x left: Int, y top: Int, width: Int, height: Int
  ) -> [String] {
    let values = (response.y + response.slope).filter(\.isFinite)
    let low = min(values.min() ?? -1, -0.1)
    let high = max(values.max() ?? 1, 0.1)
    func place(_ x: Double, _ y: Double) -> String {
      let px = Double(left) + (x + 4) / 8 * Double(width)
      let py = Double(top) + (high - y) / (high - low) * Double(height)
      return "\((px * 10).rounded() / 10),\((py * 10).rounded() / 10)"
    }
    func line(_ points: [String], _ style: String) -> String {
      "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" \(style)/>"
    }
    func curve(_ ys: [Double], _ style: String) -> String {
      line(zip(response.x, ys).filter { $1.isFinite }.map { place($0, $1) }, style)
    }
    return [
      line([place(-4, 0), place(4, 0)], "stroke=\"#bbbbbb\""),
      line([place(0, low), place(0, high)], "stroke=\"#bbbbbb\""),
      curve(response.y, "stroke=\"#0072b2\" stroke-width=\"2\""),
      curve(response.slope, "stroke=\"#d55e00\" stroke-width=\"2\" stroke-dasharray=\"5 3\""),
      "<text x=\"\(left)\" y=\"\(top + height + 18)\" fill=\"#555555\">x from -4 to 4, y from"
        + " \(CardText.number(low)) to \(CardText.number(high))</text>",
    ]
  }
}
