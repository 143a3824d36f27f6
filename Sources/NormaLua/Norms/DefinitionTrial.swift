import NormaCompiler
import NormaCore
import NormaGraph
import NormaNorms

/// Builds a new definition in both modes, so that its mistakes show where it is written.
struct DefinitionTrial {
  private let entry: NormEntry
  private let registry: NormRegistry
  private var used: Set<Expr.Kind> = []

  init(_ entry: NormEntry) {
    self.entry = entry
    registry = NormRegistry([entry])
  }

  /// Throws the first mistake of the formula under the defaults and under each other structural value.
  mutating func run() throws(NormaError) {
    let usual = try build([:])
    for parameter in entry.schema.hyper {
      var others: [HyperValue] = []
      switch (parameter.kind, parameter.defaultValue) {
      case (.bool, .bool(let value)): others = [.bool(!value)]
      case (.choice(let words), let value):
        others = words.map { .choice($0) }.filter { $0 != value }
      default: break
      }
      var isSame = !others.isEmpty
      for other in others where try !Graph.same(build([parameter.name: other]), usual) {
        isSame = false
      }
      guard !isSame || isSwitch(parameter.name) else {
        throw NormaError(
          .script,
          "\(entry.schema.name): the formula does not depend on '\(parameter.name)':"
            + " \(([parameter.defaultValue] + others).map { "\($0)" }.joined(separator: " and ")) give"
            + " the same", help: "is a word misspelt in forward? else remove it")
      }
    }
    let schema = entry.schema
    for parameter in schema.parameters where !used.contains(.parameter(parameter.name)) {
      throw unused("parameter", parameter.name, "use s.\(parameter.name) in forward, or remove it")
    }
    for input in schema.inputs where !used.contains(.input(input.name)) {
      throw unused("input", input.name, "use s.\(input.name) in forward, or remove it")
    }
    for hyper in schema.hyper where hyper.isReal && mustBeUsed(hyper.name) {
      throw unused("hyper-parameter", hyper.name, "use s.\(hyper.name) in forward, or remove it")
    }
    for buffer in schema.buffers where !used.contains(.buffer(buffer.name)) {
      throw unused(
        "buffer", buffer.name, "read s.\(buffer.name) or s.\(buffer.name):track(...), or remove it")
    }
  }

  /// Whether nothing uses a setting that nothing else can be the reason to have.
  private func mustBeUsed(_ name: String) -> Bool {
    let schema = entry.schema
    // Other whole numbers than the defaults, which may choose another formula, were not tried.
    let isSettled = !schema.hyper.contains { if case .int = $0.kind { true } else { false } }
    let isInitial = (schema.parameters + schema.buffers).contains {
      if case .hyper(name) = $0.initial { true } else { false }
    }
    return isSettled && !isInitial && !used.contains(.hyper(name))
  }

  /// Whether a parameter or buffer is there only with it.
  private func isSwitch(_ name: String) -> Bool {
    (entry.schema.parameters + entry.schema.buffers).contains { $0.when == name }
  }

  /// Builds it; returns what its formulas are made of.
  private mutating func build(_ hyper: [String: HyperValue]) throws(NormaError) -> [Graph.Node] {
    guard let definition = entry.provider.definition else { return [] }
    let channels = channelCount
    let layer = try NormLayer(
      NormSpec(entry.schema.name, hyper), in: registry, channelShape: [channels])
    var parts: [Graph.Node] = []
    for mode in Mode.allCases {
      let program = try definition.program(
        hyper: layer.hyper, channels: channels, mode: mode, gradient: true)
      if program.splits.groups == nil,
        let state = (entry.schema.parameters + entry.schema.buffers).first(where: {
          $0.isPresent(layer.hyper) && ($0.roles == .group || $0.roles == .member)
        })
      {
        throw NormaError(
          .script,
          "\(entry.schema.name): '\(state.name)' varies along '\(state.roles)', but forward makes no"
            + " groups", help: "split the channels: x:group(n)")
      }
      for node in try Graph(program.forwardResults + program.backwardResults).nodes {
        used.insert(node.kind)
        parts.append(node)
      }
    }
    return parts
  }

  /// The fewest channels that all defaults divide, but enough for a few slices.
  private var channelCount: Int {
    var channels = 1
    for parameter in entry.schema.hyper {
      guard case .int(_, .channel?, _) = parameter.kind,
        case .int(let value) = parameter.defaultValue, (1...65536).contains(value)
      else { continue }
      var (a, b) = (channels, value)
      while b != 0 { (a, b) = (b, a % b) }
      channels = channels / a * value
      if channels > 1 << 40 { return value }
    }
    return channels < 8 ? channels * ((8 + channels - 1) / channels) : channels
  }

  private func unused(_ kind: String, _ name: String, _ remedy: String) -> NormaError {
    NormaError(
      .script, "\(entry.schema.name): the \(kind) '\(name)' is never used, or without effect",
      help: remedy)
  }
}
