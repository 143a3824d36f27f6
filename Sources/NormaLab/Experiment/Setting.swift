public import NormaCore
public import NormaNetwork
public import NormaNorms

/// The value an axis of a sweep, or `--set`, gives to a setting.
public enum SettingValue: Sendable, Hashable {
  /// A norm.
  case norm(NormSpec)
  /// A number, a word, a boolean.
  case plain(OptionValue)

  /// What tables and folders show.
  public var label: String {
    switch self {
    case .norm(let norm): norm.label
    case .plain(.text(let word)): word
    case .plain(let value): value.description
    }
  }

  /// Whether a label, or a norm's name, means it.
  func matches(_ label: String) -> Bool { self.label == label || norm?.name == label }

  /// The norm: a word names one.
  public var norm: NormSpec? {
    switch self {
    case .norm(let norm): norm
    case .plain(.text(let name)): NormSpec(name)
    case .plain: nil
    }
  }

  /// The number, if it is one.
  public var number: Double? {
    if case .plain(.number(let value)) = self { value } else { nil }
  }

  /// The whole number, if it is one.
  public var integer: Int? { number.flatMap { Int(exactly: $0) } }

  var json: JSONValue {
    switch self {
    case .norm(let norm): .text(norm.label)
    case .plain(let value): value.json
    }
  }
}

extension OptionValue {
  var json: JSONValue {
    switch self {
    case .number(let value): Int(exactly: value).map { .int($0) } ?? .number(value)
    case .bool(let value): .bool(value)
    case .text(let value): .text(value)
    case .numbers(let values): .list(values.map { OptionValue.number($0).json })
    }
  }
}

/// A setting changed from outside: `--set key=value`.
public struct SettingOverride: Sendable, Hashable {
  /// The setting.
  public let name: String
  /// Its value.
  public let value: SettingValue

  /// Makes an override.
  public init(_ name: String, _ value: SettingValue) {
    self.name = name
    self.value = value
  }

  /// Reads `norm=rms`, `norm=group(groups=8)`, `batch=8`, `bias=false`.
  ///
  /// - Throws: `usage` when there is no `=`, or the value is empty or has unbalanced brackets.
  public init(parsing text: String) throws(NormaError) {
    guard let equals = text.firstIndex(of: "="), equals > text.startIndex,
      text.index(after: equals) < text.endIndex
    else {
      throw NormaError(
        .usage, "--set '\(text)' is not of the form key=value",
        help: "for instance --set norm=rms, --set batch=8")
    }
    let word = String(text[text.index(after: equals)...])
    name = String(text[..<equals])
    if name == "norm" {
      value = .norm(try Self.norm(word))
    } else {
      value = .plain(Self.plain(word))
    }
  }

  private static func plain(_ word: String) -> OptionValue {
    if let number = Double(word), number.isFinite { return .number(number) }
    return Bool(word).map { .bool($0) } ?? .text(word)
  }

  private static func norm(_ text: String) throws(NormaError) -> NormSpec {
    guard let open = text.firstIndex(of: "(") else { return NormSpec(text) }
    func malformed() -> NormaError {
      NormaError(
        .usage, "--set norm=\(text) is no norm",
        help: "write --set norm=rms, or --set 'norm=group(groups=8)'")
    }
    guard text.hasSuffix(")") else { throw malformed() }
    var hyper: [String: HyperValue] = [:]
    for part in text[text.index(after: open)...].dropLast().split(separator: ",") {
      let pair = part.split(separator: "=").map { $0.filter { $0 != " " } }
      guard pair.count == 2 else { throw malformed() }
      hyper[pair[0]] = HyperValue(plain(pair[1]))
    }
    return NormSpec(String(text[..<open]), hyper)
  }
}

extension HyperValue {
  /// A plain value as a hyper-parameter; whole numbers become integers, which schemas take for reals.
  public init(_ value: OptionValue) {
    switch value {
    case .number(let number): self = Int(exactly: number).map { .int($0) } ?? .real(number)
    case .bool(let flag): self = .bool(flag)
    case .text(let word): self = .choice(word)
    case .numbers: self = .none
    }
  }
}
