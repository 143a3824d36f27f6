public import NormaCore
public import NormaGraph

/// A norm as data: a schema and one traced expression per mode.
///
/// Everything else (forward, gradient, reference, kernels, formula, tests) is derived from it.
public struct NormDefinition: Sendable {
  /// Names, types and limits.
  public let schema: NormSchema
  /// Writes the formula of one mode with concrete structural values.
  public typealias Trace = @Sendable (Expr, TraceContext) throws(NormaError) -> Expr
  /// Writes gradients by the name of what they belong to, from `x` and what arrives at the output.
  public typealias BackwardTrace =
    @Sendable (Expr, Expr, TraceContext) throws(NormaError) -> [String: Expr]
  private let trace: Trace
  private let backward: BackwardTrace?

  /// Makes a definition from its parts (the Lua front end does).
  ///
  /// - Parameter backward: gradients that take the place of derivatives; it may track buffers.
  public init(
    schema: NormSchema, trace: @escaping Trace, backward: BackwardTrace? = nil
  ) {
    self.schema = schema
    self.trace = trace
    self.backward = backward
  }

  /// Whether it writes gradients of its own.
  public var hasBackward: Bool { backward != nil }

  /// Makes a definition in the Swift spelling: declarations first, then the formula.
  public init(
    _ name: String, summary: String, paper: String = "",
    _ body: (DefinitionBuilder) -> @Sendable (Expr, TraceContext) throws(NormaError) -> Expr
  ) {
    let builder = DefinitionBuilder(name)
    let trace = body(builder)
    var schema = builder.schema
    schema.summary = summary
    schema.paper = paper
    self.init(schema: schema, trace: trace)
  }

  /// Traces the formula.
  ///
  /// - Throws: whatever the formula does wrong; `script` when the output lacks the input's roles.
  public func traced(
    hyper: [String: HyperValue], channels: Int, mode: Mode
  ) throws(NormaError) -> TracedNorm {
    let context = TraceContext(schema: schema, hyper: hyper, channels: channels, mode: mode)
    let y = try trace(Expr.input("x"), context)
    let absent = schema.parameters.filter { !$0.isPresent(hyper) }
    var replacements: [Expr.Kind: Expr] = [:]
    for parameter in absent {
      guard case .number(let value) = parameter.initial else {
        throw NormaError(
          .script, "\(schema.name): '\(parameter.name)' may be absent but starts at no number",
          help: "give a parameter with 'when' a number to start at: it stands in for it")
      }
      replacements[.parameter(parameter.name)] = .constant(value)
    }
    let own = try ownGradients(hyper, channels: channels, mode: mode)
    for update in own.updates where context.updates.contains(where: { $0.name == update.name }) {
      throw NormaError(
        .script, "\(schema.name): buffer '\(update.name)' is tracked by forward and by backward",
        help: "track it in one of them")
    }
    let results =
      [("y", y)] + context.updates.map { ("buffer:" + $0.name, $0.value) }
      + own.gradients.map { ("gradient:" + $0.name, $0.value) }
      + own.updates.map { ("buffer:" + $0.name, $0.value) }
    let graph = try Graph(results)
    let rewritten = graph.substituting(replacements)
    if let slice = y.slice {
      throw NormaError(
        .script, "\(schema.name): the output is channels \(slice.text) of \(slice.total)",
        place: y.place, help: "put slices side by side: concat(a, b)")
    }
    guard rewritten[0].domain == .all else {
      throw NormaError(
        .script, "\(schema.name): the output varies along (\(rewritten[0].domain)) only",
        place: y.place, help: "return a tensor of the input's shape")
    }
    let updates = rewritten.dropFirst()
    let gradients = updates.dropFirst(context.updates.count)
    return TracedNorm(
      output: rewritten[0], updates: zip(context.updates, updates).map { ($0.name, $1) },
      gradients: Dictionary(
        uniqueKeysWithValues: zip(own.gradients, gradients).map { ($0.name, $1) }),
      backwardUpdates: zip(own.updates, gradients.dropFirst(own.gradients.count))
        .map { ($0.name, $1) })
  }

