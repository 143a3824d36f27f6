import NormaCompiler
public import NormaCore
import NormaGraph
public import NormaNorms

/// Everything that is measured of a norm: what it does, what it costs, how exact it is.
public struct NormCard: Sendable, Encodable {
  /// What a norm costs for each element of a large tensor.
  public struct Cost: Sendable, Encodable {
    /// The tensor for which it was planned.
    public let shape: [Int]
    /// Bytes kept from forward to backward beside the input.
    public let keptBytes: Double
    /// Whether the input is kept too.
    public let keepsInput: Bool
    /// Bytes that forward moves.
    public let forwardBytes: Int
    /// Bytes that forward and backward move.
    public let forwardBackwardBytes: Int
    /// Operations of forward; nil without a formula.
    public let forwardOperations: Int?
    /// Operations of backward.
    public let backwardOperations: Int?
  }

  /// What it does.
  public let properties: NormProperties
  /// What it costs.
  public let cost: Cost?
  /// The largest error of the output on hard inputs, relative to its scale; nil without a formula, and for
  /// windows, whose sums are float32.
  public let hardError: Double?
  /// How long it takes; nil when it was not timed.
  public let time: NormBenchmark?

  /// Measures a norm.
  ///
  /// - Parameter threads: times it on so many threads; nil does not time it.
  public init(
    _ spec: NormSpec, in registry: NormRegistry, executor: Executor, threads: Int?,
    seconds: Double = 0.5
  ) throws(NormaError) {
    properties = try NormProperties(spec, in: registry)
    var check = NormCheck(spec: spec, registry: registry, options: ConformanceOptions())
    hardError = try check.hardError()
    let layout = try NormCard.layout(spec, registry)
    cost = try NormCard.cost(spec, registry, layout)
    time =
      if let threads {
        try NormBenchmark(
          spec, in: registry, layout: layout, executor: executor, threads: threads,
          seconds: seconds)
      } else {
        nil
      }
  }

  /// A tensor that every norm takes: images of as many channels as suit it, or a weight.
  fileprivate static func layout(
    _ spec: NormSpec, _ registry: NormRegistry
  ) throws(NormaError) -> TensorLayout {
    let counts = try ChannelCounts(spec, in: registry)
    let takes64 = (try? NormLayer(spec, in: registry, channelShape: [64])) != nil
    let channels = takes64 ? 64 : counts.wide
    return try registry.entry(spec.name).schema.isForWeights
      ? TensorLayout(shape: [channels, 64, 3, 3], axis: [0])
      : TensorLayout(shape: [16, 28, 28, channels])
  }

  fileprivate static func cost(
    _ spec: NormSpec, _ registry: NormRegistry, _ layout: TensorLayout
  ) throws(NormaError) -> Cost? {
    let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    let kernel = try layer.kernel(for: layout, mode: .train)
    guard let passes = kernel.tensorPasses else { return nil }
    var operations: (forward: Int, backward: Int)?
    if let definition = layer.entry.provider.definition {
      let program = try definition.program(
        hyper: layer.hyper, channels: layout.channelCount, mode: .train, gradient: true)
      operations = (
        count(try Graph(program.forwardResults)), count(try Graph(program.backwardResults))
      )
    }
    return Cost(
      shape: layout.shape,
      keptBytes: Double(kernel.memory(threads: 1).savedBytes) / Double(layout.count),
      keepsInput: passes.keepsInput, forwardBytes: passes.forwardBytes / layout.count,
      forwardBackwardBytes: (passes.forwardBytes + passes.backwardBytes) / layout.count,
      forwardOperations: operations?.forward, backwardOperations: operations?.backward)
  }

  /// Operations on each element: those of element-wise nodes as large as the tensor, and of reductions.
  private static func count(_ graph: Graph) -> Int {
    graph.nodes.reduce(0) { sum, node in
      switch node.kind {
      case .map: sum + (node.domain == .all ? 1 : 0)
      case .reduce(.variance, _): sum + (graph.nodes[node.operands[0]].domain == .all ? 3 : 0)
      case .reduce: sum + (graph.nodes[node.operands[0]].domain == .all ? 1 : 0)
      default: sum
      }
    }
  }
}

extension NormCard.Cost {
  /// What a norm costs on images; nil where its kernel does not say.
  public init?(_ spec: NormSpec, in registry: NormRegistry) throws(NormaError) {
    guard let cost = try NormCard.cost(spec, registry, NormCard.layout(spec, registry)) else {
      return nil
    }
    self = cost
  }
}

extension NormCheck {
  /// The largest error of the output on hard inputs.
  mutating func hardError() throws(NormaError) -> Double? {
    hasReference = try registry.entry(spec.name).provider.definition != nil
    guard hasReference else { return nil }
    let counts = try ChannelCounts(spec, in: registry)
    for mode in [Mode.train, .infer] {
      for example in try CheckCase.hard(counts) {
        try checkValues(example, mode, bound: options.hardBound)
      }
    }
    return ledger.results.first { $0.name == "'y' matches the reference on hard inputs" }?.measured
  }
}
