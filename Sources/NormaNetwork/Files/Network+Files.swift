import Foundation
public import NormaCore
import NormaNorms

/// The metadata keys of a saved network.
public enum CheckpointKey {
  /// The model as JSON.
  public static let model = "norma.model"
  /// The norms with all hyper-parameters resolved, as JSON.
  public static let norms = "norma.norms"
  /// What the data set's standardisation was, as the caller described it.
  public static let dataset = "norma.dataset"
}

extension Network {
  /// Saves parameters, buffers, the model and its norms as safetensors.
  ///
  /// - Parameters:
  ///   - dataset: the data set's statistics, in words or JSON, for whoever applies the model.
  ///   - metadata: further entries.
  /// - Throws: `io` with the path and the reason.
  public func save(
    to path: String, dataset: String? = nil, metadata: [String: String] = [:]
  ) throws(NormaError) {
    try saved(dataset: dataset, metadata: metadata).write(to: path)
  }

  /// What `save` writes.
  func saved(dataset: String?, metadata: [String: String]) throws(NormaError) -> SafeTensors {
    var metadata = metadata
    metadata[CheckpointKey.model] = try spec.json()
    metadata[CheckpointKey.norms] = normsJSON
    if let dataset { metadata[CheckpointKey.dataset] = dataset }
    var tensors: [SafeTensors.Tensor] = []
    for tensor in self.tensors {
      tensors.append(
        SafeTensors.Tensor(
          name: tensor.name, shape: tensor.shape, values: try values(tensor.name)))
    }
    return SafeTensors(tensors: tensors, metadata: metadata)
  }

  /// Loads parameters and buffers, those of a checkpoint too; nothing is changed unless all of them fit.
  ///
  /// - Throws: `input_missing`, or `data` listing missing and unexpected names and wrong shapes, or for
  ///   a checkpoint that was altered.
  public func load(from path: String) throws(NormaError) {
    let file = try SafeTensors(contentsOf: path)
    guard try file.isAsSealed() != false else {
      throw NormaError(
        .data, "'\(path)' is damaged: it does not hold what was saved",
        help: "copy or save the file again")
    }
    try load(file, from: path)
  }

  func load(_ file: SafeTensors, from path: String) throws(NormaError) {
    let loaded = file.tensors.filter { !$0.name.hasPrefix(Self.optimizerPrefix) }
    var notes: [String] = []
    for tensor in tensors {
      if let found = file.tensor(tensor.name) {
        if found.shape != tensor.shape {
          notes.append("\(tensor.name): the model has \(tensor.shape), the file \(found.shape)")
        }
      } else {
        notes.append("\(tensor.name) is missing")
      }
    }
    let known = Set(tensors.map(\.name))
    for tensor in loaded where !known.contains(tensor.name) {
      notes.append("\(tensor.name) is not in the model")
    }
    guard notes.isEmpty else {
      let shown = notes.prefix(6) + (notes.count > 6 ? ["and \(notes.count - 6) more"] : [])
      throw NormaError(
        .data, "'\(path)' does not fit the model '\(spec.name)'", notes: Array(shown),
        help: "build the model the file was saved from: ModelSpec(savedIn:)")
    }
    for tensor in loaded { try set(tensor.name, to: tensor.values) }
  }

  /// The norms as JSON.
  private var normsJSON: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let data = try? encoder.encode(norms.map(SavedNorm.init))
    return data.map { String(decoding: $0, as: UTF8.self) } ?? "[]"
  }
}

extension ModelSpec {
  /// The model a network file was saved from.
  ///
  /// - Throws: `input_missing`, or `data` when the file holds no model.
  public init(savedIn path: String) throws(NormaError) {
    let file = try SafeTensors(contentsOf: path)
    guard let json = file.metadata[CheckpointKey.model] else {
      throw NormaError(
        .data, "'\(path)' does not say which model it was saved from",
        help: "give the script that declares the model")
    }
    try self.init(json: json)
  }
}
