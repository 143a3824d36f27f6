public import NormaCore

/// The value of a hyper-parameter.
public enum HyperValue: Hashable, Sendable, Codable {
  /// A real number; traced by name, so that schedules may move it.
  case real(Double)
  /// A real number that moves with the training step.
  case ramp(Ramp)
  /// An integer; structural.
  case int(Int)
  /// True or false; structural.
  case bool(Bool)
  /// One of a list of words; structural.
  case choice(String)
  /// Not given (an optional hyper-parameter).
  case none
}

extension HyperValue: CustomStringConvertible {
  /// The value as a script writes it.
  public var description: String {
    switch self {
    case .real(let v): v == v.rounded() && abs(v) < 1e15 ? "\(Int(v))" : "\(v)"
    case .ramp(let ramp): "\(ramp)"
    case .int(let v): "\(v)"
    case .bool(let v): "\(v)"
    case .choice(let v): v
    case .none: "none"
    }
  }
}

/// The limits of a real hyper-parameter.
public struct Bounds: Hashable, Sendable, Codable {
  /// The smallest value.
  public var lower: Double?
  /// Whether `lower` itself is excluded.
  public var lowerExcluded = false
  /// The largest value.
  public var upper: Double?
  /// Whether `upper` itself is excluded.
  public var upperExcluded = false

  /// Makes bounds: `min`/`max` belong to the range, `above`/`below` do not.
  public init(
    min: Double? = nil, above: Double? = nil, max: Double? = nil, below: Double? = nil
  ) {
    lower = min ?? above
    lowerExcluded = min == nil && above != nil
    upper = max ?? below
    upperExcluded = max == nil && below != nil
  }

  /// Whether the value lies within; NaN never does.
  public func contains(_ value: Double) -> Bool {
    if value.isNaN { return false }
    if let lower, lowerExcluded ? value <= lower : value < lower { return false }
    if let upper, upperExcluded ? value >= upper : value > upper { return false }
    return true
  }

  /// `>= 0`, `> 0 and <= 1`, or `any number`.
  public var text: String {
    var parts: [String] = []
    if let lower { parts.append((lowerExcluded ? "> " : ">= ") + "\(HyperValue.real(lower))") }
    if let upper { parts.append((upperExcluded ? "< " : "<= ") + "\(HyperValue.real(upper))") }
    return parts.isEmpty ? "any number" : parts.joined(separator: " and ")
  }
}

/// A hyper-parameter of a norm: name, type, default, limits and a sentence.
public struct HyperParameter: Sendable {
  /// The type of a hyper-parameter.
  public enum Kind: Hashable, Sendable {
    /// A real number within bounds.
    case real(Bounds)
    /// An integer; `divides` names the role whose size it must divide; `words` are accepted too.
    case int(Bounds, divides: RoleSet?, words: [String])
    /// True or false.
    case bool
    /// One of these words.
    case choice([String])
  }

  /// The name.
  public let name: String
  /// Its type and limits.
  public let kind: Kind
  /// The default; `.none` for an optional one.
  public let defaultValue: HyperValue
  /// One sentence.
  public let doc: String

  /// Makes a hyper-parameter.
  public init(_ name: String, _ kind: Kind, default defaultValue: HyperValue, doc: String = "") {
    self.name = name
    self.kind = kind
    self.defaultValue = defaultValue
    self.doc = doc
  }

  /// Whether values are traced by name (real) rather than fixed when a layer is built.
  public var isReal: Bool { if case .real = kind { true } else { false } }

  /// What values are accepted, for help and error messages.
  public var rangeText: String {
    switch kind {
    case .real(let bounds): return bounds.text
    case .int(let bounds, let divides, let words):
      var text = bounds.text == "any number" ? "an integer" : "an integer \(bounds.text)"
      if let divides { text += " that divides the \(divides) count" }
      if !words.isEmpty { text += ", or " + words.map { "\"\($0)\"" }.joined(separator: ", ") }
      return text
    case .bool: return "true or false"
    case .choice(let words): return "one of " + words.joined(separator: ", ")
    }
  }

  /// The value in this hyper-parameter's type, checked against its limits.
  ///
  /// - Throws: `usage`, with the value and what is accepted.
  public func checked(_ value: HyperValue) throws(NormaError) -> HyperValue {
    func refuse() -> NormaError {
      NormaError(.usage, "'\(name)' must be \(rangeText), got \(value)")
    }
    switch (kind, value) {
    case (_, .none):
      if defaultValue == .none { return .none }
      throw refuse()
    case (.real, .real(let v)) where v.isInfinite && value != defaultValue:
      throw NormaError(.usage, "'\(name)' must be finite, got \(v)")
    case (.real(let bounds), .real(let v)):
      guard bounds.contains(v) else { throw refuse() }
      return value
    case (.real(let bounds), .int(let v)):
      guard bounds.contains(Double(v)) else { throw refuse() }
      return .real(Double(v))
    case (.real(let bounds), .ramp(let ramp)):
      guard bounds.contains(ramp.first), bounds.contains(ramp.last) else { throw refuse() }
      return value
    case (.real(let bounds), .choice(let text)):
      guard let ramp = Ramp(text) else {
        let range = bounds.text == "any number" ? "a number" : "a number \(bounds.text)"
        throw NormaError(.usage, "'\(name)' must be \(range), got '\(text)'")
      }
      return try checked(.ramp(ramp))
    case (.int(let bounds, _, _), .int(let v)):
      guard bounds.contains(Double(v)) else { throw refuse() }
      return value
    case (.int(let bounds, _, _), .real(let v)):
      guard v == v.rounded(), abs(v) < 1e15, bounds.contains(v) else { throw refuse() }
      return .int(Int(v))
    case (.int(_, _, let words), .choice(let word)):
      guard words.contains(word) else { throw refuse() }
      return value
    case (.bool, .bool): return value
    case (.choice(let words), .choice(let word)):
      guard words.contains(word) else {
        throw NormaError(
          .usage,
          "'\(name)' must be \(rangeText), got '\(word)'"
            + Suggestion.phrase(for: word, among: words))
      }
      return value
    default: throw refuse()
    }
  }
}