  /// What `traced` finds, as one graph: `y`, `buffer:NAME`, `gradient:NAME`.
  package func graph(
    hyper: [String: HyperValue], channels: Int, mode: Mode
  ) throws(NormaError) -> Graph {
    let traced = try traced(hyper: hyper, channels: channels, mode: mode)
    return try Graph(
      [("y", traced.output)] + traced.updates.map { ("buffer:" + $0.name, $0.value) }
        + traced.gradients.sorted { $0.key < $1.key }.map { ("gradient:" + $0.key, $0.value) })
  }

  /// What `backward` writes, checked against what it belongs to.
  private func ownGradients(
    _ hyper: [String: HyperValue], channels: Int, mode: Mode
  ) throws(NormaError) -> (
    gradients: [(name: String, value: Expr)], updates: [(name: String, value: Expr)]
  ) {
    guard let backward else { return ([], []) }
    let context = TraceContext(schema: schema, hyper: hyper, channels: channels, mode: mode)
    let found = try backward(.input("x"), .outputGradient("y"), context)
    let leaves =
      [("x", RoleSet.all)] + schema.inputs.map { ($0.name, $0.roles) }
      + schema.presentParameters(hyper).map { ($0.name, $0.roles) }
    var gradients: [(name: String, value: Expr)] = []
    for (name, value) in found.sorted(by: { $0.key < $1.key }) {
      guard let leaf = leaves.first(where: { $0.0 == name }) else {
        if schema.parameters.contains(where: { $0.name == name }) { continue }
        throw NormaError(
          .script,
          "\(schema.name): backward gives a gradient of '\(name)', which there is not"
            + Suggestion.phrase(for: name, among: leaves.map(\.0)),
          help: "gradients belong to x, to inputs and to parameters")
      }
      guard leaf.1.isSuperset(of: value.domain), value.slice == nil else {
        throw NormaError(
          .script,
          "\(schema.name): backward gives '\(name)', which varies along (\(leaf.1)), a gradient along"
            + " (\(value.domain))", place: value.place, help: "sum it over the other roles")
      }
      gradients.append((name, value))
    }
    return (gradients, context.updates)
  }
}

/// A formula of one mode.
public struct TracedNorm: Sendable {
  /// The output.
  public let output: Expr
  /// New values of buffers, applied after the step.
  public let updates: [(name: String, value: Expr)]
  /// Gradients that take the place of derivatives, by the name of what they belong to.
  public let gradients: [String: Expr]
  /// New values of buffers that backward tracks.
  public let backwardUpdates: [(name: String, value: Expr)]
}

/// What a formula may ask while it is traced, and where it leaves its buffer updates.
public final class TraceContext {
  /// Training or inference.
  public let mode: Mode
  /// The sizes known when a layer is built.
  public let channels: Int
  /// All hyper-parameters.
  public let hyper: [String: HyperValue]
  private let schema: NormSchema
  private(set) var updates: [(name: String, value: Expr)] = []

  /// What a formula is traced with; `NormDefinition` makes one for each trace.
  public init(schema: NormSchema, hyper: [String: HyperValue], channels: Int, mode: Mode) {
    self.schema = schema
    self.hyper = hyper
    self.channels = channels
    self.mode = mode
  }

  /// Whether the layer learns.
  public var isTraining: Bool { mode == .train }
  /// The value of a structural integer; nil when it is unset or a word.
  public func int(_ name: String) -> Int? {
    if case .int(let value)? = hyper[name] { value } else { nil }
  }
  /// The value of a boolean.
  public func bool(_ name: String) -> Bool { hyper[name] == .bool(true) }
  /// The value of a choice, or the word given for an integer.
  public func choice(_ name: String) -> String? {
    if case .choice(let value)? = hyper[name] { value } else { nil }
  }

