/// A block of lines that is redrawn in place at the bottom of a terminal; its last state stays.
public struct LiveBlock: Sendable {
  /// The least seconds between two redraws.
  public static let interval = 0.1

  private var drawn: [Int] = []
  private var lastDraw: Double?

  /// Makes a block of which nothing is drawn yet.
  public init() {}

  /// Whether a redraw at `time` (seconds on a steady clock) would come too soon after the last.
  public func isTooSoon(at time: Double) -> Bool {
    lastDraw.map { time - $0 < Self.interval } ?? false
  }

  /// What to write so that `lines` stand where the block stood; `notes` are left above it for good.
  public mutating func redraw(
    _ lines: [StyledText], notes: [StyledText] = [], for terminal: Terminal, at time: Double
  ) -> String {
    lastDraw = time
    // A line as long as the terminal is wide would leave the cursor in doubt.
    var inside = terminal
    inside.width = terminal.width.map { max($0 - 1, 1) }
    var text = erasure(width: terminal.width)
    for note in notes {
      var whole = terminal
      whole.width = nil
      text += note.rendered(for: whole) + "\n"
    }
    drawn = lines.map { min($0.width, inside.width ?? .max) }
    for line in lines { text += line.rendered(for: inside) + "\n" }
    return text
  }

  /// Lets the drawn lines stand; the next redraw starts below them.
  public mutating func leave() {
    drawn = []
    lastDraw = nil
  }

  /// Goes back to the block's first row and clears from there; a terminal made narrower since has
  /// folded the lines into more rows.
  private func erasure(width: Int?) -> String {
    let rows = drawn.reduce(0) { rows, columns in
      rows + max(1, width.map { (columns + $0 - 1) / $0 } ?? 1)
    }
    return rows == 0 ? "" : "\r\u{1B}[\(rows)A\u{1B}[J"
  }
}
