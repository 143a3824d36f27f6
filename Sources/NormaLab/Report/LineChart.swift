import Foundation

/// Curves over steps, with a band where a curve is a mean of several.
struct LineChart {
  /// A curve.
  struct Series {
    let name: String
    /// Which of the colours and dashes it has.
    let style: Int
    let x: [Double]
    let y: [Double]
    /// The ends of the band, beside `y`; empty without one.
    var low: [Double] = []
    var high: [Double] = []
  }

  let title: String
  let yLabel: String
  let series: [Series]
  let xAxis: ChartAxis
  let yAxis: ChartAxis

  static let width = 520.0
  static let height = 270.0
  private static let (left, right, top, bottom) = (62.0, 22.0, 10.0, 40.0)

  /// Makes a chart of series that have points, over steps.
  ///
  /// - Parameter isLogarithmic: nil where the values of this chart alone decide.
  init(_ title: String, y yLabel: String, isLogarithmic: Bool? = nil, _ given: [Series]) {
    self.title = title
    self.yLabel = yLabel
    series = given.filter { $0.y.contains(where: \.isFinite) }
    xAxis = ChartAxis(series.flatMap(\.x), isLogarithmic: false, isTight: true)
    yAxis = ChartAxis(
      series.flatMap { $0.y + $0.low + $0.high }, isLogarithmic: isLogarithmic)
  }

  var isEmpty: Bool { series.isEmpty }

  private func px(_ x: Double) -> Double {
    Self.left + (xAxis.place(x) ?? 0) * (Self.width - Self.left - Self.right)
  }

  private func py(_ y: Double) -> Double? {
    yAxis.place(y).map {
      Self.top + (1 - min(max($0, 0), 1)) * (Self.height - Self.top - Self.bottom)
    }
  }

  /// What a reader hears: title, and where each curve ends.
  var summary: String {
    let ends = series.map { series in
      "\(series.name) ends at \(Markup.number(series.y.last { $0.isFinite } ?? .nan))"
    }
    return "\(title): \(yLabel) by step. \(ends.joined(separator: "; "))"
  }

