import NormaCore
import NormaNorms

extension NormSpec {
  /// A norm in a script: `spec:apply(x, ...)` and `spec:gradient(x, dy, ...)`.
  static func type(_ registry: NormRegistry) -> HostType<Boxed<NormSpec>> {
    let type = HostType<Boxed<NormSpec>>()
    type.property("name") { .string($0.value.name) }
    type.describe { $0.value.label }
    addTrials(to: type, registry) { $0.value }
    return type
  }

  /// The methods of whatever stands for a norm.
  static func addTrials<Object>(
    to type: HostType<Object>, _ registry: NormRegistry, _ spec: @escaping (Object) -> NormSpec
  ) {
    type.method("apply") { object, call throws(NormaError) in
      let trial = try ScriptTrial(spec(object), call, optionsAt: 1, gradient: false, in: registry)
      let result = try trial.run()
      let y = try ScriptTensor(trial.x.shape, result.output)
      guard trial.mode == .train, !result.buffers.isEmpty else { return [.object(y)] }
      var buffers: [String: LuaValue] = [:]
      for (buffer, values) in zip(trial.norm.layer.buffers, result.buffers) {
        buffers[buffer.spec.name] = .object(try ScriptTensor(buffer.shape, values))
      }
      return [.object(y), try call.interpreter.table(fields: buffers)]
    }
    type.method("gradient") { object, call throws(NormaError) in
      let dy = try call.value(1, "dy", as: ScriptTensor.self)
      let trial = try ScriptTrial(spec(object), call, optionsAt: 2, gradient: true, in: registry)
      guard dy.shape == trial.x.shape else {
        throw call.error("dy has shape \(dy.shape), x \(trial.x.shape)")
      }
      let result = try trial.run(outputGradient: dy.values)
      var gradients: [String: LuaValue] = [:]
      for ((name, shape), values) in zip(trial.inputs, result.inputGradients) {
        gradients[name] = .object(try ScriptTensor(shape, values))
      }
      for (parameter, values) in zip(trial.norm.layer.parameters, result.parameterGradients) {
        gradients[parameter.spec.name] = .object(try ScriptTensor(parameter.shape, values))
      }
      return [try call.interpreter.table(fields: gradients)]
    }
  }
}

/// A norm, a tensor and the options of one call of `apply` or `gradient`.
private struct ScriptTrial {
  let x: ScriptTensor
  let mode: Mode
  let norm: NormRun
  /// Names and shapes of `x` and of the norm's other inputs.
  let inputs: [(name: String, shape: [Int])]
  private let second: [[Float]]
  private let parameters: [[Float]]
  private let buffers: [[Float]]

  init(
    _ spec: NormSpec, _ call: CallContext, optionsAt index: Int, gradient: Bool,
    in registry: NormRegistry
  ) throws(NormaError) {
    guard spec.name != NormSpec.noneName else { throw call.error("'none' is no norm to apply") }
    x = try call.value(0, "x", as: ScriptTensor.self)
    let options = try TableReader(
      try call.optional(index, "options", as: TableRef.self),
      owner: "norm.\(spec.name)")
    guard !options.has("grad") else {
      throw options.error("gradients are another word", help: "norm.\(spec.name)():gradient(x, dy)")
    }
    try options.rejectUnknown(known: ["axis", "mode", "executor", "param", "buffer", "input"])
    try options.rejectItems(beyond: 0)
    var axes = [-1]
    if options.has("axis") {
      if let axis = Int.from(lua: options["axis"]) {
        axes = [axis]
      } else {
        axes = try options.required("axis")
      }
    }
    mode = try options.choice("mode", default: Mode.infer)
    let layout: TensorLayout
    do throws(NormaError) {
      layout = try TensorLayout(shape: x.shape, axis: axes)
    } catch {
      throw error.prefixed(options.owner)
    }
    norm = try NormRun(
      spec, in: registry, layout: layout, mode: mode,
      executor: try options.choice("executor", default: ScriptExecutor.tiles).executor,
      gradient: gradient)
    let schema = norm.layer.entry.schema
    let others = schema.inputs.map { ($0.name, layout.shape(along: $0.roles)) }
    inputs = [("x", x.shape)] + others
    second = try options.inputs(others)
    for (input, values) in zip(schema.inputs, second) {
      try input.check(values.lazy.map(Double.init), options.owner)
    }
    parameters = try options.state("param", norm.layer.parameters)
    buffers = try options.state("buffer", norm.layer.buffers)
  }

  func run(outputGradient: [Float]? = nil) throws(NormaError) -> NormRun.Result {
    try norm.run(
      inputs: [x.values] + second, parameters: parameters, buffers: buffers,
      outputGradient: outputGradient)
  }
}

extension TableReader {
  fileprivate func choice<Value: RawRepresentable & CaseIterable>(
    _ name: String, default initial: Value
  ) throws(NormaError) -> Value where Value.RawValue == String {
    guard let word: String = try optional(name) else { return initial }
    if let value = Value(rawValue: word) { return value }
    let words = Value.allCases.map(\.rawValue)
    throw error(
      "no \(name) '\(word)'\(Suggestion.phrase(for: word, among: words))",
      help: "\(name) is one of: \(words.joined(separator: ", "))")
  }

  /// The values of a norm's inputs beside x.
  fileprivate func inputs(_ inputs: [(name: String, shape: [Int])]) throws(NormaError) -> [[Float]]
  {
    let given = try nested("input")
    try given.rejectUnknown(known: inputs.map(\.name), noun: "input")
    var values: [[Float]] = []
    for (name, shape) in inputs {
      guard given.has(name) else {
        throw error(
          "the input '\(name)' is missing", help: "input = { \(name) = tensor of shape \(shape) }")
      }
      let array = try ScriptTensor.read(given[name], owner: "\(owner): '\(name)'")
      guard array.shape == shape else {
        throw error("the input '\(name)' has shape \(array.shape), needed is \(shape)")
      }
      values.append(array.values)
    }
    return values
  }

  /// The values of parameters or buffers: given ones, or those they start with.
  fileprivate func state(
    _ field: String, _ tensors: [StateTensor]
  ) throws(NormaError) -> [[Float]] {
    let given = try nested(field)
    try given.rejectUnknown(known: tensors.map(\.spec.name), noun: field)
    var values: [[Float]] = []
    for tensor in tensors {
      let name = tensor.spec.name
      guard given.has(name) else {
        values.append([Float](repeating: Float(tensor.initialValue), count: tensor.count))
        continue
      }
      if let number: Double = Double.from(lua: given[name]) {
        values.append([Float](repeating: Float(number), count: tensor.count))
        continue
      }
      let array = try ScriptTensor.read(given[name], owner: "\(owner): '\(name)'")
      guard array.count == tensor.count else {
        throw error(
          "'\(name)' has \(tensor.count) value(s) of shape \(tensor.shape), got shape \(array.shape)"
        )
      }
      values.append(array.values)
    }
    return values
  }
}

/// What runs a norm that a script applies to a tensor: nothing is compiled for one call.
private enum ScriptExecutor: String, CaseIterable {
  case auto, tiles, reference

  var executor: Executor { self == .reference ? .reference : .tiles }
}
