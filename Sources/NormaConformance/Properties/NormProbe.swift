import NormaCore
import NormaGraph
import NormaNorms

/// A norm on one small tensor, on which its properties are measured: `[batch, space, channel]`, or of a
/// norm for weights `[channel, space]`.
struct NormProbe {
  let harness: KernelHarness
  let extents: Extents
  /// The values that all questions start from.
  let x: [Float]

  /// Builds the norm with epsilon as small as it may be, so that it hides nothing.
  init(
    _ spec: NormSpec, in registry: NormRegistry, counts: ChannelCounts, mode: Mode,
    seed: UInt64, keepsEpsilon: Bool = false, keepsInitial: Bool = false
  ) throws(NormaError) {
    let schema = try registry.entry(spec.name).schema
    let layout =
      schema.isForWeights
      ? try TensorLayout(shape: [counts.small, 7], axis: [0])
      : try counts.layout([6, 5, counts.small], [-1])
    let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    harness = try KernelHarness(layer: layer, layout: layout, mode: mode)
    let splits = try layer.entry.provider.splits(layer.hyper, channels: layout.channelCount)
    extents = try splits.extents(
      batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    var random = RandomSource(seed: seed, purpose: "properties")
    x = (0..<layout.count).map { _ in Float(0.3 + random.normal()) }
    for input in schema.inputs {
      harness.inputs[input.name] = harness.inputs[input.name]?.map { _ in
        Float(input.bounds.draw(&random))
      }
    }
    if !keepsInitial {
      for state in layer.parameters {
        harness.parameters[state.spec.name] = (0..<state.count).map { _ in
          Float(state.initialValue + random.uniform(0.1, 0.4))
        }
      }
      for state in layer.buffers where state.spec.role != .counter {
        harness.buffers[state.spec.name] = (0..<state.count).map { _ in
          Float(state.initialValue + random.uniform(0.1, 0.6))
        }
      }
    }
    if !keepsEpsilon { setEpsilon(0) }
  }

  /// Where epsilon stands among the hyper-parameters that come with each call; nil without one.
  private var epsilon: (index: Int, bounds: Bounds)? {
    for (index, parameter) in harness.layer.entry.schema.hyper.filter(\.isReal).enumerated() {
      if parameter.name == "epsilon", case .real(let bounds) = parameter.kind {
        return (index, bounds)
      }
    }
    return nil
  }

  /// The largest epsilon that is surely taken.
  var epsilonLimit: Double {
    guard let bounds = epsilon?.bounds, let upper = bounds.upper else { return .infinity }
    return bounds.upperExcluded ? upper * 0.99 : upper
  }

  /// Sets epsilon, or the least above it that the norm takes.
  func setEpsilon(_ value: Double) {
    guard let (index, bounds) = epsilon else { return }
    harness.hyper[index] = bounds.contains(value) ? value : max(bounds.lower ?? 0, 0) + 1e-12
  }

  /// The output for values, from the same buffers each time.
  func y(_ x: [Float]) throws(NormaError) -> [Float] {
    let before = harness.buffers
    harness.x = x
    try harness.forward()
    harness.buffers = before
    return harness.y
  }

  /// Output and the gradient of `x` for what arrives at the output.
  func step(_ x: [Float], _ dy: [Float]) throws(NormaError) -> (y: [Float], dx: [Float]) {
    let before = harness.buffers
    harness.x = x
    try harness.forward()
    try harness.backward(dy)
    harness.buffers = before
    return (harness.y, harness.inputGradient)
  }

  /// The buffers after a step.
  func buffers(after x: [Float]) throws(NormaError) -> [String: [Float]] {
    let before = harness.buffers
    harness.x = x
    try harness.forward()
    defer { harness.buffers = before }
    return harness.buffers
  }

  /// The index along roles of each element, in the order of memory.
  func indices(_ roles: RoleSet) -> [Int] {
    // Memory has the order chunk, sample, space, group, member; of a weight the channels come first.
    let order: [Int] =
      harness.layout.hasBatch ? [0, 1, 2, 3, 4] : [3, 4, 0, 1, 2]
    var found = [0]
    for axis in order {
      let n = extents.counts[axis]
      let counts = roles.contains(RoleSet.atoms[axis])
      found = found.flatMap { base in (0..<n).map { counts ? base * n + $0 : base } }
    }
    return found
  }

  /// Whether two outputs are the same but for rounding.
  static func same(_ a: [Float], _ b: [Float], within bound: Double = 2e-4) -> Bool {
    var (scale, error) = (0.0, 0.0)
    for (p, q) in zip(a, b) {
      scale = max(scale, abs(Double(p)))
      let difference = abs(Double(p) - Double(q))
      // The same NaN or infinity in both says nothing against them.
      if p == q || (p.isNaN && q.isNaN) { continue }
      if difference.isNaN { return false }
      error = max(error, difference)
    }
    return error <= bound * max(scale, 1e-30)
  }
}
