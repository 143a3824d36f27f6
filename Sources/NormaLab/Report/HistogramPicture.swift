/// How many values lie in each part of a range: small, for many beside each other.
struct HistogramPicture {
  let name: String
  let low: Double
  let high: Double
  let counts: [Double]

  private static let (width, height) = (168.0, 74.0)

  var svg: String {
    let most = max(counts.max() ?? 0, 1)
    let bar = Self.width / Double(max(counts.count, 1))
    var path = ""
    for (index, count) in counts.enumerated() where count > 0 {
      let size = max(count / most * (Self.height - 4), 1)
      path +=
        "M\(Markup.pixel(Double(index) * bar)) \(Int(Self.height))v-\(Markup.pixel(size))"
        + "h\(Markup.pixel(max(bar - 1, 0.5)))v\(Markup.pixel(size))z"
    }
    let (first, last) = (Markup.number(low, digits: 3), Markup.number(high, digits: 3))
    return "<svg class=\"histogram\" viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height + 34))\""
      + " role=\"img\" aria-label=\"\(Markup.escaped("\(name), from \(first) to \(last)"))\">"
      + "<text x=\"0\" y=\"12\">\(Markup.escaped(name))</text><g transform=\"translate(0,16)\">"
      + "<path class=\"bars\" d=\"\(path)\"/><path class=\"frame\" d=\"M0 \(Int(Self.height))H168\"/>"
      + "<text x=\"0\" y=\"\(Int(Self.height + 15))\">\(first)</text>"
      + "<text x=\"168\" y=\"\(Int(Self.height + 15))\" text-anchor=\"end\">\(last)</text></g></svg>"
  }
}
