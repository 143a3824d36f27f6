public import NormaCore

/// What a parameter or buffer is for; weight decay, merging across workers and reports ask it.
public enum StateRole: String, Sendable {
  /// A learned factor (gamma).
  case gain
  /// A learned offset (beta).
  case shift
  /// A learned weight that decay applies to.
  case weight
  /// A running estimate.
  case runningStatistic = "running statistic"
  /// A counter.
  case counter
}

/// The sizes an initial value may depend on.
public struct Dimensions: Sendable {
  /// The number of channels.
  public let channel: Int
  /// The number of groups the channels are split into.
  public let group: Int
  /// The number of channels a group has.
  public let member: Int

  /// Makes dimensions.
  public init(channel: Int, group: Int = 1) {
    self.channel = channel
    self.group = group
    self.member = group > 0 ? channel / group : channel
  }
}

/// The initial value of a parameter or buffer.
public enum InitialValue: Sendable {
  /// A number.
  case number(Double)
  /// The value of a hyper-parameter.
  case hyper(String)
  /// A function of the sizes.
  case function(@Sendable (Dimensions) throws(NormaError) -> Double)
}

/// A parameter or buffer of a norm.
public struct StateSpec: Sendable {
  /// The name.
  public let name: String
  /// The roles along which it varies: its shape.
  public let roles: RoleSet
  /// Where it starts.
  public let initial: InitialValue
  /// What it is for.
  public let role: StateRole
  /// The boolean hyper-parameter without which it is absent.
  public let when: String?
  /// One sentence.
  public let doc: String

  /// Makes a parameter or buffer.
  public init(
    _ name: String, per roles: RoleSet, initial: InitialValue, role: StateRole,
    when: String? = nil, doc: String = ""
  ) {
    self.name = name
    self.roles = roles
    self.initial = initial
    self.role = role
    self.when = when
    self.doc = doc
  }
}

/// An input of a norm beside `x`.
public struct InputSpec: Sendable {
  /// The name.
  public let name: String
  /// The roles along which it varies: its shape.
  public let roles: RoleSet
  /// What values it takes.
  public let bounds: Bounds
  /// One sentence.
  public let doc: String

  /// Makes an input.
  public init(_ name: String, per roles: RoleSet, bounds: Bounds = Bounds(), doc: String = "") {
    self.name = name
    self.roles = roles
    self.bounds = bounds
    self.doc = doc
  }
}

extension InputSpec {
  /// Throws `data` when a value lies outside the bounds; `source` is where the values come from.
  public func check(_ values: some Sequence<Double>, _ source: String) throws(NormaError) {
    guard bounds != Bounds(), let wrong = values.first(where: { !bounds.contains($0) }) else {
      return
    }
    throw NormaError(
      .data, "\(source) has a value \(wrong), but the input '\(name)' takes \(bounds.text)",
      help: doc.isEmpty ? nil : doc)
  }
}

/// What a norm says of itself beside its formula; `norms check` holds it to each.
public struct Claims: Sendable, Hashable, Codable {
  /// Where epsilon stands.
  public enum EpsilonPlace: String, Sendable, CaseIterable, Codable {
    /// Added to what is under the root.
    case inside
    /// Added to the root.
    case outside
  }

  /// The roles over which statistics go in training.
  public var statistics: RoleSet?
  /// Where epsilon stands.
  public var epsilon: EpsilonPlace?
  /// What is taken from the count of a running variance: 0 or 1.
  public var correction: Int?
  /// Whether inference looks at the other samples too.
  public var infersFromBatch = false
  /// Whether training may look at other samples; nil where that is not said.
  public var usesBatch: Bool?
  /// Whether inference computes something else than training; nil where that is not said.
  public var differsInInference: Bool?

  /// Makes claims; what is left out is not claimed.
  public init(
    statistics: RoleSet? = nil, epsilon: EpsilonPlace? = nil, correction: Int? = nil,
    infersFromBatch: Bool = false
  ) {
    self.statistics = statistics
    self.epsilon = epsilon
    self.correction = correction
    self.infersFromBatch = infersFromBatch
  }
}

/// Another name for a hyper-parameter, with the translation of its value.
public struct Alias: Sendable {
  /// The other name.
  public let name: String
  /// The hyper-parameter it sets.
  public let target: String
  /// From the alias's value to the target's.
  public let transform: @Sendable (HyperValue) throws(NormaError) -> HyperValue

