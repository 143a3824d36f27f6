public import NormaCompiler
public import NormaCore
public import NormaNorms

/// A parameter or buffer of a network, for reports and tests.
public struct NetworkTensor: Sendable, Hashable {
  /// The name, such as `2.linear.weight`.
  public let name: String
  /// The shape; empty for a scalar.
  public let shape: [Int]
  /// What it is for.
  public let role: StateRole
  /// Whether it is learned (a parameter) or tracked (a buffer).
  public let isParameter: Bool
}

/// A norm at work in a network.
public struct NormUse: Sendable, Hashable {
  /// The layer, such as `3.norm`.
  public let layer: String
  /// The registry name.
  public let name: String
  /// How many channels it has.
  public let channels: Int
  /// How many values of a sample share a channel.
  public let positions: Int
  /// All hyper-parameters, resolved.
  public let hyper: [String: HyperValue]
  /// Who provides it.
  public let source: NormSource
  /// The version of its schema.
  public let schemaVersion: Int
  /// What it does for the layers beside it.
  public let fusion: Fusion
  /// What runs it: `native`, `tiles`, `reference`, or a plugin's id.
  public let executor: String
  /// The neighbours as words, such as `["residual", "relu"]`.
  public var fused: [String] { fusion.words }
}

extension Network {
  /// Parameters and buffers in the order of the layers.
  public var tensors: [NetworkTensor] {
    memory.state.entries.map {
      NetworkTensor(
        name: $0.name, shape: $0.shape, role: $0.role, isParameter: $0.isParameter)
    }
  }

  /// The values of a parameter or buffer.
  ///
  /// - Throws: `usage` with the nearest name.
  public func values(_ name: String) throws(NormaError) -> [Float] {
    let entry = try entry(name)
    return Array(UnsafeBufferPointer(start: memory.value(entry), count: entry.count))
  }

  /// The gradient of a parameter after the last training step.
  ///
  /// - Throws: `usage` when there is no such parameter, or the network does not train.
  public func gradient(_ name: String) throws(NormaError) -> [Float] {
    let entry = try entry(name)
    guard training != nil, entry.isParameter else {
      throw NormaError(.usage, "'\(name)' has no gradient")
    }
    return Array(UnsafeBufferPointer(start: memory.gradient(entry), count: entry.count))
  }

  /// Sets a parameter or buffer.
  ///
  /// - Throws: `usage` for an unknown name, `data` for another number of values.
  public func set(_ name: String, to values: [Float]) throws(NormaError) {
    let entry = try entry(name)
    guard values.count == entry.count else {
      throw NormaError(
        .data, "'\(name)' has shape \(entry.shape), got \(values.count) values")
    }
    for (i, value) in values.enumerated() { memory.value(entry)[i] = value }
  }

  private func entry(_ name: String) throws(NormaError) -> StateEntry {
    if let entry = memory.state.entries.first(where: { $0.name == name }) { return entry }
    throw NormaError(
      .usage,
      "model '\(spec.name)' has no parameter '\(name)'"
        + Suggestion.phrase(for: name, among: memory.state.entries.map(\.name)))
  }
}
