/// Rows in aligned columns, two spaces apart, under a header.
public struct Table: Sendable {
  /// Where the cells of a column stand.
  public enum Alignment: Sendable {
    /// Right where every cell begins like a number, else left.
    case automatic
    /// At the left edge.
    case left
    /// At the right edge.
    case right
  }

  /// A column's title and alignment.
  public struct Column: Sendable, ExpressibleByStringLiteral {
    /// The header's text.
    public var title: String
    /// Where the cells stand.
    public var alignment: Alignment

    /// Makes a column.
    public init(_ title: String, _ alignment: Alignment = .automatic) {
      self.title = title
      self.alignment = alignment
    }

    /// Makes a column that aligns itself.
    public init(stringLiteral title: String) {
      self.init(title)
    }
  }

  private static let gap = 2
  private static let leastWidth = 6

  private let columns: [Column]
  private var rows: [[StyledText]] = []

  /// Makes a table without rows.
  public init(_ columns: [Column]) {
    self.columns = columns
  }

  /// Adds a row; missing cells are blank, cells past the last column are dropped.
  public mutating func append(_ cells: [StyledText], style: Style = .plain) {
    let filled = columns.indices.map { $0 < cells.count ? cells[$0].styled(style) : "" }
    rows.append(filled)
  }

  /// The header and the rows as lines of at most `width` columns; the widest columns give way first.
  public func lines(width: Int? = nil) -> [StyledText] {
    let header = columns.map { StyledText($0.title, .bold) }
    let isRight = columns.indices.map { alignsRight($0) }
    var widths = columns.indices.map { column in
      ([header] + rows).reduce(0) { max($0, $1[column].width) }
    }
    if let width { shrink(&widths, to: width) }
    return ([header] + rows).map { row in
      var line = StyledText("")
      for column in columns.indices {
        let cell = row[column].truncated(to: widths[column])
        let padding = StyledText(String(repeating: " ", count: widths[column] - cell.width))
        if column > 0 { line += StyledText(String(repeating: " ", count: Self.gap)) }
        // Blanks at a line's end would only get in the way of whoever copies it.
        let isLast = column == columns.count - 1
        line += isRight[column] ? padding + cell : isLast ? cell : cell + padding
      }
      return width.map { line.truncated(to: $0) } ?? line
    }
  }

  /// The whole table as text, each line ended.
  public func rendered(for terminal: Terminal) -> String {
    lines(width: terminal.width).map { $0.rendered(for: terminal) + "\n" }.joined()
  }

  private func shrink(_ widths: inout [Int], to limit: Int) {
    let room = limit - Self.gap * (widths.count - 1)
    while widths.reduce(0, +) > room {
      guard let widest = widths.indices.max(by: { widths[$0] < widths[$1] }),
        widths[widest] > Self.leastWidth
      else { return }
      widths[widest] -= 1
    }
  }

  private func alignsRight(_ column: Int) -> Bool {
    switch columns[column].alignment {
    case .left: return false
    case .right: return true
    case .automatic:
      let cells = rows.map { $0[column].text }.filter { !$0.isEmpty }
      return !cells.isEmpty && cells.allSatisfy(Self.isNumeric)
    }
  }

  private static func isNumeric(_ cell: String) -> Bool {
    if ["nan", "inf", "-inf", "-", "–"].contains(cell) { return true }
    let unsigned = cell.first == "-" || cell.first == "+" ? cell.dropFirst() : cell[...]
    return unsigned.first?.isWholeNumber ?? false
  }
}
