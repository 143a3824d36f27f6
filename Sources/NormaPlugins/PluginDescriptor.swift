package import CNormaABI
package import NormaCore
package import NormaNorms

/// A norm's descriptor, read and checked: what the host knows of a plugin's norm.
///
/// SAFETY: `norm` holds pointers to the plugin's descriptors, which never change and live for the
/// process (rule of the interface; libraries are never unloaded).
package struct PluginDescriptor: @unchecked Sendable {
  var norm: norma_norm
  let index: UInt32
  package let schema: NormSchema
  /// The formula as text, for people; may be empty.
  let formula: String
  let constraints: [Constraint]
  /// In descriptor order, as the interface counts them.
  let states: [StateSpec]
  /// Which of `states` are parameters; the others are buffers.
  let isParameter: [Bool]

  /// A condition on an integer hyper-parameter.
  struct Constraint: Sendable {
    enum Kind: Sendable {
      case divides
      case atMost
      case oneOf([Int64])
    }
    let kind: Kind
    let hyper: String
    /// Another hyper-parameter; nil: the number of channels.
    let limit: String?
    let isGroupCount: Bool
  }

  /// Reads a descriptor.
  ///
  /// - Throws: `unavailable`, with the part that is wrong.
  package init(_ raw: UnsafePointer<norma_norm>?, index: UInt32) throws(NormaError) {
    let norm = try norma_norm.read(raw, "norm descriptor \(index)")
    self.norm = norm
    self.index = index
    let id = try norm.id.text("the id of norm \(index)")
    guard Self.isNormID(id) else {
      throw NormaError(
        .unavailable, "norm id '\(id)' is not of the form vendor/name",
        help: "use lower-case letters, digits and underscores, one slash between")
    }
    do throws(NormaError) {
      try Self.requireFunctions(norm)
      var schema = NormSchema(name: id)
      schema.summary = try norm.summary.text("summary")
      schema.paper = try norm.paper.text("paper")
      formula = try norm.formula.text("formula")
      schema.version = Int(max(norm.schema_version, 1))
      func can(_ bit: UInt32) -> Bool { norm.capabilities & UInt64(bit) != 0 }
      if can(NORMA_CAN_PARTIAL_GRADIENT) { schema.gradient = .partial }
      let (usesBatch, differs) = (can(NORMA_CAN_BATCH_STATISTICS), can(NORMA_CAN_DIFFER_IN_INFER))
      schema.claims.usesBatch = usesBatch
      schema.claims.differsInInference = differs
      schema.claims.infersFromBatch = usesBatch && !differs
      let constraints = try Self.readConstraints(norm)
      let channelDivisors = constraints.filter { $0.isChannelDivisor }.map(\.hyper)
      let hypers = try norma_hyper.readArray(
        norm.hypers, count: norm.hyper_count, "hyper-parameter")
      for hyper in hypers {
        let parameter = try hyper.parameter(channelDivisors: channelDivisors)
        schema.hyper.append(parameter)
        for alias in try texts(hyper.aliases, count: hyper.alias_count, "aliases") {
          schema.aliases.append(Alias(alias, of: parameter.name))
        }
      }
      try Self.requireDistinct(schema.settableNames)
      for input in try norma_input.readArray(norm.inputs, count: norm.input_count, "input") {
        schema.inputs.append(
          InputSpec(try input.name.text("input name"), per: try input.roleSet()))
      }
      let inputNames = ["x"] + schema.inputs.map(\.name)
      let raw = try norma_state.readArray(norm.states, count: norm.state_count, "state")
      var states: [StateSpec] = []
      for state in raw { states.append(try state.spec(hyper: schema.hyper)) }
      try Self.requireDistinct(inputNames + states.map(\.name))
      if let state = states.first(where: { $0.roles == .group || $0.roles == .member }),
        !constraints.contains(where: \.isGroupCount)
      {
        throw NormaError(
          .unavailable,
          "the state '\(state.name)' is one for each group or member, and no constraint says which"
            + " setting is the number of groups",
          help: "a NORMA_CONSTRAINT_DIVIDES with NORMA_CONSTRAINT_IS_GROUP_COUNT")
      }
      isParameter = states.map { $0.role != .runningStatistic && $0.role != .counter }
      for (state, learned) in zip(states, isParameter) {
        if learned { schema.parameters.append(state) } else { schema.buffers.append(state) }
      }
      for constraint in constraints {
        for name in [constraint.hyper, constraint.limit].compactMap({ $0 }) {
          guard case .int? = schema.hyper.first(where: { $0.name == name })?.kind else {
            throw NormaError(.unavailable, "a constraint names '\(name)', which is no integer")
          }
        }
      }
      self.schema = schema
      self.constraints = constraints
      self.states = states
    } catch {
      throw error.prefixed("norm \(id)")
    }
  }

  /// Whether a text is an id of the form vendor/name.
  package static func isNormID(_ id: String) -> Bool {
    let parts = id.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { part in
        !part.isEmpty
          && part.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
      }
  }

  private static func requireFunctions(_ norm: norma_norm) throws(NormaError) {
    let missing = [
      ("create", norm.create == nil), ("destroy", norm.destroy == nil), ("plan", norm.plan == nil),
      ("forward_infer", norm.forward_infer == nil),
    ].filter(\.1).map(\.0)
    guard missing.isEmpty else {
      throw NormaError(.unavailable, "it has no function " + missing.joined(separator: ", "))
    }
    let lacking = norm.required_cpu & ~norma_host_cpu_features()
    guard lacking == 0 else {
      throw NormaError(
        .unavailable, "it needs CPU features this machine lacks: " + cpuNames(lacking),
        help: "get a build of the plugin for this machine")
    }
    guard norm.layouts != 0 else { throw NormaError(.unavailable, "it supports no layout") }
  }

  private static func cpuNames(_ bits: UInt64) -> String {
    let known: [(UInt64, String)] = [
      (UInt64(NORMA_CPU_X86_64_V2), "x86-64-v2"), (UInt64(NORMA_CPU_X86_64_V3), "x86-64-v3"),
      (UInt64(NORMA_CPU_X86_64_V4), "x86-64-v4"), (UInt64(NORMA_CPU_AVX512_BF16), "AVX512-BF16"),
      (UInt64(NORMA_CPU_AARCH64), "aarch64"),
    ]
    var names = known.filter { bits & $0.0 != 0 }.map(\.1)
    let rest = bits & ~known.reduce(0) { $0 | $1.0 }
    if rest != 0 { names.append("0x" + String(rest, radix: 16)) }
    return names.joined(separator: ", ")
  }

  private static func requireDistinct(_ names: [String]) throws(NormaError) {
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted {
      throw NormaError(.unavailable, "'\(name)' is declared twice")
    }
  }

  private static func readConstraints(_ norm: norma_norm) throws(NormaError) -> [Constraint] {
    var result: [Constraint] = []
    let raw = try norma_constraint.readArray(
      norm.constraints, count: norm.constraint_count, "constraint")
    for (index, constraint) in raw.enumerated() {
      let kind: Constraint.Kind
      switch constraint.kind {
      case NORMA_CONSTRAINT_DIVIDES: kind = .divides
      case NORMA_CONSTRAINT_AT_MOST: kind = .atMost
      case NORMA_CONSTRAINT_ONE_OF:
        guard let values = constraint.values, (1...1000).contains(constraint.value_count) else {
          throw NormaError(.unavailable, "constraint \(index) lists no values")
        }
        kind = .oneOf(Array(UnsafeBufferPointer(start: values, count: Int(constraint.value_count))))
      default:
        throw NormaError(.unavailable, "constraint \(index) has unknown kind \(constraint.kind)")
      }
      let limit = try constraint.limit.text("the limit of constraint \(index)")
      result.append(
        Constraint(
          kind: kind, hyper: try constraint.hyper.text("the name in constraint \(index)"),
          limit: limit.isEmpty ? nil : limit,
          isGroupCount: constraint.flags & NORMA_CONSTRAINT_IS_GROUP_COUNT != 0))
    }
    return result
  }
}

extension PluginDescriptor.Constraint {
  var isChannelDivisor: Bool { if case .divides = kind { limit == nil } else { false } }

  /// Checks resolved hyper-parameters against the condition.
  ///
  /// - Throws: `usage`, with the value and what is accepted.
  func check(_ values: [String: HyperValue], channels: Int) throws(NormaError) {
    guard case .int(let value)? = values[hyper] else { return }
    let other: (value: Int, text: String)
    if let limit {
      guard case .int(let bound)? = values[limit] else { return }
      other = (bound, "'\(limit)', which is \(bound)")
    } else {
      other = (channels, "the \(channels) channels")
    }
    switch kind {
    case .divides where value < 1 || other.value % value != 0:
      throw NormaError(.usage, "'\(hyper)' must divide \(other.text), got \(value)")
    case .atMost where value > other.value:
      throw NormaError(.usage, "'\(hyper)' must be at most \(other.text), got \(value)")
    case .oneOf(let allowed) where !allowed.contains(Int64(value)):
      let list = allowed.map(String.init).joined(separator: ", ")
      throw NormaError(.usage, "'\(hyper)' must be one of \(list), got \(value)")
    default: break
    }
  }
}