  /// The picture.
  ///
  /// - Parameter style: rules of its own, where it stands alone; then it names its curves too.
  func svg(style: String? = nil) -> String {
    let legend = style == nil ? 0 : 22 * Double((series.count + 2) / 3) + 34
    let size = Self.height + legend
    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(Self.width)) \(Int(size))\""
        + (style == nil ? "" : " width=\"\(Int(Self.width))\" height=\"\(Int(size))\"")
        + " role=\"img\" aria-label=\"\(Markup.escaped(summary))\">"
    ]
    if let style {
      parts.append("<style>\(style)</style>")
      parts.append("<rect class=\"paper\" width=\"100%\" height=\"100%\"/>")
      parts.append("<text class=\"title\" x=\"10\" y=\"18\">\(Markup.escaped(title))</text>")
      parts += names(from: Self.height + 44)
      parts.append("<g transform=\"translate(0,26)\">")
    }
    parts.append("<g class=\"axes\">\(axes)</g><g class=\"curves\">")
    for (index, one) in series.enumerated() {
      let name = "data-series=\"\(index)\""
      if let band = band(one) {
        parts.append("<path class=\"band s\(one.style)\" \(name) d=\"\(band)\"/>")
      }
      parts.append("<path class=\"line s\(one.style)\" \(name) d=\"\(line(one))\"/>")
    }
    parts.append("</g>")
    if style != nil { parts.append("</g>") }
    return parts.joined() + "</svg>"
  }

  private var axes: String {
    let (bottom, right) = (Self.height - Self.bottom, Self.width - Self.right)
    var parts: [String] = []
    func text(_ x: Double, _ y: Double, _ anchor: String, _ text: String, _ more: String = "") {
      parts.append(
        "<text x=\"\(Markup.pixel(x))\" y=\"\(Markup.pixel(y))\" text-anchor=\"\(anchor)\"\(more)>"
          + "\(Markup.escaped(text))</text>")
    }
    for tick in yAxis.ticks {
      guard let y = py(tick) else { continue }
      parts.append(
        "<path class=\"grid\" d=\"M\(Int(Self.left)) \(Markup.pixel(y))H\(Int(right))\"/>")
      text(Self.left - 6, y + 4, "end", Markup.number(tick, digits: 3))
    }
    for tick in xAxis.ticks {
      text(px(tick), bottom + 16, "middle", Markup.number(tick, digits: 6))
    }
    parts.append("<path class=\"frame\" d=\"M\(Int(Self.left)) \(Int(bottom))H\(Int(right))\"/>")
    text((Self.left + right) / 2, bottom + 33, "middle", "step")
    let middle = (Self.top + bottom) / 2
    text(13, middle, "middle", yLabel, " transform=\"rotate(-90 13 \(Markup.pixel(middle)))\"")
    return parts.joined()
  }

  private func line(_ series: Series) -> String {
    var path = ""
    var isDown = false
    for (x, y) in zip(series.x, series.y) {
      guard let y = py(y) else {
        isDown = false
        continue
      }
      path += (isDown ? "L" : "M") + Markup.pixel(px(x)) + " " + Markup.pixel(y)
      isDown = true
    }
    // A single point would not show.
    return series.y.count == 1 ? path + "h4" : path
  }

  private func band(_ series: Series) -> String? {
    guard series.low.count == series.x.count else { return nil }
    var upper: [String] = []
    var lower: [String] = []
    for (index, x) in series.x.enumerated() {
      guard let high = py(series.high[index]), let low = py(max(series.low[index], floor)) else {
        continue
      }
      upper.append("\(Markup.pixel(px(x))) \(Markup.pixel(high))")
      lower.append("\(Markup.pixel(px(x))) \(Markup.pixel(low))")
    }
    guard upper.count > 1 else { return nil }
    return "M" + (upper + lower.reversed()).joined(separator: "L") + "Z"
  }

  /// What a band that reaches below a logarithmic axis ends at.
  private var floor: Double { yAxis.isLogarithmic ? yAxis.low : -.infinity }

  private func names(from y: Double) -> [String] {
    series.enumerated().map { index, one in
      let (x, y) = (12 + 170 * Double(index % 3), y + 22 * Double(index / 3))
      return "<path class=\"line s\(one.style)\" d=\"M\(Int(x)) \(Int(y))h24\"/>"
        + "<text x=\"\(Int(x + 30))\" y=\"\(Int(y + 4))\">\(Markup.escaped(one.name))</text>"
    }
  }

  /// What the page's script draws from: all values to six digits.
  var json: JSONValue {
    func list(_ values: [Double]) -> JSONValue { .list(values.map { .rounded($0) }) }
    let x = series.first?.x ?? []
    return [
      "box": [.number(Self.left), .number(Self.right), .number(Self.top), .number(Self.bottom)],
      "size": [.number(Self.width), .number(Self.height)], "log": .bool(yAxis.isLogarithmic),
      "x": list(x),
      "series": .list(
        series.map { one in
          var fields: [JSONValue.Field] = [.init("name", .text(one.name)), .init("y", list(one.y))]
          if one.x != x { fields.append(.init("x", list(one.x))) }
          if !one.low.isEmpty {
            fields += [.init("low", list(one.low)), .init("high", list(one.high))]
          }
          return .object(fields)
        }),
    ]
  }

  /// The chart with what readers can do to it.
  var figure: String {
    let legend = series.enumerated().map { index, one in
      "<li><button type=\"button\" data-series=\"\(index)\" aria-pressed=\"true\">"
        + "<svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"line s\(one.style)\""
        + " d=\"M1 4H27\"/></svg>\(Markup.escaped(one.name))</button></li>"
    }
    return "<figure class=\"chart\"><figcaption>\(Markup.escaped(title))</figcaption>\(svg())"
      + "<ul class=\"legend\">\(legend.joined())</ul><p class=\"readout\" aria-live=\"polite\"></p>"
      + "<script type=\"application/json\">\(Markup.embedded(json))</script></figure>"
  }
}
