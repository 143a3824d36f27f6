import Foundation

/// Text on its way into HTML and SVG.
public enum Markup {
  /// The text with everything escaped that could be taken for markup, in content and in attributes;
  /// characters that documents may not hold become U+FFFD, carriage returns nothing.
  public static func escaped(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\r": break
      case "\n", "\t": result.unicodeScalars.append(scalar)
      case let other where isForbidden(other): result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// JSON for a script element, which would end at `</`.
  static func embedded(_ json: JSONValue) -> String {
    json.line.replacing("<", with: "\\u003c").replacing("\u{2028}", with: "\\u2028")
      .replacing("\u{2029}", with: "\\u2029")
  }

  /// A pixel, to a tenth.
  static func pixel(_ value: Double) -> String {
    let tenths = (value * 10).rounded()
    guard tenths.magnitude < 1e9 else { return "0" }
    let whole = Int(tenths)
    return whole % 10 == 0 ? "\(whole / 10)" : "\(Double(whole) / 10)"
  }

  /// A number as people read it: so many significant digits, as short as they are.
  static func number(_ value: Double, digits: Int = 4) -> String {
    guard value.isFinite else { return value.isNaN ? "NaN" : value > 0 ? "∞" : "-∞" }
    let text = String(format: "%.\(digits)g", value)
    guard let mark = text.firstIndex(of: "e"), let power = Int(text[text.index(after: mark)...])
    else { return text }
    return "\(text[..<mark])e\(power)"
  }

  private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
      || [0xFFFE, 0xFFFF].contains(scalar.value & 0xFFFF)
  }
}