  /// Makes an alias.
  public init(
    _ name: String, of target: String,
    transform: @escaping @Sendable (HyperValue) throws(NormaError) -> HyperValue = { value in value
    }
  ) {
    self.name = name
    self.target = target
    self.transform = transform
  }
}

/// Everything about a norm but its formula: what help, checks, files and command lines need.
public struct NormSchema: Sendable {
  /// The registry id: lower_snake, or `vendor/name`.
  public let name: String
  /// One sentence.
  public var summary = ""
  /// The paper or specification.
  public var paper = ""
  /// The hyper-parameters.
  public var hyper: [HyperParameter] = []
  /// The learned parameters.
  public var parameters: [StateSpec] = []
  /// The running buffers.
  public var buffers: [StateSpec] = []
  /// Other names of hyper-parameters.
  public var aliases: [Alias] = []
  /// Named sets of hyper-parameters, such as a peer's defaults.
  public var presets: [String: [String: HyperValue]] = [:]
  /// Pairs of hyper-parameters of which only one may be given.
  public var exclusive: [(String, String)] = []
  /// Second inputs and the roles along which each varies.
  public var inputs: [InputSpec] = []

  /// A schema with only a name.
  public init(name: String) { self.name = name }

  /// What the gradient of the inputs is.
  public enum GradientKind: String, Sendable, Codable {
    /// The derivative of the formula.
    case derivative
    /// The derivative, with what the formula stops held fixed on purpose.
    case partial
    /// The norm's own, on purpose not the derivative of what forward computes.
    case own
  }

  /// What its hyper-parameters and states mean: raised when that changes, so that a saved model is not
  /// read wrongly.
  public var version = 1

  /// What it says of itself.
  public var claims = Claims()
  /// Whether it is made for the weights of a layer, whose outputs are the channels.
  public var isForWeights = false

  /// What the gradient is.
  public var gradient = GradientKind.derivative

  /// Every name a user may set: hyper-parameters, then aliases.
  public var settableNames: [String] { hyper.map(\.name) + aliases.map(\.name) }

  /// Completes given values with the preset's and the defaults, checked.
  ///
  /// - Throws: `usage`: an unknown name (with the nearest), a value out of range, an alias and its
  ///   target both given, an unknown preset.
  public func resolve(
    _ given: [String: HyperValue], preset: String? = nil
  ) throws(NormaError) -> [String: HyperValue] {
    var values: [String: HyperValue] = [:]
    for parameter in hyper { values[parameter.name] = parameter.defaultValue }
    if let preset {
      guard let settings = presets[preset] else {
        throw NormaError(
          .usage,
          "norm.\(name): no preset '\(preset)'"
            + Suggestion.phrase(for: preset, among: presets.keys),
          help: presets.isEmpty
            ? "this norm has no presets"
            : "presets: " + presets.keys.sorted().joined(separator: ", "))
      }
      for (key, value) in settings { values[key] = value }
    }
    var setBy: [String: String] = [:]
    for (key, value) in given.sorted(by: { $0.key < $1.key }) {
      var target = key
      var value = value
      if let alias = aliases.first(where: { $0.name == key }) {
        target = alias.target
        do throws(NormaError) {
          value = try alias.transform(value)
        } catch {
          throw error.prefixed("norm.\(name)")
        }
      }
      guard let parameter = hyper.first(where: { $0.name == target }) else {
        throw NormaError(
          .usage,
          "norm.\(name): no hyper-parameter '\(key)'"
            + Suggestion.phrase(for: key, among: settableNames)
            + (hyper.isEmpty
              ? "   (it has none)" : "   (it has: \(settableNames.joined(separator: ", ")))"))
      }
      if let other = setBy[target] {
        throw NormaError(
          .usage, "norm.\(name): '\(other)' and '\(key)' set the same thing",
          help: "give one of them")
      }
      setBy[target] = key
      do throws(NormaError) {
        values[target] = try parameter.checked(value)
      } catch {
        throw error.prefixed("norm.\(name)")
      }
    }
    for (a, b) in exclusive {
      guard let first = setBy[a], let second = setBy[b] else { continue }
      throw NormaError(
        .usage, "norm.\(name): '\(first)' and '\(second)' exclude each other",
        help: "give one of them")
    }
    return values
  }

  /// The parameters present under the given values.
  public func presentParameters(_ values: [String: HyperValue]) -> [StateSpec] {
    parameters.filter { $0.isPresent(values) }
  }
}

extension StateSpec {
  /// Whether the boolean it depends on is true.
  public func isPresent(_ values: [String: HyperValue]) -> Bool {
    when.map { values[$0] == .bool(true) } ?? true
  }
}
