import Foundation
import NormaCore
import NormaData
import NormaLab
import NormaNetwork
import NormaNorms

/// A model a script declared.
final class ModelObject: HostObject {
  static let luaName = "model"
  let builder: ModelBuilder

  init(_ builder: ModelBuilder) {
    self.builder = builder
  }
}

/// A model with weights.
final class NetworkObject: HostObject {
  static let luaName = "network"
  let network: Network
  let data: SavedData

  init(_ network: Network, data: SavedData) {
    self.network = network
    self.data = data
  }
}

extension Interpreter {
  func defineModels(_ bindings: ExperimentBindings) throws(NormaError) {
    try register(bindings.modelType())
    try register(bindings.networkType())
    try define("model") { call throws(NormaError) in
      let name: String = try call.value(0, "name")
      guard call.count > 1 else { return [.object(try bindings.model(name))] }
      let table: TableRef = try call.value(1, "the model")
      let model = ModelObject(try bindings.declare(name, table, call))
      bindings.models[name] = model
      return [.object(model)]
    }
  }
}

extension ExperimentBindings {
  private static let fields = ["input", "norm", "options", "build"]

  /// The model of that name.
  func model(_ name: String) throws(NormaError) -> ModelObject {
    if let model = models[name] { return model }
    throw NormaError(
      .script, "no model named '\(name)'\(Suggestion.phrase(for: name, among: models.keys))",
      help: models.isEmpty
        ? "declare it first: model(\"\(name)\", { input = {...}, ... })"
        : "declared so far: \(models.keys.sorted().joined(separator: ", "))")
  }

  fileprivate func declare(
    _ name: String, _ table: TableRef, _ call: CallContext
  ) throws(NormaError) -> ModelBuilder {
    let owner = "model '\(name)'"
    let reader = try TableReader(table, owner: owner)
    try reader.rejectUnknown(known: Self.fields)
    let input = try self.input(reader)
    let place = call.place
    var norm: NormSpec?
    if reader.has("norm") {
      norm = try session.normSpec(reader["norm"], owner: owner)
    }
    guard let build = try reader.optional("build", as: FunctionRef.self) else {
      guard !reader.has("options") else {
        throw reader.error("'options' need a function: build = function(o) ... end")
      }
      let layers = try reader.layers(reader.items)
      guard !layers.isEmpty else { throw reader.error("it has no layers") }
      let spec = ModelSpec(
        name, input: input.shape, vocabulary: input.vocabulary, norm: norm, layers: layers,
        place: place)
      try spec.requireUsedBranches()
      return ModelBuilder(spec)
    }
    guard reader.items.isEmpty else {
      throw reader.error("it has both layers and a build function", help: "keep one of them")
    }
    let options = try options(try reader.nested("options"))
    let interpreter = call.interpreter
    return ModelBuilder(name, options: options) { values throws(NormaError) in
      let argument = try interpreter.table(fields: values.mapValues(\.lua))
      let built = try build(argument).first ?? .nil
      let layers = try reader.layers([built])
      let spec = ModelSpec(
        name, input: input.shape, vocabulary: input.vocabulary, norm: norm, layers: layers,
        place: place)
      try spec.requireUsedBranches()
      return spec
    }
  }

  private static let example = "input = { tokens = 64, vocabulary = \"data\" }"

  /// What a sample is: numbers of a shape, or tokens of a vocabulary.
  private func input(
    _ reader: TableReader
  ) throws(NormaError) -> (shape: [Int], vocabulary: Vocabulary?) {
    guard reader.has("input") else {
      throw reader.error(
        "'input' is missing: give the shape of one sample",
        help: "input = { 28, 28, 1 }, or for a text " + Self.example)
    }
    let fields = try reader.nested("input")
    if !fields.names.isEmpty { return try symbols(fields) }
    guard let shape = try reader.optional("input", as: [Int].self), !shape.isEmpty,
      shape.allSatisfy({ $0 >= 1 })
    else {
      throw reader.error(
        "'input' must be a list of sizes >= 1", help: "input = { 28, 28, 1 }")
    }
    return (shape, nil)
  }

  private func symbols(
    _ input: TableReader
  ) throws(NormaError) -> (shape: [Int], vocabulary: Vocabulary?) {
    try input.rejectUnknown(known: ["tokens", "vocabulary"])
    try input.rejectItems(beyond: 0)
    let tokens: Int = try input.required("tokens")
    guard tokens >= 1 else { throw input.error("'tokens' must be >= 1, got \(tokens)") }
    switch input["vocabulary"] {
    case .nil, .string("data"): return ([tokens], .data)
    case .int(let count) where count >= 1: return ([tokens], .symbols(count))
    case let other:
      throw input.error(
        "'vocabulary' must be \"data\" or a number >= 1, got \(other.quoted)", help: Self.example)
    }
  }

  private func options(_ reader: TableReader) throws(NormaError) -> [String: OptionValue] {
    var options: [String: OptionValue] = [:]
    for name in reader.names {
      guard let value = OptionValue(lua: reader[name]) else {
        throw reader.error("the option '\(name)' must be a number, a boolean or a word")
      }
      options[name] = value
    }
    return options
  }

  fileprivate func modelType() -> HostType<ModelObject> {
    let type = HostType<ModelObject>()
    type.property("name") { .string($0.builder.name) }
    type.describe { [lab] model throws(NormaError) in
      try model.builder.build().structure(lab.registry).joined(separator: "\n")
    }
    type.method("load") { [lab] model, call throws(NormaError) in
      let given: String = try call.value(0, "path")
      var path = given
      if !given.hasPrefix("/"), let folder = call.interpreter.scriptFolder {
        let beside = folder + "/" + given
        if FileManager.default.fileExists(atPath: beside) { path = beside }
      }
      let file = try SafeTensors(contentsOf: path)
      try SavedNorm.require(file, in: lab.registry)
      let known = SavedData(reading: file.metadata[CheckpointKey.dataset])
      var spec = try model.builder.build()
      if spec.vocabulary == .data, let alphabet = known.alphabet {
        spec.vocabulary = .symbols(alphabet.count)
      }
      let network = try Network(
        spec, registry: lab.registry, batch: 128, training: nil,
        executor: lab.options.executor, threads: lab.options.threads)
      try network.load(from: path)
      return [.object(NetworkObject(network, data: known))]
    }
    return type
  }

  fileprivate func networkType() -> HostType<NetworkObject> {
    let type = HostType<NetworkObject>()
    type.property("parameters") { .int($0.network.parameterCount) }
    type.describe { "network '\($0.network.spec.name)', \($0.network.parameterCount) parameters" }
    type.method("evaluate") { [lab] object, call throws(NormaError) in
      let data: DataObject = try call.value(0, "data")
      let part = try lab.catalog.test(
        data.spec, standardization: object.data.standardization,
        alphabet: object.data.alphabet)
      let result = try object.network.evaluate(
        on: part, isInterrupted: lab.options.isInterrupted)
      return [
        try call.interpreter.table(fields: [
          "accuracy": .number(result.accuracy), "loss": .number(result.loss),
          "count": .int(result.count),
        ])
      ]
    }
    return type
  }
}
