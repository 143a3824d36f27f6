import Foundation
public import NormaCore

extension Network {
  /// What the names of an optimizer's arrays begin with in a file.
  static let optimizerPrefix = "optimizer."

  /// Saves all that training goes on from: parameters, buffers and the optimizer's state, with the model
  /// as `save` writes it. Everything random depends on the seed and the step alone.
  ///
  /// - Throws: `io` with the path and the reason.
  public func saveCheckpoint(
    to path: String, dataset: String? = nil, metadata: [String: String]
  ) throws(NormaError) {
    var file = try saved(dataset: dataset, metadata: metadata)
    for index in 0..<memory.optimizerStates {
      guard let block = memory.optimizerState(index) else { continue }
      for entry in memory.state.parameters {
        let values = UnsafeBufferPointer(start: block + entry.offset, count: entry.count)
        file.tensors.append(
          SafeTensors.Tensor(
            name: "\(Self.optimizerPrefix)\(index).\(entry.name)", shape: entry.shape,
            values: Array(values)))
      }
    }
    try file.seal()
    try file.write(to: path)
  }

  /// Goes on from a checkpoint; nothing is changed unless all of it fits.
  ///
  /// - Parameter step: how many steps were done.
  /// - Throws: `data` when something is missing or does not fit, or the file is not what was saved.
  public func restore(_ file: SafeTensors, from path: String, step: Int) throws(NormaError) {
    guard try file.isAsSealed() == true else {
      throw NormaError(
        .data, "'\(path)' is damaged: it does not hold what was saved",
        help: "delete it to start the run anew")
    }
    for index in 0..<memory.optimizerStates {
      for entry in memory.state.parameters {
        let name = "\(Self.optimizerPrefix)\(index).\(entry.name)"
        guard let found = file.tensor(name), found.shape == entry.shape else {
          throw NormaError(
            .data,
            "'\(path)' is no checkpoint of this training: '\(name)' is missing or has"
              + " another shape",
            help: "resume with the optimizer that the run began with, or start anew")
        }
      }
    }
    try load(file, from: path)
    for index in 0..<memory.optimizerStates {
      guard let block = memory.optimizerState(index) else { continue }
      for entry in memory.state.parameters {
        let found = file.tensor("\(Self.optimizerPrefix)\(index).\(entry.name)")
        for (i, value) in (found?.values ?? []).enumerated() { (block + entry.offset)[i] = value }
      }
    }
    if step > 0 { lastStep = step - 1 }
  }
}
