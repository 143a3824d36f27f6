import CKernels
import NormaCore
import NormaNorms

/// A norm over the width of each head, of the queries or of the keys: what it asks of a plan.
struct HeadNorm {
  private let norm: PlannedNorm
  private let shape: AttentionShape
  private let input: Slot
  private let output: Slot
  private let inputGradient: Slot?
  private let outputGradient: Slot?

  init(
    _ spec: NormSpec, _ shape: AttentionShape, prefix: String, in plan: Plan
  ) throws(NormaError) {
    self.shape = shape
    let schema = try plan.registry.entry(spec.name).schema
    guard !schema.isForWeights else {
      throw NormaError(
        .usage, "nn.attention: norm.\(spec.name) is for weights, not for queries and keys",
        help: "qk_norm = \"rms\"")
    }
    guard schema.inputs.isEmpty else {
      throw NormaError(
        .usage, "nn.attention: norm.\(spec.name) has second inputs, which qk_norm cannot give it",
        help: "use a norm of one input")
    }
    norm = try plan.norm(
      spec, on: [shape.tokens, shape.heads, shape.headWidth], axis: [-1], prefix: prefix)
    let bytes = 4 * shape.batch * shape.tokens * shape.width
    input = plan.saved(bytes: bytes)
    output = plan.saved(bytes: bytes)
    inputGradient = plan.isTraining ? plan.slot(bytes: bytes, at: plan.back) : nil
    outputGradient = plan.isTraining ? plan.slot(bytes: bytes, at: plan.back) : nil
  }

  func bound(_ memory: Memory) -> HeadNormOperation {
    HeadNormOperation(
      shape, input: memory.floats(input), output: memory.floats(output),
      inputGradient: memory.floats(inputGradient),
      outputGradient: memory.floats(outputGradient),
      norm: norm.operation(
        memory, input: input, output: output, inputGradient: inputGradient,
        outputGradient: outputGradient))
  }
}

/// The norm at work: it gathers its rows, which lie between others in memory, and scatters the gradient.
struct HeadNormOperation {
  private let shape: AttentionShape
  private let input: UnsafeMutablePointer<Float>
  private let inputGradient: UnsafeMutablePointer<Float>?
  private let norm: any Operation
  let output: UnsafeMutablePointer<Float>
  let outputGradient: UnsafeMutablePointer<Float>?

  init(
    _ shape: AttentionShape, input: UnsafeMutablePointer<Float>,
    output: UnsafeMutablePointer<Float>, inputGradient: UnsafeMutablePointer<Float>?,
    outputGradient: UnsafeMutablePointer<Float>?, norm: any Operation
  ) {
    self.shape = shape
    self.input = input
    self.output = output
    self.inputGradient = inputGradient
    self.outputGradient = outputGradient
    self.norm = norm
  }

  /// Normalizes rows that lie three widths apart.
  func forward(_ run: Run, from x: UnsafeMutablePointer<Float>) throws(NormaError) {
    let width = shape.width
    eachSample(run) { row in
      ck_net_copy_rows(
        shape.tokens, width, x + 3 * row * width, 3 * width, input + row * width, width)
    }
    try norm.forward(run)
  }

  func backward(_ run: Run, to dx: UnsafeMutablePointer<Float>) throws(NormaError) {
    guard let inputGradient else { return }
    try norm.backward(run)
    let width = shape.width
    eachSample(run) { row in
      ck_net_copy_rows(
        shape.tokens, width, inputGradient + row * width, width, dx + 3 * row * width, 3 * width)
    }
  }

  private func eachSample(_ run: Run, _ body: (_ row: Int) -> Void) {
    let work = shape.batch * shape.tokens * shape.width
    parallel(shape.batch, threads: work < 1 << 16 ? 1 : run.threads) { sample, _ in
      body(sample * shape.tokens)
    }
  }
}
