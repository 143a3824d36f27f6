/// A series of numbers as a row of small bars, highest and lowest of the row at full and least height.
public enum Sparkline {
  /// What the row is drawn with.
  public enum Glyphs: Sendable {
    /// `▁▂▃▄▅▆▇█`: one value a column.
    case bars
    /// Braille dots: two values a column, in half the height steps.
    case braille
  }

  private static let bars = Array("▁▂▃▄▅▆▇█")
  private static let leftDots: [UInt32] = [0x40, 0x44, 0x46, 0x47]
  private static let rightDots: [UInt32] = [0x80, 0xA0, 0xB0, 0xB8]

  /// Draws `values` in at most `width` columns; longer series are averaged into the columns, and a
  /// value that is not finite leaves its column blank.
  public static func text(_ values: [Double], width: Int, glyphs: Glyphs = .bars) -> String {
    guard width > 0, !values.isEmpty else { return "" }
    switch glyphs {
    case .bars:
      let levels = levels(of: resampled(values, to: width), count: bars.count)
      return String(levels.map { level in level.map { bars[$0] } ?? " " })
    case .braille:
      let levels = levels(of: resampled(values, to: 2 * width), count: leftDots.count)
      return String(
        String.UnicodeScalarView(
          stride(from: 0, to: levels.count, by: 2).compactMap { index in
            let left = levels[index].map { leftDots[$0] } ?? 0
            let right = index + 1 < levels.count ? levels[index + 1].map { rightDots[$0] } ?? 0 : 0
            return Unicode.Scalar(0x2800 + left + right)
          }))
    }
  }

  private static func resampled(_ values: [Double], to count: Int) -> [Double] {
    guard values.count > count else { return values }
    return (0..<count).map { column in
      let range = column * values.count / count..<(column + 1) * values.count / count
      let finite = values[range].filter(\.isFinite)
      guard !finite.isEmpty else { return .nan }
      return finite.reduce(0) { $0 + $1 / Double(finite.count) }
    }
  }

  private static func levels(of values: [Double], count: Int) -> [Int?] {
    let finite = values.filter(\.isFinite)
    guard let low = finite.min(), let high = finite.max() else { return values.map { _ in nil } }
    // Halved, so that the span of the largest finite numbers is finite too.
    let span = high / 2 - low / 2
    return values.map { value in
      guard value.isFinite else { return nil }
      guard span > 0 else { return 0 }
      let share = (value / 2 - low / 2) / span
      return min(count - 1, Int((share * Double(count - 1)).rounded()))
    }
  }
}
