public import NormaCore

/// An option of a layer kind.
public struct LayerOption: Sendable {
  /// What values an option takes.
  public enum Kind: Sendable, Hashable {
    /// An integer not below the given one.
    case int(min: Int)
    /// One integer, or one for the height and one for the width, each not below the given one.
    case size(min: Int)
    /// Integers.
    case ints
    /// A number in the half-open range.
    case real(from: Double, below: Double)
    /// True or false.
    case bool
    /// As `size(min: 0)`, or the word `same`.
    case padding
    /// A word of the user's own.
    case word
    /// A positive integer, or the word `vocabulary` for the number of the data's symbols.
    case units
  }

  /// The name.
  public let name: String
  /// What values it takes.
  public let kind: Kind
  /// The default; nil when it must be given, or when the doc says what absence means.
  public let defaultValue: OptionValue?
  /// Whether leaving it out is an error.
  public let isRequired: Bool
  /// One sentence.
  public let doc: String

  init(
    _ name: String, _ kind: Kind, default value: OptionValue? = nil, required: Bool = false,
    _ doc: String
  ) {
    self.name = name
    self.kind = kind
    defaultValue = value
    isRequired = required
    self.doc = doc
  }

  /// How large a dense layer's weights begin.
  static func gain(of weights: String) -> LayerOption {
    LayerOption(
      "gain", .real(from: 0, below: 0x1p20), default: .number(1),
      "times the usual spread of \(weights)")
  }

  /// What is accepted, for help and errors.
  public var rangeText: String {
    switch kind {
    case .int(let min): "an integer >= \(min)"
    case .size(let min): "an integer >= \(min), or two of them"
    case .ints: "an integer or a list of integers"
    case .real(let low, let high): "a number >= \(low) and < \(high)"
    case .bool: "true or false"
    case .padding: "an integer >= 0, two of them, or \"same\""
    case .word: "a word"
    case .units: "an integer >= 1, or \"vocabulary\""
    }
  }

  func accepts(_ value: OptionValue) -> Bool {
    func whole(_ v: Double, _ min: Int) -> Bool {
      v == v.rounded() && v >= Double(min) && v < 0x1p31
    }
    switch (kind, value) {
    case (.int(let min), .number(let v)), (.size(let min), .number(let v)): return whole(v, min)
    case (.size(let min), .numbers(let vs)):
      return vs.count == 2 && vs.allSatisfy { whole($0, min) }
    case (.ints, .number(let v)): return whole(v, -8)
    case (.ints, .numbers(let vs)): return !vs.isEmpty && vs.allSatisfy { whole($0, -8) }
    case (.real(let low, let high), .number(let v)): return v >= low && v < high
    case (.bool, .bool): return true
    case (.padding, .number(let v)): return whole(v, 0)
    case (.padding, .numbers(let vs)): return vs.count == 2 && vs.allSatisfy { whole($0, 0) }
    case (.padding, .text(let word)): return word == "same"
    case (.word, .text(let word)): return !word.isEmpty
    case (.units, .number(let v)): return whole(v, 1)
    case (.units, .text(let word)): return word == "vocabulary"
    default: return false
    }
  }
}

/// What a layer kind is called and takes: what `nn.*`, help and checks need.
public struct LayerSchema: Sendable {
  /// The name.
  public let kind: String
  /// One sentence.
  public let doc: String
  /// The options; the first is the positional one, as in `nn.linear { 128 }`.
  public let options: [LayerOption]
  /// Whether it contains layers.
  public let takesLayers: Bool
  /// How it takes a norm; nil when it takes none.
  public let norm: NormPosition?

  /// Where a layer's norm is given.
  public enum NormPosition: Sendable, Hashable {
    /// First, its hyper-parameters beside it: `nn.norm { "group", groups = 8 }`.
    case positional
    /// Under a name: `nn.attention { heads = 4, qk_norm = "rms" }`.
    case option(String)
  }

  init(
    _ kind: String, _ doc: String, options: [LayerOption] = [], takesLayers: Bool = false,
    norm: NormPosition? = nil
  ) {
    self.kind = kind
    self.doc = doc
    self.options = options
    self.takesLayers = takesLayers
    self.norm = norm
  }

  /// Checks an option's name and value; front ends call it so that the error has the script's line.
  ///
  /// - Throws: `usage`: an unknown name (with the nearest), a value that is not accepted.
  public func check(_ name: String, _ value: OptionValue) throws(NormaError) {
    let option = try check(known: name)
    guard option.accepts(value) else {
      throw NormaError(
        .usage, "nn.\(kind): '\(name)' must be \(option.rangeText), got \(value)",
        help: option.doc)
    }
  }

  /// The option of a name.
  ///
  /// - Throws: `usage`, with the nearest name, when there is none.
  @discardableResult
  public func check(known name: String) throws(NormaError) -> LayerOption {
    guard let option = options.first(where: { $0.name == name }) else {
      var names = options.map(\.name)
      if case .option(let name)? = norm { names.append(name) }
      throw NormaError(
        .usage,
        "nn.\(kind): no option '\(name)'" + Suggestion.phrase(for: name, among: names)
          + (names.isEmpty ? "   (it has none)" : "   (it has: \(names.joined(separator: ", ")))"))
    }
    return option
  }
}

/// A layer's options, checked and completed.
struct LayerOptions {
  let spec: LayerSpec
  private let values: [String: OptionValue]

  init(_ spec: LayerSpec, schema: LayerSchema) throws(NormaError) {
    self.spec = spec
    var values: [String: OptionValue] = [:]
    for option in schema.options { values[option.name] = option.defaultValue }
    for (name, value) in spec.options.sorted(by: { $0.key < $1.key }) {
      try schema.check(name, value)
      values[name] = value
    }
    for option in schema.options where option.isRequired && values[option.name] == nil {
      throw NormaError(
        .usage, "nn.\(schema.kind): '\(option.name)' is missing",
        help: "\(option.name): \(option.doc) (\(option.rangeText))")
    }
    guard schema.takesLayers || spec.layers.isEmpty else {
      throw NormaError(.usage, "nn.\(schema.kind): takes no layers")
    }
    guard schema.norm != nil || spec.norm == nil else {
      throw NormaError(.usage, "nn.\(schema.kind): takes no norm", help: "put nn.norm after it")
    }
    self.values = values
  }

  func ints(_ name: String) -> [Int]? {
    switch values[name] {
    case .number(let value): [Int(value)]
    case .numbers(let values): values.map { Int($0) }
    default: nil
    }
  }
  func int(_ name: String) -> Int { ints(name)?.first ?? 0 }
  /// Height and width.
  func size(_ name: String) -> (height: Int, width: Int)? {
    ints(name).flatMap { list in list.first.map { ($0, list.last ?? $0) } }
  }
  func real(_ name: String) -> Double {
    if case .number(let value)? = values[name] { value } else { 0 }
  }
  func bool(_ name: String) -> Bool { values[name] == .bool(true) }
  func text(_ name: String) -> String? {
    if case .text(let word)? = values[name] { word } else { nil }
  }
}
