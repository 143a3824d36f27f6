import NormaGraph
public import NormaCore
public import NormaNorms

/// What `forward` gets as `s`: hyper-parameters, parameters and buffers by name.
final class FormulaSettings: HostObject {
  static let luaName = "s"
  private let trace: FormulaTrace

  init(_ trace: FormulaTrace) {
    self.trace = trace
  }

  static func type() -> HostType<FormulaSettings> {
    let type = HostType<FormulaSettings>()
    type.index { settings, name, call throws(NormaError) in
      try settings.value(name, call)
    }
    type.assign { settings, key, _, _ throws(NormaError) in
      throw settings.trace.error(
        "s is given, not set: s[\(key.quoted)] = ...",
        help: "a running buffer follows with s.mean:track(value, s.momentum)")
    }
    type.describe { "s: \($0.names.joined(separator: ", "))" }
    return type
  }

  private var names: [String] {
    let schema = trace.schema
    return schema.hyper.map(\.name) + schema.parameters.map(\.name) + schema.buffers.map(\.name)
      + schema.inputs.map(\.name)
  }

  private func value(_ name: String, _ call: CallContext) throws(NormaError) -> LuaValue {
    let schema = trace.schema
    if let hyper = schema.hyper.first(where: { $0.name == name }) {
      if hyper.isReal { return try trace.node(call) { .hyper(name) } }
      return LuaValue(trace.context.hyper[name] ?? .none)
    }
    if let parameter = schema.parameters.first(where: { $0.name == name }) {
      return try trace.node(call) { .parameter(name, per: parameter.roles) }
    }
    if let buffer = schema.buffers.first(where: { $0.name == name }) {
      guard buffer.isPresent(trace.context.hyper) else {
        let switchName = buffer.when ?? ""
        throw trace.error(
          "s.\(name) is absent, for '\(switchName)' is false",
          help: "read it only if s.\(switchName)")
      }
      return try trace.node(call) { .buffer(name, per: buffer.roles) }
    }
    if let input = schema.inputs.first(where: { $0.name == name }) {
      return try trace.node(call) { .input(name, domain: input.roles) }
    }
    throw trace.error(
      "s has no '\(name)'\(Suggestion.phrase(for: name, among: names))",
      help: names.isEmpty
        ? "declare it in hyper, param, buffer or input" : "it has: \(names.joined(separator: ", "))"
    )
  }
}

extension Mode: HostNamed {
  /// What messages call a mode.
  public static var luaName: String { "mode" }

  /// `mode.train` and `mode.infer`.
  static func type() -> HostType<Boxed<Mode>> {
    let type = HostType<Boxed<Mode>>()
    type.property("train") { .bool($0.value == .train) }
    type.property("infer") { .bool($0.value == .infer) }
    type.describe { $0.value.rawValue }
    return type
  }
}

extension Dimensions: HostNamed {
  /// What messages call the sizes an initial value may depend on.
  public static var luaName: String { "set of sizes" }

  /// `d.channel`, `d.group` and `d.member`.
  static func type() -> HostType<Boxed<Dimensions>> {
    let type = HostType<Boxed<Dimensions>>()
    type.property("channel") { .int($0.value.channel) }
    type.property("group") { .int($0.value.group) }
    type.property("member") { .int($0.value.member) }
    return type
  }
}

extension Ramp: HostNamed {
  /// What messages call it.
  public static var luaName: String { "ramp" }
}

extension LuaValue {
  /// A hyper-parameter's value as scripts see it.
  init(_ value: HyperValue) {
    switch value {
    case .real(let value): self = .number(value)
    case .int(let value): self = .int(value)
    case .bool(let value): self = .bool(value)
    case .choice(let value): self = .string(value)
    case .ramp(let ramp): self = .string("\(ramp)")
    case .none: self = .nil
    }
  }

  /// The value as a hyper-parameter's; nil when it is a table, a function or an object.
  var hyperValue: HyperValue? {
    switch self {
    case .nil: HyperValue.none
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .number(let value): .real(value)
    case .string(let value): .choice(value)
    case .object(let object as Boxed<Ramp>): .ramp(object.value)
    default: nil
    }
  }
}
