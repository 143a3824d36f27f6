internal import NormaCore

/// The header of an `.npy` file: a Python dictionary with the keys descr, fortran_order and shape.
struct NPYHeader {
  /// NumPy's name of the element type, such as `<f4`.
  var dtype = ""
  /// Whether the first index runs fastest.
  var isFortranOrder = false
  /// Sizes of the axes; empty for a scalar.
  var shape: [Int] = []

  /// Parses the dictionary; nil when it is none, or lacks a key.
  init?(_ text: String) {
    var scanner = Scanner(rest: Substring(text))
    guard scanner.take("{") else { return nil }
    var seen: Set<String> = []
    while !scanner.take("}") {
      guard let key = scanner.string(), scanner.take(":") else { return nil }
      seen.insert(key)
      switch key {
      case "descr":
        guard let value = scanner.string() ?? scanner.bracketed() else { return nil }
        dtype = value
      case "fortran_order":
        if scanner.take("True") {
          isFortranOrder = true
        } else if !scanner.take("False") {
          return nil
        }
      case "shape":
        guard let sizes = scanner.tuple() else { return nil }
        shape = sizes
      default: return nil
      }
      _ = scanner.take(",")
    }
    guard seen.count == 3 else { return nil }
  }

  /// A cursor over the dictionary's text.
  private struct Scanner {
    var rest: Substring

    mutating func take(_ word: String) -> Bool {
      rest = rest.drop { $0.isWhitespace }
      guard rest.hasPrefix(word) else { return false }
      rest = rest.dropFirst(word.count)
      return true
    }

    mutating func string() -> String? {
      let quote: Character
      if take("'") {
        quote = "'"
      } else if take("\"") {
        quote = "\""
      } else {
        return nil
      }
      guard let end = rest.firstIndex(of: quote) else { return nil }
      defer { rest = rest[end...].dropFirst() }
      return String(rest[..<end])
    }

    /// The text of a list, as structured types have it.
    mutating func bracketed() -> String? {
      guard take("["), let end = rest.lastIndex(of: "]") else { return nil }
      defer { rest = rest[end...].dropFirst() }
      return "[" + rest[...end]
    }

    mutating func tuple() -> [Int]? {
      guard take("(") else { return nil }
      var sizes: [Int] = []
      while !take(")") {
        rest = rest.drop { $0.isWhitespace }
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        guard let size = Int(digits) else { return nil }
        sizes.append(size)
        rest = rest.dropFirst(digits.count)
        // Python 2 wrote long integers with a suffix.
        _ = take("L")
        guard take(",") || rest.first == ")" else { return nil }
      }
      return sizes
    }
  }
}
