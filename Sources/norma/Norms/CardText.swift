import NormaConformance
import NormaTerminal

/// Cards as text: a row a property, a column a norm, then pictures.
enum CardText {
  /// The row of what has to be timed.
  static let timeRow = "time in copies"

  /// A property's name and its value for a norm.
  static let rows: [(name: String, value: @Sendable (NormCard) -> String)] = [
    ("statistics mix", { list($0.properties.mixes, or: "nothing") }),
    ("in inference", { list($0.properties.infersFrom, or: "nothing") }),
    ("shift does not matter", { invariance($0.properties.shift, $0.properties.isForWeights) }),
    ("scale does not matter", { invariance($0.properties.scale, $0.properties.isForWeights) }),
    ("depends on the batch", { yes(dependsOnBatch($0.properties.mixes)) }),
    ("training is not inference", { yes($0.properties.modesDiffer) }),
    ("gradient sums to 0 over", { sets($0.properties.zeroMean) }),
    ("gradient orthogonal to x over", { sets($0.properties.orthogonal) }),
    ("output of N(0.3, 1)", { range($0.properties.range) }),
    ("largest output", { $0.properties.range.bound.map(number) ?? "grows with x" }),
    ("batch of one", { $0.properties.batchOfOne }),
    ("a constant gives", { $0.properties.constant }),
    ("values of 1e18 give", { $0.properties.huge }),
    ("error on hard inputs", { $0.hardError.map(number) ?? "not measured" }),
    (
      "kept for backward",
      { $0.cost.map(kept) ?? "unknown" }
    ),
    (
      "bytes an element",
      { $0.cost.map { "\($0.forwardBytes) f, \($0.forwardBackwardBytes) f+b" } ?? "unknown" }
    ),
    (
      "operations an element",
      { card in
        guard let f = card.cost?.forwardOperations, let b = card.cost?.backwardOperations else {
          return "unknown"
        }
        return "\(f) f, \(b) b"
      }
    ),
    (
      timeRow,
      { card in
        guard let time = card.time else { return "not measured" }
        let copy = time.copyMicroseconds
        return "\(number(time.forwardMicroseconds / copy)) f, "
          + "\(number(time.forwardBackwardMicroseconds / copy)) f+b (\(time.executor))"
      }
    ),
  ]

  static func lines(_ cards: [NormCard]) -> [StyledText] {
    var table = Table(
      [Table.Column("", .left)]
        + cards.map { card in
          Table.Column(
            card.properties.norm + (card.properties.isForWeights ? " (of weights)" : ""), .left)
        })
    for (name, value) in rows {
      table.append([StyledText(name, .dim)] + cards.map { StyledText(value($0)) })
    }
    var lines = table.lines()
    for card in cards {
      let response = card.properties.response
      lines += [
        "", StyledText(card.properties.norm, .bold) + "  y over x from -4 to 4, and its slope",
      ]
      let curves = [plot(response.x, response.y), plot(response.x, response.slope)]
      lines += zip(curves[0], curves[1]).map { StyledText("  \($0)    \($1)") }
    }
    return lines
  }

  // MARK: words

  static func dependsOnBatch(_ roles: [String]) -> Bool {
    roles.contains { ["batch", "sample", "chunk"].contains($0) }
  }

  private static func kept(_ cost: NormCard.Cost) -> String {
    let rest = cost.keptBytes > 0 ? "\(number(cost.keptBytes)) B an element" : ""
    switch (cost.keepsInput, rest.isEmpty) {
    case (true, true): return "x"
    case (true, false): return "x + " + rest
    case (false, true): return "nothing"
    case (false, false): return rest
    }
  }

  private static func yes(_ value: Bool) -> String { value ? "yes" : "no" }

  private static func list(_ words: [String], or none: String) -> String {
    words.isEmpty ? none : words.joined(separator: ", ")
  }

  private static func invariance(_ found: NormProperties.Invariance, _ ofWeights: Bool) -> String {
    var words: [String] = []
    if found.sample { words.append("of a sample") }
    if found.channel { words.append(ofWeights ? "of an output's weights" : "of a channel") }
    // One number for all is what either of the others implies.
    if found.whole, words.isEmpty { words.append(ofWeights ? "of all weights" : "of all values") }
    return list(words, or: "no")
  }

  private static func sets(_ sets: [[String]]) -> String {
    list(sets.map { $0.joined(separator: "+") }, or: "nothing")
  }

  private static func range(_ range: NormProperties.Range) -> String {
    "\(number(range.lowest)) to \(number(range.highest))"
  }

  static func number(_ value: Double) -> String { shortest(value) }

  /// Three digits, as short as they are.
  private static func shortest(_ value: Double) -> String {
    let size = abs(value)
    guard value.isFinite, size != 0 else { return value == 0 ? "0" : "\(value)" }
    if size < 1e-3 || size >= 1e5 { return NumberText.scientific(value) }
    let decimals = size >= 100 ? 0 : size >= 10 ? 1 : 2
    var text = NumberText.number(value, decimals: decimals)
    if text.contains(".") {
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
    }
    return text
  }

  // MARK: the picture

  /// A curve in Braille dots, 24 columns by 6 rows, with its largest and smallest value.
  static func plot(_ x: [Double], _ y: [Double]) -> [String] {
    let (columns, rows) = (24, 6)
    let finite = y.filter(\.isFinite)
    guard let low = finite.min(), let high = finite.max() else {
      return [String](repeating: String(repeating: " ", count: columns), count: rows)
    }
    let span = high > low ? high - low : 1
    var dots = [[UInt32]](repeating: [UInt32](repeating: 0, count: columns), count: rows)
    let bits: [[UInt32]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
    func row(_ value: Double) -> Int {
      Int(((high - value) / span * Double(4 * rows - 1)).rounded())
    }
    var last: Int?
    for column in 0..<2 * columns {
      let place = Double(column) / Double(2 * columns - 1) * Double(y.count - 1)
      let (i, part) = (min(Int(place), y.count - 2), place - Double(min(Int(place), y.count - 2)))
      let value = y[i] + (y[i + 1] - y[i]) * part
      guard value.isFinite else {
        last = nil
        continue
      }
      let r = row(value)
      // A steep stretch is a line, not dots apart.
      for step in min(last ?? r, r)...max(last ?? r, r) {
        dots[step / 4][column / 2] |= bits[step % 4][column % 2]
      }
      last = r
    }
    return dots.enumerated().map { index, row in
      let text = String(
        String.UnicodeScalarView(row.compactMap { Unicode.Scalar(0x2800 + $0) }))
      let label = index == 0 ? number(high) : index == rows - 1 ? number(low) : ""
      return text + " " + label + String(repeating: " ", count: max(0, 8 - label.count))
    }
  }
}
