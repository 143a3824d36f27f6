/// A JSON value whose objects keep the order of their keys: events and run folders are read by people.
public enum JSONValue: Sendable, Hashable {
  /// Nothing; numbers that are not finite are written so too.
  case null
  /// True or false.
  case bool(Bool)
  /// An integer.
  case int(Int)
  /// A number.
  case number(Double)
  /// Text.
  case text(String)
  /// A list.
  case list([JSONValue])
  /// Names and values in order.
  case object([Field])

  /// A name and its value.
  public struct Field: Sendable, Hashable {
    /// The name.
    public let name: String
    /// The value.
    public let value: JSONValue

    /// Makes a field.
    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// The value as text on one line.
  public var line: String {
    var text = ""
    write(to: &text)
    return text
  }

  /// The value as text with an indented line for each field of the outer objects.
  public func indented(depth: Int = 2) -> String {
    var text = ""
    write(to: &text, indent: "", depth: depth)
    return text + "\n"
  }

  private func write(to text: inout String, indent: String? = nil, depth: Int = 0) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .int(let value): text += "\(value)"
    case .number(let value): text += value.isFinite ? "\(value)" : "null"
    case .text(let value): Self.quote(value, into: &text)
    case .list(let values):
      text += "["
      for (index, value) in values.enumerated() {
        separate(&text, index, indent, depth)
        value.write(to: &text, indent: indent.map { $0 + "  " }, depth: depth - 1)
      }
      close(&text, values.isEmpty, indent, depth, "]")
    case .object(let fields):
      text += "{"
      for (index, field) in fields.enumerated() {
        separate(&text, index, indent, depth)
        Self.quote(field.name, into: &text)
        text += indent == nil ? ":" : ": "
        field.value.write(to: &text, indent: indent.map { $0 + "  " }, depth: depth - 1)
      }
      close(&text, fields.isEmpty, indent, depth, "}")
    }
  }

  private func separate(_ text: inout String, _ index: Int, _ indent: String?, _ depth: Int) {
    if let indent, depth > 0 {
      text += index > 0 ? ",\n" : "\n"
      text += indent + "  "
    } else if index > 0 {
      text += indent == nil ? "," : ", "
    }
  }

  private func close(
    _ text: inout String, _ isEmpty: Bool, _ indent: String?, _ depth: Int, _ bracket: String
  ) {
    if let indent, depth > 0, !isEmpty { text += "\n" + indent }
    text += bracket
  }

  private static func quote(_ value: String, into text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case let control where control.value < 0x20 || control.value == 0x7F:
        let digits = String(control.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByDictionaryLiteral,
  ExpressibleByArrayLiteral
{
  /// Text.
  public init(stringLiteral value: String) { self = .text(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .int(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// True or false.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A list.
  public init(arrayLiteral elements: JSONValue...) { self = .list(elements) }
  /// An object, its fields in the order written.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Field($0.0, $0.1) })
  }
}
