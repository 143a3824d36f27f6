import NormaCore
import NormaLab
import NormaNetwork
import NormaNorms

/// A layer in a script.
final class LayerObject: HostObject {
  static let luaName = "layer"
  let spec: LayerSpec

  init(_ spec: LayerSpec) {
    self.spec = spec
  }

  static func type() -> HostType<LayerObject> {
    let type = HostType<LayerObject>()
    type.describe { layer in
      let spec = layer.spec
      let options = spec.options.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
      let norm = spec.norm.map { [$0.label] } ?? []
      let words = norm + options + spec.layers.map(\.kind)
      return "nn.\(spec.kind)" + (words.isEmpty ? "" : " { \(words.joined(separator: ", ")) }")
    }
    return type
  }
}

extension Interpreter {
  func defineLayers(_ bindings: ExperimentBindings) throws(NormaError) {
    try register(LayerObject.type())
    for schema in LayerCatalog.schemas {
      try define("nn.\(schema.kind)") { call throws(NormaError) in
        let options = try call.options()
        var spec =
          schema.norm == .positional
          ? try options.normLayer(schema, bindings)
          : try options.layer(schema, bindings)
        spec.place = call.place
        return [.object(LayerObject(spec))]
      }
    }
    try namespace(
      "nn",
      missing: { name, call throws(NormaError) in
        _ = try LayerCatalog.schema(name)
        return .nil
      })
  }
}

extension ExperimentBindings {
  /// Throws unless the norm exists and takes its hyper-parameters.
  fileprivate func check(_ norm: NormSpec) throws(NormaError) {
    guard norm.name != NormSpec.noneName else { return }
    _ = try lab.registry.entry(norm.name).schema.resolve(norm.hyper, preset: norm.preset)
  }
}

extension ExperimentBindings {
  /// Whether a name is a second input's; perhaps, where the model's norm will fill the slot.
  fileprivate func isInput(_ name: String, of norm: NormSpec?) throws(NormaError) -> Bool {
    guard let norm else { return true }
    guard norm.name != NormSpec.noneName else { return false }
    return try lab.registry.entry(norm.name).schema.inputs.contains { $0.name == name }
  }
}

extension TableReader {
  fileprivate func layer(
    _ schema: LayerSchema, _ bindings: ExperimentBindings
  ) throws(NormaError) -> LayerSpec {
    var spec = LayerSpec(schema.kind)
    if schema.takesLayers {
      spec.layers = try layers(items)
    } else {
      let first = schema.options.first
      try rejectItems(beyond: first == nil ? 0 : 1)
      if let first, let item = items.first {
        guard !has(first.name) else { throw error("'\(first.name)' is given twice") }
        spec.options[first.name] = try option(first.name, item, schema)
      }
    }
    for name in names {
      if schema.norm == .option(name) {
        let norm = try bindings.session.normSpec(self[name], owner: "\(owner): \(name)")
        try bindings.check(norm)
        spec.norm = norm
      } else {
        spec.options[name] = try option(name, self[name], schema)
      }
    }
    for option in schema.options where option.isRequired && spec.options[option.name] == nil {
      throw error(
        "'\(option.name)' is missing: give \(option.rangeText)", help: option.doc)
    }
    return spec
  }

  private func option(
    _ name: String, _ given: LuaValue, _ schema: LayerSchema
  ) throws(NormaError) -> OptionValue {
    guard let value = OptionValue(lua: given) else {
      // Of an option that does not exist, that is the mistake to tell.
      try schema.check(known: name)
      let range = schema.options.first { $0.name == name }?.rangeText ?? ""
      throw error("'\(name)' must be \(range), got \(given.quoted)")
    }
    try schema.check(name, value)
    return value
  }

  /// `nn.norm()`, `nn.norm "layer"`, `nn.norm(norm.rms {...})`, `nn.norm { "group", groups = 8 }`.
  fileprivate func normLayer(
    _ schema: LayerSchema, _ bindings: ExperimentBindings
  ) throws(NormaError) -> LayerSpec {
    var spec = LayerSpec(schema.kind)
    try rejectItems(beyond: 1)
    var norm: NormSpec?
    if let item = items.first {
      norm = try bindings.session.normSpec(item, owner: owner)
    }
    for name in names {
      if schema.options.contains(where: { $0.name == name }) {
        spec.options[name] = try option(name, self[name], schema)
      } else if case .string(let branch) = self[name], name != "preset",
        try bindings.isInput(name, of: norm)
      {
        spec.connections[name] = branch
      } else if norm == nil {
        throw error(
          "'\(name)' is given without a norm",
          help: "name it first: nn.norm { \"group\", \(name) = ... }")
      } else if name == "preset" {
        norm?.preset = try optional(name)
      } else {
        if try bindings.isInput(name, of: norm) {
          throw error(
            "'\(name)' is an input of the norm: it takes the name of a branch, got \(self[name].quoted)",
            help: "nn.branch { name = \"a\", ... } before it, then \(name) = \"a\"")
        }
        guard let value = self[name].hyperValue else {
          throw error("'\(name)' must be a number, a boolean or a word, got \(self[name].quoted)")
        }
        norm?.hyper[name] = value
      }
    }
    if let norm { try bindings.check(norm) }
    spec.norm = norm
    return spec
  }

  /// Layers and lists of layers, flattened.
  func layers(_ values: [LuaValue], depth: Int = 0) throws(NormaError) -> [LayerSpec] {
    guard depth < 64 else {
      throw error("lists of layers are nested too deeply", help: "does a list hold itself?")
    }
    var result: [LayerSpec] = []
    for (index, value) in values.enumerated() {
      switch value {
      case .object(let layer as LayerObject): result.append(layer.spec)
      case .table(let table):
        let inner = try TableReader(table, owner: owner)
        try inner.rejectUnknown(known: [], noun: "name in a list of layers:")
        result += try inner.layers(inner.items, depth: depth + 1)
      default:
        throw error(
          "item \(index + 1) must be a layer or a list of layers, got \(value.quoted)",
          help: "layers are made by nn.*, such as nn.linear { 10 }")
      }
    }
    return result
  }
}
