/// What a progress display shows at one moment; its lines are a pure function of its values.
public struct ProgressFrame: Sendable {
  /// A measured quantity with its past, oldest first.
  public struct Measure: Sendable {
    /// What it is called.
    public var name: String
    /// Its present value, as text.
    public var value: String
    /// Its past, drawn as a sparkline; empty for none.
    public var history: [Double]

    /// Makes a measure.
    public init(_ name: String, _ value: String, history: [Double] = []) {
      self.name = name
      self.value = value
      self.history = history
    }
  }

  /// What is being done.
  public var title: String
  /// Which variant of it: `norm=rms`.
  public var variant: String
  /// Which part of it: `epoch 3/10`.
  public var stage: String
  /// Steps done in this part.
  public var completed: Int
  /// Steps in this part.
  public var total: Int
  /// Seconds left, when known.
  public var remaining: Double?
  /// Steps a second, when known.
  public var rate: Double?
  /// The second line, most important first.
  public var measures: [Measure]
  /// What is done so far, below the two lines.
  public var table: Table?
  /// What sparklines are drawn with.
  public var glyphs: Sparkline.Glyphs

  /// Makes a frame.
  public init(
    title: String, variant: String = "", stage: String = "", completed: Int, total: Int,
    remaining: Double? = nil, rate: Double? = nil, measures: [Measure] = [],
    table: Table? = nil, glyphs: Sparkline.Glyphs = .bars
  ) {
    self.title = title
    self.variant = variant
    self.stage = stage
    self.completed = completed
    self.total = total
    self.remaining = remaining
    self.rate = rate
    self.measures = measures
    self.table = table
    self.glyphs = glyphs
  }

  /// The lines of the display, each at most `width` columns: what matters least goes first.
  public func lines(width: Int) -> [StyledText] {
    [progressLine(width: width), measureLine(width: width)] + (table?.lines(width: width) ?? [])
  }

  private static let barWidths = [20, 14, 8]
  private static let sparkWidths = [8, 4, 0]

  private func progressLine(width: Int) -> StyledText {
    func line(bar: Int, rate hasRate: Bool, variant hasVariant: Bool, title hasTitle: Bool)
      -> StyledText
    {
      var parts: [StyledText] = []
      if hasTitle, !title.isEmpty { parts.append(StyledText(title, .bold)) }
      if hasVariant, !variant.isEmpty { parts.append(StyledText(variant, .cyan)) }
      if !stage.isEmpty { parts.append(StyledText(stage)) }
      let counted = bar > 0 ? ProgressBar.text(completed, of: total, width: bar) + " " : ""
      parts.append(counted + "\(completed)/\(total)")
      if let remaining { parts.append("\(NumberText.remaining(seconds: remaining)) left") }
      if hasRate, let rate { parts.append("\(NumberText.rate(rate)) it/s") }
      return Self.joined(parts)
    }
    var candidates = [line(bar: Self.barWidths[0], rate: true, variant: true, title: true)]
    for bar in Self.barWidths {
      candidates.append(line(bar: bar, rate: false, variant: true, title: true))
    }
    candidates.append(line(bar: 8, rate: false, variant: true, title: false))
    candidates.append(line(bar: 8, rate: false, variant: false, title: false))
    candidates.append(line(bar: 0, rate: false, variant: false, title: false))
    return Self.widest(of: candidates, within: width)
  }

  private func measureLine(width: Int) -> StyledText {
    func line(count: Int, spark: Int) -> StyledText {
      Self.joined(
        measures.prefix(count).map { measure in
          let label = StyledText(measure.name + " ", .dim) + StyledText(measure.value)
          let drawn = Sparkline.text(measure.history, width: spark, glyphs: glyphs)
          return drawn.isEmpty ? label : label + StyledText(" " + drawn, .green)
        })
    }
    var candidates = Self.sparkWidths.map { line(count: measures.count, spark: $0) }
    for count in stride(from: measures.count - 1, through: 1, by: -1) {
      candidates.append(line(count: count, spark: 0))
    }
    return Self.widest(of: candidates, within: width)
  }

  private static func joined(_ parts: [StyledText]) -> StyledText {
    parts.enumerated().reduce("") { $0 + ($1.offset == 0 ? " " : "  ") + $1.element }
  }

  private static func widest(of candidates: [StyledText], within width: Int) -> StyledText {
    guard let last = candidates.last else { return "" }
    return (candidates.first { $0.width <= width } ?? last).truncated(to: width)
  }
}

/// A bar of `━`, its undone part thin and faint.
public enum ProgressBar {
  /// Draws `completed` of `total` in exactly `width` columns; full only when all is done.
  public static func text(_ completed: Int, of total: Int, width: Int) -> StyledText {
    let share = total > 0 ? Double(completed) / Double(total) : 0
    let filled = Int((min(max(share, 0), 1) * Double(max(width, 0))).rounded(.down))
    return StyledText(String(repeating: "━", count: filled), .green)
      + StyledText(String(repeating: "─", count: max(width, 0) - filled), .dim)
  }
}