  /// Sets a running average: buffer ← (1 - momentum)·buffer + momentum·value after the step.
  ///
  /// - Throws: `script` in inference, for an unknown buffer, or one tracked twice.
  public func track(_ buffer: String, _ value: Expr, momentum: Expr) throws(NormaError) {
    guard mode == .train else {
      throw NormaError(
        .script, "\(schema.name): buffer '\(buffer)' is tracked in infer mode",
        help: "call track only when training")
    }
    guard let spec = schema.buffers.first(where: { $0.name == buffer }) else {
      throw NormaError(.script, "\(schema.name): no buffer '\(buffer)'")
    }
    guard !updates.contains(where: { $0.name == buffer }) else {
      throw NormaError(.script, "\(schema.name): buffer '\(buffer)' is tracked twice")
    }
    if let slice = value.slice {
      throw NormaError(
        .script,
        "\(schema.name): buffer '\(buffer)' is given channels \(slice.text) of \(slice.total)",
        help: "track what is known of all channels, or put slices side by side with concat")
    }
    let old = Expr.buffer(buffer, per: spec.roles)
    let new = (1 - momentum) * old + momentum * value.stopGradient()
    guard spec.roles.isSuperset(of: new.domain) else {
      throw NormaError(
        .script,
        "\(schema.name): buffer '\(buffer)' varies along (\(spec.roles)) but is given a value"
          + " along (\(value.domain))", help: "reduce the value over the other roles")
    }
    updates.append((buffer, new))
  }
}

/// Declares a definition's schema in the Swift spelling.
public final class DefinitionBuilder {
  var schema: NormSchema

  init(_ name: String) { schema = NormSchema(name: name) }

  /// Declares that what the formula stops is left out of the gradient on purpose.
  public func partialGradient() { schema.gradient = .partial }

  /// Says of the norm what `norms check` then holds it to.
  public func claims(
    statistics: RoleSet? = nil, epsilon: Claims.EpsilonPlace? = nil, correction: Int? = nil,
    infersFromBatch: Bool = false
  ) {
    schema.claims = Claims(
      statistics: statistics, epsilon: epsilon, correction: correction,
      infersFromBatch: infersFromBatch)
  }

  /// Declares a real hyper-parameter.
  public func real(
    _ name: String, default value: Double, _ bounds: Bounds = Bounds(), _ doc: String = ""
  ) -> Expr {
    schema.hyper.append(HyperParameter(name, .real(bounds), default: .real(value), doc: doc))
    return .hyper(name)
  }
  /// Declares an integer; ask its value in the formula with `s.int(name)`.
  public func int(
    _ name: String, default value: Int?, min: Int = 1, divides: RoleSet? = nil,
    words: [String] = [], _ doc: String = ""
  ) {
    schema.hyper.append(
      HyperParameter(
        name, .int(Bounds(min: Double(min)), divides: divides, words: words),
        default: value.map(HyperValue.int) ?? .none, doc: doc))
  }
  /// Declares a boolean.
  public func bool(_ name: String, default value: Bool, _ doc: String = "") {
    schema.hyper.append(HyperParameter(name, .bool, default: .bool(value), doc: doc))
  }
  /// Declares a learned parameter; with `when`, absent unless that boolean is true.
  public func parameter(
    _ name: String, per roles: RoleSet, initial: Double, role: StateRole, when: String? = nil,
    _ doc: String = ""
  ) -> Expr {
    schema.parameters.append(
      StateSpec(name, per: roles, initial: .number(initial), role: role, when: when, doc: doc))
    return .parameter(name, per: roles)
  }
  /// Declares a second input: as large as `x`, or varying along some roles only.
  public func input(_ name: String, per roles: RoleSet = .all) -> Expr {
    schema.inputs.append(InputSpec(name, per: roles))
    return .input(name, domain: roles)
  }
  /// Declares a running buffer.
  public func buffer(
    _ name: String, per roles: RoleSet, initial: Double, _ doc: String = ""
  ) -> Expr {
    schema.buffers.append(
      StateSpec(name, per: roles, initial: .number(initial), role: .runningStatistic, doc: doc))
    return .buffer(name, per: roles)
  }
  /// Declares another name of a hyper-parameter.
  public func alias(_ alias: Alias) { schema.aliases.append(alias) }
  /// Declares that a user may set only one of two hyper-parameters.
  public func exclude(_ a: String, _ b: String) { schema.exclusive.append((a, b)) }
  /// Declares a peer's defaults.
  public func preset(_ name: String, _ values: [String: HyperValue]) {
    schema.presets[name] = values
  }
}
