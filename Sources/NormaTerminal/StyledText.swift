/// How a piece of text looks, where colour is allowed.
public struct Style: OptionSet, Sendable {
  /// One bit for each aspect.
  public let rawValue: UInt16

  /// Makes a style from its bits.
  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// As the terminal shows text of itself.
  public static let plain: Style = []
  /// Heavier.
  public static let bold = Style(rawValue: 1)
  /// Fainter.
  public static let dim = Style(rawValue: 2)
  /// Red: errors.
  public static let red = Style(rawValue: 4)
  /// Green: good news.
  public static let green = Style(rawValue: 8)
  /// Yellow: warnings.
  public static let yellow = Style(rawValue: 16)
  /// Blue.
  public static let blue = Style(rawValue: 32)
  /// Magenta.
  public static let magenta = Style(rawValue: 64)
  /// Cyan: names.
  public static let cyan = Style(rawValue: 128)

  private static let codes: [(Style, Int)] = [
    (.bold, 1), (.dim, 2), (.red, 31), (.green, 32), (.yellow, 33), (.blue, 34), (.magenta, 35),
    (.cyan, 36),
  ]

  /// `text` between this style's escape codes.
  func wrapping(_ text: String) -> String {
    guard !isEmpty, !text.isEmpty else { return text }
    let codes = Self.codes.filter { contains($0.0) }.map { String($0.1) }
    return "\u{1B}[\(codes.joined(separator: ";"))m\(text)\u{1B}[0m"
  }
}

/// One line of text in styled pieces, measured in columns; control characters cannot enter it.
public struct StyledText: Sendable, ExpressibleByStringInterpolation {
  private struct Piece: Sendable {
    var text: String
    var style: Style
  }
  private var pieces: [Piece]

  /// Makes a line of one piece; tabs, line ends and control characters in `text` become spaces.
  public init(_ text: String, _ style: Style = .plain) {
    var shown = text
    if text.unicodeScalars.contains(where: Self.isControl) {
      let scalars = text.unicodeScalars.map { Self.isControl($0) ? " " : $0 }
      shown = String(String.UnicodeScalarView(scalars))
    }
    pieces = shown.isEmpty ? [] : [Piece(text: shown, style: style)]
  }

  /// Makes a plain line.
  public init(stringLiteral text: String) {
    self.init(text)
  }

  /// The characters alone.
  public var text: String { pieces.map(\.text).joined() }

  /// Columns the line fills.
  public var width: Int { pieces.reduce(0) { $0 + Self.width($1.text) } }

  /// Both lines, one after the other.
  public static func + (left: StyledText, right: StyledText) -> StyledText {
    var sum = left
    sum.pieces += right.pieces
    return sum
  }

  /// Adds `right` at the end.
  public static func += (left: inout StyledText, right: StyledText) {
    left = left + right
  }

  /// The line with `style` added to every piece.
  public func styled(_ style: Style) -> StyledText {
    var copy = self
    for index in copy.pieces.indices { copy.pieces[index].style.formUnion(style) }
    return copy
  }

  /// The line cut to `limit` columns, its end replaced by `…` when something had to go.
  public func truncated(to limit: Int) -> StyledText {
    guard width > limit else { return self }
    var kept = StyledText("")
    var room = max(limit - 1, 0)
    cutting: for piece in pieces {
      var text = ""
      for character in piece.text {
        let columns = Self.width(character)
        guard columns <= room else {
          kept += StyledText(limit > 0 ? text + "…" : text, piece.style)
          break cutting
        }
        text.append(character)
        room -= columns
      }
      kept += StyledText(text, piece.style)
    }
    return kept
  }

  /// The line as written to a terminal: with escape codes only where it has colour, and cut to its
  /// width.
  public func rendered(for terminal: Terminal) -> String {
    let fitting = terminal.width.map { truncated(to: $0) } ?? self
    guard terminal.hasColor else { return fitting.text }
    return fitting.pieces.map { $0.style.wrapping($0.text) }.joined()
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }

  /// Columns of a text: wide East Asian characters and emoji fill two.
  static func width(_ text: String) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.reduce(0) { $0 + width($1) }
  }

  private static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    if scalar.properties.generalCategory == .nonspacingMark { return 0 }
    if scalar.properties.isEmojiPresentation { return 2 }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
      return 2
    default:
      return 1
    }
  }
}
