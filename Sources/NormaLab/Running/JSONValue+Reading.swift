public import Foundation
public import NormaCore

extension JSONValue {
  /// Reads JSON text (RFC 8259). Fields keep their order and numbers their last bit, which Foundation's
  /// readers do not promise: a run that goes on has to read what it wrote.
  ///
  /// - Throws: `data` when it is no JSON, with the byte.
  public init(parsing data: Data) throws(NormaError) {
    var reader = JSONReader(bytes: Array(data) + [0])
    self = try reader.value(depth: 0)
    try reader.end()
  }

  /// A field of an object; null where there is none.
  public subscript(name: String) -> JSONValue {
    guard case .object(let fields) = self else { return .null }
    return fields.first { $0.name == name }?.value ?? .null
  }

  /// The number.
  public var double: Double? {
    switch self {
    case .int(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The whole number.
  public var integer: Int? {
    switch self {
    case .int(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The whole number, where it can count something: files say what they like, and sums of it must fit.
  public var count: Int? { integer.flatMap { (0...1 << 50).contains($0) ? $0 : nil } }

  /// The text.
  public var string: String? { if case .text(let value) = self { value } else { nil } }

  /// The elements of a list.
  public var items: [JSONValue] { if case .list(let values) = self { values } else { [] } }

  /// The fields of an object.
  public var fields: [Field] { if case .object(let fields) = self { fields } else { [] } }

  /// The same without the fields of that name, at any depth.
  func without(_ name: String) -> JSONValue {
    switch self {
    case .list(let values): .list(values.map { $0.without(name) })
    case .object(let fields):
      .object(
        fields.filter { $0.name != name }.map { Field($0.name, $0.value.without(name)) })
    default: self
    }
  }

  /// The same with fields in the order of their names and whole numbers as integers: two values that
  /// mean the same are equal then.
  public var normal: JSONValue {
    switch self {
    case .list(let values): .list(values.map(\.normal))
    case .object(let fields):
      .object(
        fields.map { Field($0.name, $0.value.normal) }.sorted { $0.name < $1.name })
    case .number(let value):
      value.isFinite ? Int(exactly: value).map { .int($0) } ?? self : .null
    default: self
    }
  }
}

/// A reader of JSON text whose last byte is a zero.
private struct JSONReader {
  let bytes: [UInt8]
  private var at = 0
  private static let deepest = 64

  init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8 { bytes[at] }

  private func damage(_ what: String) -> NormaError {
    NormaError(.data, "it is no JSON: \(what) at byte \(at)")
  }

  private mutating func skip() {
    while [0x20, 0x0A, 0x0D, 0x09].contains(next) { at += 1 }
  }

  private mutating func take(_ byte: Character) -> Bool {
    guard next == byte.asciiValue else { return false }
    at += 1
    return true
  }

  mutating func end() throws(NormaError) {
    skip()
    guard at == bytes.count - 1 else { throw damage("there is more") }
  }

  mutating func value(depth: Int) throws(NormaError) -> JSONValue {
    guard depth < Self.deepest else { throw damage("it is too deep") }
    skip()
    switch next {
    case UInt8(ascii: "{"):
      at += 1
      return .object(
        try list(until: "}") { reader throws(NormaError) in
          let name = try reader.text()
          reader.skip()
          guard reader.take(":") else { throw reader.damage("a ':' is missing") }
          return JSONValue.Field(name, try reader.value(depth: depth + 1))
        })
    case UInt8(ascii: "["):
      at += 1
      return .list(
        try list(until: "]") { reader throws(NormaError) in try reader.value(depth: depth + 1) })
    case UInt8(ascii: "\""): return .text(try text())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func list<Element>(
    until end: Character, _ element: (inout JSONReader) throws(NormaError) -> Element
  ) throws(NormaError) -> [Element] {
    var found: [Element] = []
    skip()
    if take(end) { return found }
    repeat {
      skip()
      found.append(try element(&self))
      skip()
    } while take(",")
    guard take(end) else { throw damage("a '\(end)' is missing") }
    return found
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws(NormaError) -> JSONValue {
    guard bytes[at...].starts(with: word.utf8) else { throw damage("a word is unknown") }
    at += word.utf8.count
    return value
  }

  private mutating func number() throws(NormaError) -> JSONValue {
    let start = at
    while "+-.0123456789eE".utf8.contains(next) { at += 1 }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if let whole = Int(text) { return .int(whole) }
    guard let value = Double(text) else {
      at = start
      throw damage("a value is missing")
    }
    return .number(value)
  }

  private mutating func text() throws(NormaError) -> String {
    guard take("\"") else { throw damage("a name is missing") }
    var found: [UInt8] = []
    while !take("\"") {
      switch next {
      case 0..<0x20: throw damage("a text does not end")
      case UInt8(ascii: "\\"):
        at += 1
        try escape(into: &found)
      default:
        found.append(next)
        at += 1
      }
    }
    guard let text = String(validating: found, as: UTF8.self) else { throw damage("no UTF-8") }
    return text
  }

  private mutating func escape(into found: inout [UInt8]) throws(NormaError) {
    let letter = next
    at += 1
    switch letter {
    case UInt8(ascii: "n"): found.append(0x0A)
    case UInt8(ascii: "t"): found.append(0x09)
    case UInt8(ascii: "r"): found.append(0x0D)
    case UInt8(ascii: "b"): found.append(0x08)
    case UInt8(ascii: "f"): found.append(0x0C)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): found.append(letter)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code), take("\\"), take("u") {
        code = 0x10000 + (code - 0xD800) << 10 + (try hexadecimal()) &- 0xDC00
      }
      guard let scalar = Unicode.Scalar(code) else { throw damage("a letter is unknown") }
      found += Array(String(Character(scalar)).utf8)
    default: throw damage("an escape is unknown")
    }
  }

  private mutating func hexadecimal() throws(NormaError) -> UInt32 {
    guard at + 4 < bytes.count,
      let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
    else { throw damage("an escape is unknown") }
    at += 4
    return code
  }
}
