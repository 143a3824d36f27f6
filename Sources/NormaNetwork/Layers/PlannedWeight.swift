import NormaCore
import NormaNorms

/// A weight as a layer uses it: as it is learned, or normalized anew in every step.
struct PlannedWeight {
  private let entry: StateEntry
  private let normed: Normed?

  /// A norm of the weight and where its result and the result's gradient lie.
  private struct Normed {
    let norm: PlannedNorm
    let value: Slot
    let gradient: Slot?
  }

  /// Declares the weight; the output axis, the first, is the norm's channels, all others are its space.
  ///
  /// It starts uniform in ±bound, equal parts of the outputs times the gains.
  init(
    _ name: String, shape: [Int], bound: Double, gains: [Double] = [1], norm spec: NormSpec?,
    in plan: Plan
  ) throws(NormaError) {
    entry = try plan.parameter(
      name, shape: shape, role: .weight, .uniform(bound: bound, gains: gains))
    guard let spec, spec.name != NormSpec.noneName else {
      normed = nil
      return
    }
    let schema = try plan.registry.entry(spec.name).schema
    guard schema.buffers.isEmpty || schema.isForWeights else {
      throw NormaError(
        .usage,
        "weight_norm: norm.\(spec.name) keeps running statistics of a batch, which a weight has"
          + " not", help: "weight_standard, weight_length, spectral, or a norm without buffers")
    }
    guard schema.inputs.isEmpty else {
      throw NormaError(
        .usage, "norm.\(spec.name) has second inputs, which weight_norm cannot give it",
        help: "use a norm of one input")
    }
    let bytes = 4 * shape.reduce(1, *)
    let layout = try TensorLayout(shape: shape, axis: [0])
    normed = Normed(
      norm: try plan.norm(spec, on: layout, prefix: name + "_norm."),
      value: plan.saved(bytes: bytes),
      gradient: plan.isTraining ? plan.slot(bytes: bytes, at: plan.back) : nil)
  }

  /// The weight that the layer multiplies with.
  func value(_ memory: Memory) -> UnsafeMutablePointer<Float> {
    normed.map { memory.floats($0.value) } ?? memory.state.value(entry)
  }

  /// Where the layer leaves that weight's gradient; only in training.
  func gradient(_ memory: Memory) -> UnsafeMutablePointer<Float> {
    memory.floats(normed?.gradient) ?? memory.state.gradient(entry)
  }

  /// The layer's operation, with the norm before it on the way forward and after it on the way back.
  func around(_ operation: any Operation, _ memory: Memory) -> any Operation {
    guard let normed else { return operation }
    let training = normed.gradient != nil
    return WeightNormOperation(
      norm: normed.norm.operation(
        memory, input: memory.state.value(entry), output: memory.floats(normed.value),
        inputGradient: training ? memory.state.gradient(entry) : nil,
        outputGradient: memory.floats(normed.gradient)),
      layer: operation)
  }
}

private final class WeightNormOperation: Operation {
  private let norm: any Operation
  private let layer: any Operation

  init(norm: any Operation, layer: any Operation) {
    self.norm = norm
    self.layer = layer
  }

  func forward(_ run: Run) throws(NormaError) {
    try norm.forward(run)
    try layer.forward(run)
  }

  func backward(_ run: Run) throws(NormaError) {
    try layer.backward(run)
    try norm.backward(run)
  }
}
